# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a portal, before any login, whether it is there and which targets it has. Leaves nothing behind."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Dict, Iterable, Optional, Tuple

from .._core.errors import CommandError
from .._core.runner import Runner
from .names import Portal
from .session_errors import LOGIN_REJECTED, NO_RECORD, SILENT, explained
from .session_state import Answer, Initiator, lenient_portal, parse_discovery

CONNECT_LIMIT = 5.0
"""Seconds a portal has to take a TCP connection."""

DISCOVERY_LIMIT = 15.0
"""Seconds a portal has to list its targets; iscsiadm alone would try for minutes."""


def with_answers(state: Initiator, keys: Iterable[Tuple[str, Portal]], runner: Runner) -> Initiator:
    """The state with what each of these portals says; a portal of several targets is asked once."""
    answers: Dict[Portal, Answer] = {}
    by_key = {}
    for target, portal in keys:
        if portal not in answers:
            answers[portal] = ask(portal, runner)
        by_key[(target, portal)] = answers[portal]
    return replace(state, answers=by_key)


def ask(portal: Portal, runner: Runner) -> Answer:
    """Connect to the portal and list its targets.

    :raises CommandError: this host's own part of it failed, such as an iscsid that does not run.
    """
    peer, problem = _connect(portal)
    if peer is None:
        return Answer(problem=problem)
    # "nonpersistent" keeps the answer out of the node database: what else the portal offers is not this task's.
    argv = ("iscsiadm", "-m", "discovery", "-t", "sendtargets", "-p", str(portal), "-o", "nonpersistent")
    try:
        result = runner.run(argv, timeout=DISCOVERY_LIMIT, accept=(0, NO_RECORD, *LOGIN_REJECTED))
    except CommandError as error:
        if error.exit_code not in SILENT:
            raise explained(error, str(portal)) from None
        return Answer(problem=f"answers, but not as an iSCSI target: {explained(error, str(portal)).problem}", peer=peer)
    # A portal may want credentials for discovery, or refuse it: the login then has the last word.
    offers = None if result.exit_code in LOGIN_REJECTED else parse_discovery(result.stdout)
    return Answer(peer=peer, offers=offers)


def _connect(portal: Portal) -> Tuple[Optional[Portal], Optional[str]]:
    try:
        with socket.create_connection((portal.host, portal.port), timeout=CONNECT_LIMIT) as connection:
            address = connection.getpeername()
            return lenient_portal(str(address[0]), int(address[1])), None
    except ConnectionRefusedError:
        return None, "refuses the connection: no target listens there"
    except socket.timeout:
        return None, f"took no connection within {CONNECT_LIMIT:g} s: check address, firewall and route"
    except socket.gaierror as error:
        return None, f"has a host name that cannot be resolved: {error.strerror}"
    except OSError as error:
        return None, f"cannot be reached: {error.strerror or error}"
