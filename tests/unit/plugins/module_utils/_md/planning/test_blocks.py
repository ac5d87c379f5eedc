# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices whose logical blocks would change those of an array are refused by name, at creation, replacement, growth and as spares."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Mapping

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.state import State
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.machine import Machine, plan_arrays, want, with_disks

MIRROR: Dict[str, Any] = {"level": "raid1", "devices": ["/dev/sdb", "/dev/sdc"]}


def sectors(host: Machine, sizes: Mapping[str, int], *wanted: Any) -> State:
    """The state of the machine, with these logical blocks; other devices have blocks of 512 bytes."""
    state = host.state(wanted)
    changed = {name: replace(device, block_size=sizes.get(name, 512)) for name, device in state.devices.items()}
    return state.with_devices(changed)


def mirror() -> Machine:
    host = with_disks("sdb", "sdc", "sdd")
    host.converge(want(**MIRROR))
    return host


@pytest.mark.parametrize(
    "options",
    [
        {"devices": ["/dev/sdb", "/dev/sdd"], "replace_failed": True},
        {"devices": ["/dev/sdb", "/dev/sdc", "/dev/sdd"], "grow": True},
        {"spares": ["/dev/sdd"]},
    ],
    ids=["replacement", "growth", "spare"],
)
def test_no_member_with_larger_blocks_joins_an_array(options: Dict[str, Any]) -> None:
    host, wanted = mirror(), want(**{**MIRROR, **options})
    if "replace_failed" in options:
        host.fail("md1", "sdc")
        host.silent.add("sdc")
        host.running["md1"].members.remove("sdc")
    with pytest.raises(RefusedError) as caught:
        plan_arrays(sectors(host, {"sdd": 4096}, wanted), [wanted])
    assert "array md1" in str(caught.value)
    assert "it has logical blocks of 512 bytes, and /dev/sdd has blocks of 4096 bytes" in str(caught.value)
    assert plan_arrays(sectors(host, {}, wanted), [wanted]).changed
    # Smaller blocks leave the array as it is.
    assert plan_arrays(sectors(host, {"md1": 4096, "sdb": 4096}, wanted), [wanted]).changed


def test_no_member_with_larger_blocks_joins_a_stripe() -> None:
    stripe: Dict[str, Any] = {"level": "raid0", "grow": True}
    host, wanted = with_disks("sdb", "sdc", "sdd"), want(**stripe, devices=["/dev/sdb", "/dev/sdc", "/dev/sdd"])
    host.converge(want(**stripe, devices=["/dev/sdb", "/dev/sdc"]))
    with pytest.raises(RefusedError, match="it has logical blocks of 512 bytes, and /dev/sdd has blocks of 4096 bytes"):
        plan_arrays(sectors(host, {"sdd": 4096}, wanted), [wanted])
    assert plan_arrays(sectors(host, {}, wanted), [wanted]).changed


def test_a_new_array_of_mixed_devices_is_made_only_on_request() -> None:
    host = with_disks("sdb", "sdc")
    for size, message in (
        (None, "the logical blocks of its members differ: /dev/sdb has blocks of 512 bytes, /dev/sdc has blocks of 4096 bytes"),
        (512, "it would have logical blocks of 4096 bytes, and block_size asks for 512"),
    ):
        wanted = want(**MIRROR, block_size=size)
        with pytest.raises(RefusedError, match=message):
            plan_arrays(sectors(host, {"sdc": 4096}, wanted), [wanted])
    wanted = want(**MIRROR, block_size=4096)
    outcome = plan_arrays(sectors(host, {"sdc": 4096}, wanted), [wanted])
    assert outcome.changed
    assert outcome.state.devices["md1"].block_size == 4096


def test_a_host_that_does_not_show_the_blocks_is_not_refused() -> None:
    host, wanted = with_disks("sdb", "sdc"), want(**MIRROR)
    assert plan_arrays(sectors(host, {"sdb": 0}, wanted), [wanted]).changed
