# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a package with a patch costs, from its source to the host: C(make bench-packages).

hostname is built on this machine, published in a signed archive, installed and held on a host that is a root of the same release, and all
of it is run again. Each goal is printed as a ratio of the value to the goal; up to 1 is reached. The builder needs Debian, root, and a way
to an archive of packages and sources.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ansible_collections.fleetlab.linux.scripts.server_roots import server_root
from ansible_collections.fleetlab.linux.tests.network.patched_hostname import OWN, PATCH, build, publish_and_install

TREE = Path(__file__).resolve().parents[2] / ".cache" / "collections"
ALL, AGAIN, INFO = 60.0, 1.0, 0.3
"""The goals, in seconds."""


def measure(folder: Path) -> dict[str, tuple[float, float]]:
    """The value and the goal of each step."""
    patch, builds = folder / "output.patch", folder / "builds"
    patch.write_text(PATCH, encoding="utf-8")
    options: dict[str, Any] = {
        "name": "hostname",
        "state": "built",
        "patches": [str(patch)],
        "directory": str(builds),
        "allow_essential": True,
    }
    times = [time.monotonic()]
    results = []
    for _run in range(2):
        results.append(build(TREE, options))
        times.append(time.monotonic())
    if [each.get("changed") for each in results] != [True, False]:
        raise SystemExit(f"patched_package: {results}")
    found = publish_and_install(server_root(OWN), builds, "hostname")
    if not found["installed"].get("held") or found["publish again"]["changed"] or found["install again"]["changed"]:
        raise SystemExit(f"patched_package: {found}")
    built = times[1] - times[0]
    print(f"built in {built:.1f} s, published, installed and held in {found['all']['seconds']:.1f} s")
    return {
        "hostname built, published, installed and held": (built + found["all"]["seconds"], ALL),
        "a second build, unchanged": (times[2] - times[1], AGAIN),
        "published again, unchanged": (found["publish again"]["seconds"], AGAIN),
        "installed again, unchanged": (found["install again"]["seconds"], AGAIN),
        "patched_package_info": (found["info"]["seconds"], INFO),
    }


def main() -> int:
    """Return 1 if a goal was missed."""
    # The root is made once, and belongs to no goal.
    server_root(OWN)
    with tempfile.TemporaryDirectory(prefix="fleetlab-bench-") as folder:
        values = measure(Path(folder))
    for name, (value, goal) in values.items():
        print(f"{value / goal:6.2f}  {name}, s: {value:.2f} (the goal is {goal:g})")
    return int(any(value > goal for value, goal in values.values()))


if __name__ == "__main__":
    sys.exit(main())
