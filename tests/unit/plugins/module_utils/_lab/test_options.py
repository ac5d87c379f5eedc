# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab may be declared as."""

from __future__ import annotations

from typing import Any, Dict

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.options import make_wanted
from ansible_collections.fleetlab.linux.plugins.modules.lab_guests import BACKENDS


def declared(**changes: Any) -> Dict[str, Any]:
    """Module parameters of a small lab, with changes."""
    guest = {"name": "server1", "address": "10.9.0.11/24", "memory": 256, "cpus": 1, "disks": [{"name": "volume1", "size_mb": 64}]}
    client = {"name": "client1", "address": "10.9.0.21/24", "memory": 256, "cpus": 1, "disks": None}
    params = {
        "name": "lab",
        "directory": "/srv/some/lab",
        "backend": "uml",
        "gateway": "10.9.0.1/24",
        "mtu": 9000,
        "image": {"root": "/srv/images/root.ext4"},
        "guests": [guest, client],
        "state": "present",
        "exclusive_to": None,
    }
    return {**params, **changes}


def test_guests_are_numbered_in_their_order() -> None:
    lab = make_wanted(declared(), False, BACKENDS)
    assert [(guest.name, guest.number, guest.tap) for guest in lab.guests] == [("server1", 1, "tap1"), ("client1", 2, "tap2")]
    assert lab.guests[0].mac != lab.guests[1].mac
    assert lab.guests[0].disks[0].size == 64 * 1024 * 1024


def test_labs_of_one_name_in_two_directories_are_told_apart() -> None:
    one, other = (make_wanted(declared(directory=folder), False, BACKENDS) for folder in ("/srv/some/lab", "/srv/other/lab"))
    assert one.token != other.token
    assert one.guest_token(one.guests[0]) != other.guest_token(other.guests[0])


def guest_with(**changes: Any) -> Dict[str, Any]:
    """A lab whose first guest is changed."""
    params = declared()
    params["guests"][0].update(changes)
    return params


@pytest.mark.parametrize(
    ("params", "option"),
    [
        (declared(name="Lab"), "name"),
        (declared(name="../lab"), "name"),
        (declared(name="a" * 17), "name"),
        (declared(directory="/home"), "directory"),
        (declared(directory="relative/lab"), "directory"),
        (declared(directory="/srv/a,b/lab"), "directory"),
        (declared(directory="/srv/a:b/lab"), "directory"),
        (declared(image={"root": "/srv/a,b/root.ext4"}), "image.root"),
        (declared(gateway="10.9.0.1"), "gateway"),
        (declared(gateway="10.9.0.300/24"), "gateway"),
        (declared(gateway="10.9.0.11/24"), "guests.address"),
        (guest_with(name="a b"), "guests[0].name"),
        (guest_with(name="client1"), "guests.name"),
        (guest_with(address="10.9.0.21/24"), "guests.address"),
        (guest_with(address="10.8.0.11/24"), "guests.address"),
        (guest_with(memory=64), "guests[0].memory"),
        (guest_with(disks=[{"name": "a", "size_mb": 1}] * 2), "guests[0].disks.name"),
        (guest_with(disks=[{"name": "a", "size_mb": 0}]), "guests[0].disks.size_mb"),
        (guest_with(disks=[{"name": "a/b", "size_mb": 1}]), "guests[0].disks.name"),
        (guest_with(disks=[{"name": f"d{number}", "size_mb": 1} for number in range(16)]), "guests[0].disks"),
    ],
)
def test_what_can_not_work_is_refused_by_option(params: Dict[str, Any], option: str) -> None:
    with pytest.raises(InputError) as raised:
        make_wanted(params, False, BACKENDS)
    assert raised.value.option == option
