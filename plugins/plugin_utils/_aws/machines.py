# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines of a lab on AWS under the names of the lab, and the resources that remain after its removal. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from .request import data_volumes

_PREFIXES = {"storage_servers": "server", "storage_clients": "client"}


def guests(instances: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    """All machines with their names, in the form of every backend.

    A machine without a name gets the lowest free name: machines of one request start without names, and a replacement takes the name of
    the machine that it replaces. C(named) says whether the machine already has the name as its tag.
    """
    made: List[Dict[str, Any]] = []
    for role, prefix in _PREFIXES.items():
        members = [item for item in instances if item["tags"].get("fleetlab-role") == role]
        taken = set()
        for item in sorted(members, key=lambda item: str(item["instance_id"])):
            name = item["tags"].get("Name", "")
            if name.startswith(prefix) and name[len(prefix) :].isdigit() and name not in taken:
                taken.add(name)
                made.append(_guest(item, name, named=True))
        done = {guest["instance_id"] for guest in made}
        free = (name for name in (f"{prefix}{number}" for number in range(1, len(members) + len(taken) + 1)) if name not in taken)
        for item in sorted(members, key=lambda item: (item["ami_launch_index"], str(item["instance_id"]))):
            if item["instance_id"] not in done:
                made.append(_guest(item, next(free), named=False))
    return sorted(made, key=lambda guest: (guest["role"] != "storage_servers", len(guest["name"]), guest["name"]))


def _guest(item: Mapping[str, Any], name: str, named: bool) -> Dict[str, Any]:
    role = item["tags"]["fleetlab-role"]
    volumes = data_volumes(item) if role == "storage_servers" else []
    return {
        "name": name,
        "named": named,
        "role": role,
        "instance_id": item["instance_id"],
        "address": item.get("public_ip_address") or "",
        "storage_address": item.get("private_ip_address") or "",
        "running": item["state"]["name"] == "running",
        "disks": [
            {"name": f"volume{number}", "volume_id": mapping["ebs"]["volume_id"], "attached_as": mapping["device_name"]}
            for number, mapping in enumerate(volumes, 1)
        ],
    }


def untagged_resources(inside: Mapping[str, Sequence[Mapping[str, Any]]], lab: str, ours: Sequence[str]) -> List[str]:
    """The resources in the lab's networks without its tag, which others have created there, one line each.

    :arg inside: all resources in these networks, by kind.
    :arg ours: ids of the lab's machines, whose interfaces have no tag.
    """
    lines = []
    for kind, items in inside.items():
        for item in items:
            if _tags(item).get("fleetlab-lab") != lab and not _comes_by_itself(kind, item, ours):
                lines.append(f"{kind} {_identity(item)}: is in the network of the lab without its tag, so it was not touched")
    return lines


def remaining_resources(
    tagged: Mapping[str, Sequence[Mapping[str, Any]]], inside: Mapping[str, Sequence[Mapping[str, Any]]], lab: str, ours: Sequence[str]
) -> List[str]:
    """The resources that still exist after a removal, one line each.

    :arg tagged: the resources with the lab's tag, by kind: their removal failed, or untagged resources use them.
    """
    remain = [f"{kind} {_identity(item)}: has the tag of the lab and still exists" for kind, items in tagged.items() for item in items]
    return remain + untagged_resources(inside, lab, ours)


_IDENTITIES = (
    "instance_id",
    "volume_id",
    "network_interface_id",
    "launch_template_id",
    "key_pair_id",
    "route_table_id",
    "internet_gateway_id",
    "subnet_id",
    "group_id",
    "vpc_id",
    "id",
)


def _identity(item: Mapping[str, Any]) -> str:
    return next(str(item[key]) for key in (*_IDENTITIES, "name") if item.get(key))


def _tags(item: Mapping[str, Any]) -> Mapping[str, Any]:
    tags = item.get("tags") or item.get("tag_set") or {}
    return tags if isinstance(tags, Mapping) else {tag["key"]: tag["value"] for tag in tags}


def _comes_by_itself(kind: str, item: Mapping[str, Any], ours: Sequence[str]) -> bool:
    """Whether AWS itself created the resource: the default group or main table of a network, or an interface of the lab's machines."""
    if kind == "security group":
        return bool(item.get("group_name") == "default")
    if kind == "route table":
        return any(association.get("main") for association in item.get("associations") or [])
    if kind == "network interface":
        return (item.get("attachment") or {}).get("instance_id") in ours
    return False
