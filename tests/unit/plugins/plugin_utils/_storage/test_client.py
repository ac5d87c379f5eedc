# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The targets, sessions and arrays of a storage client, from the lab's inventory and with servers away."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.filter.storage import arrays, sessions
from ansible_collections.fleetlab.linux.plugins.plugin_utils._storage.client import (
    StorageError,
    address_of,
    make_targets,
    remove_arrays,
    remove_sessions,
    smaller_disks,
    undeclared_members,
)
from ansible_collections.fleetlab.linux.plugins.plugin_utils._storage.writers import initiator_of
from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import load, render

SERVERS = ["server1", "server2", "server3"]
LAB = {name: {"ansible_host": f"10.99.0.{number}"} for number, name in enumerate(SERVERS, 11)}
IQN = "iqn.2026-01.com.example.storage"
TARGETS = make_targets(SERVERS, LAB)


def disk(target: dict[str, Any], lun: int, **changed: Any) -> dict[str, Any]:
    """A disk as iscsi_session returns it."""
    path = f"/dev/disk/by-path/ip-{target['host']}:{target['port']}-iscsi-{target['iqn']}-lun-{lun}"
    return {"target": target["iqn"], "lun": lun, "by_path": path, "device": f"/dev/sd{target['name'][-1]}{lun}", **changed}


def make_arrays(targets: list[dict[str, Any]], devices: list[dict[str, Any]], luns: Any = 2, **options: Any) -> list[dict[str, Any]]:
    given = {"level": "raid1e", "chunk": 512, "run_degraded": False, "wait": "none", **options}
    return arrays(targets, devices, luns, "md", "md99", **given)


def test_targets_of_the_lab() -> None:
    assert make_targets(SERVERS, LAB) == [
        {"name": f"server{number}", "host": f"10.99.0.1{number}", "port": 3260, "iqn": f"{IQN}:server{number}"} for number in (1, 2, 3)
    ]


def test_the_address_in_the_storage_network_comes_before_the_one_of_ansible() -> None:
    assert address_of("a", {"a": {"storage_address": "2001:db8::1", "ansible_host": "192.0.2.1"}}) == "2001:db8::1"
    with pytest.raises(StorageError, match="a has neither storage_address nor ansible_host"):
        address_of("a", {"a": {}})
    with pytest.raises(StorageError, match="b is not a host of the inventory"):
        make_targets(["b"], {"a": {}})


def test_a_target_is_as_the_inventory_gives_it_to_the_server() -> None:
    variables = {
        "ansible_host": "2001:db8::11",
        "storage_server_iqn": "iqn.2026-01.com.example:Other",
        "storage_server_portals": [{"host": "::", "port": 3261}],
        "storage_server_volume_mb": "512",
    }
    targets = make_targets(["server1"], {"server1": variables})
    assert targets == [{"name": "server1", "host": "2001:db8::11", "port": 3261, "iqn": "iqn.2026-01.com.example:Other", "lun_mb": 512}]
    (session,) = sessions(targets, 2)
    assert (session["portal"], session["target"]) == ({"host": "2001:db8::11", "port": 3261}, "iqn.2026-01.com.example:Other")
    assert session["lun_mb"] == 512
    small, large = disk(targets[0], 0, size=256 << 20), disk(targets[0], 1, size=512 << 20)
    assert smaller_disks(targets, [small, large]) == [small["device"]]
    assert smaller_disks(TARGETS, [disk(TARGETS[0], 0, size=1)]) == []


def test_a_client_is_removed_with_its_data_only_by_name() -> None:
    assert remove_arrays(["md1", "md99"], [], "") == [{"name": "md1", "state": "forgotten"}, {"name": "md99", "state": "forgotten"}]
    assert remove_arrays(["md1", "md99"], ["md1"], "former") == [
        {"name": "md1", "state": "absent", "homehost": "former"},
        {"name": "md99", "state": "forgotten", "homehost": "former"},
    ]
    assert remove_sessions(TARGETS[:1]) == [{"portal": {"host": "10.99.0.11", "port": 3260}, "target": f"{IQN}:server1", "state": "absent"}]


