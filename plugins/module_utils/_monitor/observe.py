# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only reader: the files of the programs, the timer, mdadm's configuration, and the program that would deliver mail."""

from __future__ import annotations

import json
import os
import stat
from typing import Iterable, Iterator, Optional, Tuple

from .._core.errors import ObservationError
from .._core.python import interpreter
from .._core.runner import Runner
from .._host.distribution import family_of
from .._host.files import Host
from .._host.systemd import SYSTEM_FOLDER, is_running
from .._programs.storage_check.history import RECORD
from .._programs.storage_check.notify import SETTINGS
from .._programs.storage_check.scrub import POSITIONS
from .._programs.storage_check.textfile import FILE
from .conf import Conf
from .options import Wanted
from .program import TIMER, files, mode_of, settings
from .state import State

_SENDMAIL = ("/usr/sbin/sendmail", "/usr/lib/sendmail")
"""The programs through which mdadm mails, as Debian and others build it."""
_NO_ARRAY = (None, "clear")


def observe(wanted: Wanted, runner: Runner, host: Host) -> State:
    """The state of the host.

    :raises ObservationError: a file cannot be read, or the host has no systemd.
    """
    if not is_running(host):
        raise ObservationError("this host does not run systemd, whose timer would record the state of the storage")
    python = interpreter()
    wanted_files = {**files(python), SETTINGS: settings(wanted)}
    found = {path: _text(host, path) for path in wanted_files}
    return State(
        interpreter=python,
        files={path: content for path, content in found.items() if content is not None},
        wanted_files=wanted_files,
        access=tuple(_wrong_access(host, wanted_files)),
        timer_enabled=host.link(f"{SYSTEM_FOLDER}/timers.target.wants/{TIMER}") != "",
        timer_active=runner.run(("systemctl", "is-active", TIMER), accept=(0, 3, 4)).stdout.strip() == "active",
        leftovers=tuple(path for path in _left(wanted, found[SETTINGS]) if host.exists(path)),
        confs=_confs(host),
        has_arrays=any(_has_array(host, name) for name in host.names("/sys/block")),
        has_sendmail=any(os.access(host.root + path, os.X_OK) for path in _SENDMAIL),
        program_runs=wanted.program is None or os.access(host.root + wanted.program, os.X_OK),
        textfile_exists=wanted.textfile is None or host.is_folder(wanted.textfile),
    )


def _text(host: Host, path: str) -> Optional[str]:
    try:
        return host.text(path)
    except OSError as error:
        raise ObservationError(f"{path} cannot be read: {error.strerror}") from None


def _wrong_access(host: Host, paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        try:
            info = os.stat(host.root + path)
        except OSError:
            continue
        if stat.S_IMODE(info.st_mode) != mode_of(path) or info.st_uid != os.geteuid():
            yield path


def _left(wanted: Wanted, former: Optional[str]) -> Iterator[str]:
    """Files of former settings: the metrics in another folder; and, if nothing shall stay, the records."""
    folder = _metrics_folder(former)
    if folder and folder != wanted.textfile:
        yield f"{folder}/{FILE}"
    if not wanted.present:
        yield from (RECORD, POSITIONS)


def _metrics_folder(former: Optional[str]) -> str:
    """The folder of the metrics in the settings that are on the host; empty if there is none."""
    try:
        found = json.loads(former or "{}").get("textfile")
    except (ValueError, AttributeError):
        return ""
    return str(found or "")


def _confs(host: Host) -> Optional[Tuple[Conf, ...]]:
    if not host.program("mdadm"):
        return None
    main = family_of(host).mdadm_conf
    more = [f"{main}.d/{name}" for name in host.names(f"{main}.d") if name.endswith(".conf")]
    return tuple((path, _text(host, path) or "") for path in (main, *more))


def _has_array(host: Host, name: str) -> bool:
    return name.startswith("md") and host.value(f"/sys/block/{name}/md/array_state") not in _NO_ARRAY
