# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals before anything changes, and the reasons why a session cannot be logged in now. Pure."""

from __future__ import annotations

from typing import List, Optional, Sequence

from ..._core.errors import InputError, ObservationError, RefusedError
from .logins import needs_login, outdated, relogin_reasons
from .records import NAME_FILE
from .state import LOGGED_IN, Answer, Session, State, Wanted, WantedSession, users_of

_SHOWN_OFFERS = 5


def check(state: State, wanted: Wanted) -> None:
    """Refuse portals that answer as other targets, and a change of the initiator name under running sessions.

    :raises ObservationError: with all such portals in one message.
    :raises InputError: neither the task nor the host has an initiator name.
    :raises RefusedError: a session is logged in under the initiator name that the task changes.
    """
    renamed = wanted.initiator_name is not None and wanted.initiator_name != state.name
    if wanted.initiator_name is None and state.name is None and any(needs_login(state, one) for one in wanted.sessions):
        raise InputError(
            "initiator_name", f"{NAME_FILE} gives this host no name, by which targets know it: nothing was changed; set initiator_name"
        )
    problems = [text for one in wanted.sessions if needs_login(state, one) for text in _portal_problems(state, one, renamed)]
    if problems:
        raise ObservationError("; ".join(problems))
    if renamed and state.sessions:
        found = ", ".join(f"{session.sid} ({session.target} at {session.portal})" for session in state.sessions)
        raise RefusedError(
            "initiator_name",
            f"sessions are logged in under the name {state.name}: {found}",
            "Nothing was changed; targets know this host by that name: log these sessions out first",
        )


def check_logout(wanted: WantedSession, sessions: Sequence[Session]) -> None:
    """Refuse to end sessions whose disks are in use.

    :raises RefusedError: with the users of the disks.
    """
    users = users_of(sessions)
    if users:
        raise RefusedError(wanted.label, f"its disks are in use: {'; '.join(users)}", "Nothing was changed; unmount or stop these first")


def unmet_because(state: State, wanted: WantedSession) -> Optional[str]:
    """Why the session cannot be logged in now, in words; C(None) if it is logged in, or can be."""
    return _unreachable_because(state, wanted) or _held_because(wanted, state.sessions_of(*wanted.key))


def _unreachable_because(state: State, wanted: WantedSession) -> Optional[str]:
    problem = state.answers.get(wanted.key, Answer()).problem
    if problem is None or not needs_login(state, wanted):
        return None
    sessions = state.sessions_of(*wanted.key)
    lost = f"; session {sessions[0].sid} is {sessions[0].state}" if sessions else ""
    lost += ", and iscsid keeps trying" if sessions and sessions[0].state != LOGGED_IN else ""
    return f"portal {wanted.portal} (for {wanted.target}) {problem}{lost}"


def _held_because(wanted: WantedSession, sessions: Sequence[Session]) -> Optional[str]:
    """Why an outdated session cannot be logged out and in again now; C(None) if it can."""
    for session in outdated(wanted, sessions):
        users = users_of([session])
        former = ", ".join(relogin_reasons(session, wanted))
        hopeless = session.state != LOGGED_IN and "CHAP" in former
        cannot = "cannot come back with them, nor" if hopeless else "cannot"
        if users:
            return (
                f"{wanted.label}: session {session.sid} is {session.state} with its former {former} and {cannot} be logged out"
                f" while its disks are in use: {'; '.join(users)}. Unmount or stop these, or remove the disks from their arrays"
            )
    return None


def _portal_problems(state: State, wanted: WantedSession, renamed: bool) -> List[str]:
    """The signs that the portal is not the portal that the task means; empty if there are none."""
    answer = state.answers.get(wanted.key, Answer())
    if answer.problem is not None:
        return []
    label = f"portal {wanted.portal} (for {wanted.target})"
    for session in state.sessions:
        same = answer.peer is not None and answer.peer in (session.portal, session.peer)
        if same and session.target == wanted.target and session.portal != wanted.portal:
            return [f"{label} is the portal {session.portal} that session {session.sid} is logged in to: use that spelling"]
    # The targets that a portal offers can depend on the initiator name, and a new name is not in force yet.
    if answer.offers is None or renamed:
        return []
    return _offer_problems(label, wanted, answer)


def _offer_problems(label: str, wanted: WantedSession, answer: Answer) -> List[str]:
    here = sorted({target for target, portal, _tag in answer.offers or () if portal in (wanted.portal, answer.peer)})
    elsewhere = sorted({str(portal) for target, portal, _tag in answer.offers or () if target == wanted.target})
    # Behind address translation or a tunnel, a portal offers itself under other addresses: there only the name counts.
    if wanted.target in here or (elsewhere and not here):
        return []
    offered = here or sorted({target for target, _portal, _tag in answer.offers or ()})
    shown = ", ".join(offered[:_SHOWN_OFFERS]) + (f" and {len(offered) - _SHOWN_OFFERS} more" if len(offered) > _SHOWN_OFFERS else "")
    at = f"; that target is at {', '.join(elsewhere)}" if elsewhere else ""
    return [f"{label} answers as another target: it offers {shown or 'no target'}{at}"]
