# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The meaning of failed AWS calls, and the remedy. Pure."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

_CALL = re.compile(r"when calling the (\w+) operation")
_NOT_AUTHORIZED = re.compile(r"not authorized to perform: ([a-z0-9-]+:\w+)")
_SERVICES = {"GetCallerIdentity": "sts", "ListAccountAliases": "iam"}

_LOGIN = (
    "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run 'aws configure' (docs/aws.md says how to get a key with only "
    "the permissions that the lab needs); nothing was created"
)
_QUOTAS = {
    "VcpuLimitExceeded": "virtual CPUs of this family of instance types",
    "InstanceLimitExceeded": "instances",
    "MaxSpotInstanceCountExceeded": "spot instances",
    "VpcLimitExceeded": "VPCs",
    "InternetGatewayLimitExceeded": "internet gateways",
    "SecurityGroupLimitExceeded": "security groups",
    "VolumeLimitExceeded": "EBS volumes",
    "MaxIOPSLimitExceeded": "IOPS of EBS volumes",
    "AddressLimitExceeded": "addresses",
    "SubnetLimitExceeded": "subnets",
    "RouteTableLimitExceeded": "route tables",
}
_LENGTH = 600
"""Characters: AWS's message about capacity names the zones with capacity at its end."""

_RESUME = "What exists so far is kept: the same command continues from there, and 'make lab-destroy' removes it"


def _no_credentials(_message: str, _context: Mapping[str, Any]) -> str:
    return f"no AWS credentials were found: {_LOGIN}"


def _expired(_message: str, _context: Mapping[str, Any]) -> str:
    return "the AWS session has expired, or was never begun: log in ('aws sso login', or get new temporary keys)"


def _not_accepted(_message: str, context: Mapping[str, Any]) -> str:
    return (
        f"AWS does not accept these credentials in {context['region']}: the key is wrong or was deactivated, the clock of this machine is "
        "wrong, or the region is not enabled for the account (Account settings, Regions)"
    )


def _region(_message: str, context: Mapping[str, Any]) -> str:
    return (
        f"no EC2 service answers for the region {context['region']!r}: correct lab_aws_region (us-east-1, eu-central-1, ...), "
        "or check the network and proxy of this machine"
    )


def _unreachable(_message: str, context: Mapping[str, Any]) -> str:
    return (
        f"AWS was not reached in {context['region']!r}: check the network of this machine, its proxy (HTTPS_PROXY), and the certificates "
        "that it trusts (AWS_CA_BUNDLE)"
    )


def _opt_in(_message: str, context: Mapping[str, Any]) -> str:
    return f"the account is not enabled for the region {context['region']}: enable it (Account settings, Regions), or set lab_aws_region"


def _permission(message: str, _context: Mapping[str, Any]) -> str:
    named = _NOT_AUTHORIZED.search(message)
    call = _CALL.search(message)
    action = (
        named.group(1) if named else f"{_SERVICES.get(call.group(1), 'ec2')}:{call.group(1)}" if call else "for an action AWS does not name"
    )
    return f"the credentials lack the permission {action}: attach the policy docs/aws-policy.json to their user or role"


def _quota(message: str, context: Mapping[str, Any]) -> str:
    return (
        f"the account's quota of {_QUOTAS[_code(message) or '']} in {context['region']} is used up: ask for more (Service Quotas, "
        f"Amazon EC2), or take a smaller lab_aws_instance_type, fewer lab_servers or lab_volumes, or another lab_aws_region"
    )


def _not_offered(_message: str, context: Mapping[str, Any]) -> str:
    return (
        f"{context['instance_type']} is not offered in the zone {context['zone']}: destroy the lab and set another lab_aws_zone, "
        f"or another lab_aws_instance_type ('aws ec2 describe-instance-type-offerings --location-type availability-zone --filters "
        f"Name=instance-type,Values={context['instance_type']}' lists the zones)"
    )


def _capacity(_message: str, context: Mapping[str, Any]) -> str:
    return (
        f"{context['zone']} has no capacity for these {context['instance_type']} now, and even less in one placement group: "
        f"try again later, set lab_aws_placement_group to false, or destroy the lab and set another lab_aws_zone"
    )


def _image(_message: str, context: Mapping[str, Any]) -> str:
    return (
        f"the image does not exist in {context['region']}, or this account may not use it: "
        "correct lab_aws_image_name and lab_aws_image_owner"
    )


def _library(_message: str, _context: Mapping[str, Any]) -> str:
    return "the Python packages boto3 and botocore are missing here: run 'scripts/bootstrap aws', or install requirements-aws.txt"


