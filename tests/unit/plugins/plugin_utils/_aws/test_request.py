# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be asked for, and what is not what was asked for."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest

from ansible_collections.fleetlab.linux.plugins.plugin_utils._aws.machines import guests, remaining_resources, untagged_resources
from ansible_collections.fleetlab.linux.plugins.plugin_utils._aws.request import drift, new_data_volumes, problems


def request(**changes: Any) -> Dict[str, Any]:
    """A lab that can be."""
    return {
        "name": "lab",
        "region": "us-east-1",
        "zone": "us-east-1a",
        "servers": 2,
        "clients": 1,
        "volumes": 2,
        "instance_type": "c6in.2xlarge",
        "key": "fleetlab-lab-1",
        "volume": {"type": "gp3", "size_gb": 50, "logical_mb": 15360, "iops": 3000, "throughput": 125},
        "ssh_from": ["192.0.2.10/32"],
        "world_ssh": False,
        "lifetime_hours": 8,
        **changes,
    }


def machine(identity: str, role: str = "storage_servers", name: str = "", index: int = 0, **changes: Any) -> Dict[str, Any]:
    """A machine as the API shows it, with a root volume and two of data where it is a server."""
    names = ["/dev/xvda", "/dev/sdg", "/dev/sdf"] if role == "storage_servers" else ["/dev/xvda"]
    return {
        "instance_id": identity,
        "instance_type": "c6in.2xlarge",
        "key_name": "fleetlab-lab-1",
        "ami_launch_index": index,
        "state": {"name": "running"},
        "tags": {"fleetlab-lab": "lab", "fleetlab-role": role, **({"Name": name} if name else {})},
        "root_device_name": "/dev/xvda",
        "block_device_mappings": [{"device_name": at, "ebs": {"volume_id": f"vol-{identity}{at[-1]}"}} for at in names],
        "public_ip_address": "192.0.2.77",
        "private_ip_address": "10.99.0.4",
        **changes,
    }


def volumes(*identities: str, **changes: Any) -> List[Dict[str, Any]]:
    """The data volumes of these machines."""
    return [
        {"id": f"vol-{identity}{letter}", "type": "gp3", "size": 50, "encrypted": True, **changes}
        for identity in identities
        for letter in "fg"
    ]


def test_a_lab_that_can_be() -> None:
    assert problems(request()) == []
    gp2 = {"type": "gp2", "size_gb": 50, "logical_mb": 15360, "iops": 0, "throughput": 0}
    assert problems(request(volume=gp2, region="ap-southeast-2", zone="ap-southeast-2c")) == []


