# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placement groups, which the API server of the other tests does not have.

The real modules make their calls to a client that botocore stubs: calls and answers are held against AWS's own description of them.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any, Iterator

import boto3
import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from botocore.stub import Stubber
from jinja2.nativetypes import NativeEnvironment

from .server import ROOT

NAME = "fleetlab-lab"
TAGS = {"fleetlab-lab": "lab"}
GROUP = {
    "GroupName": NAME,
    "State": "available",
    "Strategy": "cluster",
    "GroupId": "pg-0123456789abcdef0",
    "Tags": [{"Key": "fleetlab-lab", "Value": "lab"}],
}
BY_NAME = {"Filters": [{"Name": "group-name", "Values": [NAME]}]}


def task(file: str, module: str) -> dict[str, Any]:
    """The options that the role gives the module, with the names of a lab filled in."""
    found: list[dict[str, Any]] = []

    def look(tasks: list[dict[str, Any]]) -> None:
        for entry in tasks:
            if module in entry:
                found.append(entry[module])
            look(entry.get("block", []))

    look(yaml.safe_load((ROOT / "roles" / "lab_hosts" / "tasks" / file).read_text(encoding="utf-8")))
    (options,) = found
    names = {"lab_hosts_aws_name": NAME, "lab_hosts_aws_tags": TAGS, "item": {"name": NAME}}
    environment = NativeEnvironment()

    def render(value: Any) -> Any:
        if isinstance(value, list):
            return [render(item) for item in value]
        return environment.from_string(value).render(**names) if isinstance(value, str) else value

    return {option: render(value) for option, value in options.items()}


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """The client that the modules get."""
    client = boto3.client("ec2", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    core = import_module("ansible_collections.amazon.aws.plugins.module_utils.modules")
    monkeypatch.setattr(core.AnsibleAWSModule, "client", lambda self, service, **_options: client)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def run(name: str, options: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The result of a module of amazon.aws."""
    module = import_module(f"ansible_collections.amazon.aws.plugins.modules.{name}")
    with patch_module_args({"region": "us-east-1", **options}), pytest.raises(SystemExit):
        module.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_one_is_made_with_the_tag(stub: Stubber, capsys: pytest.CaptureFixture[str]) -> None:
    stub.add_response("describe_placement_groups", {"PlacementGroups": []}, BY_NAME)
    tags = [{"ResourceType": "placement-group", "Tags": [{"Key": "fleetlab-lab", "Value": "lab"}]}]
    wanted = {"GroupName": NAME, "Strategy": "cluster", "TagSpecifications": tags}
    stub.add_response("create_placement_group", {"PlacementGroup": GROUP}, wanted)
    assert run("ec2_placement_group", task("aws_network.yml", "amazon.aws.ec2_placement_group"), capsys)["changed"] is True


def test_one_that_is_there_is_left_as_it_is(stub: Stubber, capsys: pytest.CaptureFixture[str]) -> None:
    stub.add_response("describe_placement_groups", {"PlacementGroups": [GROUP]}, BY_NAME)
    assert run("ec2_placement_group", task("aws_network.yml", "amazon.aws.ec2_placement_group"), capsys)["changed"] is False


def test_it_is_found_with_its_tag(stub: Stubber, capsys: pytest.CaptureFixture[str]) -> None:
    stub.add_response("describe_placement_groups", {"PlacementGroups": [GROUP]}, BY_NAME)
    (found,) = run("ec2_placement_group_info", task("aws_find.yml", "amazon.aws.ec2_placement_group_info"), capsys)["placement_groups"]
    assert (found["name"], found["tags"]) == (NAME, TAGS)


def test_it_is_removed_by_its_name(stub: Stubber, capsys: pytest.CaptureFixture[str]) -> None:
    stub.add_response("describe_placement_groups", {"PlacementGroups": [GROUP]}, BY_NAME)
    stub.add_response("delete_placement_group", {}, {"GroupName": NAME})
    assert run("ec2_placement_group", task("aws_absent.yml", "amazon.aws.ec2_placement_group"), capsys)["changed"] is True
