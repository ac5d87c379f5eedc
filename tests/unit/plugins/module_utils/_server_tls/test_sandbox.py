# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the throwaway copy of a host is made of; what it does is tested with real servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, List, Optional, Sequence, Tuple

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.apply import sandbox as room


class Recorder:
    """Runs nothing. Those commands fail that begin as C(failing) says."""

    def __init__(self, failing: str = "none") -> None:
        self.calls: List[Tuple[str, Optional[str]]] = []
        self.failing = failing

    def run(self, argv: Sequence[str], stdin: Optional[str] = None, timeout: float = 60, accept: Sequence[int] = (0,)) -> CommandResult:
        words = " ".join(argv[list(argv).index("--") + 1 :])
        self.calls.append((words, stdin))
        exit_code = 2 if words.startswith(self.failing) else 0
        assert exit_code in accept
        return CommandResult(tuple(argv), exit_code, "", "")


@pytest.fixture
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Recorder], List[str]]:
    """The commands that isolate a host with a few folders."""
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/mountinfo").write_text(
        "1 0 8:1 / / rw - ext4 x rw\n2 1 8:2 / /var/log rw - ext4 x rw\n3 1 8:3 / /a\\011b rw - ext4 x rw\n"
    )
    for name in ("run/nginx", "run/systemd/system", "dev/shm"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "run/file").write_text("")

    def make(recorder: Recorder) -> List[str]:
        box = room.Sandbox(Host(str(tmp_path)), recorder, 7)
        monkeypatch.setattr(box, "call", lambda _function: None)
        box.isolate()
        return [words for words, _stdin in recorder.calls]

    return make


def test_a_file_is_written_by_a_process_inside() -> None:
    recorder: Any = Recorder()
    room.Sandbox(Host(), recorder, 7).write("/etc/nginx/conf.d/a.conf", "text")
    assert recorder.calls == [("tee /etc/nginx/conf.d/a.conf", "text")]


def test_names_get_an_address_if_the_host_knows_none(tmp_path: Path) -> None:
    recorder: Any = Recorder()
    names = {"localhost": "127.0.0.1", "app.internal": "127.0.0.1", "www.a.test": "192.0.2.1"}
    room.Sandbox(Host(str(tmp_path)), recorder, 7).know(names)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hosts").write_text("# 127.0.0.1 app.internal\n127.0.0.1 localhost a # www.a.test\n")
    room.Sandbox(Host(str(tmp_path)), recorder, 7).know(names)
    others = "127.0.0.1 app.internal\n192.0.2.1 www.a.test\n"
    assert [text for _words, text in recorder.calls] == [f"\n127.0.0.1 localhost\n{others}", f"\n{others}"]


def test_a_file_that_is_read_only_inside_is_covered_before_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    (tmp_path / "srv/tls.conf").write_text("old")
    recorder: Any = Recorder()
    room.Sandbox(Host(str(tmp_path)), recorder, 7).write("/srv/tls.conf", "text")
    assert recorder.calls == [
        ("cp --attributes-only --preserve=mode,ownership /srv/tls.conf /run/fleetlab-trial/file.1", None),
        ("mount --bind /run/fleetlab-trial/file.1 /srv/tls.conf", None),
        ("tee /srv/tls.conf", "text"),
    ]


def test_logs_are_empty_inside_and_their_own_mount_is_seen(isolated: Callable[[Recorder], List[str]]) -> None:
    found = isolated(Recorder("cp"))
    copied = found.index("cp --archive --attributes-only /var/log/. /run/fleetlab-trial/log")
    covered = next(number for number, words in enumerate(found) if words.endswith("overlay /var"))
    assert copied < covered < found.index("mount --bind /run/fleetlab-trial/log /var/log")


def test_mounts_are_read_only_whatever_their_names(isolated: Callable[[Recorder], List[str]]) -> None:
    found = [words for words in isolated(Recorder()) if "remount" in words]
    assert found == ["mount -o remount,bind,ro /", "mount -o remount,bind,ro /a\tb"]


def test_a_host_without_ipv6_is_isolated_too(isolated: Callable[[Recorder], List[str]]) -> None:
    assert "ip -6 route add local ::/0 dev lo" in isolated(Recorder("ip -6"))


def test_the_folders_of_run_exist_but_nothing_in_them(isolated: Callable[[Recorder], List[str]]) -> None:
    found = isolated(Recorder())
    assert "mkdir --parents /run/nginx /run/systemd /run/lock" in found
    assert "mount -t tmpfs -o mode=1777,size=25% tmpfs /dev/shm" in found


def test_the_server_has_the_path_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    started: List[Any] = []
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(room, "Process", lambda *arguments: started.append(arguments))
    with open("/dev/null", "rb") as output:
        room.Sandbox(Host(), Recorder(), 7).start(("nginx",), output)
    assert "/usr/sbin" in started[0][4]["PATH"].split(":")
