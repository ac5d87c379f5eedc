# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sessions need a first login, or have to log in again? Pure."""

from __future__ import annotations

from typing import List, Sequence, Tuple

from .records import Credentials
from .state import LOGGED_IN, Session, State, WantedSession


def relogin_reasons(session: Session, wanted: WantedSession) -> Tuple[str, ...]:
    """The options that differ on this session and need a new login to be in force."""
    reasons = []
    if wanted.chap is not None and session.credentials != Credentials.of(wanted.chap):
        reasons.append("CHAP credentials")
    for option in ("noop_out_interval", "noop_out_timeout"):
        live = session.timeouts.get(option)
        if option in wanted.timeouts and live is not None and live != wanted.timeouts[option]:
            reasons.append(option)
    return tuple(reasons)


def outdated(wanted: WantedSession, sessions: Sequence[Session]) -> List[Session]:
    """Sessions that have to be logged out and in again.

    With C(relogin): every session with former options. Always: a lost session with former credentials, because iscsid reconnects with
    the credentials of the login and never succeeds.
    """
    if wanted.state != "logged_in":
        return []
    former = [(one, relogin_reasons(one, wanted)) for one in sessions]
    return [one for one, why in former if (wanted.relogin and why) or (one.state != LOGGED_IN and "CHAP credentials" in why)]


def needs_login(state: State, wanted: WantedSession) -> bool:
    """Whether the portal has to be asked: a session is wanted, and no session works and can stay."""
    sessions = state.sessions_of(*wanted.key)
    works = bool(sessions) and all(one.state == LOGGED_IN for one in sessions)
    return wanted.state == "logged_in" and not (works and not outdated(wanted, sessions))
