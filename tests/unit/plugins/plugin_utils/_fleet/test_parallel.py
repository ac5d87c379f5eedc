# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass that is asked to end in the moment in which it starts a command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[5]

# The signal comes when the command runs and nobody has been told of it yet.
ASKED_MEANWHILE = """
import asyncio, os, sys
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet import parallel
start = asyncio.create_subprocess_exec
async def asked(*words, **options):
    process = await start(*words, **options)
    print(process.pid, flush=True)
    os.kill(os.getpid(), int(sys.argv[1]))
    return process
asyncio.create_subprocess_exec = asked
parallel.run_all({"a": ["sleep", "600"]}, 1, 600)
"""


def is_running(pid: int) -> bool:
    """Whether it is there, and not only waiting to be collected by who has inherited it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_command_that_is_just_being_started_is_ended_as_well(number: signal.Signals, tmp_path: Path) -> None:
    link = tmp_path / "ansible_collections" / "fleetlab" / "linux"
    link.parent.mkdir(parents=True)
    link.symlink_to(ROOT)
    command = [sys.executable, "-c", ASKED_MEANWHILE, str(int(number))]
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=env, check=False, capture_output=True, text=True, timeout=50)
    assert done.returncode == -number, done.stderr
    deadline = time.monotonic() + 30
    while is_running(int(done.stdout)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
