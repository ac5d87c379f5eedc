# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof of verdicts: log in as each user to a throwaway server, which nobody else can reach and which cannot write anything."""

from __future__ import annotations

import ctypes
import ctypes.util
import ftplib
import os
import re
import secrets
import socket
import subprocess
import time
from contextlib import suppress
from typing import Any, Dict, List, Sequence, Tuple

from ..._core.errors import ObservationError
from ..._core.runner import Process
from ..._host.isolated import SCRATCH, isolated
from ..accounts import servers
from ..rehearsal import CLIENT, PROBE, Rehearsal, differences, inside, rehearse
from ..state import Configuration, Verdict
from ..verdict import is_inside

_START = 15.0
_PER_USER = 5.0
_FOLDER = f"{SCRATCH}/fleetlab-trial"
_PARSING = re.compile(r">: (error )?parsing '([^']+)'")


def try_out(found: Configuration, verdicts: Sequence[Verdict]) -> List[Dict[str, Any]]:
    """What each login saw, in the order of the verdicts.

    :raises ObservationError: a login saw something else than its verdict says, or the throwaway server did not work.
    """
    password = secrets.token_hex(16)
    planned = rehearse(found, [one.account for one in verdicts], _hash(password), _FOLDER)
    limit = _START + _PER_USER * len(verdicts)

    def work() -> List[Dict[str, Any]]:
        return _play(planned, list(zip(_ports(found, planned, verdicts), verdicts)), password)

    seen: List[Dict[str, Any]] = isolated(work, limit)
    wrong = [text for one, facts in zip(verdicts, seen) for text in differences(one, facts)]
    if wrong:
        more = f" and {len(wrong) - 3} more differences" if len(wrong) > 3 else ""
        raise ObservationError(
            f"{found.path}: the trial does not prove the result: {'; '.join(wrong[:3])}{more}. Believe the login, and report this"
        )
    return seen


def _ports(found: Configuration, planned: Rehearsal, verdicts: Sequence[Verdict]) -> List[int]:
    """The port of the throwaway server for each verdict. Virtual hosts may have the same address, and then differ by their ports."""
    order = {(one.name, one.port): port for one, port in zip(servers(found.main), planned.ports)}
    return [order[(one.server, one.port)] for one in verdicts]


def _hash(password: str) -> str:
    """The password as /etc/shadow has it. ProFTPD itself uses this library; Python has lost its module for it."""
    library = ctypes.util.find_library("crypt")
    if library is None:
        raise ObservationError("the library libcrypt is missing, without which ProFTPD checks no password: install libcrypt1")
    crypt = ctypes.CDLL(library).crypt
    crypt.argtypes, crypt.restype = (ctypes.c_char_p, ctypes.c_char_p), ctypes.c_char_p
    hashed: bytes = crypt(password.encode(), f"$6$rounds=1000${secrets.token_hex(8)}$".encode())
    return hashed.decode("ascii")


def _play(planned: Rehearsal, logins: Sequence[Tuple[int, Verdict]], password: str) -> List[Dict[str, Any]]:
    os.mkdir(planned.folder, 0o755)
    for path, text in planned.files.items():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
    with open(f"{planned.folder}/output", "wb") as output:
        server = Process(["proftpd", "-n", "-c", planned.config], subprocess.DEVNULL, output, output, dict(os.environ, LC_ALL="C"))
    _await(server, planned)
    return [_log_in(planned, port, one, password) for port, one in logins]


def _await(server: Process, planned: Rehearsal) -> None:
    end = time.monotonic() + _START
    while time.monotonic() < end and server.poll() is None:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", planned.ports[0]), 1).close()
            return
        time.sleep(0.01)
    said = [line for name in (f"{planned.folder}/output", planned.log) for line in _text(name).splitlines() if "fatal" in line]
    raise ObservationError(f"the throwaway proftpd does not start: {' | '.join(said[-3:]) or 'it says nothing'}")


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def _sent(name: str) -> str:
    """A name of the file system as the client sends it, byte for byte: it may be no UTF-8, and old Pythons send Latin-1."""
    return os.fsencode(name).decode("latin-1")


def _log_in(planned: Rehearsal, port: int, one: Verdict, password: str) -> Dict[str, Any]:
    before = len(_text(planned.trace))
    with ftplib.FTP() as client:
        client.encoding = "latin-1"
        try:
            client.connect("127.0.0.1", port, _PER_USER, (CLIENT, 0))
            client.login(_sent(one.account.name), password)
        except (ftplib.Error, EOFError, OSError):
            return {"login": False, "trace": _trace(planned, before)}
        first = _parsed(planned, before)
        answers = {"starts": _folder(client, one), "may_write": _may_write(client)}
        for folder in _deeper(one):
            # No command of FTP can name a folder with an end of line in its name.
            with suppress(ftplib.Error, ValueError):
                client.cwd(_sent(folder))
        deeper = [file for file in _parsed(planned, before) if file not in first]
        return {"login": True, **answers, "parsed": sorted(first), "deeper": sorted(deeper), "trace": _trace(planned, before)}


def _deeper(one: Verdict) -> List[str]:
    """The folders below the first one that have a file."""
    files = [*(each.file for each in one.in_force), *(each.file for each in one.without_effect)]
    folders = [file.rpartition("/")[0] or "/" for file in files]
    return sorted(inside(folder, one.root) for folder in folders if folder != one.starts and is_inside(folder, one.starts))


def _folder(client: ftplib.FTP, one: Verdict) -> str:
    try:
        return os.fsdecode(client.pwd().encode("latin-1"))
    except ftplib.Error:
        # The rules may refuse PWD itself, and then the folder cannot be seen.
        return inside(one.starts, one.root)


def _may_write(client: ftplib.FTP) -> bool:
    """Whether the rules let the user write: only they answer with this error, and the file system answers with another one."""
    answers = [_answer(client, command) for command in ("PASV", f"STOR {PROBE}")]
    return not any("Operation not permitted" in answer for answer in answers)


def _answer(client: ftplib.FTP, command: str) -> str:
    try:
        return client.sendcmd(command)
    except ftplib.Error as error:
        return str(error)


def _trace(planned: Rehearsal, before: int) -> List[str]:
    """What the server says that it looked for, without times and numbers of processes."""
    return [line.rpartition(">: ")[2] for line in _text(planned.trace)[before:].split("\n") if "<ftpaccess" in line]


def _parsed(planned: Rehearsal, before: int) -> List[str]:
    found = _PARSING.findall(_text(planned.trace)[before:])
    failed = {path for error, path in found if error}
    return [path for path in dict.fromkeys(path for _error, path in found) if path not in failed]
