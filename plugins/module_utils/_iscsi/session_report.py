# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the session modules return, without secrets. Pure."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence

from .names import Portal
from .session_options import Wanted
from .session_portals import relogin_reasons
from .session_state import AUTH_METHOD_KEY, STARTUP_KEYS, TIMEOUT_KEYS, Initiator, Record, Session


def report(state: Initiator, wanted: Sequence[Wanted]) -> Dict[str, Any]:
    """What iscsi_session returns besides its plan: only of what the task names."""
    sessions = [_named(state, one) for one in wanted]
    keys = {one.key for one in wanted}
    named = [session for session in state.sessions if (session.target, session.portal) in keys]
    return {
        "devices": [fact for session in named for fact in _devices(session)],
        "sessions": sessions,
        "relogin_needed": any(session["relogin_needed"] for session in sessions),
        "initiator_name": state.name,
    }


def info(state: Initiator) -> Dict[str, Any]:
    """What iscsi_session_info returns."""
    return {
        "initiator_name": state.name,
        "sessions": [_session(session) for session in state.sessions],
        "devices": [fact for session in state.sessions for fact in _devices(session)],
        "logins": [{"portal": _portal(session.portal), "target": session.target} for session in state.sessions],
        "records": [_record(record) for record in sorted(state.records, key=lambda one: (one.target, one.portal))],
    }


def _named(state: Initiator, wanted: Wanted) -> Dict[str, Any]:
    sessions = state.sessions_of(*wanted.key)
    first: Optional[Session] = sessions[0] if sessions else None
    reasons = {reason for session in sessions for reason in relogin_reasons(session, wanted)} if wanted.state == "logged_in" else set()
    return {
        "portal": _portal(wanted.portal),
        "target": wanted.target,
        "state": first.state if first else None,
        "session_id": first.sid if first else None,
        "relogin_needed": sorted(reasons),
    }


def _session(session: Session) -> Dict[str, Any]:
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


def _devices(session: Session) -> Sequence[Dict[str, Any]]:
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


def _record(record: Record) -> Dict[str, Any]:
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


def _portal(portal: Portal) -> Dict[str, Any]:
    return {"host": portal.host, "port": portal.port}
