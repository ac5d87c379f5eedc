# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps from the sessions and records of this host to the wanted sessions. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import List, Mapping, Optional, Sequence, Tuple

from ..._core.plan import MASK, Command, Operation, Plan, RemoveFile, Step, WriteFile, combine
from ..names import Portal
from . import show
from .checks import check, check_logout, unmet_because
from .exit_codes import NO_RECORD
from .logins import outdated, relogin_reasons
from .records import CHAP_KEYS, NAME_FILE, Record
from .state import LOGGED_IN, Answer, Session, State, Wanted, WantedSession, ready_luns, small_luns

_SECRET_KEYS = (CHAP_KEYS["password"], CHAP_KEYS["mutual_password"])


def plan(state: State, wanted: Wanted) -> Plan:
    """One plan for all sessions of the task, in its order.

    A portal that is down does not stop the other sessions: C(unmet) of the plan names it.

    :raises ObservationError: see L(check).
    :raises RefusedError: see L(check) and L(check_logout).
    """
    check(state, wanted)
    name = wanted.initiator_name
    plans = [_plan_session(state, one) for one in wanted.sessions]
    starts = not state.daemon and any(one.state == "logged_in" for one in wanted.sessions)
    whole = plans[0] if len(plans) == 1 and name is None and not starts else combine("iSCSI sessions", plans)
    if name is not None:
        whole = _preceded(whole, _plan_name(state, name))
    if starts:
        # Its socket starts it at the next iscsiadm only, and a connection that is lost before that is not restored.
        start = Plan("iscsid", {"running": False}, {"running": True}, (Command(("systemctl", "start", "iscsid.service")),))
        whole = _preceded(whole, start)
    if not whole.changed or state.stale_lock is None:
        return whole
    warning = f"{state.stale_lock} was left by a killed iscsiadm; it is removed, because every iscsiadm would wait for it and fail"
    return replace(whole, steps=(RemoveFile(state.stale_lock), *whole.steps), warnings=(*whole.warnings, warning))


def _preceded(whole: Plan, first: Plan) -> Plan:
    """The plan C(whole) after the plan C(first), on which all its parts depend."""
    if not whole.parts:
        return first
    before, after = {first.subject: first.before, **whole.before}, {first.subject: first.after, **whole.after}
    return replace(whole, before=before, after=after, steps=first.steps + whole.steps)


def _plan_name(state: State, name: str) -> Plan:
    subject = f"initiator name in {NAME_FILE}"
    if name == state.name:
        return Plan(subject, {"name": name}, {"name": name})
    kept = [line for line in state.name_file.splitlines() if not re.match(r"\s*(InitiatorName|GenerateName)\s*=", line)]
    steps: Tuple[Step, ...] = (
        WriteFile(NAME_FILE, "\n".join([*kept, f"InitiatorName={name}"]) + "\n", mode=0o600),
        # iscsid reads the name only at its start; a stopped iscsid is not started.
        Command(("systemctl", "try-restart", "iscsid.service")),
    )
    return Plan(subject, {"name": state.name}, {"name": name}, steps)


def _plan_session(state: State, wanted: WantedSession) -> Plan:
    sessions = state.sessions_of(*wanted.key)
    records = state.records_of(*wanted.key)
    unmet = unmet_because(state, wanted)
    if unmet is not None:
        steps = _waiting_steps(wanted, records, sessions)
    elif wanted.state == "logged_in":
        steps = _log_in_steps(state, wanted, records, sessions)
    else:
        steps = _log_out_steps(wanted, records, sessions)
    warnings = _relogin_warnings(wanted, sessions) if wanted.state == "logged_in" and not wanted.relogin else ()
    return Plan(
        subject=wanted.label,
        before=show.before(state, wanted),
        after=show.after(state, wanted, unmet is not None) if steps else show.before(state, wanted),
        steps=tuple(steps),
        secrets=wanted.chap.secrets if wanted.chap is not None else (),
        warnings=warnings,
        unmet=(unmet,) if unmet is not None else (),
    )


