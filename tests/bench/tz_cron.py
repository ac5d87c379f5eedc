# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a call of the runner costs that has nothing to do, which is most of them: C(make bench-tz-cron).

Compared with C(true) started by sh, which is what cron does for any entry, and with the first form of this program: bash with find and
date. CPU time is the kernel's account of each process and all it started. The ways are run in turn, so that a busy machine is
equally busy for all; what is shown is the median.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ansible_collections.fleetlab.linux.plugins.module_utils._cron.program import COMMAND, LIBRARY, files
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.state import Definition
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.job import DEFINITIONS, STATES

GOAL = 0.040

# The steps of the first form: is the state old, what hour is it there, is that one of the hours.
BASH = """\
hours=${1//,/ } zone=$2 minutes=$3 state=$4
[ "$(find "$state" -type f -mmin -"$minutes")" = "$state" ] || echo "no successful run in the last $minutes minutes" >&2
[ -e "/usr/share/zoneinfo/$zone" ] || exit 1
now=$(TZ=$zone date +%H)
for hour in $hours; do [ "$hour" -ne "$now" ] || echo due; done
"""


def install(root: Path, python: str) -> list[str]:
    """The runner in a folder, with one job, and the call of it."""
    for path, content in files(python).items():
        for folder in (str(Path(LIBRARY).parent), DEFINITIONS, STATES):
            content = content.replace(f'"{folder}"', f'"{root}{folder}"')
        file = root / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    command = root / COMMAND[1:]
    command.chmod(0o755)
    definitions = root / DEFINITIONS[1:]
    definitions.mkdir(parents=True)
    (root / STATES[1:] / "bench").mkdir(parents=True, mode=0o700)
    # Half a day away, in whole hours.
    hour = (time.gmtime().tm_hour + 12) % 24
    job = Definition("bench", "Etc/UTC", (f"{hour:02d}:30",), "true", warn_after=15 * 60)
    (definitions / "bench.json").write_text(job.content(), encoding="utf-8")
    subprocess.run([python, "-I", "-m", "compileall", "-q", str(root / LIBRARY[1:])], check=True)
    return [str(command), "--job", "bench"]


def cpu_seconds(argv: list[str]) -> float:
    """CPU time of one command and all its child processes."""
    pid = os.posix_spawn(argv[0], argv, os.environ)
    _pid, status, usage = os.wait4(pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(argv)}: exit code {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime


def measure(ways: dict[str, list[str]], runs: int) -> dict[str, list[float]]:
    """Run all ways in turn, several times, after one run that fills the caches."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(runs + 1):
        for name, argv in ways.items():
            seconds = cpu_seconds(argv)
            if number:
                found[name].append(seconds)
    return found


def main() -> int:
    """Measure, show, and say whether the goal is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100, help="how often each way is run (default: %(default)s)")
    parser.add_argument("--python", default="/usr/bin/python3", help="the Python of the runner (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="a file for the result")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fleetlab-bench-") as place:
        root = Path(place)
        state = root / "bash.state"
        state.touch()
        script = root / "run-at.bash"
        script.write_text(BASH, encoding="utf-8")
        hour = str((time.gmtime().tm_hour + 12) % 24)
        ways = {
            "sh -c true": ["/bin/sh", "-c", "true"],
            "bash, find, date": ["/bin/bash", str(script), hour, "Etc/UTC", "900", str(state)],
            "run-at": install(root, arguments.python),
        }
        found = measure(ways, arguments.runs)
    medians = {name: statistics.median(times) for name, times in found.items()}
    base = medians["sh -c true"]
    print(f"{'':18} {'CPU':>9} {'of sh':>7}")
    for name, seconds in medians.items():
        print(f"{name:18} {seconds * 1000:6.1f} ms {seconds / base:7.1f}")
    print(f"goal for run-at: under {GOAL * 1000:.0f} ms; {arguments.runs} runs each, {arguments.python}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"goal": GOAL, "runs": arguments.runs, "medians": medians}, indent=2) + "\n", encoding="utf-8")
    return 0 if medians["run-at"] < GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
