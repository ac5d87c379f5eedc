# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failure before anything was created is reported in one sentence, and nothing is created."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from .conftest import Cloud
from .server import ROOT, Server

STOP = "fleetlab.linux.storage_lab_stop"
LAB = "fleetlab.linux.storage_lab"


def nothing_was_made(cloud: Cloud) -> bool:
    """Neither AWS nor this machine has anything of the lab."""
    found = cloud.client().describe_vpcs(Filters=[{"Name": "tag-key", "Values": ["fleetlab-lab"]}])["Vpcs"]
    return not found and not cloud.lab.exists()


def test_no_credentials(cloud: Cloud) -> None:
    before = dict(cloud.server.calls)
    outcome = cloud.play(LAB, keys={})
    assert outcome.exit_code != 0
    (sentence,) = outcome.failures
    assert sentence.startswith("no AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID")
    assert "nothing was created" in sentence
    assert cloud.server.calls == before
    assert nothing_was_made(cloud)


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        (
            "ExpiredToken",
            "The security token included in the request is expired",
            "the AWS session has expired, or was never begun: log in",
        ),
        (
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
            "AWS does not accept these credentials in us-east-1",
        ),
        ("OptInRequired", "The AWS Access Key Id needs a subscription for the service", "enable it (Account settings, Regions)"),
    ],
)
def test_credentials_that_do_not_serve(cloud: Cloud, server: Server, code: str, message: str, words: str) -> None:
    server.faults["sts:GetCallerIdentity"] = (code, message)
    try:
        outcome = cloud.play(LAB)
    finally:
        server.faults.clear()
    (sentence,) = outcome.failures
    assert words in sentence
    assert message in sentence
    assert nothing_was_made(cloud)


def test_no_such_region(cloud: Cloud) -> None:
    # What an unknown region comes to: nobody answers at its address.
    outcome = cloud.play(LAB, env={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, lab_aws_region="us-esat-1")
    (sentence,) = outcome.failures
    assert sentence.startswith("no EC2 service answers for the region 'us-esat-1': correct lab_aws_region")
    assert nothing_was_made(cloud)


def test_all_wrong_values_are_named_together(cloud: Cloud) -> None:
    outcome = cloud.play(LAB, lab_aws_ssh_from="0.0.0.0/0, 192.0.2.1/24, 192.0.2.10", lab_aws_volume_iops=99, lab_aws_zone="eu-central-1a")
    (sentence,) = outcome.failures
    assert "0.0.0.0/0 allows the whole world" in sentence
    assert "192.0.2.1/24 has host bits set" in sentence
    assert "192.0.2.10: write it as 192.0.2.10/32" in sentence
    assert "lab_aws_volume_iops: 99" in sentence
    assert "lab_aws_zone: 'eu-central-1a' is not a zone of us-east-1" in sentence
    assert nothing_was_made(cloud)


def test_a_permission_that_is_missing_is_named(cloud: Cloud, server: Server) -> None:
    text = "You are not authorized to perform this operation."
    server.faults["ec2:DescribeImages"] = ("UnauthorizedOperation", text)
    try:
        outcome = cloud.play(LAB)
    finally:
        server.faults.clear()
    assert "lack the permission ec2:DescribeImages: attach the policy docs/aws-policy.json" in outcome.failures[-1]
    assert nothing_was_made(cloud)


def test_costs_are_shown_and_have_to_be_accepted(cloud: Cloud) -> None:
    outcome = cloud.play(LAB, lab_aws_confirm=False)
    assert any(line.startswith("together") for line in outcome.messages), outcome.text
    assert "the costs were not accepted" in outcome.failures[-1]
    assert nothing_was_made(cloud)


def test_check_mode_shows_the_costs_and_makes_nothing(cloud: Cloud) -> None:
    outcome = cloud.play("machines.yml", "--check", lab_aws_confirm=False)
    assert outcome.exit_code == 0, outcome.text
    assert any(line.startswith("together") for line in outcome.messages)
    assert outcome.changes == ["fleetlab.linux.lab_hosts : Configure | Preview of check mode"]
    assert nothing_was_made(cloud)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lab_aws_instance_type": "x9.huge"}, "no price is known for x9.huge"),
        ({"lab_aws_image_name": "plan9-*"}, "no image plan9-* of the owner 136693071363 exists in us-east-1"),
    ],
)
def test_what_is_not_known_is_not_made(cloud: Cloud, options: dict[str, Any], words: str) -> None:
    outcome = cloud.play(LAB, **options)
    assert words in outcome.failures[-1]
    assert nothing_was_made(cloud)


def test_a_network_of_that_name_that_is_not_the_labs_is_left_alone(cloud: Cloud) -> None:
    client = cloud.client()
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "fleetlab-lab"}]}]
    vpc = client.create_vpc(CidrBlock="10.99.0.0/24", TagSpecifications=tags)["Vpc"]["VpcId"]
    outcome = cloud.play(LAB)
    assert f"the network {vpc} is named fleetlab-lab and is not this lab" in outcome.failures[-1]
    assert nothing_was_made(cloud)
    client.delete_vpc(VpcId=vpc)


@pytest.mark.parametrize("arguments", [(), ("--check",)])
def test_a_stop_where_nothing_runs_makes_nothing(cloud: Cloud, arguments: tuple[str, ...]) -> None:
    outcome = cloud.play(STOP, *arguments)
    assert outcome.exit_code == 0, outcome.text
    assert any(line.startswith("the lab lab has no machines in us-east-1: there is nothing to stop") for line in outcome.messages)
    assert (outcome.changed, nothing_was_made(cloud)) == (0, True)


def test_the_name_of_a_lab_stays_a_string(cloud: Cloud) -> None:
    source = ROOT / "roles" / "lab_hosts" / "templates" / "aws_ec2.yml.j2"
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"lab_name": "007", "lab_directory": "/lab", "lab_aws_region": "us-east-1"},
        "tasks": [{"ansible.builtin.template": {"src": str(source), "dest": str(cloud.folder / "made.yml"), "mode": "0600"}}],
    }
    (cloud.folder / "render.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    outcome = cloud.play("render.yml")
    assert outcome.exit_code == 0, outcome.text
    assert yaml.safe_load((cloud.folder / "made.yml").read_text(encoding="utf-8"))["filters"]["tag:fleetlab-lab"] == "007"


def test_a_folder_of_another_backend_is_left_alone(cloud: Cloud) -> None:
    cloud.lab.mkdir()
    token = cloud.lab / "lab-token"
    token.write_text("lab-0123456789\n", encoding="utf-8")
    outcome = cloud.play(LAB)
    assert "holds a lab of another backend" in outcome.failures[-1]
    assert [path.name for path in cloud.lab.iterdir()] == ["lab-token"]
    token.unlink()
    cloud.lab.rmdir()
