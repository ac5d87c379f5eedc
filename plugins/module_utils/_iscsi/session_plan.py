# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan from the sessions and records that are to those that are wanted. Pure."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .._core.errors import ObservationError, RefusedError
from .._core.plan import MASK, Command, Operation, Plan, RemoveFile, Step, WriteFile, combine
from .names import Portal
from .session_errors import NO_RECORD
from .session_options import Wanted
from .session_state import (
    CHAP_KEYS,
    LOGGED_IN,
    PARAMETER_KEYS,
    STARTUP_KEYS,
    TIMEOUT_KEYS,
    Answer,
    Credentials,
    Initiator,
    Record,
    Session,
)

NAME_PATH = "/etc/iscsi/initiatorname.iscsi"
_SECRET_KEYS = (CHAP_KEYS["password"], CHAP_KEYS["mutual_password"])
_SHOWN_OFFERS = 5


def plan(state: Initiator, wanted: Sequence[Wanted], name: Optional[str] = None) -> Plan:
    """Everything the task asks for, in its order, as one plan.

    :raises ObservationError: portals that can not be logged in to, all of them in one message.
    :raises RefusedError: a session that is in use, or a name that sessions depend on.
    """
    renamed = name is not None and name != state.name
    problems = [text for one in wanted if needs_login(state, one) for text in _portal_problems(state, one, renamed)]
    if problems:
        raise ObservationError("; ".join(problems))
    plans = [_plan_name(state, name)] if name is not None else []
    plans += [_plan_session(state, one) for one in wanted]
    whole = plans[0] if len(plans) == 1 else combine("iSCSI sessions", plans)
    if not whole.changed or state.stale_lock is None:
        return whole
    warning = f"{state.stale_lock} was left by an iscsiadm that was killed; it is removed, as every iscsiadm would wait for it and fail"
    return Plan(
        whole.subject, whole.before, whole.after, (RemoveFile(state.stale_lock), *whole.steps), whole.secrets, (*whole.warnings, warning)
    )


def needs_login(state: Initiator, wanted: Wanted) -> bool:
    """Whether the portal has to be asked: it shall have a session, and has none that works."""
    sessions = state.sessions_of(*wanted.key)
    return wanted.state == "logged_in" and not (sessions and all(one.state == LOGGED_IN for one in sessions))


def relogin_reasons(session: Session, wanted: Wanted) -> Tuple[str, ...]:
    """What of the options only a new login brings in force on this session."""
    reasons = []
    if wanted.chap is not None and session.credentials != Credentials.of(wanted.chap):
        reasons.append("CHAP credentials")
    for option in ("noop_out_interval", "noop_out_timeout"):
        live = session.timeouts.get(option)
        if option in wanted.timeouts and live is not None and live != wanted.timeouts[option]:
            reasons.append(option)
    return tuple(reasons)


def _portal_problems(state: Initiator, wanted: Wanted, renamed: bool) -> List[str]:
    answer = state.answers.get(wanted.key, Answer())
    label = f"portal {wanted.portal} (for {wanted.target})"
    if answer.problem is not None:
        sessions = state.sessions_of(*wanted.key)
        lost = f"; session {sessions[0].sid} is {sessions[0].state}, iscsid tries on" if sessions else ""
        return [f"{label} {answer.problem}{lost}"]
    for session in state.sessions:
        same = answer.peer is not None and answer.peer in (session.portal, session.peer)
        if same and session.target == wanted.target and session.portal != wanted.portal:
            return [f"{label} is the portal {session.portal} that session {session.sid} is logged in to: name it that way"]
    # Which targets a portal shows can depend on who asks, and a new initiator name is not in force yet.
    if answer.offers is None or renamed:
        return []
    return _offer_problems(label, wanted, answer)


def _offer_problems(label: str, wanted: Wanted, answer: Answer) -> List[str]:
    here = sorted({target for target, portal, _tag in answer.offers or () if portal in (wanted.portal, answer.peer)})
    elsewhere = sorted({str(portal) for target, portal, _tag in answer.offers or () if target == wanted.target})
    # Behind address translation or a tunnel a portal lists itself under other addresses: only the name counts there.
    if wanted.target in here or (elsewhere and not here):
        return []
    offered = here or sorted({target for target, _portal, _tag in answer.offers or ()})
    shown = ", ".join(offered[:_SHOWN_OFFERS]) + (f" and {len(offered) - _SHOWN_OFFERS} more" if len(offered) > _SHOWN_OFFERS else "")
    at = f"; that target is at {', '.join(elsewhere)}" if elsewhere else ""
    return [f"{label} answers as another target: it offers {shown or 'no target'}{at}"]


