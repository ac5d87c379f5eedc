# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request for a lab on AWS: whether its values are possible, and whether existing machines differ from it. Pure."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]+")
_WORLD = 8
"""A range with a shorter prefix counts as the whole world, so that the world in two halves is refused too."""

_IOPS = {"gp3": (3000, 16000), "io1": (100, 64000), "io2": (100, 64000)}
_THROUGHPUT = (125, 1000)
_LETTERS = "fghijklmnopqrstuvwxyz"
"""The last letters of the names under which data volumes are attached."""

_SPEEDS = (("iops", "IOPS", tuple(_IOPS)), ("throughput", "MiB/s", ("gp3",)))


def problems(request: Mapping[str, Any]) -> List[str]:
    """All values that are not possible, each with the name of its variable, so that the user can correct all at once."""
    found = list(_names(request))
    found += _ssh_ranges(request["ssh_from"], bool(request["world_ssh"]))
    found += _volume(request["volume"])
    if not 1 <= float(request["lifetime_hours"]) <= 168:
        found.append(f"lab_aws_lifetime_hours: {request['lifetime_hours']} is not within 1 to 168")
    return found


def _names(request: Mapping[str, Any]) -> Iterator[str]:
    if not _NAME.fullmatch(str(request["name"])):
        yield f"lab_name: {request['name']!r} is not 1 to 32 lower case letters, digits and '-'"
    if not _REGION.fullmatch(str(request["region"])):
        yield f"lab_aws_region: {request['region']!r} does not look like a region, as us-east-1 does"
    elif not re.fullmatch(re.escape(str(request["region"])) + "[a-z]", str(request["zone"])):
        yield f"lab_aws_zone: {request['zone']!r} is not a zone of {request['region']}, as {request['region']}a is"


def _ssh_ranges(ranges: Sequence[str], world: bool) -> Iterator[str]:
    if not ranges:
        yield "lab_aws_ssh_from: state the public addresses from which ssh may reach the machines, such as [192.0.2.10/32]"
    for text in ranges:
        try:
            network = ipaddress.IPv4Network(str(text))
        except ValueError as error:
            yield f"lab_aws_ssh_from: {text}: {error}"
            continue
        if str(network) != str(text):
            yield f"lab_aws_ssh_from: {text}: write it as {network}"
        if network.prefixlen < _WORLD and not world:
            yield f"lab_aws_ssh_from: {text} allows the whole world: state a smaller range, or set lab_aws_allow_world_ssh"


def _volume(volume: Mapping[str, Any]) -> Iterator[str]:
    kind, size = str(volume["type"]), int(volume["size_gb"])
    iops, throughput = int(volume.get("iops") or 0), int(volume.get("throughput") or 0)
    if not 1 <= size <= 16384:
        yield f"lab_aws_volume_gb: {size} is not within 1 to 16384"
    if int(volume["logical_mb"]) + 8 > size * 1024:
        yield f"lab_aws_logical_volume_mb: {volume['logical_mb']} MiB do not fit into lab_aws_volume_gb: {size} (LVM keeps 8 of them)"
    limits = _IOPS.get(kind)
    if limits and not limits[0] <= iops <= limits[1]:
        yield f"lab_aws_volume_iops: {iops} is not within {limits[0]} to {limits[1]}, which {kind} takes"
    if kind == "gp3" and not _THROUGHPUT[0] <= throughput <= min(_THROUGHPUT[1], iops // 4):
        yield f"lab_aws_volume_throughput: {throughput} MiB/s is not within 125 to 1000 and a quarter of lab_aws_volume_iops"


def drift(instances: Sequence[Mapping[str, Any]], volumes: Sequence[Mapping[str, Any]], request: Mapping[str, Any]) -> List[str]:
    """The differences between existing machines and the request that only new machines would remove."""
    found = []
    for role, count in (("storage_servers", int(request["servers"])), ("storage_clients", int(request["clients"]))):
        existing = [item for item in instances if item["tags"].get("fleetlab-role") == role]
        if len(existing) > count:
            found.append(f"there are {len(existing)} {role} and {count} were asked for")
    for item in instances:
        if item["instance_type"] != request["instance_type"]:
            found.append(f"{_label(item)} is a {item['instance_type']} and {request['instance_type']} was asked for")
        if item.get("key_name") != request["key"]:
            found.append(
                f"{_label(item)} has another key than the folder of the lab: put the id_ed25519 and id_ed25519.pub of the machine back"
            )
        if item["tags"].get("fleetlab-role") == "storage_servers":
            found += _volume_drift(item, volumes, request)
    return found


def _label(item: Mapping[str, Any]) -> str:
    return str(item["tags"].get("Name") or item["instance_id"])


def data_volumes(item: Mapping[str, Any]) -> List[Mapping[str, Any]]:
    """The volumes of a machine except its boot volume, in the order of their names."""
    attached = [mapping for mapping in item["block_device_mappings"] if mapping["device_name"] != item["root_device_name"]]
    return sorted(attached, key=lambda mapping: str(mapping["device_name"]))


def new_data_volumes(volume: Mapping[str, Any], count: int) -> List[Dict[str, Any]]:
    """The data volumes of a new server, from /dev/sdf on. They are created and removed with their machine, so that none remains."""
    ebs: Dict[str, Any] = {"volume_type": volume["type"], "volume_size": int(volume["size_gb"]), "encrypted": True}
    # The request omits IOPS or throughput for a type without this choice.
    speeds = {key: int(volume[key]) for key in ("iops", "throughput") if int(volume[key])}
    return [{"device_name": f"/dev/sd{letter}", "ebs": {**ebs, "delete_on_termination": True, **speeds}} for letter in _LETTERS[:count]]


def _volume_drift(item: Mapping[str, Any], volumes: Sequence[Mapping[str, Any]], request: Mapping[str, Any]) -> Iterator[str]:
    attached = data_volumes(item)
    if len(attached) != int(request["volumes"]):
        yield f"{_label(item)} has {len(attached)} data volumes and {request['volumes']} were asked for"
    wanted = request["volume"]
    known = {volume["id"]: volume for volume in volumes}
    for mapping in attached:
        identity = mapping["ebs"]["volume_id"]
        volume = known.get(identity)
        if volume is None:
            yield f"{identity} at {mapping['device_name']} of {_label(item)} is not one of the lab's volumes"
        elif len(set(_shapes(volume, wanted))) > 1:
            is_now, asked = _shapes(volume, wanted)
            yield f"{identity} of {_label(item)} is {is_now} and {asked} was asked for"
        elif not volume["encrypted"]:
            yield f"{identity} of {_label(item)} is not encrypted"


def _shapes(volume: Mapping[str, Any], wanted: Mapping[str, Any]) -> Tuple[str, str]:
    """A volume and its request in words; with the speeds if the type has this choice and AWS reports them."""
    is_now = [f"{volume['type']} of {int(volume['size'])} GB"]
    asked = [f"{wanted['type']} of {int(wanted['size_gb'])} GB"]
    for key, unit, kinds in _SPEEDS:
        if wanted["type"] in kinds and volume.get(key):
            is_now.append(f"{int(volume[key])} {unit}")
            asked.append(f"{int(wanted[key])} {unit}")
    return ", ".join(is_now), ", ".join(asked)