def test_the_disks_of_a_server_that_leaves_are_named_in_each_mirror() -> None:
    made = make_arrays(TARGETS[:2], [], level="raid1", left=TARGETS[2:])
    assert made[0]["leaving"] == [f"/dev/disk/by-path/ip-10.99.0.13:3260-iscsi-{IQN}:server3-lun-0"]
    assert "leaving" not in made[2]


def test_the_disks_of_servers_have_the_flags_of_their_servers() -> None:
    made = make_arrays(TARGETS[:2], [], level="raid1", write_mostly=["server2"], failfast=[])
    assert made[0]["write_mostly"] == [f"/dev/disk/by-path/ip-10.99.0.12:3260-iscsi-{IQN}:server2-lun-0"]
    assert made[0]["failfast"] == []
    assert "write_mostly" not in make_arrays(TARGETS, [])[0]


def test_arrays_of_a_former_client_are_adopted_by_its_name() -> None:
    made = make_arrays(TARGETS, [], homehost="client1")
    assert [one["homehost"] for one in made] == ["client1"] * 3


def test_sessions_of_the_lab() -> None:
    chap, timeouts, parameters = {"username": "u"}, {"preset": "md"}, {"cmds_max": 512}
    made = sessions(TARGETS, "5", chap=chap, timeouts=timeouts, parameters=parameters)
    assert made[1] == {
        "portal": {"host": "10.99.0.12", "port": 3260},
        "target": f"{IQN}:server2",
        "chap": chap,
        "timeouts": timeouts,
        "parameters": parameters,
        "wait_for_luns": 5,
    }
    assert [one["target"] for one in made] == [target["iqn"] for target in TARGETS]


def test_arrays_of_the_lab() -> None:
    devices = [disk(target, lun) for target in TARGETS for lun in (1, 0)]
    members = [disk(target, 0)["by_path"] for target in TARGETS]
    made = make_arrays(TARGETS, devices, "2")
    assert made[0] == {
        "name": "md1",
        "level": "raid1e",
        "devices": members,
        "failure_domains": dict(zip(members, SERVERS)),
        "bitmap": "internal",
        "replace_failed": True,
        "grow": True,
        "run_degraded": False,
        "wait": "none",
        "chunk": 512,
    }
    assert made[2] == {"name": "md99", "level": "raid0", "chunk": 512, "devices": ["/dev/md1", "/dev/md2"], "grow": True, "wait": "none"}
    assert [one["name"] for one in made] == ["md1", "md2", "md99"]


def test_raid1_has_no_chunk() -> None:
    mirror, _other, stripe = make_arrays(TARGETS, [], level="raid1", stripe_chunk="64")
    assert "chunk" not in mirror
    assert (mirror["level"], stripe["chunk"]) == ("raid1", 64)


@pytest.mark.parametrize("host", ["10.99.0.12", "2001:db8::12"])
def test_the_disk_of_a_server_that_is_away_has_the_name_that_udev_will_give_it(host: str) -> None:
    targets = [TARGETS[0], {**TARGETS[1], "host": host}]
    away = f"/dev/disk/by-path/ip-{host}:3260-iscsi-{IQN}:server2-lun-1"
    for devices in ([disk(targets[0], 1)], [disk(targets[0], 1), disk(targets[1], 1, by_path=None)]):
        assert make_arrays(targets, devices)[1]["devices"] == [disk(targets[0], 1)["by_path"], away]


def test_a_name_of_udev_is_taken_as_it_is() -> None:
    """It has the address as the session was made with it, which may be spelled otherwise here."""
    (mirror, *_others) = make_arrays(TARGETS[:2], [disk(TARGETS[0], 0, by_path="/dev/disk/by-path/other")])
    assert mirror["devices"][0] == "/dev/disk/by-path/other"


