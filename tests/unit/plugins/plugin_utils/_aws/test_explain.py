# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWS says, in words that say what to do. The messages are those that amazon.aws 10.1.2 returned or that AWS documents."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import pytest

from ansible_collections.fleetlab.linux.plugins.plugin_utils._aws.explain import explain

CONTEXT = {"region": "eu-central-1", "zone": "eu-central-1b", "instance_type": "c6in.2xlarge"}


def failed(code: str, call: str, text: str) -> Dict[str, Any]:
    """A result as fail_json_aws makes it."""
    message = f"Failed to do it: An error occurred ({code}) when calling the {call} operation: {text}"
    return {"failed": True, "msg": message, "error": {"code": code, "message": text}}


@pytest.mark.parametrize(
    ("code", "call", "text", "words"),
    [
        ("ExpiredToken", "GetCallerIdentity", "The security token included in the request is expired", ["has expired", "aws sso login"]),
        ("RequestExpired", "DescribeVpcs", "Request has expired.", ["has expired"]),
        (
            "AuthFailure",
            "DescribeVpcs",
            "AWS was not able to validate the provided access credentials",
            ["the clock of this machine", "eu-central-1"],
        ),
        ("SignatureDoesNotMatch", "GetCallerIdentity", "The request signature we calculated does not match", ["the key is wrong"]),
        ("OptInRequired", "DescribeVpcs", "You are not subscribed to this service.", ["enable it (Account settings, Regions)"]),
        (
            "VcpuLimitExceeded",
            "RunInstances",
            "You have requested more vCPU capacity than your limit of 32",
            ["virtual CPUs", "Service Quotas", "make lab-destroy"],
        ),
        ("VpcLimitExceeded", "CreateVpc", "The maximum number of VPCs has been reached.", ["quota of VPCs"]),
        ("VolumeLimitExceeded", "RunInstances", "Volume limit exceeded", ["quota of EBS volumes"]),
        ("MaxSpotInstanceCountExceeded", "RunInstances", "Max spot instance count exceeded", ["quota of spot instances"]),
        (
            "Unsupported",
            "RunInstances",
            "Your requested instance type (c6in.2xlarge) is not supported in your requested Availability Zone (eu-central-1b).",
            ["c6in.2xlarge is not offered in the zone eu-central-1b", "lab_aws_zone", "describe-instance-type-offerings"],
        ),
        (
            "InsufficientInstanceCapacity",
            "RunInstances",
            "We currently do not have sufficient c6in.2xlarge capacity in the Availability Zone you requested",
            ["no capacity for these c6in.2xlarge", "lab_aws_placement_group"],
        ),
        ("InvalidAMIID.NotFound", "RunInstances", "The image id '[ami-1]' does not exist", ["lab_aws_image_name"]),
        (
            "DependencyViolation",
            "DeleteVpc",
            "The vpc 'vpc-1' has dependencies and cannot be deleted.",
            ["a resource in the lab's network"],
        ),
    ],
)
def test_every_failure_says_what_to_do_and_what_was_said(code: str, call: str, text: str, words: List[str]) -> None:
    sentence = explain(failed(code, call, text), CONTEXT)
    for word in words:
        assert word in sentence
    assert f"(AWS said: {code}: {text})" in sentence
    # The code alone, as modules hand it on that know no better, is enough.
    assert words[0] in explain({"failed": True, "msg": f"An error occurred ({code}) when calling the {call} operation: {text}"}, CONTEXT)


@pytest.mark.parametrize(
    ("call", "text", "action"),
    [
        ("RunInstances", "You are not authorized to perform this operation.", "ec2:RunInstances"),
        ("GetCallerIdentity", "Denied", "sts:GetCallerIdentity"),
        (
            "RunInstances",
            "User: arn:aws:iam::1:user/x is not authorized to perform: ec2:CreateTags on resource: arn:aws:ec2:*:*:instance/*",
            "ec2:CreateTags",
        ),
    ],
)
def test_a_missing_permission_is_named(call: str, text: str, action: str) -> None:
    sentence = explain(failed("UnauthorizedOperation", call, text), CONTEXT)
    assert f"lack the permission {action}: attach the policy docs/aws-policy.json" in sentence