def _relogin_warnings(wanted: WantedSession, sessions: Sequence[Session]) -> Tuple[str, ...]:
    reasons = [(session.sid, ", ".join(relogin_reasons(session, wanted))) for session in sessions if session.state == LOGGED_IN]
    return tuple(
        f"{wanted.label}: session {sid} keeps its former {reason} until it is logged in again (relogin);"
        " it still works, but could not be recovered after a lost connection"
        if "CHAP" in reason
        else f"{wanted.label}: session {sid} keeps its former {reason} until it is logged in again (relogin)"
        for sid, reason in reasons
        if reason
    )


def _log_in_steps(state: State, wanted: WantedSession, records: Sequence[Record], sessions: Sequence[Session]) -> List[Step]:
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


def _waiting_steps(wanted: WantedSession, records: Sequence[Record], sessions: Sequence[Session]) -> List[Step]:
    """The steps that need no answer of the portal: an existing record gets the settings of the next login."""
    named = {"target": wanted.target, "portal": str(wanted.portal)}
    whole = [record for record in records if record.whole]
    return [*(_record_steps(wanted, whole) if whole else []), *_timeout_steps(wanted, named, sessions)]


def _timeout_steps(wanted: WantedSession, named: Mapping[str, str], sessions: Sequence[Session]) -> List[Step]:
    seconds = wanted.timeouts.get("replacement_timeout")
    return [
        Operation("set_replacement_timeout", {**named, "session": session.sid, "seconds": seconds})
        for session in sessions
        if seconds is not None and session.timeouts.get("replacement_timeout", seconds) != seconds
    ]


def _portal_with_tag(state: State, wanted: WantedSession, sessions: Sequence[Session]) -> str:
    answer = state.answers.get(wanted.key, Answer())
    tags = [session.tpgt for session in sessions if session.tpgt is not None]
    offers = [tag for target, portal, tag in answer.offers or () if target == wanted.target and portal in (wanted.portal, answer.peer)]
    tags += [tag for tag in offers if tag is not None]
    return f"{wanted.portal},{tags[0]}" if tags else str(wanted.portal)


def _record_steps(wanted: WantedSession, records: Sequence[Record]) -> List[Step]:
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


def _device_steps(wanted: WantedSession, named: Mapping[str, str], sessions: Sequence[Session]) -> List[Step]:
    missing = wanted.luns.missing(ready_luns(sessions))
    if sessions and not missing and not small_luns(sessions, wanted):
        return []
    rescans: List[Step] = [Command(("iscsiadm", "-m", "session", "-r", str(session.sid), "-R")) for session in sessions]
    return [*rescans, Operation("wait_for_devices", {**named, "luns": str(wanted.luns), "limit": wanted.wait_timeout})]


def _log_out_commands(wanted: WantedSession, sessions: Sequence[Session]) -> List[Step]:
    check_logout(wanted, sessions)
    named = {"target": wanted.target, "portal": str(wanted.portal)}
    return [Operation("log_out", {**named, "session": session.sid, "limit": wanted.wait_timeout}) for session in sessions]


def _log_out_steps(wanted: WantedSession, records: Sequence[Record], sessions: Sequence[Session]) -> List[Step]:
    steps = _log_out_commands(wanted, sessions)
    whole = [record for record in records if record.whole]
    if wanted.state == "logged_out":
        return steps + (_record_steps(wanted, whole) if whole else [])
    steps += [RemoveFile(record.path) for record in records if not record.whole]
    for host in sorted({record.address for record in whole}):
        portal = str(Portal(host, wanted.portal.port))
        steps.append(Command(("iscsiadm", "-m", "node", "-T", wanted.target, "-p", portal, "-o", "delete"), accept=(0, NO_RECORD)))
    return steps
