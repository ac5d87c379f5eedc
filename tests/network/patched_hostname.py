# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package hostname with a patch: built on this machine, published, installed and held on a host that is a root of Debian."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ansible

if TYPE_CHECKING:
    from ansible_collections.fleetlab.linux.scripts.server_roots import ServerRoot

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "/tree/ansible_collections/fleetlab/linux"
MODULE = "ansible_collections.fleetlab.linux.plugins.modules.patched_package"
OWN = next(line[17:].strip('"') for line in Path("/etc/os-release").read_text().splitlines() if line.startswith("VERSION_CODENAME="))
PATCH = """--- a/hostname.c
+++ b/hostname.c
@@ -497,7 +497,7 @@
 \t\t\tfile = optarg;
 \t\t\tbreak;
 \t\tcase 'V':
-\t\t\tprintf("hostname %s\\n", VERSION);
+\t\t\tprintf("hostname %s (patched)\\n", VERSION);
 \t\t\treturn 0;
 \t\tcase '?':
 \t\tcase 'h':
"""


def build(tree: Path, options: dict[str, Any]) -> dict[str, Any]:
    """The result of the module on this machine as the builder."""
    env = {**os.environ, "PYTHONPATH": str(tree)}
    asked = json.dumps({"ANSIBLE_MODULE_ARGS": options})
    done = subprocess.run(
        [sys.executable, "-m", MODULE], env=env, input=asked, stdout=subprocess.PIPE, text=True, check=False, timeout=1200
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def publish_and_install(root: ServerRoot, builds: Path, name: str) -> dict[str, Any]:
    """By a signed archive, on a host that knows nothing else. Returns what each step found, and its seconds."""
    python = ["env", "PYTHONPATH=/tree:/tree/packages", "PYTHONDONTWRITEBYTECODE=1", "python3"]
    binds = {ROOT: COLLECTION, Path(ansible.__path__[0]).parent: "/tree/packages", builds: "/tree/builds"}
    done = root.run(*python, f"{COLLECTION}/tests/network/archive_agent.py", "/tree/builds", name, binds=binds, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