def _plan_name(state: Initiator, name: str) -> Plan:
    subject = f"initiator name in {NAME_PATH}"
    if name == state.name:
        return Plan(subject, {"name": name}, {"name": name})
    if state.sessions:
        there = ", ".join(f"{session.sid} ({session.target} at {session.portal})" for session in state.sessions)
        raise RefusedError(
            "initiator_name",
            f"sessions are logged in under the name {state.name}: {there}",
            "Targets know this host by that name: log these sessions out first",
        )
    kept = [line for line in state.name_file.splitlines() if not re.match(r"\s*(InitiatorName|GenerateName)\s*=", line)]
    steps: Tuple[Step, ...] = (
        WriteFile(NAME_PATH, "\n".join([*kept, f"InitiatorName={name}"]) + "\n", mode=0o600),
        # iscsid reads its name at start only; one that does not run is not started.
        Command(("systemctl", "try-restart", "iscsid.service")),
    )
    return Plan(subject, {"name": state.name}, {"name": name}, steps)


def _plan_session(state: Initiator, wanted: Wanted) -> Plan:
    sessions = state.sessions_of(*wanted.key)
    records = state.records_of(*wanted.key)
    if wanted.state == "logged_in":
        steps = _log_in_steps(state, wanted, records, sessions)
    else:
        steps = _log_out_steps(wanted, records, sessions)
    warnings = _relogin_warnings(wanted, sessions) if wanted.state == "logged_in" else ()
    before = _view(records, sessions, wanted)
    after = _after(before, wanted, sessions) if steps else before
    secrets = wanted.chap.secrets if wanted.chap is not None else ()
    return Plan(wanted.label, before, after, tuple(steps), secrets, warnings)


def _relogin_warnings(wanted: Wanted, sessions: Sequence[Session]) -> Tuple[str, ...]:
    reasons = [(session.sid, ", ".join(relogin_reasons(session, wanted))) for session in sessions if session.state == LOGGED_IN]
    return tuple(
        f"{wanted.label}: session {sid} keeps its former {reason} until it is logged in again (state logged_out, then logged_in);"
        " it is not dropped for that, but could not come back if its connection were lost"
        if "CHAP" in reason
        else f"{wanted.label}: session {sid} keeps its former {reason} until it is logged in again"
        for sid, reason in reasons
        if reason
    )


def _log_in_steps(state: Initiator, wanted: Wanted, records: Sequence[Record], sessions: Sequence[Session]) -> List[Step]:
    named = {"target": wanted.target, "portal": str(wanted.portal)}
    steps: List[Step] = [RemoveFile(record.path) for record in records if not record.whole]
    whole = [record for record in records if record.whole]
    if not whole:
        argv = ("iscsiadm", "-m", "node", "-o", "new", "-T", wanted.target, "-p", _portal_with_tag(state, wanted, sessions))
        steps.append(Command(argv))
    steps += _record_steps(wanted, whole)
    hopeless = _hopeless(wanted, sessions)
    steps += _log_out_commands(wanted, hopeless)
    kept = [session for session in sessions if session not in hopeless]
    if not kept:
        steps.append(Operation("log_in", {**named, "created": not whole, "limit": wanted.wait_timeout}))
    elif any(session.state != LOGGED_IN for session in kept):
        steps.append(Operation("wait_for_session", {**named, "limit": wanted.wait_timeout}))
    seconds = wanted.timeouts.get("replacement_timeout")
    for session in kept:
        if seconds is not None and session.timeouts.get("replacement_timeout", seconds) != seconds:
            steps.append(Operation("set_replacement_timeout", {**named, "session": session.sid, "seconds": seconds}))
    return steps + _device_steps(wanted, named, kept)


