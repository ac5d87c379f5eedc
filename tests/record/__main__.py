# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Started on a machine that is thrown away afterwards: C(python3 -m ...tests.record OUTPUT TOOL...) as root.

Each tool is put through its scenes, and what it prints is written below OUTPUT as it is kept in tests/fixtures. Disks, services and
firewalls of the machine are used as the scenes need them, and what was on them is lost. C(scripts/record.py) brings this to a guest of a
lab or into a root of another release, and fetches what was recorded.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

SCENES = {
    "cron": "cron_scenes",
    "cronie": "cron_scenes",
    "fio": "fio_scenes",
    "iscsi": "iscsi_scenes",
    "mdadm": "mdadm_scenes",
    "memory": "memory_scenes",
    "memory-guest": "memory_guest",
    "netns": "netns_scenes",
    "systemd": "systemd_scenes",
    "throughput": "throughput_scenes",
}


def main(arguments: list[str]) -> int:
    """Record the named tools."""
    output, *tools = arguments
    if not tools or not set(tools) <= set(SCENES):
        print(f"usage: record OUTPUT TOOL...; the tools are {', '.join(SCENES)}", file=sys.stderr)
        return 2
    for tool in tools:
        importlib.import_module(f"{__package__}.{SCENES[tool]}").record(Path(output))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
