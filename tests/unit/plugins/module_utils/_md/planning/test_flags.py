# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members that are read last or fail at once: on new and on running arrays, and on members that were replaced."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Command
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.machine import Machine, want, with_disks

THREE = ["/dev/sdb", "/dev/sdc", "/dev/sdd"]
MIRROR: Dict[str, Any] = {"level": "raid1", "devices": THREE}


def argvs(host: Machine, wanted: Any) -> List[str]:
    return [" ".join(argv) for argv in host.plan(wanted).commands()]


def test_flags_of_a_new_array_and_of_a_running_one() -> None:
    host = with_disks("sdb", "sdc", "sdd")
    wanted = want(**MIRROR, write_mostly=["/dev/sdd"], failfast=["/dev/sdb"])
    host.converge(wanted)
    assert host.flags == {"sdd": ("write_mostly",), "sdb": ("failfast",)}
    assert argvs(host, wanted) == []
    other = want(**MIRROR, write_mostly=[])
    outcome = host.plan(other)
    assert [(step.argv, step.stdin) for step in outcome.steps if isinstance(step, Command)] == [
        (("tee", "/sys/block/md1/md/dev-sdd/state"), "-writemostly\n")
    ]
    host.converge(other)
    # What the task does not name stays.
    assert host.flags["sdb"] == ("failfast",)
    assert argvs(host, other) == []


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_kill_at_any_step_is_completed_and_the_plan_foretells_the_flags(data: st.DataObject) -> None:
    host = with_disks("sdb", "sdc", "sdd")
    host.converge(want(**MIRROR, write_mostly=data.draw(st.sampled_from([None, [], THREE[:1]]))))
    chosen = st.lists(st.sampled_from(THREE), unique=True, max_size=2)
    wanted = want(**MIRROR, write_mostly=data.draw(chosen), failfast=data.draw(chosen))
    steps = host.plan(wanted).steps
    for step in steps[: data.draw(st.integers(0, len(steps)))]:
        host.do(step, [wanted])
    (foretold,) = host.converge(wanted).state.arrays
    assert {one.device: set(one.state) for one in foretold.members} == {
        one.device: set(one.state) for one in host.state([wanted]).arrays[0].members
    }
    assert argvs(host, wanted) == []


def test_flags_that_the_kernel_does_not_have_are_refused() -> None:
    with pytest.raises(InputError, match="no such members in raid1e"):
        want(level="raid1e", devices=THREE, write_mostly=THREE[:1])
    with pytest.raises(InputError, match="no such members in raid5"):
        want(level="raid5", devices=THREE, failfast=THREE[:1])
    with pytest.raises(InputError, match="none would be left to read from"):
        want(**MIRROR, write_mostly=THREE)
    with pytest.raises(InputError, match="/dev/sdz is not among devices"):
        want(**MIRROR, failfast=["/dev/sdz"])