def array(kernel_name: str, *members: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """An array as md_array_info returns it."""
    found = {"name": kernel_name, "kernel_name": kernel_name, "device": f"/dev/{kernel_name}", "metadata": "1.2"}
    return {**found, "members": list(members), **changed}


def member(device: str, by_path: str | None = None, events: int | None = 1) -> dict[str, Any]:
    return {"device": device, "by_path": by_path, "events": events}


NAMES = ["md1", "md2", "md99"]
DISKS = [disk(target, lun) for target in TARGETS[:2] for lun in (0, 1)]
MIRROR = array("md1", *(member(one["device"], one["by_path"]) for one in DISKS if one["lun"] == 0))
GONE = member("/dev/sdz", events=None)


def undeclared(*arrays_found: dict[str, Any], devices: list[dict[str, Any]] | None = None) -> list[str]:
    return undeclared_members(arrays_found, NAMES, DISKS if devices is None else devices, TARGETS[:2])


def test_arrays_of_these_targets_are_ours_also_without_members_and_with_lost_ones() -> None:
    stripe = array("md99", member("/dev/md1"), member("/dev/md2"))
    assert undeclared(MIRROR, array("md2", GONE), stripe) == []
    # The session is there and its disks do not answer: their superblocks cannot be read.
    assert undeclared(array("md2", *(member(one["device"], events=None) for one in DISKS))) == []


def test_arrays_that_are_not_there_or_have_lost_all_members_are_nobodys() -> None:
    assert undeclared(MIRROR, array("md2")) == []
    assert undeclared() == []


def test_an_array_with_another_member_is_named() -> None:
    strange = disk({**TARGETS[0], "iqn": f"{IQN}:server1-of-another"}, 4, device="/dev/sde")
    second = array("md2", member(DISKS[1]["device"]), member("/dev/vdb"), member("/dev/sde", events=None))
    stripe = array("md99", member("/dev/md1"), member("/dev/md50"))
    assert undeclared(MIRROR, second, stripe, devices=[*DISKS, strange]) == [
        "/dev/md2 has the member /dev/vdb",
        "/dev/md2 has the member /dev/sde",
        "/dev/md99 has the member /dev/md50",
    ]


def test_an_array_counts_by_its_name_and_by_the_kernels() -> None:
    assert undeclared(array("md127", member("/dev/vdb"), name="md2")) == ["/dev/md127 has the member /dev/vdb"]
    assert undeclared(array("md2", member("/dev/vdb"), name="other")) == ["/dev/md2 has the member /dev/vdb"]
    assert undeclared(array("md3", member("/dev/vdb"))) == []


@pytest.mark.parametrize("metadata", ["none", "external:imsm", ""])
def test_a_member_that_never_has_a_superblock_of_md_is_not_taken_for_a_disk_that_is_gone(metadata: str) -> None:
    assert undeclared(array("md2", GONE, metadata=metadata)) == ["/dev/md2 has the member /dev/sdz"]


def test_a_disk_that_the_host_has_is_not_taken_for_one_that_is_gone() -> None:
    assert undeclared(array("md2", member("/dev/vdb", "/dev/disk/by-path/pci-0", None))) == ["/dev/md2 has the member /dev/vdb"]
    assert undeclared(array("md2", member("/dev/loop0", None, 3))) == ["/dev/md2 has the member /dev/loop0"]


def test_the_name_of_a_host_becomes_one_of_iscsi_as_in_the_roles() -> None:
    for role, name in (("storage_client", "storage_client_initiator"), ("storage_server", "storage_server_iqn")):
        assert render(load(role, "defaults/main.yml")[name], inventory_hostname="Web_01") == f"{IQN}:web-01"
    assert make_targets(["Web_01"], {"Web_01": {"ansible_host": "192.0.2.1"}})[0]["iqn"] == f"{IQN}:web-01"
    assert initiator_of("Web_01", {}) == f"{IQN}:web-01"