@pytest.mark.parametrize("ranges", [["0.0.0.0/0"], ["0.0.0.0/1", "128.0.0.0/1"], ["10.0.0.0/7"]])
def test_the_whole_world_is_refused_however_it_is_cut(ranges: List[str]) -> None:
    found = problems(request(ssh_from=ranges))
    assert len(found) == len(ranges)
    assert all("allows the whole world" in text for text in found)
    assert problems(request(ssh_from=ranges, world_ssh=True)) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ssh_from": []}, "lab_aws_ssh_from: state the public addresses"),
        ({"ssh_from": ["192.0.2.10/24"]}, "has host bits set"),
        ({"ssh_from": ["::/0"]}, "lab_aws_ssh_from: ::/0"),
        ({"ssh_from": ["home; rm -rf"]}, "lab_aws_ssh_from: home"),
        ({"name": "My Lab"}, "lab_name: 'My Lab'"),
        ({"name": "a" * 33}, "lab_name"),
        ({"region": "us-east", "zone": "us-easta"}, "lab_aws_region: 'us-east'"),
        ({"region": "us-east-1; x"}, "lab_aws_region"),
        ({"zone": "us-west-2a"}, "lab_aws_zone: 'us-west-2a' is not a zone of us-east-1"),
        ({"ssh_from": ["192.0.2.10"]}, "lab_aws_ssh_from: 192.0.2.10: write it as 192.0.2.10/32"),
        ({"ssh_from": ["192.0.2.0/255.255.255.0"]}, "lab_aws_ssh_from: 192.0.2.0/255.255.255.0: write it as 192.0.2.0/24"),
        ({"lifetime_hours": 0}, "lab_aws_lifetime_hours"),
        ({"lifetime_hours": 0.01}, "lab_aws_lifetime_hours: 0.01 is not within 1 to 168"),
        ({"lifetime_hours": 169}, "lab_aws_lifetime_hours"),
    ],
)
def test_what_can_not_be_names_its_variable(changes: Dict[str, Any], words: str) -> None:
    (found,) = problems(request(**changes))
    assert words in found


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        ({"size_gb": 0, "logical_mb": -9}, "lab_aws_volume_gb: 0"),
        ({"size_gb": 15}, "lab_aws_logical_volume_mb: 15360 MiB do not fit"),
        ({"iops": 2999}, "lab_aws_volume_iops: 2999 is not within 3000 to 16000"),
        ({"throughput": 124}, "lab_aws_volume_throughput: 124"),
        ({"throughput": 1000}, "lab_aws_volume_throughput: 1000"),
        ({"type": "io2", "iops": 99}, "lab_aws_volume_iops: 99 is not within 100 to 64000"),
    ],
)
def test_volumes_that_can_not_be(volume: Dict[str, Any], words: str) -> None:
    (found,) = problems(request(volume={**request()["volume"], **volume}))
    assert words in found


def test_what_was_asked_for_is_no_drift() -> None:
    machines = [machine("a", name="server1"), machine("b", name="server2"), machine("c", "storage_clients", "client1")]
    assert drift(machines, volumes("a", "b"), request()) == []
    assert drift(machines[:1], volumes("a", iops=3000, throughput=125), request()) == []
    assert drift(machines[:1], volumes("a"), request()) == []
    gp2 = {"type": "gp2", "size_gb": 50, "logical_mb": 15360, "iops": 0, "throughput": 0}
    assert drift(machines[:1], volumes("a", type="gp2", iops=150), request(volume=gp2)) == []
    assert drift([], [], request()) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"servers": 0}, "there are 1 storage_servers and 0 were asked for"),
        ({"instance_type": "c5n.4xlarge"}, "server1 is a c6in.2xlarge and c5n.4xlarge was asked for"),
        ({"volumes": 3}, "server1 has 2 data volumes and 3 were asked for"),
        ({"key": ""}, "server1 has another key than the folder of the lab"),
    ],
)
def test_another_lab_is_drift(changes: Dict[str, Any], words: str) -> None:
    (found,) = drift([machine("a", name="server1")], volumes("a"), request(**changes))
    assert words in found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": 60}, "is gp3 of 60 GB and gp3 of 50 GB was asked for"),
        ({"type": "gp2"}, "is gp2 of 50 GB and gp3 of 50 GB"),
        ({"iops": 16000}, "is gp3 of 50 GB, 16000 IOPS and gp3 of 50 GB, 3000 IOPS was asked for"),
        ({"iops": 3000, "throughput": 1000}, "50 GB, 3000 IOPS, 1000 MiB/s and gp3 of 50 GB, 3000 IOPS, 125 MiB/s was asked for"),
        ({"encrypted": False}, "is not encrypted"),
        ({"id": "vol-other"}, "is not one of the lab's volumes"),
    ],
)
def test_other_volumes_are_drift(changes: Dict[str, Any], words: str) -> None:
    found = drift([machine("a", name="server1")], volumes("a", **changes), request())
    assert len(found) == 2
    assert all(words in text for text in found)


