# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session and its record in a diff, and the return values of the modules; both without secrets. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ..._core.plan import Plan
from ..names import Portal
from .logins import relogin_reasons
from .problems import problems
from .records import AUTH_METHOD_KEY, PARAMETER_KEYS, STARTUP_KEYS, TIMEOUT_KEYS, Credentials, Record
from .state import LOGGED_IN, Session, State, Wanted, WantedSession, ready_luns

View = Dict[str, Any]


def before(state: State, wanted: WantedSession) -> View:
    """The session and its record, and whether both have the wanted credentials."""
    records, sessions = state.records_of(*wanted.key), state.sessions_of(*wanted.key)
    settings = records[0].settings if records else {}
    return {
        "session": ", ".join(session.state for session in sessions) or "none",
        "record": "none" if not records else "present" if all(record.whole for record in records) else "damaged",
        "startup": settings.get(STARTUP_KEYS[0]),
        "chap": _chap(records[0].credentials if records else Credentials(), wanted),
        "timeouts": {option: settings.get(key) for option, key in TIMEOUT_KEYS.items()},
        "parameters": {option: settings.get(key) for option, key in PARAMETER_KEYS.items()},
        "replacement_timeout_in_force": [session.timeouts.get("replacement_timeout") for session in sessions],
        "luns": ready_luns(sessions),
        **({"smallest_lun_mb": _smallest_mb(sessions)} if wanted.least_mb else {}),
    }


def _smallest_mb(sessions: Sequence[Session]) -> Optional[int]:
    return min((device.size >> 20 for session in sessions for device in session.devices), default=None)


def _chap(found: Credentials, wanted: WantedSession) -> View:
    asked = Credentials.of(wanted.chap) if wanted.chap is not None else found
    secrets = (found.password, found.mutual_password) == (asked.password, asked.mutual_password)
    return {
        "username": found.username,
        "mutual_username": found.mutual_username,
        "secrets": "none" if found.password is None else "as asked" if secrets else "others",
    }


def after(state: State, wanted: WantedSession, unmet: bool) -> View:
    """The view of L(before) after the plan; C(unmet): a login is not possible now."""
    shown = before(state, wanted)
    if wanted.state == "absent":
        return before(replace(state, records=(), sessions=()), wanted)
    if wanted.state == "logged_out":
        shown.update(session="none", replacement_timeout_in_force=[], luns=[])
    else:
        _log_in(shown, wanted, state.sessions_of(*wanted.key), unmet)
    if shown["record"] == "present":
        shown["startup"] = wanted.startup or shown["startup"]
        shown["timeouts"] = {**shown["timeouts"], **{option: str(value) for option, value in wanted.timeouts.items()}}
        shown["parameters"] = {**shown["parameters"], **{option: str(value) for option, value in wanted.parameters.items()}}
        if wanted.chap is not None:
            shown["chap"] = _chap(Credentials.of(wanted.chap), wanted)
    return shown


def _log_in(shown: View, wanted: WantedSession, sessions: Sequence[Session], unmet: bool) -> None:
    live = wanted.timeouts.get("replacement_timeout")
    count = max(1, len(sessions))
    if not unmet:
        luns = sorted({*shown["luns"], *wanted.luns.numbers})
        shown.update(session=", ".join([LOGGED_IN] * count), record="present", luns=luns)
        if wanted.least_mb:
            shown["smallest_lun_mb"] = max(wanted.least_mb, shown["smallest_lun_mb"] or 0)
    if live is not None and (sessions or not unmet):
        shown["replacement_timeout_in_force"] = [live] * count


def returned(state: State, wanted: Wanted, _plan: Plan) -> Mapping[str, Any]:
    """The return values of iscsi_session, about the sessions that the task names."""
    sessions = [_named(state, one) for one in wanted.sessions]
    keys = {one.key for one in wanted.sessions}
    return {
        "devices": [fact for session in state.sessions if session.key in keys for fact in _devices(session)],
        "sessions": sessions,
        "relogin_needed": any(session["relogin_needed"] for session in sessions),
        "initiator_name": state.name,
    }


def info(state: State) -> View:
    """The return values of iscsi_session_info."""
    return {
        "initiator_name": state.name,
        "sessions": [_session(session) for session in state.sessions],
        "devices": [fact for session in state.sessions for fact in _devices(session)],
        "logins": [{"portal": _portal(session.portal), "target": session.target} for session in state.sessions],
        "records": [_record(record) for record in sorted(state.records, key=lambda one: (one.target, one.portal))],
        "problems": problems(state),
    }


def _named(state: State, wanted: WantedSession) -> View:
    sessions = state.sessions_of(*wanted.key)
    reasons = {reason for session in sessions for reason in relogin_reasons(session, wanted)} if wanted.state == "logged_in" else set()
    return {
        "portal": _portal(wanted.portal),
        "target": wanted.target,
        "state": sessions[0].state if sessions else None,
        "session_id": sessions[0].sid if sessions else None,
        "relogin_needed": sorted(reasons),
    }


def _session(session: Session) -> View:
    return {
        "portal": _portal(session.portal),
        "target": session.target,
        "state": session.state,
        "session_id": session.sid,
        "auth_method": "CHAP" if session.credentials.username else "None",
        "mutual": session.credentials.mutual_username is not None,
        "timeouts": dict(session.timeouts),
        "devices": _devices(session),
    }


def _devices(session: Session) -> List[View]:
    return [
        {
            "portal": _portal(session.portal),
            "target": session.target,
            "lun": device.lun,
            "wwn": device.wwn,
            "by_path": device.by_path,
            "device": device.device,
            "size": device.size,
            "rotational": device.rotational,
        }
        for device in session.devices
    ]


def _record(record: Record) -> View:
    settings = record.settings
    credentials = record.credentials
    timeouts = {option: settings.get(key, "") for option, key in TIMEOUT_KEYS.items()}
    return {
        "portal": _portal(record.portal),
        "target": record.target,
        "startup": settings.get(STARTUP_KEYS[0]),
        "auth_method": settings.get(AUTH_METHOD_KEY),
        "username": credentials.username,
        "mutual_username": credentials.mutual_username,
        "timeouts": {option: int(value) for option, value in timeouts.items() if value.isdigit()},
        "damaged": not record.whole,
    }


def _portal(portal: Portal) -> View:
    return {"host": portal.host, "port": portal.port}
