# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members that leave a raid1 for good, present, failed or gone, also after a kill at any step."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError, RefusedError
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.machine import Machine, want, with_disks

THREE = ["/dev/sdb", "/dev/sdc", "/dev/sdd"]


def mirror(**options: Any) -> Any:
    return want(level="raid1", **options)


def made() -> Machine:
    host = with_disks("sdb", "sdc", "sdd")
    host.converge(mirror(devices=THREE))
    host.write("md1")
    return host


def argvs(host: Machine, wanted: Any) -> List[str]:
    return [" ".join(argv) for argv in host.plan(wanted).commands()]


LESS: Dict[str, Any] = {"devices": [THREE[0], THREE[2]], "leaving": [THREE[1]]}


def test_a_member_leaves_and_the_mirror_has_fewer_devices() -> None:
    host, wanted = made(), mirror(**LESS)
    assert argvs(host, wanted)[:3] == [
        "mdadm --manage /dev/md1 --fail /dev/sdc",
        "remove_member array=/dev/md1 device=sdc",
        "mdadm --grow /dev/md1 --raid-devices=2",
    ]
    host.converge(wanted)
    assert (host.running["md1"].members, host.running["md1"].raid_disks) == (["sdb", "sdd"], 2)
    assert host.disks["sdc"].superblock is None
    assert argvs(host, wanted) == []


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_kill_at_any_step_is_completed(data: st.DataObject) -> None:
    host, wanted = made(), mirror(**LESS)
    before = data.draw(st.sampled_from(["healthy", "failed", "gone"]))
    if before != "healthy":
        host.fail("md1", "sdc")
    if before == "gone":
        host.running["md1"].members.remove("sdc")
        host.running["md1"].faulty.clear()
        del host.disks["sdc"]
    steps = host.plan(wanted).steps
    for step in steps[: data.draw(st.integers(0, len(steps)))]:
        host.do(step, [wanted])
    host.converge(wanted)
    assert (host.running["md1"].members, host.running["md1"].raid_disks) == (["sdb", "sdd"], 2)
    assert argvs(host, wanted) == []


def test_no_member_leaves_while_another_lacks_data() -> None:
    host = made()
    host.fail("md1", "sdd")
    with pytest.raises(RefusedError, match="/dev/sdd does not hold current data, so /dev/sdc cannot leave"):
        host.plan(mirror(**LESS))


def test_only_a_raid1_can_do_with_fewer() -> None:
    with pytest.raises(InputError, match="raid1e cannot do with fewer devices"):
        want(level="raid1e", **LESS)
    with pytest.raises(InputError, match="/dev/sdb is among devices too"):
        mirror(devices=THREE[:2], leaving=THREE[:1])
