# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a lab on AWS. The tests run in their order, and each starts with the cloud that the previous test has left."""

from __future__ import annotations

import base64
import json
import os
import re
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError
from moto.backends import get_backend

from .conftest import Cloud
from .server import ACCOUNT, REGION, Server, allowed_actions, statements

MACHINES = "machines.yml"
STATUS = "fleetlab.linux.storage_lab_status"
STOP = "fleetlab.linux.storage_lab_stop"
DESTROY = "fleetlab.linux.storage_lab_destroy"
TAG = {"Name": "tag:fleetlab-lab", "Values": ["lab"]}
LAB = "fleetlab.linux.storage_lab"
LIVE = {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}

COVERED_BY_STUBS = {"ec2:CreatePlacementGroup", "ec2:DeletePlacementGroup"}
"""Compared with the modules in test_placement.py."""

RECALLED: dict[str, Any] = {"env": {"AWS_REGION": "eu-central-1"}, "without": ("lab_backend",)}
"""The folder of a lab records its backend and region, so that they need not be named again."""


def machines(cloud: Cloud) -> dict[str, dict[str, Any]]:
    """The lab's instances by name."""
    reservations = cloud.client().describe_instances(Filters=[TAG, LIVE])["Reservations"]
    found = [instance for reservation in reservations for instance in reservation["Instances"]]
    return {next(tag["Value"] for tag in item["Tags"] if tag["Key"] == "Name"): item for item in found}


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        (
            "VcpuLimitExceeded",
            "You have requested more vCPU capacity than your current vCPU limit of 16 allows for the instance bucket",
            "the account's quota of virtual CPUs of this family of instance types in us-east-1 is used up",
        ),
        (
            "Unsupported",
            "Your requested instance type (c6in.2xlarge) is not supported in your requested Availability Zone (us-east-1a).",
            "c6in.2xlarge is not offered in the zone us-east-1a: destroy the lab and set another lab_aws_zone",
        ),
        (
            "InsufficientInstanceCapacity",
            "We currently do not have sufficient c6in.2xlarge capacity in the Availability Zone you requested (us-east-1a).",
            "us-east-1a has no capacity for these c6in.2xlarge now, and even less in one placement group",
        ),
    ],
)
def test_what_ec2_refuses_ends_the_first_run_half_way(cloud: Cloud, server: Server, code: str, message: str, words: str) -> None:
    # Without capacity the module retries for minutes, which is too long for this test.
    (cloud.folder / "sitecustomize.py").write_text("import time\n\ntime.sleep = lambda seconds, sleep=time.sleep: sleep(0.01)\n")
    server.faults["ec2:RunInstances"] = (code, message)
    try:
        outcome = cloud.play(MACHINES, env={"PYTHONPATH": str(cloud.folder)})
    finally:
        server.faults.clear()
    assert outcome.failures[-1].startswith(words)
    assert f"(AWS said: {code}: {message})" in outcome.failures[-1]
    assert ("the same command continues from there" in outcome.failures[-1]) == (code != "Unsupported")
    assert machines(cloud) == {}
    assert len(cloud.client().describe_vpcs(Filters=[TAG])["Vpcs"]) == 1
    recorded = yaml.safe_load((cloud.lab / "aws.yml").read_text(encoding="utf-8"))
    assert recorded == {"lab_backend": "aws", "lab_aws_region": REGION, "lab_aws_zone": f"{REGION}a"}


def test_the_same_command_continues(cloud: Cloud) -> None:
    outcome = cloud.play(MACHINES)
    assert outcome.exit_code == 0, outcome.text
    assert len(cloud.client().describe_vpcs(Filters=[TAG])["Vpcs"]) == 1
    found = machines(cloud)
    assert sorted(found) == ["client1", "server1", "server2"]
    for name, item in found.items():
        assert item["State"]["Name"] == "running"
        assert item["InstanceType"] == "c6in.2xlarge"
        assert item["ImageId"] == "ami-023456789abcdef0"
        assert item["MetadataOptions"]["HttpTokens"] == "required"
        assert item["Placement"]["AvailabilityZone"] == f"{REGION}a"
        assert len(item["BlockDeviceMappings"]) == (3 if name.startswith("server") else 1)
        assert all(mapping["Ebs"]["DeleteOnTermination"] for mapping in item["BlockDeviceMappings"])


def test_volumes_are_what_was_asked_for(cloud: Cloud) -> None:
    volumes = cloud.client().describe_volumes(Filters=[TAG])["Volumes"]
    assert len(volumes) == 3 + 4
    assert all(volume["Encrypted"] for volume in volumes)
    data = [volume for volume in volumes if volume["Attachments"][0]["Device"].startswith("/dev/sd")]
    assert [(volume["Size"], volume["VolumeType"], volume["Iops"]) for volume in data] == [(50, "gp3", 3000)] * 4


