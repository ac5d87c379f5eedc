# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the damages that copy_check finds and the clean copies that it blames, and measure its time: C(make bench-copies).

On each file system that the kernel has, or that the arguments name, at least 200 copies are damaged at random, and as
many are not. Needs root.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from ansible_collections.fleetlab.linux.tests.network import file_systems

_ROUNDS = 30
"""Seven files a round."""


def measure(kind: str, folder: Path) -> list[str]:
    """Print a line of one file system. Returns what missed the goals."""
    with file_systems.mounted(kind, folder) as system:
        started = time.monotonic()
        system.check()
        usual = time.monotonic() - started
        clean = system.check(rounds=_ROUNDS, guard="never")["results"]
        broken = system.check(commands=[file_systems.BROKEN], rounds=_ROUNDS, guard="never")["results"]
    blamed, copies = (sum(found[key] for found in clean) for key in ("damaged", "copies"))
    found, damaged = (sum(each[key] for each in broken) for key in ("damaged", "copies"))
    print(
        f"{kind:10} {found:4} of {damaged} damages found, {blamed} of {copies} clean copies blamed, a usual check took {usual:.2f} s",
        flush=True,
    )
    return [f"{kind}: damages were missed"] * (found < damaged) + [f"{kind}: clean copies were blamed"] * (blamed > 0)


def main() -> int:
    """Return 1 if a damage was missed or a clean copy blamed."""
    os.environ["PYTHONPATH"] = os.path.abspath(".cache/collections")
    failures = []
    for kind in sys.argv[1:] or file_systems.kinds():
        with tempfile.TemporaryDirectory(prefix="fleetlab-bench-") as folder:
            failures += measure(kind, Path(folder))
    print("\n".join(failures), end="")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