def _hopeless(wanted: Wanted, sessions: Sequence[Session]) -> List[Session]:
    """Lost sessions with credentials that are not the wanted ones: iscsid reconnects with those, for ever in vain."""
    return [session for session in sessions if session.state != LOGGED_IN and "CHAP credentials" in relogin_reasons(session, wanted)]


def _portal_with_tag(state: Initiator, wanted: Wanted, sessions: Sequence[Session]) -> str:
    answer = state.answers.get(wanted.key, Answer())
    tags = [session.tpgt for session in sessions if session.tpgt is not None]
    tags += [tag for target, portal, tag in answer.offers or () if target == wanted.target and portal in (wanted.portal, answer.peer)]
    return f"{wanted.portal},{tags[0]}" if tags else str(wanted.portal)


def _record_steps(wanted: Wanted, records: Sequence[Record]) -> List[Step]:
    settings = wanted.settings()
    changes = {key: value for key, value in settings.items() if any(record.settings.get(key) != value for record in records)}
    if not records:
        changes = {key: value for key, value in settings.items() if value is not None}
    if not changes:
        return []
    shown = " ".join(f"{key}={_shown_value(key, value)}" for key, value in changes.items())
    return [Operation("write_record", {"target": wanted.target, "portal": str(wanted.portal), "settings": shown})]


def _shown_value(key: str, value: Optional[str]) -> str:
    return "" if value is None else MASK if key in _SECRET_KEYS else value


def _device_steps(wanted: Wanted, named: Mapping[str, str], sessions: Sequence[Session]) -> List[Step]:
    missing = wanted.luns.missing(ready_luns(sessions))
    if sessions and not missing:
        return []
    rescans: List[Step] = [Command(("iscsiadm", "-m", "session", "-r", str(session.sid), "-R")) for session in sessions]
    return [*rescans, Operation("wait_for_devices", {**named, "luns": str(wanted.luns), "limit": wanted.wait_timeout})]


def ready_luns(sessions: Sequence[Session]) -> List[int]:
    """The LUNs of these sessions that udev has named."""
    return sorted({device.lun for session in sessions for device in session.devices if device.by_path and device.size})


def _log_out_commands(wanted: Wanted, sessions: Sequence[Session]) -> List[Step]:
    users = [user for session in sessions for device in session.devices for user in device.users]
    if users:
        raise RefusedError(wanted.label, f"its disks are in use: {'; '.join(users)}", "Unmount or stop these first")
    named = {"target": wanted.target, "portal": str(wanted.portal)}
    return [Operation("log_out", {**named, "session": session.sid, "limit": wanted.wait_timeout}) for session in sessions]


def _log_out_steps(wanted: Wanted, records: Sequence[Record], sessions: Sequence[Session]) -> List[Step]:
    steps = _log_out_commands(wanted, sessions)
    whole = [record for record in records if record.whole]
    if wanted.state == "logged_out":
        return steps + (_record_steps(wanted, whole) if whole else [])
    steps += [RemoveFile(record.path) for record in records if not record.whole]
    for host in sorted({record.address for record in whole}):
        portal = str(Portal(host, wanted.portal.port))
        steps.append(Command(("iscsiadm", "-m", "node", "-T", wanted.target, "-p", portal, "-o", "delete"), accept=(0, NO_RECORD)))
    return steps


def _view(records: Sequence[Record], sessions: Sequence[Session], wanted: Wanted) -> Dict[str, Any]:
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


def _after(before: Mapping[str, Any], wanted: Wanted, sessions: Sequence[Session]) -> Dict[str, Any]:
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
        after.update(session=", ".join([LOGGED_IN] * count), record="present", luns=_luns_after(before, wanted))
        after["replacement_timeout_in_force"] = [live] * count if live is not None else before["replacement_timeout_in_force"]
    if after["record"] == "present":
        after["startup"] = wanted.startup or before["startup"]
        after["timeouts"] = {**before["timeouts"], **{option: str(value) for option, value in wanted.timeouts.items()}}
        after["parameters"] = {**before["parameters"], **{option: str(value) for option, value in wanted.parameters.items()}}
        if wanted.chap is not None:
            after["chap"] = _chap_view(Credentials.of(wanted.chap), wanted)
    return after


def _luns_after(before: Mapping[str, Any], wanted: Wanted) -> List[int]:
    return sorted({*before["luns"], *wanted.luns.numbers})
