# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ftpaccess_info costs, in a root of a Debian release: C(make bench-ftpaccess ARGS=trixie).

Each goal is printed as a ratio of the value to the goal; up to 1 is reached.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import ansible

TREE = Path(__file__).resolve().parents[2] / ".cache" / "collections"
USERS, COMPUTED, TRIED = 100, 2.0, 1.5
PROGRAM = f"""
import json, os, time
from ansible_collections.fleetlab.linux.tests.network import ftp_agent as agent
agent.add_users()
files = {{"/home/.ftpaccess": "<Limit WRITE>\\nDenyAll\\n</Limit>\\n"}}
agent.lay_out({{"folders": [], "files": files, "links": {{}}, "modes": {{}}, "conf": "DefaultRoot ~"}})
for number in range({USERS} - len(agent.USERS)):
    with open("/etc/passwd", "a") as stream:
        stream.write(f"many{{number}}:x:{{3000 + number}}:100::/home/many{{number}}:/bin/sh\\n")
    os.mkdir(f"/home/many{{number}}")
begin = time.monotonic()
found, cases = agent.observe(agent.Host(), agent.host_runner(), agent.Wanted(agent.CONF))
verdicts = [agent.judge(case) for case in cases]
computed = time.monotonic() - begin
begin = time.monotonic()
agent.try_out(found, verdicts)
print(json.dumps({{"users": len(verdicts), "computed": computed, "tried": (time.monotonic() - begin) / len(verdicts)}}))
"""


def main() -> int:
    """Measure once, and say which goals are reached."""
    sys.path.insert(0, str(TREE))
    from ansible_collections.fleetlab.linux.scripts.server_roots import server_root

    binds = {Path(__file__).resolve().parents[2]: "/tree/ansible_collections/fleetlab/linux", Path(ansible.__path__[0]): "/tree/ansible"}
    root = server_root(sys.argv[1] if len(sys.argv) > 1 else "bookworm")
    done = root.run("env", "PYTHONPATH=/tree", "PYTHONDONTWRITEBYTECODE=1", "python3", "-c", PROGRAM, binds=binds, timeout=300)
    if done.returncode:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout)
    ratios = {f"{found['users']} users computed, s": found["computed"] / COMPUTED, "a trial of one user, s": found["tried"] / TRIED}
    for (name, ratio), value in zip(ratios.items(), (found["computed"], found["tried"]), strict=True):
        print(f"{ratio:6.2f}  {name}: {value:.3f}")
    return int(any(ratio > 1 for ratio in ratios.values()))


if __name__ == "__main__":
    sys.exit(main())
