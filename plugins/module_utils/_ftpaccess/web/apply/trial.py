# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof of verdicts: requests to a throwaway Apache, which nobody else can reach, and in which no program of a site runs."""

from __future__ import annotations

import http.client
import os
import subprocess
import time
from contextlib import suppress
from typing import Dict, List, Sequence, Tuple

from ...._core.errors import ObservationError
from ...._core.runner import Process
from ...._host.isolated import SCRATCH, isolated, mount_over
from ..rehearsal import FIRST_PORT, READ, answer, configuration, differences, is_of_arguments, mark, provable
from ..state import Apache, Folder, PathVerdict

_START = 15.0
_PER_FILE = 5.0
_FOLDER = f"{SCRATCH}/fleetlab-trial"

Case = Tuple[str, str, Tuple[Folder, ...]]


def try_out(found: Apache, cases: Sequence[Case], verdicts: Sequence[PathVerdict]) -> List[Dict[str, str]]:
    """What the log of errors said about each file, for each case.

    :raises ObservationError: a request met something else than its verdict says, or the throwaway server did not work.
    """
    files = (one for _server, _path, folders in cases for folder in folders for one in folder.files)
    texts = {one.path: one.text for one in files if os.path.isfile(one.path)}
    config = configuration(found, [(server, path) for server, path, _folders in cases], _FOLDER)
    limit = _START + _PER_FILE * sum(len(folder.files) for _server, _path, folders in cases for folder in folders)

    def work() -> List[Dict[str, str]]:
        return _play(found.program, config, {path: provable(found, content) for path, content in texts.items()}, mark(found), cases)

    seen: List[Dict[str, str]] = isolated(work, limit)
    wrong = [text for one, answers in zip(verdicts, seen) for text in differences(found, one, answers)]
    if wrong:
        more = f" and {len(wrong) - 3} more differences" if len(wrong) > 3 else ""
        raise ObservationError(f"the trial does not prove the result: {'; '.join(wrong[:3])}{more}. Believe the request, and report this")
    return seen


def _play(program: str, config: str, texts: Dict[str, str], end: str, cases: Sequence[Case]) -> List[Dict[str, str]]:
    """The answers for each case. C(texts) are the contents of the files, C(end) is the mark."""
    os.mkdir(_FOLDER, 0o755)
    with open(f"{_FOLDER}/apache.conf", "w", encoding="utf-8") as stream:
        stream.write(config)
    covers = {path: _cover(path, number) for number, path in enumerate(texts)}
    with open(f"{_FOLDER}/output", "wb") as output:
        argv = [program, "-D", "FOREGROUND", "-f", f"{_FOLDER}/apache.conf"]
        server = Process(argv, subprocess.DEVNULL, output, output, dict(os.environ, LC_ALL="C"))
    _await(server)
    paths = [[one.path for folder in folders for one in folder.files if one.path in texts] for _server, _path, folders in cases]
    return [{path: _ask(FIRST_PORT + number, path, covers[path], texts[path], end) for path in some} for number, some in enumerate(paths)]


def _cover(path: str, number: int) -> str:
    """A file in memory in the place of another one, with its owner and permissions."""
    cover = f"{_FOLDER}/file.{number}"
    info = os.stat(path)
    with open(cover, "w", encoding="utf-8") as stream:
        os.fchown(stream.fileno(), info.st_uid, info.st_gid)
        os.fchmod(stream.fileno(), info.st_mode & 0o7777)
    mount_over(cover, os.path.realpath(path))
    return cover


def _await(server: Process) -> None:
    end = time.monotonic() + _START
    while time.monotonic() < end and server.poll() is None:
        # It listens before it knows whether it can start.
        if _request(FIRST_PORT):
            return
        time.sleep(0.01)
    said = f"{_read('output')} {_read('error.log')}".split("\n")
    raise ObservationError(f"the throwaway Apache does not start: {' | '.join(filter(None, said[-4:])) or 'it says nothing'}")


def _read(name: str) -> str:
    with suppress(FileNotFoundError), open(f"{_FOLDER}/{name}", encoding="utf-8", errors="replace") as stream:
        return stream.read()
    return ""


def _ask(port: int, path: str, cover: str, text: str, end: str) -> str:
    """Put the mark at the end of a file, while the others are empty, and make a request.

    Of a file that is read to its mark, Apache is asked without the mark too: then it also sees a section that is not closed.
    """
    said = _ask_with(port, path, cover, f"{text}\n{end}\n")
    without_mark = _ask_with(port, path, cover, text) if said == READ else ""
    _write(cover, "")
    return without_mark if is_of_arguments(without_mark) else said


def _ask_with(port: int, path: str, cover: str, text: str) -> str:
    _write(cover, text)
    before = len(_read("error.log"))
    _request(port)
    return answer(_read("error.log")[before:], path)


def _request(port: int) -> bool:
    """Ask for a file that does not exist, so that only the walk to its folder counts; whether there was an answer."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=_PER_FILE)
    try:
        client.request("HEAD", "/fleetlab-trial")
        client.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        client.close()
    return True


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(text)
