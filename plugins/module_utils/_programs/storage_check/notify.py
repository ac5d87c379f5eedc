# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell somebody: a webhook gets a JSON object, a program gets words. Both are named in the settings of this host."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from .tree import Tree

SETTINGS = "/etc/fleetlab/storage-check.json"
CHANNELS = ("webhook", "program")
"""The keys of the settings that name somebody."""

_SECONDS = 20
_ALARMS = ("DegradedArray", "DeviceDisappeared", "Fail", "FailSpare", "SparesMissing", "TestMessage")
"""The events of mdadm's monitor that a webhook gets; a program gets all, as from mdadm itself."""


def main(argv: list[str] | None = None) -> int:
    """The program that mdadm's monitor starts: storage-event EVENT DEVICE [MEMBER]."""
    words = sys.argv[1:] if argv is None else argv
    if len(words) not in (2, 3):
        sys.stderr.write("usage: storage-event EVENT DEVICE [MEMBER]\n")
        return 2
    event, device, member = [*words, ""][:3]
    text = f"{event} on {device}" + (f", member {member}" if member else "")
    channels = [channel for channel in CHANNELS if channel == "program" or event in _ALARMS]
    told = [tell(Tree(), channel, event, text, words[1:], device=device, member=member) for channel in channels]
    return 0 if all(told) else 1


def tell(tree: Tree, channel: str, event: str, text: str, words: list[str], **details: Any) -> bool:
    """Tell whoever the settings name for a channel; false if that failed. Nobody named is no failure."""
    named = tree.load(SETTINGS).get(channel)
    if not named:
        return True
    if channel == "webhook":
        host = os.uname().nodename
        problem = _post(named, {"text": f"{host}: {text}", "host": host, "event": event, **details})
    else:
        problem = _start([named, event, *words])
    if problem:
        sys.stderr.write(f"ERROR: {event} was not reported: {problem}\n")
    return not problem


def _post(url: str, content: dict[str, Any]) -> str:
    # Imported here, because a run without news must not pay for it.
    import http.client
    import urllib.request

    request = urllib.request.Request(url, json.dumps(content).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.build_opener().open(request, timeout=_SECONDS):
            return ""
    except (OSError, ValueError, http.client.HTTPException) as error:
        # The address may have a secret, and is not shown.
        return f"the webhook failed: {getattr(error, 'reason', None) or type(error).__name__}"


def _start(words: list[str]) -> str:
    child = os.fork()
    if child == 0:
        try:
            # timeout(1) writes a line of its own where the program cannot be started.
            os.execvp("timeout", ["timeout", str(3 * _SECONDS), *words])
        finally:
            os._exit(127)
    _child, status = os.waitpid(child, 0)
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
    return f"{words[0]} ended with exit code {code}" if code else ""