def test_nothing_else_may_come_in(cloud: Cloud) -> None:
    (group,) = cloud.client().describe_security_groups(Filters=[TAG])["SecurityGroups"]
    rules = {(rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort")): rule for rule in group["IpPermissions"]}
    assert sorted(rules) == [("icmp", -1, -1), ("tcp", 22, 22), ("tcp", 3260, 3260)]
    assert [entry["CidrIp"] for entry in rules[("tcp", 22, 22)]["IpRanges"]] == ["192.0.2.0/28"]
    for key in (("icmp", -1, -1), ("tcp", 3260, 3260)):
        assert rules[key]["IpRanges"] == []
        assert [entry["GroupId"] for entry in rules[key]["UserIdGroupPairs"]] == [group["GroupId"]]
    assert all(item["SecurityGroups"] == [{"GroupId": group["GroupId"], "GroupName": "fleetlab-lab"}] for item in machines(cloud).values())


def test_a_machine_stops_itself_and_brings_what_the_roles_need(cloud: Cloud) -> None:
    item = machines(cloud)["server1"]
    attribute = cloud.client().describe_instance_attribute(InstanceId=item["InstanceId"], Attribute="userData")
    text = base64.b64decode(attribute["UserData"]["Value"]).decode()
    assert text.startswith("#cloud-config\n")
    data = yaml.safe_load(text)
    assert {"mdadm", "lvm2", "open-iscsi", "targetcli-fb", "fio"} <= set(data["packages"])
    # At every boot, before packages are looked for.
    assert data["bootcmd"] == [["systemd-run", "--no-block", "--unit=fleetlab-lifetime", "--on-boot=480min", "systemctl", "poweroff"]]


def test_the_second_run_changes_nothing_and_asks_nothing(cloud: Cloud) -> None:
    outcome = cloud.play(MACHINES, lab_aws_confirm=False)
    assert outcome.exit_code == 0, outcome.text
    assert (outcome.changed, outcome.changes) == (0, [])


def test_a_lost_public_half_of_the_key_is_made_again(cloud: Cloud) -> None:
    file = cloud.lab / "id_ed25519.pub"
    text = file.read_bytes()
    file.unlink()
    outcome = cloud.play(MACHINES)
    assert outcome.exit_code == 0, outcome.text
    assert outcome.changes == ["fleetlab.linux.lab_hosts : Configure | Missing public half of the key"]
    assert file.read_bytes() == text


def test_a_machine_that_does_not_answer_may_not_let_one_in(cloud: Cloud) -> None:
    program = cloud.folder / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 255\n", encoding="utf-8")
    program.chmod(0o755)
    outcome = cloud.play(LAB, env={"PATH": f"{program.parent}:{os.environ['PATH']}"}, lab_reach_timeout=1)
    assert outcome.exit_code != 0
    identity = machines(cloud)["server1"]["InstanceId"]
    (sentence,) = [text for text in outcome.failures if text.startswith("server1")]
    assert f"see the system log of {identity} in EC2, " in sentence
    assert sentence.endswith(", or lab_aws_ssh_from does not contain your public address")


def test_another_region_is_refused_by_the_names_of_both(cloud: Cloud) -> None:
    outcome = cloud.play(STATUS, lab_aws_region="eu-central-1", lab_aws_zone="us-east-1a")
    assert "is in the region us-east-1, zone us-east-1a" in outcome.failures[-1]
    assert "and not in the region eu-central-1, zone us-east-1a" in outcome.failures[-1]


def test_both_inventories_say_the_same(cloud: Cloud) -> None:
    listed = {}
    for file in ("inventory.yml", "aws_ec2.yml"):
        env = cloud.environment(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
        done = cloud.command("ansible-inventory", "-i", str(cloud.lab / file), "--list", env=env)
        # What comes from outside is wrapped, so that it is never taken for a template.
        listed[file] = json.loads(done.stdout, object_hook=lambda item: item.get("__ansible_unsafe", item))
    written, asked = listed["inventory.yml"], listed["aws_ec2.yml"]
    for group, names in (("storage_servers", ["server1", "server2"]), ("storage_clients", ["client1"])):
        assert written[group]["hosts"] == names
        assert sorted(asked[group]["hosts"]) == names
    for name, variables in written["_meta"]["hostvars"].items():
        other = asked["_meta"]["hostvars"][name]
        for variable in ("ansible_host", "storage_address", "ansible_user", "ansible_ssh_common_args", "lab_directory", "jumbo_frames_mtu"):
            assert other[variable] == variables[variable], variable
    item = machines(cloud)["server2"]
    variables = written["_meta"]["hostvars"]["server2"]
    assert (variables["ansible_host"], variables["storage_address"]) == (item["PublicIpAddress"], item["PrivateIpAddress"])
    identities = {mapping["DeviceName"]: mapping["Ebs"]["VolumeId"] for mapping in item["BlockDeviceMappings"]}
    assert [(disk["attached_as"], disk["volume_id"]) for disk in variables["lab_ebs_volumes"]] == [
        (name, identities[name]) for name in ("/dev/sdf", "/dev/sdg")
    ]


def test_status_lists_what_runs_and_what_it_costs(cloud: Cloud) -> None:
    outcome = cloud.play(STATUS, **RECALLED)
    assert outcome.exit_code == 0, outcome.text
    lines = outcome.messages
    assert [line.split()[:3] for line in lines if line.startswith(("server", "client"))] == [
        [name, "running", "c6in.2xlarge"] for name in ("client1", "server1", "server2")
    ]
    assert ["c6in.2xlarge", "3", "0.4536", "1.3608"] in [line.split() for line in lines]
    # 3 * (0.4536 + 0.005), and 4 * 50 GB and 3 * 8 GB at 0.08 for 730 hours
    assert any(line.split() == ["together", "1.4003"] for line in lines)
    assert (outcome.changed, outcome.changes) == (0, [])


def test_status_says_what_its_sum_lacks(cloud: Cloud) -> None:
    outcome = cloud.play(STATUS, lab_aws_prices={"instances": {"c6in.2xlarge": None}}, **RECALLED)
    assert outcome.exit_code == 0, outcome.text
    assert "no price is known for c6in.2xlarge: look it up, and set lab_aws_prices" in outcome.messages
    assert any(line.startswith("more than 0.95 USD a day as it is, more than 0.59 USD a day when") for line in outcome.messages)


def test_stop_in_check_mode_says_what_would_be(cloud: Cloud) -> None:
    outcome = cloud.play(STOP, "--check", **RECALLED)
    assert outcome.exit_code == 0, outcome.text
    assert any("3 machines of the lab lab would be stopped" in line for line in outcome.messages)
    assert {item["State"]["Name"] for item in machines(cloud).values()} == {"running"}


def test_stop(cloud: Cloud) -> None:
    outcome = cloud.play(STOP, **RECALLED)
    assert outcome.exit_code == 0, outcome.text
    assert {item["State"]["Name"] for item in machines(cloud).values()} == {"stopped"}
    assert any("3 machines of the lab lab are stopped; their volumes are kept, and cost" in line for line in outcome.messages)


def test_a_lost_machine_is_replaced_under_its_name_and_the_others_start(cloud: Cloud) -> None:
    before = machines(cloud)
    cloud.client().terminate_instances(InstanceIds=[before["server2"]["InstanceId"]])
    # A string is a list with commas, as with every argument of a role.
    outcome = cloud.play(MACHINES, lab_aws_spot=True, lab_aws_ssh_from="198.51.100.7/32, 203.0.113.0/28")
    assert outcome.exit_code == 0, outcome.text
    after = machines(cloud)
    assert sorted(after) == sorted(before)
    assert {item["State"]["Name"] for item in after.values()} == {"running"}
    kept = {name for name in before if before[name]["InstanceId"] == after[name]["InstanceId"]}
    assert kept == {"client1", "server1"}
    (group,) = cloud.client().describe_security_groups(Filters=[TAG])["SecurityGroups"]
    (ranges,) = [rule["IpRanges"] for rule in group["IpPermissions"] if rule.get("FromPort") == 22]
    assert sorted(entry["CidrIp"] for entry in ranges) == ["198.51.100.7/32", "203.0.113.0/28"]


def test_the_second_run_with_spot_machines_changes_nothing(cloud: Cloud) -> None:
    outcome = cloud.play(MACHINES, lab_aws_spot=True, lab_aws_ssh_from="198.51.100.7/32,203.0.113.0/28")
    assert outcome.exit_code == 0, outcome.text
    assert (outcome.changed, outcome.changes) == (0, [])
    (template,) = cloud.client().describe_launch_templates(Filters=[TAG])["LaunchTemplates"]
    assert template["LatestVersionNumber"] == 1


def test_teardown_removes_what_bears_the_tag_and_names_the_rest(cloud: Cloud) -> None:
    client = cloud.client()
    (vpc,) = client.describe_vpcs(Filters=[TAG])["Vpcs"]
    (subnet,) = client.describe_subnets(Filters=[TAG])["Subnets"]
    # As a removal leaves it that was killed while it waited.
    state = get_backend("ec2")[ACCOUNT][REGION].get_instance(machines(cloud)["server1"]["InstanceId"])._state
    state.name, state.code = "shutting-down", 32
    other = client.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    group = client.create_security_group(GroupName="somebody-elses", Description="x", VpcId=vpc["VpcId"])["GroupId"]
    interface = client.create_network_interface(SubnetId=subnet["SubnetId"], Groups=[group])["NetworkInterface"]["NetworkInterfaceId"]
    volume = client.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
    tags = [{"ResourceType": "volume", "Tags": [{"Key": "fleetlab-lab", "Value": "lab"}]}]
    client.create_volume(AvailabilityZone=f"{REGION}a", Size=1, TagSpecifications=tags)
    outcome = cloud.play(DESTROY, **RECALLED)
    assert outcome.exit_code != 0
    report = outcome.failures[-1]
    assert f"security group {group}: is in the network of the lab without its tag, so it was not touched" in report
    assert f"network interface {interface}: is in the network of the lab without its tag" in report
    assert report.count("network interface ") == 1
    assert f"VPC {vpc['VpcId']}: has the tag of the lab and still exists" in report
    assert machines(cloud) == {}
    assert [item["VolumeId"] for item in client.describe_volumes()["Volumes"]] == [volume]
    assert len(client.describe_internet_gateways(Filters=[TAG])["InternetGateways"]) == 1
    assert len(client.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]) == 1
    assert (cloud.lab / "aws.yml").exists()

    client.delete_network_interface(NetworkInterfaceId=interface)
    client.delete_security_group(GroupId=group)
    outcome = cloud.play(DESTROY, **RECALLED)
    assert outcome.exit_code == 0, outcome.text
    assert any("no resource with the tag of the lab lab remains in us-east-1" in line for line in outcome.messages)
    assert client.describe_vpcs(Filters=[TAG])["Vpcs"] == []
    assert client.describe_key_pairs(Filters=[TAG])["KeyPairs"] == []
    assert client.describe_launch_templates(Filters=[TAG])["LaunchTemplates"] == []
    assert client.describe_internet_gateways(Filters=[TAG])["InternetGateways"] == []
    assert len(client.describe_volumes()["Volumes"]) == 1
    assert len(client.describe_vpcs(VpcIds=[other])["Vpcs"]) == 1
    assert not cloud.lab.exists()


def test_the_policy_is_what_was_called_for_and_nothing_more(server: Server) -> None:
    # What is refused all along is asked by a module that does without.
    assert set(server.refused) <= {"iam:ListAccountAliases"}
    assert allowed_actions() == set(server.calls) | COVERED_BY_STUBS


def test_the_policy_lets_nothing_be_changed_that_lacks_the_tag() -> None:
    making = re.compile(r"ec2:(Create(?!Tags|Route$)|Import|Run)\w+")
    free = {action for statement in statements() if "Condition" not in statement for action in statement["Action"]}
    assert {action for action in free if not making.fullmatch(action)} == {
        action for action in allowed_actions() if action.startswith(("ec2:Describe", "sts:Get"))
    }
    made = {action.removeprefix("ec2:") for action in free if making.fullmatch(action)}
    tagging = [statement["Condition"] for statement in statements() if "ec2:CreateTags" in statement["Action"]]
    assert [sorted(condition) for condition in tagging] == [["StringEquals"], ["StringLike"]]
    assert set(tagging[0]["StringEquals"]["ec2:CreateAction"]) == made
    assert tagging[1] == {"StringLike": {"aws:ResourceTag/fleetlab-lab": "*"}}


def test_what_lacks_the_tag_can_neither_be_tagged_nor_changed(cloud: Cloud) -> None:
    client = cloud.client()
    vpc = client.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
    held = boto3.client("ec2", region_name=REGION, endpoint_url=cloud.server.url, aws_access_key_id="x", aws_secret_access_key="x")
    options: dict[str, dict[str, Any]] = {
        "create_tags": {"Resources": [vpc], "Tags": [{"Key": "fleetlab-lab", "Value": "lab"}]},
        "modify_vpc_attribute": {"VpcId": vpc, "EnableDnsHostnames": {"Value": True}},
        "delete_vpc": {"VpcId": vpc},
    }
    for name, given in options.items():
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            getattr(held, name)(**given)
    client.delete_vpc(VpcId=vpc)
