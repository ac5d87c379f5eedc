# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The meaning of iscsiadm's exit codes, in words that help a user to act. Pure."""

from __future__ import annotations

import re

from ..._core.errors import CommandError

ALREADY_LOGGED_IN = 15
NO_SESSION = 2
NO_RECORD = 21
AUTHORIZATION_FAILED = 24
LOGIN_REJECTED = (5, 19, AUTHORIZATION_FAILED)
"""The portal speaks iSCSI and rejected the login."""
SILENT = (-1, 4, 8, 11)
"""The peer accepted the connection and did not speak iSCSI; -1 is the time limit of this collection."""
LOGOUT_TRY_AGAIN = (NO_SESSION, 9, 22, 32)
"""Temporary failures of a logout, while iscsid takes over sessions, recovers a session or still logs in."""

# From open-iscsi's include/iscsi_err.h; iscsiadm(8) lists them under EXIT STATUS.
_MEANINGS = {
    1: "iscsiadm failed: see its stderr",
    NO_SESSION: "there is no such session",
    3: "not enough memory",
    4: "the connection failed: the portal refuses it or is not reachable",
    5: "the target rejected the login",
    6: "the node database could not be read or written: check that its file system is writable and not full,"
    " and that no other iscsiadm holds /run/lock/iscsi/lock.write",
    7: "iscsiadm refused an argument as invalid",
    8: "the portal did not answer in time: check address, port, firewall and MTU on the path",
    9: "iscsid had an internal error, or has not finished the session's login: see its journal",
    10: "the logout failed",
    11: "the target stopped answering during the login",
    12: "the kernel has no iSCSI transport for it: load the module iscsi_tcp",
    13: "iscsid refused this user: run as root",
    ALREADY_LOGGED_IN: "a session is logged in already",
    18: "iscsid was reached but did not answer: see its journal",
    19: "the target rejected the login permanently: it does not know this target name at this portal, or no ACL lets this initiator in",
    20: "iscsid is not running and could not be started: start iscsid.socket or iscsid.service",
    NO_RECORD: "there is no node record for it",
    22: "the session was not found in sysfs",
    23: "the portal's host name could not be resolved",
    AUTHORIZATION_FAILED: "authorization failure",
    28: "the session is in use",
    31: "iscsid ended the login early",
    32: "the session is lost, and iscsid was restarted since: it can log out only when the target accepts the session's credentials again",
    33: "iscsid did not finish the request in time: the portal does not complete the login",
}


def meaning(exit_code: int, label: str) -> str:
    """The meaning of an exit code for a target at a portal."""
    if exit_code == AUTHORIZATION_FAILED:
        return f"authorization failure: CHAP user or secret wrong for {label}, or no ACL of the target lets this initiator in"
    known = _MEANINGS.get(exit_code)
    return f"{known} ({label})" if known else f"iscsiadm ended with the unknown code {exit_code} for {label}"


def reported_code(exit_code: int, stderr: str) -> int:
    """The code of the failure itself: for several sessions, or none, iscsiadm prints that code and ends with another code."""
    match = re.search(r"initiator reported error \(([0-9]+) - ", stderr)
    return int(match.group(1)) if match else exit_code


def explained(error: CommandError, label: str) -> CommandError:
    """The failure in words; C(stderr) stays as iscsiadm printed it."""
    if error.exit_code not in _MEANINGS:
        return error
    text = f"{meaning(error.exit_code, label)} (iscsiadm exit code {error.exit_code})"
    return CommandError(error.argv, text, error.exit_code, error.stderr)
