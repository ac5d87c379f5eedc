# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a host printed in one pass to its variables: the facts, or why there are none. Pure."""

from __future__ import annotations

from typing import Any, Dict, List

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.collect import parse_output
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.facts import make_facts

from .parallel import Outcome

_MOST_SAID = 300
"""Characters of the last lines that ssh, sudo or the host wrote: what went wrong comes last."""

_NOT_VERIFIED = "Host key verification failed."
_UNKNOWN_KEY = (
    "the key of the host, or of a jump host before it, is not known here, and one pass asks nobody: log in once by ssh and check the"
    " fingerprint, or add the key to known_hosts"
)


def parse_result(outcome: Outcome, timeout: float, zfs_arc: bool) -> Dict[str, Any]:
    """C(meminfo) or C(meminfo_error); never the first in part."""
    said = _said(outcome)
    if outcome.exit_code is None:
        return {"meminfo_error": f"took longer than {timeout:g} s" + (f": {said}" if said else "")}
    if outcome.exit_code and not outcome.stdout:
        return {"meminfo_error": said or f"ended with exit code {outcome.exit_code} without a word"}
    try:
        return {"meminfo": make_facts(parse_output(outcome.stdout.decode("utf-8", "replace")), zfs_arc)}
    except FleetlabError as error:
        return {"meminfo_error": f"{error} (exit code {outcome.exit_code}: {said})" if outcome.exit_code else str(error)}


def _said(outcome: Outcome) -> str:
    """The last whole lines on the standard error, but for those that ssh prints where it was told to be talkative."""
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
    # ssh says that a key has changed or was revoked, but of one that it does not know only that it was not verified.
    if _NOT_VERIFIED in text and not any(word in text for word in ("has changed", "revoked", "REVOKED", "strict checking")):
        return f"{text} ({_UNKNOWN_KEY})"
    return text