def test_an_encoded_message_is_left_out() -> None:
    text = f"You are not authorized to perform this operation. Encoded authorization failure message: {'x' * 900}"
    assert "xxx" not in explain(failed("UnauthorizedOperation", "RunInstances", text), CONTEXT)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Unable to locate credentials", "no AWS credentials were found: set AWS_PROFILE"),
        ("Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY", "no AWS credentials were found"),
        ("Error when retrieving credentials from custom-process: no such file", "no AWS credentials were found"),
        ("The config profile (lab) could not be found", "no AWS credentials were found"),
        (
            'Could not connect to the endpoint URL: "https://ec2.eu-centarl-1.amazonaws.com/"',
            "no EC2 service answers for the region 'eu-central-1'",
        ),
        ("Failed to import the required Python library (botocore and boto3) on x's Python", "run 'scripts/bootstrap aws'"),
    ],
)
def test_failures_without_a_code(message: str, words: str) -> None:
    assert words in explain({"failed": True, "msg": message}, CONTEXT)


LOGIN = [
    "Error when retrieving token from sso: Token has expired and refresh failed",
    "The SSO session associated with this profile has expired or is otherwise invalid. To refresh this SSO session run aws sso login",
    "Error loading SSO Token: Token for lab does not exist",
    "An error occurred (ExpiredToken) when calling the GetCallerIdentity operation: The security token included in the request is expired",
]


@pytest.mark.parametrize("message", LOGIN)
def test_at_login_nothing_is_said_of_what_exists(message: str) -> None:
    result = {"failed": True, "msg": f"Failed to retrieve caller identity: {message}"}
    sentence = explain(result, CONTEXT, resume=False)
    assert sentence.startswith("the AWS session has expired, or was never begun: log in ('aws sso login'")
    assert "What exists so far" not in sentence
    assert "What exists so far is kept" in explain(result, CONTEXT)


@pytest.mark.parametrize(
    "message",
    [
        'Connect timeout on endpoint URL: "https://sts.eu-central-1.amazonaws.com/"',
        'Read timeout on endpoint URL: "https://sts.eu-central-1.amazonaws.com/"',
        'Failed to connect to proxy URL: "http://proxy:3128"',
        "SSL validation failed for https://sts.eu-central-1.amazonaws.com/ certificate verify failed: self-signed certificate",
    ],
)
def test_an_aws_that_is_not_reached(message: str) -> None:
    sentence = explain({"failed": True, "msg": f"Failed to retrieve caller identity: {message}"}, CONTEXT, resume=False)
    assert sentence.startswith("AWS was not reached in 'eu-central-1': check the network of this machine, its proxy (HTTPS_PROXY)")
    assert message in sentence


def test_what_aws_said_is_not_crowded_out_by_what_the_module_said() -> None:
    text = "Value (x) for parameter y is invalid."
    result = {"failed": True, "msg": f"Unable to start instances {'i-0123456789abcdef0, ' * 60}", "error": {"code": "Odd", "message": text}}
    assert explain(result, CONTEXT, resume=False) == f"Odd: {text}"
    assert explain({"failed": True, "msg": "failed", "results": [result]}, CONTEXT, resume=False) == f"Odd: {text}"


def test_a_quota_is_known_by_the_code_that_is_returned_apart() -> None:
    result = {"failed": True, "msg": "Failed to make it", "error": {"code": "VpcLimitExceeded", "message": "No more."}}
    assert "quota of VPCs in eu-central-1 is used up" in explain(result, CONTEXT)


def test_what_is_not_supported_for_another_reason_than_the_zone_is_handed_on() -> None:
    text = "The requested configuration is currently not supported. Please check the documentation for supported configurations."
    sentence = explain(failed("Unsupported", "RunInstances", text), CONTEXT)
    assert sentence.startswith(f"Unsupported: {text}")
    assert "not offered in the zone" not in sentence


def test_of_a_loop_the_item_that_failed_counts() -> None:
    result = {
        "failed": True,
        "msg": "One or more items failed",
        "results": [{"failed": False, "msg": "fine"}, failed("ExpiredToken", "X", "expired")],
    }
    assert "has expired" in explain(result, CONTEXT)


def test_a_module_that_fell_over_its_answer_is_understood() -> None:
    text = "botocore.exceptions.ClientError: An error occurred (UnauthorizedOperation) when calling the DescribeImages operation: No."
    result = {
        "failed": True,
        "msg": "Module result deserialization failed: No start of json char found",
        "module_stderr": f"Traceback\n{text}\n",
    }
    assert "lack the permission ec2:DescribeImages" in explain(result, CONTEXT)


@pytest.mark.parametrize("message", ["", "the disk is on fire", None])
def test_what_is_not_known_is_handed_on_with_how_to_go_on(message: Optional[str]) -> None:
    sentence = explain({"failed": True, "msg": message}, CONTEXT)
    assert (message or "a task failed without a message") in sentence
    assert "make lab-destroy" in sentence


def test_what_is_not_known_is_handed_on_in_brief() -> None:
    assert len(explain({"failed": True, "msg": "x" * 9000}, CONTEXT)) < 800