def test_machines_without_names_get_the_lowest_that_are_free() -> None:
    machines = [machine("d", index=1), machine("c", index=0), machine("b", name="server2"), machine("x", "storage_clients")]
    made = guests(machines)
    assert [(item["name"], item["instance_id"], item["named"]) for item in made] == [
        ("server1", "c", False),
        ("server2", "b", True),
        ("server3", "d", False),
        ("client1", "x", False),
    ]


def test_a_name_that_two_bear_stays_with_one() -> None:
    made = guests([machine("b", name="server1"), machine("a", name="server1"), machine("c", name="rogue")])
    assert [(item["name"], item["instance_id"]) for item in made] == [("server1", "a"), ("server2", "b"), ("server3", "c")]


def test_naming_is_stable() -> None:
    machines = [machine(identity, index=index) for index, identity in enumerate("cab")]
    first = {item["instance_id"]: item["name"] for item in guests(machines)}
    named = [machine(identity, name=name) for identity, name in first.items()]
    again = guests(named[::-1])
    assert all(item["named"] for item in again)
    assert {item["instance_id"]: item["name"] for item in again} == first


def test_data_volumes_come_in_the_order_of_their_names_without_the_root() -> None:
    (server,) = guests([machine("a", name="server1")])
    assert [(disk["name"], disk["attached_as"], disk["volume_id"]) for disk in server["disks"]] == [
        ("volume1", "/dev/sdf", "vol-af"),
        ("volume2", "/dev/sdg", "vol-ag"),
    ]
    assert (server["address"], server["storage_address"], server["running"]) == ("192.0.2.77", "10.99.0.4", True)


def test_a_stopped_machine_has_no_address() -> None:
    (server,) = guests([machine("a", name="server1", state={"name": "stopped"}, public_ip_address=None)])
    assert (server["address"], server["running"]) == ("", False)


def test_what_is_left_is_named_and_what_comes_with_a_network_is_not() -> None:
    tagged: Dict[str, List[Dict[str, Any]]] = {"VPC": [{"vpc_id": "vpc-1", "id": "vpc-1"}], "key pair": []}
    inside: Dict[str, List[Dict[str, Any]]] = {
        "security group": [
            {"group_id": "sg-1", "group_name": "default", "tags": {}},
            {"group_id": "sg-2", "group_name": "other", "tags": {}},
        ],
        "route table": [
            {"id": "rtb-1", "associations": [{"main": True}], "tags": {}},
            {"id": "rtb-2", "associations": [], "tags": {"fleetlab-lab": "lab"}},
        ],
        "network interface": [
            {"network_interface_id": "eni-1", "tag_set": [{"key": "fleetlab-lab", "value": "other"}]},
            {"network_interface_id": "eni-2", "attachment": {"instance_id": "i-1"}},
        ],
    }
    others = [
        "security group sg-2: is in the network of the lab without its tag, so it was not touched",
        "network interface eni-1: is in the network of the lab without its tag, so it was not touched",
    ]
    assert untagged_resources(inside, "lab", ["i-1"]) == others
    assert remaining_resources(tagged, inside, "lab", ["i-1"]) == ["VPC vpc-1: has the tag of the lab and still exists", *others]
    assert "network interface eni-2" in untagged_resources(inside, "lab", [])[-1]
    assert remaining_resources({}, {}, "lab", []) == []


def test_data_volumes_of_a_new_server_are_told_the_speeds_that_their_type_has() -> None:
    ebs = {"volume_type": "gp3", "volume_size": 50, "encrypted": True, "delete_on_termination": True}
    made = new_data_volumes({"type": "gp3", "size_gb": "50", "iops": 3000, "throughput": 125}, 2)
    assert made == [{"device_name": f"/dev/sd{letter}", "ebs": {**ebs, "iops": 3000, "throughput": 125}} for letter in "fg"]
    assert new_data_volumes({"type": "st1", "size_gb": 50, "iops": 0, "throughput": 0}, 1)[0]["ebs"] == {**ebs, "volume_type": "st1"}
