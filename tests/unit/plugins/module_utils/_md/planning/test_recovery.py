# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays that lost all their members are stopped, and come back from the members that have the last writes."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Step
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.wanted import WantedArray
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.machine import JOURNAL, Machine, want, with_disks

DISKS = ["/dev/sdb", "/dev/sdc", "/dev/sdd"]


def mirror(**options: object) -> WantedArray:
    return want("md1", **{"level": "raid1", "devices": DISKS, "replace_failed": True, **options})


STRIPE = want("md99", level="raid0", devices=["/dev/md1", "/dev/sde"], size_tolerance=100)
STOPPED = [want("md1", state="stopped"), want("md99", state="stopped")]


def lost(**failed: Tuple[Tuple[int, int], ...]) -> Machine:
    """A stripe over a mirror that lost all its members, sdd the last."""
    host = with_disks("sdb", "sdc", "sdd", "sde")
    for disk in host.disks:
        host.disks[disk].identity = f"naa.{disk}"
    host.converge(mirror(), STRIPE)
    host.write("md1")
    host.lose_all("md1", **failed)
    return host


def members(host: Machine) -> List[str]:
    """Those that the mirror was assembled from, without those that are being brought back."""
    array = host.running["md1"]
    return [name for name in array.members if name not in array.rebuilding]


def udev_starts_it(host: Machine) -> None:
    """The disks are back, and udev takes all of them: they look alike. Nothing was written yet."""
    host.silent.clear()
    host.reboot()
    host.running["md1"].auto_read_only = True


# The first block could not be written to sdb and sdd, the second one only to sdd.
FAILED = {"sdb": ((1024, 8),), "sdd": ((1024, 8), (2048, 8))}
# The first one not to sdb and sdd, the second one not to sdc and sdd.
FAILED_ON_ALL = {**FAILED, "sdc": ((2048, 8),)}
GAPS = [[1024, 8, [["/dev/sdc", 1024]]], [2048, 8, [["/dev/sdb", 2048]]]]


def test_it_comes_back_from_the_member_that_took_every_write() -> None:
    host = lost(sdb=((1024, 8),), sdd=((1024, 8),))
    host.converge(*STOPPED)
    assert host.running == {}
    host.silent.clear()
    outcome = host.converge(mirror(), STRIPE)
    assert members(host) == ["sdc"]
    assert host.completed == []
    assert [healing.method for healing in outcome.healed] == ["re-add", "re-add"]
    assert any("had lost all its members" in warning for warning in outcome.warnings)
    assert JOURNAL not in host.files
    host.settle()
    assert host.plan(mirror(), STRIPE).steps == ()


def test_where_a_write_failed_on_each_the_last_one_gets_what_it_lacks() -> None:
    host = lost(**FAILED_ON_ALL)
    host.converge(*STOPPED)
    host.silent.clear()
    host.converge(mirror(), STRIPE)
    assert members(host) == ["sdd"]
    assert host.completed == [("/dev/sdd", GAPS)]


def test_a_second_stop_has_nothing_to_do_and_keeps_what_is_noted() -> None:
    host = lost(**FAILED)
    host.converge(*STOPPED)
    noted = host.files[JOURNAL]
    assert host.plan(*STOPPED).steps == ()
    assert host.files[JOURNAL] == noted


def test_what_udev_has_put_together_meanwhile_is_taken_apart() -> None:
    host = lost(**FAILED)
    host.converge(*STOPPED)
    udev_starts_it(host)
    assert sorted(host.running["md1"].members) == ["sdb", "sdc", "sdd"]
    host.converge(mirror(), STRIPE)
    assert members(host) == ["sdc"]
    assert host.running["md99"].active


def test_what_udev_has_put_together_is_noted_no_second_time() -> None:
    host = lost(**FAILED)
    host.converge(*STOPPED)
    noted = host.files[JOURNAL]
    udev_starts_it(host)
    host.converge(*STOPPED)
    assert host.files[JOURNAL] == noted


def test_what_udev_has_put_together_and_is_in_use_is_refused() -> None:
    host = lost(**FAILED)
    host.converge(*STOPPED)
    udev_starts_it(host)
    host.inside[host.running["md99"].superblock.uuid].mounts = ("/srv",)
    with pytest.raises(RefusedError, match="in use: /dev/md99 is mounted on /srv"):
        host.plan(mirror(), STRIPE)
    with pytest.raises(RefusedError, match="/dev/md99 lies on it and is not declared here"):
        host.plan(mirror())


def test_an_array_that_went_on_outdates_what_was_noted() -> None:
    host = lost(**FAILED)
    host.converge(*STOPPED)
    host.silent.clear()
    host.reboot()
    host.converge(mirror(), STRIPE)
    assert sorted(members(host)) == ["sdb", "sdc", "sdd"]
    assert JOURNAL not in host.files


def test_a_member_that_may_have_more_is_waited_for() -> None:
    host = lost(**FAILED)
    host.converge(*STOPPED)
    host.silent = {"sdc"}
    with pytest.raises(RefusedError, match=r"naa\.sdc, which may have them, is missing"):
        host.plan(mirror())
    host.converge(mirror(run_degraded=True))
    assert members(host) == ["sdd"]


def test_without_healing_it_only_starts_if_it_may_be_degraded() -> None:
    host = lost(**FAILED)
    host.converge(*STOPPED)
    host.silent.clear()
    with pytest.raises(RefusedError, match="/dev/sdb may lack its last writes"):
        host.plan(mirror(replace_failed=False))


def test_an_array_that_goes_is_forgotten() -> None:
    host = lost(**FAILED)
    host.converge(*STOPPED)
    host.silent.clear()
    host.converge(want("md99", state="absent"), want("md1", state="absent"))
    assert JOURNAL not in host.files


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_run_killed_at_any_step_never_starts_it_from_others(data: st.DataObject) -> None:
    host = lost(**FAILED_ON_ALL)
    for step in killed(host.plan(*STOPPED).steps, data):
        host.do(step)
    host.converge(*STOPPED)
    host.silent.clear()
    for step in killed(host.plan(mirror(), STRIPE).steps, data):
        host.do(step, [mirror(), STRIPE])
    host.converge(mirror(), STRIPE)
    assert members(host) == ["sdd"]
    assert set(map(str, host.completed)) == {str(("/dev/sdd", GAPS))}
    assert JOURNAL not in host.files


def killed(steps: Sequence[Step], data: st.DataObject) -> Sequence[Step]:
    """As many of the steps as a killed run gets to."""
    return steps[: data.draw(st.integers(0, len(steps)))]
