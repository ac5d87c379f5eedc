# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell somebody: a webhook gets a JSON object, a program gets words. Both are named in the settings of this host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from .tree import Tree

SETTINGS = "/etc/fleetlab/storage-check.json"
_SECONDS = 20


def main(argv: list[str] | None = None) -> int:
    """The program that mdadm's monitor starts: storage-event EVENT DEVICE [MEMBER]."""
    words = sys.argv[1:] if argv is None else argv
    if len(words) not in (2, 3):
        sys.stderr.write("usage: storage-event EVENT DEVICE [MEMBER]\n")
        return 2
    event, device, member = [*words, ""][:3]
    text = f"{event} on {device}" + (f", member {member}" if member else "")
    return 0 if tell(Tree(), event, text, words[1:], device=device, member=member) else 1


def tell(tree: Tree, event: str, text: str, words: list[str], **details: Any) -> bool:
    """Tell everybody who is named in the settings; false if one of them was not reached. Nobody named is no failure."""
    settings = tree.load(SETTINGS)
    host = os.uname().nodename
    problems = []
    if settings.get("webhook"):
        problems += _post(settings["webhook"], {"text": f"{host}: {text}", "host": host, "event": event, **details})
    if settings.get("program"):
        problems += _start([settings["program"], event, *words])
    for problem in problems:
        sys.stderr.write(f"ERROR: {event} was not reported: {problem}\n")
    return not problems


def _post(url: str, content: dict[str, Any]) -> list[str]:
    # Imported here, because a run without news must not pay for it.
    import http.client
    import urllib.request

    request = urllib.request.Request(url, json.dumps(content).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS):
            return []
    except (OSError, ValueError, http.client.HTTPException) as error:
        # The address may have a secret, and is not shown.
        return [f"the webhook failed: {getattr(error, 'reason', None) or type(error).__name__}"]


def _start(words: list[str]) -> list[str]:
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, timeout=3 * _SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"{words[0]}: {error}"]
    return [f"{words[0]} ended with exit code {done.returncode}"] if done.returncode else []
