# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which problems do the sessions and node records of a host have? Pure."""

from __future__ import annotations

from typing import Dict, Iterator, List

from .records import STARTUP_KEYS, Record
from .state import LOGGED_IN, Session, State


def problems(state: State) -> List[str]:
    """A sentence for each finding, with its remedy; none if every session works and every record for boot has its session."""
    return [*_of_host(state), *(text for session in state.sessions for text in _of_session(session)), *_of_records(state)]


def _of_host(state: State) -> Iterator[str]:
    if state.stale_lock:
        yield f"{state.stale_lock} is left from a killed iscsiadm, and every iscsiadm waits for it; remove it, or run iscsi_session"
    if state.records and state.name is None:
        yield "this host has node records and no initiator name, so it cannot log in; set initiator_name with iscsi_session"


def _of_session(session: Session) -> Iterator[str]:
    label = f"the session with {session.target} at {session.portal}"
    if session.state != LOGGED_IN:
        yield f"{label} is {session.state}; bring the portal back, and iscsid logs in again by itself while it runs"
    elif session.scanned and not session.devices:
        yield f"{label} has no disks; export LUNs to this initiator on the server"


def _of_records(state: State) -> Iterator[str]:
    at_boot: Dict[str, List[Record]] = {}
    for record in state.records:
        label = f"the record of {record.target} at {record.portal}"
        if not record.whole:
            yield f"{label} is damaged, because a write to it was interrupted; declare the session again with iscsi_session"
        elif record.settings.get(STARTUP_KEYS[0]) == "automatic":
            at_boot.setdefault(f"{record.target} at {record.portal}", []).append(record)
    for label, records in at_boot.items():
        first = records[0]
        if not state.sessions_of(first.target, first.portal):
            yield f"{label} has a record for boot and no session; log in with iscsi_session, or remove the record with state: absent"
