# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The targets, sessions and arrays of a client of several storage servers. Pure; runs on the controller."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Dict, Iterator, List, Mapping, Sequence

PORT = 3260
_IQN = "iqn.2026-01.com.example.storage:"
"""The beginning of the names of targets and initiators, which end with the name of the host."""
_ALL = ("0.0.0.0", "::", "[::]")


class StorageError(Exception):
    """The input of a filter is wrong; the message names it."""


def address_of(host: str, hostvars: Mapping[str, Any]) -> str:
    """The address of a host in the storage network: C(storage_address), or else the address to which Ansible connects.

    :raises StorageError: the inventory has neither.
    """
    if host not in hostvars:
        raise StorageError(f"{host} is not a host of the inventory")
    variables = hostvars[host]
    for name in ("storage_address", "ansible_host"):
        if name in variables:
            return str(variables[name])
    raise StorageError(f"{host} has neither storage_address nor ansible_host in the inventory: give it one of them")


def default_iqn(host: str) -> str:
    """The name of a target or an initiator by default, as in the roles: names of iSCSI have no underscores and no capitals."""
    return _IQN + host.lower().replace("_", "-")


def iqn_of(server: str, hostvars: Mapping[str, Any]) -> str:
    """The name of a server's target: its C(storage_server_iqn) of the inventory, or else the default of the role."""
    variables = hostvars.get(server, {})
    return str(variables["storage_server_iqn"]) if "storage_server_iqn" in variables else default_iqn(server)


