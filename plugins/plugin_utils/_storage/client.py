# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client of several storage servers declares: their targets, its sessions and its arrays. Pure; runs on the controller."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Sequence

PORT = 3260
IQN = "iqn.2026-01.com.example.storage:"
"""The names of targets and initiators begin with it, and end with the name of the host."""


class StorageError(Exception):
    """The input of a filter cannot be right; the message names it."""


def address_of(host: str, hostvars: Mapping[str, Any]) -> str:
    """The address of a host in the storage network, which is the one that Ansible connects to unless the host has another.

    :raises StorageError: the inventory gives neither.
    """
    if host not in hostvars:
        raise StorageError(f"{host} is no host of the inventory")
    variables = hostvars[host]
    for name in ("storage_address", "ansible_host"):
        if name in variables:
            return str(variables[name])
    raise StorageError(f"{host} has neither storage_address nor ansible_host in the inventory: give it one of them")


def make_targets(servers: Sequence[str], hostvars: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """The target of each server."""
    return [{"name": server, "host": address_of(server, hostvars), "port": PORT, "iqn": f"{IQN}{server}"} for server in servers]


def make_sessions(targets: Sequence[Mapping[str, Any]], luns: int, options: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """The session with each target, which has so many LUNs; C(options) are the same for all, such as C(chap)."""
    return [
        {"portal": {"host": target["host"], "port": target["port"]}, "target": target["iqn"], **options, "wait_for_luns": luns}
        for target in targets
    ]


def make_mirrors(
    targets: Sequence[Mapping[str, Any]], devices: Sequence[Mapping[str, Any]], prefix: str, luns: int, options: Mapping[str, Any]
) -> List[Dict[str, Any]]:
    """One mirror of each LUN over all targets; C(options) are the same for all, such as C(level).

    :arg devices: the disks that the targets give now, as iscsi_session returns them.
    """
    mirrors: List[Dict[str, Any]] = []
    for lun in range(luns):
        members = [_member(target, lun, devices) for target in targets]
        domains = dict(zip(members, (target["name"] for target in targets)))
        mirrors.append({"name": f"{prefix}{lun + 1}", "devices": members, "failure_domains": domains, **options})
    return mirrors


def make_stripe(name: str, mirrors: Sequence[Mapping[str, Any]], chunk: int) -> Dict[str, Any]:
    """A stripe over the mirrors."""
    return {"name": name, "level": "raid0", "chunk": chunk, "devices": [f"/dev/{mirror['name']}" for mirror in mirrors]}


def _member(target: Mapping[str, Any], lun: int, devices: Sequence[Mapping[str, Any]]) -> str:
    found = (device["by_path"] for device in devices if device["target"] == target["iqn"] and device["lun"] == lun)
    # While a server is away, the name that udev will give its disk.
    away = f"/dev/disk/by-path/ip-{target['host']}:{target['port']}-iscsi-{target['iqn']}-lun-{lun}"
    return next((str(path) for path in found if path), away)


def undeclared_members(
    arrays: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    devices: Sequence[Mapping[str, Any]],
    targets: Sequence[Mapping[str, Any]],
) -> List[str]:
    """A sentence for each member of the named arrays that is neither a disk of the targets nor one of these arrays itself.

    :arg arrays: as md_array_info returns them.
    :arg devices: the disks of all sessions of the host, as iscsi_session_info returns them.
    """
    iqns = {target["iqn"] for target in targets}
    ours = {device["device"] for device in devices if device["target"] in iqns} | {f"/dev/{name}" for name in names}
    others = {device["device"] for device in devices} - ours
    return [
        f"{array['device']} has the member {member['device']}"
        for array in _named(arrays, names)
        for member in array["members"]
        if member["device"] not in ours and (member["device"] in others or not _is_gone(array, member))
    ]


def _named(arrays: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    return (array for array in arrays if array["name"] in names or array["kernel_name"] in names)


def _is_gone(array: Mapping[str, Any], member: Mapping[str, Any]) -> bool:
    """Whether the member is a disk that the host does not have any more, as after its session was logged out: it has no data to lose.

    The host has no path to such a disk and no superblock of it. Members of an array without superblocks of md never have one.
    """
    return str(array["metadata"]).startswith("1.") and member["by_path"] is None and member["events"] is None
