# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which portals have to be asked before a login, and what their answers mean for it. Pure."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from .session_options import Wanted
from .session_state import LOGGED_IN, Answer, Credentials, Initiator, Session

_SHOWN_OFFERS = 5


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


def outdated(wanted: Wanted, sessions: Sequence[Session]) -> List[Session]:
    """Sessions that have to be logged out and in.

    Those are the ones that keep former options where the task wants that, and in any case lost ones that keep former credentials:
    iscsid reconnects with those of their login, for ever in vain.
    """
    if wanted.state != "logged_in":
        return []
    former = [(one, relogin_reasons(one, wanted)) for one in sessions]
    return [one for one, why in former if (wanted.relogin and why) or (one.state != LOGGED_IN and "CHAP credentials" in why)]


def needs_login(state: Initiator, wanted: Wanted) -> bool:
    """Whether the portal has to be asked: it shall have a session, and has none that works and can stay."""
    sessions = state.sessions_of(*wanted.key)
    works = bool(sessions) and all(one.state == LOGGED_IN for one in sessions)
    return wanted.state == "logged_in" and not (works and not outdated(wanted, sessions))


def unreachable_because(state: Initiator, wanted: Wanted) -> Optional[str]:
    """Why the session cannot be had now, in words; C(None) if it is there or its portal answers."""
    problem = state.answers.get(wanted.key, Answer()).problem
    if problem is None or not needs_login(state, wanted):
        return None
    sessions = state.sessions_of(*wanted.key)
    lost = f"; session {sessions[0].sid} is {sessions[0].state}" if sessions else ""
    lost += ", iscsid tries on" if sessions and sessions[0].state != LOGGED_IN else ""
    return f"portal {wanted.portal} (for {wanted.target}) {problem}{lost}"


def portal_problems(state: Initiator, wanted: Wanted, renamed: bool) -> List[str]:
    """What shows that the portal is not the one the task means; empty when nothing does."""
    answer = state.answers.get(wanted.key, Answer())
    if answer.problem is not None:
        return []
    label = f"portal {wanted.portal} (for {wanted.target})"
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