def _dependency(_message: str, _context: Mapping[str, Any]) -> str:
    return "a resource in the lab's network still uses it, which the report names; remove this resource, and run the same command again"


Explanation = Callable[[str, Mapping[str, Any]], str]

_BY_CODE: Dict[str, Explanation] = {
    "NoCredentialsError": _no_credentials,
    "ExpiredToken": _expired,
    "ExpiredTokenException": _expired,
    "RequestExpired": _expired,
    "AuthFailure": _not_accepted,
    "InvalidClientTokenId": _not_accepted,
    "UnrecognizedClientException": _not_accepted,
    "SignatureDoesNotMatch": _not_accepted,
    "OptInRequired": _opt_in,
    "UnauthorizedOperation": _permission,
    "AccessDenied": _permission,
    "AccessDeniedException": _permission,
    "InvalidInstanceType": _not_offered,
    "InsufficientInstanceCapacity": _capacity,
    "InsufficientHostCapacity": _capacity,
    "InvalidAMIID.NotFound": _image,
    "InvalidAMIID.Unavailable": _image,
    "DependencyViolation": _dependency,
    **dict.fromkeys(_QUOTAS, _quota),
}
# Messages without a code, or with a code that has several meanings.
_BY_WORDS: Tuple[Tuple[str, Explanation], ...] = (
    ("Unable to locate credentials", _no_credentials),
    ("Partial credentials found", _no_credentials),
    ("config profile", _no_credentials),
    ("Error when retrieving credentials", _no_credentials),
    ("Error when retrieving token", _expired),
    ("Error loading SSO Token", _expired),
    ("SSO session associated with this profile has expired", _expired),
    ("Could not connect to the endpoint URL", _region),
    ("Connect timeout on endpoint URL", _unreachable),
    ("Read timeout on endpoint URL", _unreachable),
    ("Failed to connect to proxy URL", _unreachable),
    ("SSL validation failed", _unreachable),
    ("doesn't match a supported format", _region),
    ("is not a valid region", _region),
    ("Failed to import the required Python library (bot", _library),
    ("not supported in your requested Availability Zone", _not_offered),
)
_RESUMABLE = (_expired, _permission, _quota, _capacity, _unreachable)
_CODE = re.compile(r"An error occurred \(([\w.]+)\)")


def _code(message: str) -> Optional[str]:
    found = _CODE.search(message)
    return found.group(1) if found else None


def explain(result: Mapping[str, Any], context: Mapping[str, Any], resume: bool = True) -> str:
    """The meaning of a failed task of an amazon.aws module, and the remedy.

    :arg result: the result of the task; of a loop, its first failed item counts.
    :arg context: C(region), C(zone) and C(instance_type) for the text.
    :arg resume: whether to say how to continue with the existing resources; at login there are none.
    """
    failed: List[Mapping[str, Any]] = [item for item in result.get("results") or [] if item.get("failed")]
    chosen = failed[0] if failed else result
    message = _message(chosen)
    known = _BY_CODE.get(_code(message) or "") or next((text for words, text in _BY_WORDS if words in message), None)
    said = _said(chosen) or _brief(message)
    if known is None:
        sentence = said or "a task failed without a message"
    else:
        sentence = f"{known(message, context)} (AWS said: {said})"
    return f"{sentence}. {_RESUME}" if resume and known in (None, *_RESUMABLE) else sentence


def _message(chosen: Mapping[str, Any]) -> str:
    """The whole message of a module, with the code and the message of AWS."""
    message = str(chosen.get("msg") or "")
    error = chosen.get("error") or {}
    if error.get("code") and not _CODE.search(message):
        message = f"{message}: An error occurred ({error['code']}): {error.get('message') or ''}"
    # Some modules of amazon.aws do not catch errors of AWS, and end with a traceback.
    fallen = [line for line in str(chosen.get("module_stderr") or "").splitlines() if _CODE.search(line)]
    return fallen[-1] if fallen and not _CODE.search(message) else message


def _said(chosen: Mapping[str, Any]) -> str:
    """The message of AWS, if a module returns it beside its own message."""
    error = chosen.get("error") or {}
    return _brief(f"{error['code']}: {error.get('message') or ''}") if error.get("code") else ""


def _brief(message: str) -> str:
    # Only the owner of the account can decode an encoded message of AWS.
    text = re.sub(r"Encoded authorization failure message: \S+", "", message)
    text = " ".join(text.split())
    return text if len(text) <= _LENGTH else f"{text[: _LENGTH - 3]}..."