def make_targets(servers: Sequence[str], hostvars: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """The target of each server, by the inventory: its name, the first of its portals, and the size of its volumes if it is known."""
    return [
        {"name": server, **_portal_of(server, hostvars), "iqn": iqn_of(server, hostvars), **_size_of(server, hostvars)}
        for server in servers
    ]


def _size_of(server: str, hostvars: Mapping[str, Any]) -> Dict[str, Any]:
    size = hostvars.get(server, {}).get("storage_server_volume_mb")
    if size and not str(size).isdigit():
        raise StorageError(f"storage_server_volume_mb of {server} is {size!r}: expected a number of MiB")
    return {"lun_mb": int(size)} if size else {}


def smaller_disks(targets: Sequence[Mapping[str, Any]], devices: Sequence[Mapping[str, Any]]) -> List[str]:
    """The disks that are smaller than the inventory declares them, by their present size."""
    sizes = {target["iqn"]: target.get("lun_mb", 0) << 20 for target in targets}
    return [device["device"] for device in devices if device["size"] < sizes.get(device["target"], 0)]


def _portal_of(server: str, hostvars: Mapping[str, Any]) -> Dict[str, Any]:
    """The portal to log in to. A portal on all addresses stands for the address of the server.

    :raises StorageError: the inventory gives the server no address, or a portal that is none.
    """
    variables = hostvars.get(server, {})
    portals = variables.get("storage_server_portals", [])
    first = portals[0] if portals else {"host": _ALL[0]}
    if not isinstance(first, Mapping) or not first.get("host") or not str(first.get("port", PORT)).isdigit():
        raise StorageError(f"storage_server_portals of {server} begins with {first!r}: expected host, an address, and port, a number")
    host = address_of(server, hostvars) if first["host"] in _ALL else str(first["host"])
    return {"host": host.strip("[]"), "port": int(first.get("port", PORT))}


def lun_numbers(luns: Any) -> List[int]:
    """The LUNs of a client: a list of numbers, or the number of LUNs, counted from LUN 0.

    :raises StorageError: neither of these.
    """
    listed = isinstance(luns, (list, tuple))
    texts = [str(number) for number in (luns if listed else [luns])]
    if not texts or not all(text.isdigit() for text in texts) or len(set(texts)) < len(texts):
        raise StorageError(f"storage_client_luns is {luns!r}: expected the number of LUNs, or a list of different LUN numbers")
    return sorted(int(text) for text in texts) if listed else list(range(int(texts[0])))


def make_sessions(targets: Sequence[Mapping[str, Any]], luns: Any, options: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """A session with each target. C(luns) are the LUNs of each target; C(options), such as C(chap), are the same for all sessions."""
    awaited = lun_numbers(luns) if isinstance(luns, (list, tuple)) else len(lun_numbers(luns))
    return [
        {
            "portal": {"host": target["host"], "port": target["port"]},
            "target": target["iqn"],
            **options,
            "wait_for_luns": awaited,
            **({"lun_mb": target["lun_mb"]} if "lun_mb" in target else {}),
        }
        for target in targets
    ]


def remove_sessions(targets: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    """Each session with a target, to be removed with its record."""
    return [{"portal": {"host": target["host"], "port": target["port"]}, "target": target["iqn"], "state": "absent"} for target in targets]


def remove_arrays(names: Sequence[str], erased: Sequence[str], homehost: str) -> List[Dict[str, Any]]:
    """Each array, to be removed: with its data if C(erased) names it, else only from this host."""
    named = {"homehost": homehost} if homehost else {}
    return [{"name": name, "state": "absent" if name in erased else "forgotten", **named} for name in names]


def make_mirrors(
    targets: Sequence[Mapping[str, Any]],
    devices: Sequence[Mapping[str, Any]],
    prefix: str,
    luns: Sequence[int],
    options: Mapping[str, Any],
    left: Sequence[Mapping[str, Any]] = (),
    flags: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> List[Dict[str, Any]]:
    """A mirror of each LUN over all targets; C(options), such as C(level), are the same for all mirrors.

    :arg devices: the present disks of the targets, as iscsi_session returns them.
    :arg left: targets whose disks leave the mirrors.
    :arg flags: the names of the targets whose disks have a flag, by the option of md_array that sets it.
    """
    mirrors: List[Dict[str, Any]] = []
    for lun in luns:
        members = [_member(target, lun, devices) for target in targets]
        domains = dict(zip(members, (target["name"] for target in targets)))
        leaving = {"leaving": [_member(target, lun, devices) for target in left]} if left else {}
        flagged = {flag: [member for member in members if domains[member] in names] for flag, names in flags.items()}
        mirrors.append({"name": f"{prefix}{lun + 1}", "devices": members, "failure_domains": domains, **options, **leaving, **flagged})
    return mirrors


def md_names(luns: Sequence[int], prefix: str, stripe: str) -> List[str]:
    """The names of the mirrors, which count LUNs from 1, and of the stripe over them."""
    return [*(f"{prefix}{lun + 1}" for lun in luns), stripe]


def make_stripe(name: str, mirrors: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> Dict[str, Any]:
    """A stripe over the mirrors, with these options."""
    return {"name": name, "level": "raid0", "devices": [f"/dev/{mirror['name']}" for mirror in mirrors], **options}


def _member(target: Mapping[str, Any], lun: int, devices: Sequence[Mapping[str, Any]]) -> str:
    found = (device["by_path"] for device in devices if device["target"] == target["iqn"] and device["lun"] == lun)
    # udev will give this name to the disk of a server that is unreachable now.
    expected = f"/dev/disk/by-path/ip-{target['host']}:{target['port']}-iscsi-{target['iqn']}-lun-{lun}"
    return next((str(path) for path in found if path), expected)


def undeclared_members(
    arrays: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    devices: Sequence[Mapping[str, Any]],
    targets: Sequence[Mapping[str, Any]],
) -> List[str]:
    """A sentence for each member of the named arrays that is neither a disk of the targets nor one of these arrays.

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
    """Whether the host no longer has the member's disk, for example after a logout. Such a member has no data to lose.

    The host has neither a path to such a disk nor its superblock. In an array without md superblocks, every member would look like this.
    """
    return str(array["metadata"]).startswith("1.") and member["by_path"] is None and member["events"] is None
