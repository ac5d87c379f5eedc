# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of a host from the output of its command: the facts, or the reason why there are none. Pure."""

from __future__ import annotations

from typing import Any, Dict, List

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.collect import parse_output
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.facts import make_facts

from .parallel import Outcome

_MOST_SAID = 300
"""The most characters of standard error in a message. The last lines are taken, because they contain the error."""

_NOT_VERIFIED = "Host key verification failed."
_UNKNOWN_KEY = (
    "the key of the host, or of a jump host before it, is not known here, and one pass cannot ask about it: log in once by ssh and check"
    " the fingerprint, or add the key to known_hosts"
)


def parse_result(outcome: Outcome, timeout: float, zfs_arc: bool) -> Dict[str, Any]:
    """C(meminfo), which is complete, or C(meminfo_error)."""
    said = _said(outcome)
    if outcome.exit_code is None:
        return {"meminfo_error": f"took longer than {timeout:g} s" + (f": {said}" if said else "")}
    if outcome.exit_code and not outcome.stdout:
        return {"meminfo_error": said or f"ended with exit code {outcome.exit_code} without a message"}
    try:
        return {"meminfo": make_facts(parse_output(outcome.stdout.decode("utf-8", "replace")), zfs_arc)}
    except FleetlabError as error:
        return {"meminfo_error": f"{error} (exit code {outcome.exit_code}: {said})" if outcome.exit_code else str(error)}


def _said(outcome: Outcome) -> str:
    """The last whole lines on the standard error, without ssh's debug lines."""
    lines: List[str] = []
    length = 0
    for line in reversed(outcome.stderr.decode("utf-8", "replace").splitlines()):
        if not line.strip() or line.startswith("debug"):
            continue
        length += len(line)
        if lines and length > _MOST_SAID:
            break
        lines.insert(0, line.strip()[-_MOST_SAID:])
    text = "; ".join(lines)
    # ssh reports a changed or revoked key as such, but an unknown key only as not verified.
    if _NOT_VERIFIED in text and not any(word in text for word in ("has changed", "revoked", "REVOKED", "strict checking")):
        return f"{text} ({_UNKNOWN_KEY})"
    return text
