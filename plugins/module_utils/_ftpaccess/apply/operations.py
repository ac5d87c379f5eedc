# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operation of plans: let the running server read its configuration, and put the old file back if it does not survive that."""

from __future__ import annotations

import os
import signal
import time
from typing import Optional

from ..._core.errors import CommandError, FleetlabError, ObservationError
from ..._core.plan import Operations, WriteFile, write_file
from ..._core.runner import Runner
from ..._host.files import Host
from ..._host.systemd import has_unit, is_running
from ..observe.configuration import require_parsing, running

_UNIT = "proftpd.service"
_SETTLES = 2.0


def operations(file: str, runner: Runner, host: Host) -> Operations:
    """The operations of plans, by name; made before the plan is carried out, because the way back needs the file as it is now."""
    old = host.text(file)

    def reload(config: str, running: bool) -> None:
        try:
            require_parsing(runner, config)
        except ObservationError:
            _put_back(file, old)
            raise
        if running:
            _reload(host, runner, file, old)

    return {"reload": reload}


def _reload(host: Host, runner: Runner, file: str, old: Optional[str]) -> None:
    before = running(host)
    for pid in before:
        os.kill(pid, signal.SIGHUP)
    end = time.monotonic() + _SETTLES
    while time.monotonic() < end:
        if not set(running(host)) & set(before):
            break
        time.sleep(0.05)
    else:
        return
    _put_back(file, old)
    raise FleetlabError(f"proftpd did not survive the reload. {file} is as it was before, and {_start(host, runner)}")


def _start(host: Host, runner: Runner) -> str:
    if not (is_running(host) and has_unit(host, _UNIT)):
        return "the server has to be started by whoever starts it on this host"
    try:
        runner.run(["systemctl", "restart", _UNIT])
    except CommandError as error:
        return f"the server could not be started again: {error.problem}"
    return "the server was started again"


def _put_back(file: str, old: Optional[str]) -> None:
    if old is None:
        os.unlink(file)
    else:
        write_file(WriteFile(file, old))
