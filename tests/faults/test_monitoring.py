# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody is told: the check, the metrics, the messages and the page say that a mirror is degraded, and that it is whole again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from . import oracle
from .lab import Lab, wait_until

METRICS = "/var/lib/node-exporter"
TOLD = "/var/lib/told"
_PROGRAM = f"#!/bin/sh\nfor word; do printf '%s|' \"$word\"; done >> {TOLD}; echo >> {TOLD}\n"


def check(lab: Lab) -> tuple[int, str]:
    """The exit code of the check, and its line."""
    result = lab.try_run(lab.client, "storage-check")
    assert result.stdout.count("\n") == 1, f"no line of its own: {result.stdout}{result.stderr}"
    return result.returncode, result.stdout.strip()


def metric(lab: Lab, name: str) -> float:
    """A metric of the client."""
    return float(lab.run(lab.client, f"grep -F '{name} ' {METRICS}/fleetlab_storage.prom").rpartition(" ")[2])


def page(lab: Lab, name: str) -> str:
    """The page of the lab, written into the lab's folder."""
    file = lab.logs / name
    argv = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(lab.inventory), "fleetlab.linux.storage_status"]
    environment = {**os.environ, "ANSIBLE_INJECT_FACT_VARS": "false"}
    done = subprocess.run(
        [*argv, "-e", f"storage_status_file={file}"], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return file.read_text(encoding="utf-8")


def test_somebody_is_told_of_a_degraded_mirror(lab: Lab, fault: Any) -> None:
    with fault("31", "a member of a mirror set faulty: who is told") as scene:
        for guest in lab.guests:
            lab.run(guest, f"mkdir -p {METRICS}; rm -f {TOLD}; cat > /usr/local/bin/told; chmod 755 /usr/local/bin/told", _PROGRAM)
        given = f"storage_monitor_textfile={METRICS} storage_monitor_program=/usr/local/bin/told"
        oracle.converges(lab.playbook("-e", given))
        assert check(lab)[0] == 0
        # The timer runs once a minute, and finds the folder for metrics at its next run.
        wait_until(lambda: lab.try_run(lab.client, f"test -e {METRICS}/fleetlab_storage.prom").returncode == 0, 90, "the first metrics")
        assert "All is well." in page(lab, "whole.html")
        begin = time.time()
        disk = lab.run(lab.client, "mdadm --detail /dev/md1 | awk '/active sync/ {print $NF; exit}'")
        lab.run(lab.client, f"mdadm /dev/md1 --fail {disk}")
        code, line = check(lab)
        assert code == 2
        assert line.startswith("CRITICAL - md1 (/dev/md1) is degraded: 2 of 3 members hold current data"), line
        wait_until(
            lambda: metric(lab, 'fleetlab_storage_array_missing_members{array="md1"}') == 1, 90, "the metrics of the degraded mirror"
        )
        since = metric(lab, 'fleetlab_storage_array_degraded_since_timestamp_seconds{array="md1"}')
        assert begin - 5 <= since <= begin + 90
        wait_until(lambda: "Fail|/dev/md1|" in lab.run(lab.client, f"cat {TOLD}"), 90, "the message of mdadm's monitor")
        told = lab.run(lab.client, f"cat {TOLD}")
        assert "StorageProblem|CRITICAL - md1 (/dev/md1) is degraded" in told, told
        drawn = page(lab, "degraded.html")
        assert '<p class="verdict bad">1 problem</p>' in drawn
        assert '<td class="bad"><b>md1</b>' in drawn
        assert '<td class="good"><b>md2</b>' in drawn
        scene.note(f"check 2 by name, metrics after {since - begin:.0f} s, messages of mdadm and of the check, red on the page")
        oracle.converges(lab.playbook("-e", given))
        oracle.wait_whole(lab)
        assert check(lab)[0] == 0
        wait_until(lambda: metric(lab, 'fleetlab_storage_array_missing_members{array="md1"}') == 0, 90, "the metrics of the whole mirror")
        assert metric(lab, 'fleetlab_storage_array_last_recovery_seconds{array="md1"}') > 0
        assert "StorageRecovered|OK - " in lab.run(lab.client, f"cat {TOLD}")
        assert "All is well." in page(lab, "healed.html")
        scene.note("whole again everywhere after the playbook")
        lab.run(lab.client, "storage-scrub 1 1000000 md1")
        lab.run(lab.client, "storage-check --record")
        assert metric(lab, 'fleetlab_storage_array_last_scrub_timestamp_seconds{array="md1"}') >= begin
