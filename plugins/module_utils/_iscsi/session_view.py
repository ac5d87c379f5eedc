# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session and its record as the diff shows them, before a plan and after it; without secrets. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from .session_options import Wanted
from .session_state import LOGGED_IN, PARAMETER_KEYS, STARTUP_KEYS, TIMEOUT_KEYS, Credentials, Record, Session


def ready_luns(sessions: Sequence[Session]) -> List[int]:
    """The LUNs of these sessions that udev has named."""
    return sorted({device.lun for session in sessions for device in session.devices if device.by_path and device.size})


def view(records: Sequence[Record], sessions: Sequence[Session], wanted: Wanted) -> Dict[str, Any]:
    """The session, its record, and how both compare with the credentials that are wanted."""
    settings = records[0].settings if records else {}
    return {
        "session": ", ".join(session.state for session in sessions) or "none",
        "record": "none" if not records else "present" if all(record.whole for record in records) else "damaged",
        "startup": settings.get(STARTUP_KEYS[0]),
        "chap": _chap_view(records[0].credentials if records else Credentials(), wanted),
        "timeouts": {option: settings.get(key) for option, key in TIMEOUT_KEYS.items()},
        "parameters": {option: settings.get(key) for option, key in PARAMETER_KEYS.items()},
        "replacement_timeout_in_force": [session.timeouts.get("replacement_timeout") for session in sessions],
        "luns": ready_luns(sessions),
    }


def _chap_view(found: Credentials, wanted: Wanted) -> Dict[str, Any]:
    asked = Credentials.of(wanted.chap) if wanted.chap is not None else found
    secrets = (found.password, found.mutual_password) == (asked.password, asked.mutual_password)
    return {
        "username": found.username,
        "mutual_username": found.mutual_username,
        "secrets": "none" if found.password is None else "as asked" if secrets else "others",
    }


def after_plan(before: Mapping[str, Any], wanted: Wanted, sessions: Sequence[Session], unreachable: bool) -> Dict[str, Any]:
    """The same view once the plan is carried out; C(unreachable) says that there can be no login now."""
    after = dict(before)
    if wanted.state != "logged_in":
        after.update(session="none", replacement_timeout_in_force=[], luns=[])
    if wanted.state == "absent":
        none = Credentials()
        after.update(record="none", startup=None, chap=_chap_view(none, wanted), timeouts=dict.fromkeys(TIMEOUT_KEYS))
        after.update(parameters=dict.fromkeys(PARAMETER_KEYS))
        return after
    if wanted.state == "logged_in":
        live = wanted.timeouts.get("replacement_timeout")
        count = max(1, len(sessions))
        if not unreachable:
            after.update(session=", ".join([LOGGED_IN] * count), record="present", luns=_luns_after(before, wanted))
        if live is not None and (sessions or not unreachable):
            after["replacement_timeout_in_force"] = [live] * count
    if after["record"] == "present":
        after["startup"] = wanted.startup or before["startup"]
        after["timeouts"] = {**before["timeouts"], **{option: str(value) for option, value in wanted.timeouts.items()}}
        after["parameters"] = {**before["parameters"], **{option: str(value) for option, value in wanted.parameters.items()}}
        if wanted.chap is not None:
            after["chap"] = _chap_view(Credentials.of(wanted.chap), wanted)
    return after


def _luns_after(before: Mapping[str, Any], wanted: Wanted) -> List[int]:
    return sorted({*before["luns"], *wanted.luns.numbers})
