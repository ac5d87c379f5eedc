# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of an array is neither a spare nor a stranger: it stays, and the array is assembled with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.array import Member
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.state import State
from ansible_collections.fleetlab.linux.plugins.module_utils._md.show import describe
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.machine import Machine, plan_arrays, want, with_disks

PARITY: Dict[str, Any] = {"level": "raid5", "devices": ["/dev/sdb", "/dev/sdc", "/dev/sdd"]}


def stopped(*wanted: Any, journal: bool = True) -> State:
    """The state of a host with a stopped raid5 and its journal on sde."""
    host = machine()
    del host.running["md1"]
    state = host.state(wanted)
    blocks = {name: state.devices[name].superblock for name in ("sdb", "sdc", "sdd")}
    changed = {name: replace(state.devices[name], superblock=replace(block, journaled=True)) for name, block in blocks.items() if block}
    first = changed["sdb"].superblock
    if journal and first:
        changed["sde"] = replace(state.devices["sde"], superblock=replace(first, role=None, journal=True))
    return state.with_devices(changed)


def machine() -> Machine:
    host = with_disks("sdb", "sdc", "sdd", "sde")
    host.converge(want(**PARITY))
    return host


def running(*wanted: Any) -> State:
    """The state of a host with a running raid5 and its journal on sde."""
    state = machine().state(wanted)
    array = state.arrays[0]
    return state.with_changed_array(replace(array, members=(*array.members, Member("sde", None, ("journal",)))))


@pytest.mark.parametrize("options", [{}, {"spares": []}, {"spares": ["/dev/sde"]}, {"replace_failed": True}])
def test_the_journal_of_a_running_array_stays(options: Dict[str, Any]) -> None:
    wanted = want(**PARITY, **options)
    state = running(wanted)
    assert plan_arrays(state, [wanted]).steps == ()
    assert describe(state, state.arrays[0])["members"][-1]["state"] == "journal"


@pytest.mark.parametrize("options", [{}, {"spares": ["/dev/sde"]}])
def test_a_stopped_array_is_assembled_with_its_journal(options: Dict[str, Any]) -> None:
    wanted = want(**PARITY, **options)
    argvs: List[str] = [" ".join(argv) for argv in plan_arrays(stopped(wanted), [wanted]).commands()]
    assembly = next(argv for argv in argvs if "--assemble" in argv)
    assert assembly.endswith("/dev/sdb /dev/sdc /dev/sdd /dev/sde")


def test_without_its_journal_an_array_is_not_started() -> None:
    wanted = want(**PARITY)
    with pytest.raises(RefusedError, match="it has a journal, and no device of this host carries it"):
        plan_arrays(stopped(wanted, journal=False), [wanted])


def test_a_journal_is_no_former_spare_whose_superblock_is_erased() -> None:
    state = stopped()
    uuid = next(device.superblock.uuid for device in state.devices.values() if device.superblock)
    assert [device.kernel_name for device in state.journals(uuid)] == ["sde"]
    assert state.former_spares(uuid) == []
