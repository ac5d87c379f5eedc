# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of each machine sees all of its storage, and a timer runs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host

    from .conftest import Lab

testinfra_hosts = ["ansible://storage_servers", "ansible://storage_clients"]


def test_the_check_is_green_and_sees_everything(host: Host, lab: Lab, name: str) -> None:
    line = host.run("/usr/local/sbin/storage-check")
    assert (line.rc, line.stdout.partition(" - ")[0]) == (0, "OK"), line.stdout + line.stderr
    found = json.loads(host.check_output("/usr/local/sbin/storage-check --json"))
    if name in lab.servers:
        assert [len(target["luns"]) for target in found["targets"]] == [lab.volumes]
    else:
        assert len([array for array in found["arrays"] if array["members"]]) == lab.volumes + 1
        assert sorted(len(session["disks"]) for session in found["sessions"]) == [lab.volumes] * len(lab.servers)
        assert len(found["declared_arrays"]) == lab.volumes + 1
        assert {mount["state"] for mount in found["mounts"]} == {"mounted"}


def test_the_timer_is_enabled_and_runs(host: Host) -> None:
    timer = host.service("fleetlab-storage-check.timer")
    assert timer.is_enabled
    assert timer.is_running
