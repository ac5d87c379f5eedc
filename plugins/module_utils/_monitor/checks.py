# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May this be done, and would anybody be told? Pure."""

from __future__ import annotations

from typing import Iterator, List

from .._core.errors import InputError, RefusedError
from .conf import value_of
from .options import Wanted
from .program import COMMANDS, EVENT, MARK, UNITS
from .state import State


def check(state: State, wanted: Wanted) -> None:
    """Refuse what cannot be, and what would change foreign files.

    :raises InputError: the program or the folder of the metrics does not exist.
    :raises RefusedError: a foreign file has a path of this module, or mdadm starts a foreign program.
    """
    for path in (*COMMANDS, *UNITS):
        if MARK not in state.files.get(path, MARK).splitlines()[:2]:
            raise RefusedError(path, "it exists and was not written by this collection", "Nothing was changed; move it away")
    if not state.program_runs:
        raise InputError("program", f"{wanted.program} is not a program that can be started on this host; nothing was changed")
    if not state.textfile_exists:
        raise InputError(
            "textfile", f"the folder {wanted.textfile} does not exist; create it, or install node_exporter; nothing was changed"
        )
    found = value_of(state.confs or (), "PROGRAM")
    if wanted.has_events and found and found[0] not in (EVENT, wanted.program):
        raise RefusedError(
            found[1],
            f"mdadm's monitor starts {found[0]}, and it starts one program only",
            f"Nothing was changed; give program: {found[0]}, which is then started too, or remove that line",
        )


def undelivered(state: State, wanted: Wanted) -> List[str]:
    """Why nobody would be told of a failed disk, or not in the way that was asked for; empty if all is well."""
    return list(_undelivered(state, wanted)) if wanted.present else []


def _undelivered(state: State, wanted: Wanted) -> Iterator[str]:
    address = wanted.mail or state.mail
    if state.confs is None:
        if wanted.mail:
            yield "no mail is sent from this host, because it has no mdadm, whose monitor would send it: set program or webhook"
    elif address and not state.has_sendmail and (wanted.mail or not wanted.has_events):
        yield (
            f"mail to {address} would not be delivered, because this host has no sendmail: install a mail server such as postfix or"
            " msmtp-mta, or set program or webhook"
        )
    if not wanted.has_events and not (state.confs is not None and address):
        yield "nobody is told of problems: set mail, program or webhook, or have a monitoring system run storage-check or read its metrics"
