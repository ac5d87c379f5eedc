# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent of a host that is a root of a Debian release, which has files, processes and a network of its own already."""

from __future__ import annotations

import json
import sys

from ansible_collections.fleetlab.linux.tests.network.agent import answer_module, run


def main() -> None:
    """Answer requests until the input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        answer = run(asked["run"], asked.get("stdin"), asked.get("limit", 30)) if "run" in asked else answer_module(asked)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
