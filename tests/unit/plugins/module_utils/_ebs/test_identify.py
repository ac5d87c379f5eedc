# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A volume is its disk and no other one, whatever the disks are called."""

from __future__ import annotations

import random
from typing import List, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError, ObservationError, RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._ebs.identify import all_volumes, identify, ready
from ansible_collections.fleetlab.linux.plugins.module_utils._ebs.options import Volume, check_volumes, make_volume
from ansible_collections.fleetlab.linux.plugins.module_utils._ebs.state import Disk, volume_id, xen_name

IDS = st.integers(0, 16**17 - 1).map(lambda number: f"vol-{number:017x}")


def nvme(name: str, identity: str) -> Disk:
    """A disk with the name that udev makes for it."""
    serial = identity.replace("-", "")
    return Disk(name, 1, serial=serial, links=(f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{serial}",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vol0123456789abcdef0", "vol-0123456789abcdef0"),
        ("vol-0123456789abcdef0   ", "vol-0123456789abcdef0"),
        ("vol12345678", "vol-12345678"),
        ("AWS22A2B3C4D5E6F7A8B", None),
        ("vol0123456789ABCDEF0", None),
        ("vol-012345678", None),
        ("xvol12345678", None),
        ("", None),
    ],
)
def test_ids(text: str, expected: Optional[str]) -> None:
    assert volume_id(text) == expected


@pytest.mark.parametrize(
    ("attached", "expected"),
    [("/dev/sdf", "xvdf"), ("sdf", "xvdf"), ("/dev/xvdba", "xvdba"), ("/dev/sda1", "xvda"), ("/dev/nvme1n1", None), ("/dev/../sdf", None)],
)
def test_names_of_xen_disks(attached: str, expected: Optional[str]) -> None:
    assert xen_name(attached) == expected


@given(ids=st.lists(IDS, min_size=1, max_size=16, unique=True), seed=st.integers())
def test_every_order_of_names_gives_the_same_volumes(ids: List[str], seed: int) -> None:
    order = ids[:]
    random.Random(seed).shuffle(order)
    disks = [nvme(f"nvme{number}n1", identity) for number, identity in enumerate(order)]
    found = identify(disks, [Volume(identity, "/dev/sdf") for identity in ids])
    assert [item.disk.volume_id for item in found] == ids
    assert [volume.volume_id for volume in all_volumes(disks)] == sorted(ids)


def test_a_disk_is_not_handed_on_under_a_name_that_does_not_last() -> None:
    disks = [nvme("nvme1n1", "vol-12345678"), Disk("nvme2n1", 1, serial="vol87654321", links=("/dev/disk/by-id/nvme-eui.0001",))]
    assert ready(disks, [Volume("vol-12345678")])
    assert not ready(disks, [Volume("vol-12345678"), Volume("vol-87654321")])
    with pytest.raises(ObservationError, match=r"vol-87654321 \(volume2\): is nvme2n1, which has no name in /dev/disk/by-id"):
        identify(disks, [Volume("vol-12345678"), Volume("vol-87654321", name="volume2")])


def test_a_disk_that_says_what_it_is_is_not_taken_by_its_name() -> None:
    disks = [Disk("xvdf", 1, serial="vol0123456789abcdef0")]
    with pytest.raises(ObservationError, match=r"vol-0fedcba9876543210 \(attached as /dev/sdf\): no disk of this machine is this volume"):
        identify(disks, [Volume("vol-0fedcba9876543210", "/dev/sdf")])


def test_a_xen_disk_is_found_by_its_name_only_with_that_name() -> None:
    disks = [Disk("xvdf", 1), Disk("xvdg", 1)]
    (found,) = identify(disks, [Volume("vol-12345678", "/dev/sdg", "volume2")])
    assert (found.disk.name, found.by) == ("xvdg", "name")
    assert ready(disks, [Volume("vol-12345678", "/dev/sdg")])
    assert not ready(disks, [Volume("vol-12345678")])


@pytest.mark.parametrize("disk", [Disk("nvme0n1", 8, serial="vol12345678", system=True), Disk("xvdf", 8, system=True)])
def test_the_disk_that_the_machine_runs_from_is_refused(disk: Disk) -> None:
    assert all_volumes([disk]) == []
    with pytest.raises(RefusedError, match="this machine runs from it"):
        identify([disk], [Volume("vol-12345678", "/dev/sdf")])


def test_two_disks_that_say_the_same_are_refused() -> None:
    disks = [Disk("nvme1n1", 1, serial="vol12345678"), Disk("nvme2n1", 1, serial="vol12345678")]
    with pytest.raises(ObservationError, match="more than one disk claims to be this volume: nvme1n1, nvme2n1"):
        identify(disks, [Volume("vol-12345678")])


def test_bad_input_names_its_option() -> None:
    with pytest.raises(InputError, match="volumes: 'sdf' is not the id of a volume"):
        make_volume("sdf")
    with pytest.raises(InputError, match="volumes: '/dev/nvme1n1' is not a device name"):
        make_volume("vol-12345678", "/dev/nvme1n1")
    with pytest.raises(InputError, match="vol-12345678: named more than once"):
        check_volumes([make_volume("vol-12345678"), make_volume("vol12345678")])
    with pytest.raises(InputError, match="xvdf: named more than once"):
        check_volumes([make_volume("vol-12345678", "/dev/sdf"), make_volume("vol-12345679", "/dev/xvdf")])
