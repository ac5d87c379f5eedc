# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan from the sessions and records that are to those that are wanted. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import List, Mapping, Optional, Sequence, Tuple

from .._core.errors import ObservationError, RefusedError
from .._core.plan import MASK, Command, Operation, Plan, RemoveFile, Step, WriteFile, combine
from .names import Portal
from .session_errors import NO_RECORD
from .session_options import Wanted
from .session_portals import needs_login, outdated, portal_problems, relogin_reasons, unreachable_because
from .session_state import (
    CHAP_KEYS,
    LOGGED_IN,
    Answer,
    Initiator,
    Record,
    Session,
)
from .session_view import after_plan, ready_luns, view

NAME_PATH = "/etc/iscsi/initiatorname.iscsi"
_SECRET_KEYS = (CHAP_KEYS["password"], CHAP_KEYS["mutual_password"])


def plan(state: Initiator, wanted: Sequence[Wanted], name: Optional[str] = None) -> Plan:
    """Everything the task asks for, in its order, as one plan.

    A portal that is down keeps nothing else from being done: it is named in C(unmet) of the plan.

    :raises ObservationError: portals that are not what the task says, all of them in one message.
    :raises RefusedError: a session that is in use, or a name that sessions depend on.
    """
    renamed = name is not None and name != state.name
    problems = [text for one in wanted if needs_login(state, one) for text in portal_problems(state, one, renamed)]
    if problems:
        raise ObservationError("; ".join(problems))
    plans = [_plan_session(state, one) for one in wanted]
    whole = plans[0] if len(plans) == 1 and name is None else combine("iSCSI sessions", plans)
    if name is not None:
        whole = _preceded(whole, _plan_name(state, name))
    if not whole.changed or state.stale_lock is None:
        return whole
    warning = f"{state.stale_lock} was left by an iscsiadm that was killed; it is removed, as every iscsiadm would wait for it and fail"
    return replace(whole, steps=(RemoveFile(state.stale_lock), *whole.steps), warnings=(*whole.warnings, warning))


def _preceded(whole: Plan, first: Plan) -> Plan:
    """The plan after another one that all of it depends on."""
    if not whole.parts:
        return first
    before, after = {first.subject: first.before, **whole.before}, {first.subject: first.after, **whole.after}
    return replace(whole, before=before, after=after, steps=first.steps + whole.steps)


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
    unreachable = unreachable_because(state, wanted) or _held(wanted, sessions)
    if unreachable is not None:
        steps = _waiting_steps(wanted, records, sessions)
    elif wanted.state == "logged_in":
        steps = _log_in_steps(state, wanted, records, sessions)
    else:
        steps = _log_out_steps(wanted, records, sessions)
    warnings = _relogin_warnings(wanted, sessions) if wanted.state == "logged_in" and not wanted.relogin else ()
    before = view(records, sessions, wanted)
    after = after_plan(before, wanted, sessions, unreachable is not None) if steps else before
    secrets = wanted.chap.secrets if wanted.chap is not None else ()
    unmet = (unreachable,) if unreachable is not None else ()
    return Plan(wanted.label, before, after, tuple(steps), secrets, warnings, unmet=unmet)


def _relogin_warnings(wanted: Wanted, sessions: Sequence[Session]) -> Tuple[str, ...]:
    reasons = [(session.sid, ", ".join(relogin_reasons(session, wanted))) for session in sessions if session.state == LOGGED_IN]
    return tuple(
        f"{wanted.label}: session {sid} keeps its former {reason} until it is logged in again (relogin);"
        " it is not dropped for that, but could not come back if its connection were lost"
        if "CHAP" in reason
        else f"{wanted.label}: session {sid} keeps its former {reason} until it is logged in again (relogin)"
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
    former = outdated(wanted, sessions)
    steps += _log_out_commands(wanted, former)
    kept = [session for session in sessions if session not in former]
    if not kept:
        steps.append(Operation("log_in", {**named, "created": not whole, "limit": wanted.wait_timeout}))
    elif any(session.state != LOGGED_IN for session in kept):
        steps.append(Operation("wait_for_session", {**named, "limit": wanted.wait_timeout}))
    return steps + _timeout_steps(wanted, named, kept) + _device_steps(wanted, named, kept)


def _waiting_steps(wanted: Wanted, records: Sequence[Record], sessions: Sequence[Session]) -> List[Step]:
    """What can be done while the portal is down: a record that is there has what the next login shall use."""
    named = {"target": wanted.target, "portal": str(wanted.portal)}
    whole = [record for record in records if record.whole]
    return [*(_record_steps(wanted, whole) if whole else []), *_timeout_steps(wanted, named, sessions)]


def _timeout_steps(wanted: Wanted, named: Mapping[str, str], sessions: Sequence[Session]) -> List[Step]:
    seconds = wanted.timeouts.get("replacement_timeout")
    return [
        Operation("set_replacement_timeout", {**named, "session": session.sid, "seconds": seconds})
        for session in sessions
        if seconds is not None and session.timeouts.get("replacement_timeout", seconds) != seconds
    ]


def _held(wanted: Wanted, sessions: Sequence[Session]) -> Optional[str]:
    """Why a session that has to be replaced cannot be now, in words; C(None) if it can, or need not be."""
    for session in outdated(wanted, sessions):
        users = [user for device in session.devices for user in device.users]
        former = ", ".join(relogin_reasons(session, wanted))
        hopeless = session.state != LOGGED_IN and "CHAP" in former
        cannot = "cannot come back with them, nor" if hopeless else "cannot"
        if users:
            return (
                f"{wanted.label}: session {session.sid} is {session.state} with its former {former} and {cannot} be logged out"
                f" while its disks are in use: {'; '.join(users)}. Unmount or stop these, or take the disks out of their arrays"
            )
    return None


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
