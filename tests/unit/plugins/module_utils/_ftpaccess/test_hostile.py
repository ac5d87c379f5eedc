# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of users that are made to harm whoever looks at them as root."""

from __future__ import annotations

import ctypes
import ftplib
import itertools
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess import limits
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.apply import trial
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.conf import parse, read_lines
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.observe import session
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.observe.limited import within
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.rehearsal import rehearse
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.state import Account, Configuration, InForce, Verdict
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.web.observe import observe as web
from ansible_collections.fleetlab.linux.plugins.module_utils._host.isolated import in_child


def test_a_file_of_any_size_is_not_read_to_its_end(tmp_path: Path) -> None:
    for name in (".ftpaccess", ".htaccess"):
        with open(tmp_path / name, "wb") as stream:
            os.truncate(stream.fileno(), 1 << 40)
    (outside,) = session.files_above(str(tmp_path / "root"))[:1]
    assert outside.text is None
    assert outside.error == "is larger than 1 MiB, and was not read"
    found = web._text(str(tmp_path / ".htaccess"))
    assert found is not None
    assert len(found["text"]) == 4 << 20


def test_a_link_to_a_device_without_end_is_not_read(tmp_path: Path) -> None:
    for name, target in (("zero", "/dev/zero"), ("null", "/dev/null"), ("folder", "/")):
        os.symlink(target, tmp_path / name)
    os.mkfifo(tmp_path / "pipe")
    for name in ("zero", "null", "pipe"):
        found = web._text(str(tmp_path / name))
        assert found is not None
        assert found["error"] == "is no regular file"
    assert (web._text(str(tmp_path / "folder")) or {})["error"] == "Is a directory"


def test_virtual_hosts_with_one_address_are_tried_each_at_its_own_port() -> None:
    lines = read_lines("".join(f"<VirtualHost 10.0.0.1>\nPort {port}\n</VirtualHost>\n" for port in (21, 2100)), "/etc/p.conf")
    found = Configuration("/etc/p.conf", lines, parse(lines), "1.3.8")
    alice = Account("alice", "/etc/passwd", 1001, 1001, "/home/alice")
    verdicts = [Verdict(alice, name, port, "/", "/home/alice") for name, port in (("main", 21), ("10.0.0.1", 21), ("10.0.0.1", 2100))]
    planned = rehearse(found, [alice], "!", "/run/trial")
    assert trial._ports(found, planned, verdicts) == list(planned.ports)


def test_folders_are_entered_whatever_bytes_their_names_have(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sent: list[bytes] = []

    def answer(client: ftplib.FTP, line: str) -> str:
        if "\n" in line:
            raise ValueError("an illegal newline character should not be contained")
        sent.append(line.encode(client.encoding))
        return '257 "/\xc3\xa9"' if line == "PWD" else "230 done"

    monkeypatch.setattr(ftplib.FTP, "connect", lambda *_arguments: "220 ready")
    for name in ("sendcmd", "voidcmd"):
        monkeypatch.setattr(ftplib.FTP, name, answer)
    lines = read_lines("", "/etc/p.conf")
    alice = Account("al\u00efce", "/etc/passwd", 1001, 1001, "/home/alice")
    files = tuple(InForce(f"/home/{name}/.ftpaccess", ()) for name in ("\u20ac", "a\nb", "c\udcff"))
    planned = rehearse(Configuration("/etc/p.conf", lines, parse(lines), "1.3.8"), [alice], "!", str(tmp_path))
    found = trial._log_in(planned, 21, replace(Verdict(alice, "main", 21, "/", "/home"), in_force=files), "word")
    assert found["starts"] == "/\u00e9"
    assert sent[0] == "USER al\u00efce".encode()
    assert [line for line in sent if line.startswith(b"CWD")] == [b"CWD /home/c\xff", "CWD /home/\u20ac".encode()]


def test_the_walk_stops_in_a_folder_without_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(session, "_folders", lambda folder: (f"{folder}/{number}" for number in itertools.count()))
    assert session._walk(str(tmp_path), 5, [])


def test_an_expression_without_end_is_ended_with_the_name_of_the_user() -> None:
    with pytest.raises(ObservationError, match=r"alice on server main: .*took longer than 0\.2 s"):
        within(0.2, "alice on server main", lambda: limits._matches("(a+)+$", "a" * 64 + "!"))
    assert within(10, "", lambda: limits._matches("^a+$", "aa"))


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / ".ftpaccess"
    path.write_text("DenyAll\n", encoding="utf-8")
    before = os.stat(path)
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(os, "stat", lambda *_arguments, **_options: before)
    assert (session._file(str(tmp_path)) or {})["error"] == "is no regular file"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_look_as_another_user_ends_with_the_module(tmp_path: Path) -> None:
    alice = Account("alice", "/etc/passwd", 65534, 65534, str(tmp_path))

    def look() -> int:
        session.look(session.Way(alice, None, None, 0))
        number = ctypes.c_int()
        ctypes.CDLL(None).prctl(2, ctypes.byref(number))
        return number.value

    assert in_child(look, 10) == signal.SIGKILL
