# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuse jobs that this host cannot run, and plans that would change foreign files. Pure."""

from __future__ import annotations

from .._core.errors import ObservationError, RefusedError
from .program import COMMAND
from .state import MARK, Installed, State, Wanted, cron_path, unit_path

_NO_CRON = (
    "no cron that takes entries with a user from /etc/cron.d runs on this host: "
    "install cron (Debian, Ubuntu) or cronie (RHEL, Fedora) and start it"
)
_NO_LAUNCHER = (
    "private_tmp needs the command private-tmp, which is not on this host. A task with "
    "fleetlab.linux.private_tmp: {launcher: /usr/local/sbin/private-tmp} installs it"
)
_NO_SYSTEMD = "systemd does not run on this host"


def check_program(state: State) -> None:
    """Check the path of the runner's command.

    :raises RefusedError: another program has this path.
    """
    found = state.program.get(COMMAND)
    if found is not None and MARK not in found.splitlines()[1:2]:
        raise RefusedError(COMMAND, "it exists and was not written by this collection", "Nothing was changed; move it away")


def check_job(state: State, wanted: Wanted, backend: str) -> None:
    """Check that the host can have the job.

    :raises ObservationError: the host lacks the launcher that the job needs.
    :raises RefusedError: a foreign file has the path of one of the job's files.
    """
    foreign = state.jobs[wanted.name].foreign
    units = [(unit_path(wanted.name, "timer"), foreign.timer), (unit_path(wanted.name, "service"), foreign.service)]
    for path, text in [(cron_path(wanted.name), foreign.cron_file)] if backend == "cron" else units:
        if text is not None:
            remedy = "Give the job another name" if text else "It is empty or masks the unit: if it can go, remove it with rm"
            raise RefusedError(path, "it exists and was not written by this module", remedy)
    if wanted.definition is not None and wanted.definition.private_tmp and not state.private_tmp:
        raise ObservationError(f"job {wanted.name}: {_NO_LAUNCHER}")


def check_purge(wanted: Wanted, installed: Installed) -> None:
    """Check that the state of the job can be removed.

    :raises RefusedError: the job is running.
    """
    if installed.running:
        raise RefusedError(f"job {wanted.name}", "it is running and writes the state to be removed", "Wait for its end")


def backend_of(state: State, wanted: Wanted) -> str:
    """The daemon that starts the job.

    :raises ObservationError: it does not run on this host.
    """
    if wanted.backend == "auto":
        if state.cron:
            return "cron"
        if state.systemd:
            return "systemd"
        raise ObservationError(f"job {wanted.name}: {_NO_CRON}; {_NO_SYSTEMD} either")
    if not (state.cron if wanted.backend == "cron" else state.systemd):
        problem = _NO_CRON if wanted.backend == "cron" else _NO_SYSTEMD
        raise ObservationError(f"job {wanted.name}: {problem}, or set backend to auto")
    return wanted.backend
