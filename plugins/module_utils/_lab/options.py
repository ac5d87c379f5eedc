# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of lab_guests. Pure; raises InputError only."""

from __future__ import annotations

import re
from ipaddress import IPv4Interface
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from .._core.errors import InputError
from .state import Backend, Disk, Guest, Image, Wanted

_GUEST_NAME = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
_LAB_NAME = re.compile(r"[a-z]([a-z0-9-]{0,14}[a-z0-9])?")
_DISK_NAME = re.compile(r"[a-z]([a-z0-9-]{0,17}[a-z0-9])?")
_VOLUME_ID = re.compile(r"vol-[0-9a-f]{17}")
_MAX_DISKS = 15
"""User-mode Linux has 16 block devices; the first holds the root file system."""


def argument_spec(backends: Sequence[Backend]) -> Dict[str, Any]:
    """The module's options; see its DOCUMENTATION."""
    disk = {"name": {"type": "str", "required": True}, "size_mb": {"type": "int", "required": True}, "volume_id": {"type": "str"}}
    guest = {
        "name": {"type": "str", "required": True},
        "address": {"type": "str", "required": True},
        "memory": {"type": "int", "default": 512},
        "cpus": {"type": "int", "default": 1},
        "disks": {"type": "list", "elements": "dict", "options": disk},
    }
    image = {"root": {"type": "path", "required": True}, "kernel": {"type": "path"}, "initrd": {"type": "path"}}
    return {
        "name": {"type": "str", "default": "lab"},
        "directory": {"type": "path", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "exclusive_to": {"type": "int"},
        "backend": {"type": "str", "choices": [backend.name for backend in backends], "default": backends[0].name},
        "gateway": {"type": "str", "default": "10.99.0.1/24"},
        "mtu": {"type": "int", "default": 9000},
        "image": {"type": "dict", "options": image},
        "guests": {"type": "list", "elements": "dict", "options": guest},
    }


def make_wanted(params: Mapping[str, Any], rootless: bool, backends: Sequence[Backend]) -> Wanted:
    """Check the options of a task.

    :raises InputError: an option is not valid, or the lab could not work.
    """
    if not _LAB_NAME.fullmatch(params["name"]):
        raise InputError("name", f"'{params['name']}' is not a lab name: 1 to 16 lower case letters, digits and '-', a letter first")
    backend = next(known for known in backends if known.name == params["backend"])
    guests = tuple(_make_guest(number, item) for number, item in enumerate(params["guests"] or [], 1))
    _check_unique("guests.name", [guest.name for guest in guests])
    _check_volume_ids(backend, guests, backends)
    _check_unique("guests.address", [guest.address.split("/")[0] for guest in guests] + [params["gateway"].split("/")[0]])
    _check_network(params["gateway"], guests)
    _check_directory(params["directory"])
    return Wanted(
        name=params["name"],
        directory=params["directory"].rstrip("/"),
        backend=backend,
        gateway=params["gateway"],
        mtu=params["mtu"],
        image=_make_image(backend, params["image"] or {}, bool(guests)),
        rootless=rootless,
        guests=guests,
        present=params["state"] == "present",
        exclusive_to=params["exclusive_to"],
    )


def _make_image(backend: Backend, image: Mapping[str, Any], is_needed: bool) -> Image:
    _check_path("image.root", image.get("root", ""))
    kernel = image.get("kernel") or backend.default_kernel or ""
    if is_needed and not kernel:
        raise InputError("image.kernel", f"{backend.label} guests need a kernel: give its path")
    return Image(image.get("root", ""), kernel, image.get("initrd"))


def _make_guest(number: int, item: Mapping[str, Any]) -> Guest:
    option = f"guests[{number - 1}]"
    if not _GUEST_NAME.fullmatch(item["name"]):
        raise InputError(f"{option}.name", f"'{item['name']}' is not a host name: lower case letters, digits and '-', at most 32")
    if item["memory"] < 192:
        raise InputError(f"{option}.memory", f"{item['memory']} MiB is less than the 192 MiB a guest needs to boot")
    disks = tuple(_make_disk(option, disk) for disk in item["disks"] or [])
    _check_unique(f"{option}.disks.name", [disk.name for disk in disks])
    if len(disks) > _MAX_DISKS:
        raise InputError(f"{option}.disks", f"{len(disks)} disks are declared; a guest can have {_MAX_DISKS}")
    return Guest(item["name"], number, item["address"], item["memory"], item["cpus"], disks)


def _make_disk(option: str, item: Mapping[str, Any]) -> Disk:
    if not _DISK_NAME.fullmatch(item["name"]):
        raise InputError(f"{option}.disks.name", f"'{item['name']}': lower case letters, digits and '-', at most 19")
    size = item["size_mb"] * 1024 * 1024
    if size <= 0:
        raise InputError(f"{option}.disks.size_mb", f"{item['size_mb']} is not a size in MiB")
    identity = item.get("volume_id")
    if identity is not None and not _VOLUME_ID.fullmatch(identity):
        raise InputError(f"{option}.disks.volume_id", f"'{identity}' is not 'vol-' and 17 hexadecimal digits")
    return Disk(item["name"], size, identity)


def _check_volume_ids(backend: Backend, guests: Tuple[Guest, ...], backends: Sequence[Backend]) -> None:
    given = [disk.volume_id for guest in guests for disk in guest.disks if disk.volume_id is not None]
    if given and not backend.has_nvme:
        label, name = next((known.label, known.name) for known in backends if known.has_nvme)
        raise InputError("guests.disks.volume_id", f"{given[0]}: only {label} has NVMe disks; omit it, or set backend: {name}")
    _check_unique("guests.disks.volume_id", given)


def _check_directory(directory: str) -> None:
    if not directory.startswith("/") or directory.rstrip("/").count("/") < 2:
        raise InputError("directory", f"'{directory}' is not an absolute path of a folder for the lab alone")
    _check_path("directory", directory)


def _check_path(option: str, path: str) -> None:
    if any(character in path for character in ",:\n'\""):
        problem = "has a character that is syntax for User-mode Linux: use a path without commas, colons and quotes"
        raise InputError(option, f"'{path}' {problem}")


def _check_unique(option: str, values: List[str]) -> None:
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise InputError(option, f"given twice: {', '.join(twice)}")


def _check_network(gateway: str, guests: Tuple[Guest, ...]) -> None:
    network = _interface("gateway", gateway).network
    for guest in guests:
        address = _interface("guests.address", guest.address)
        if address.network != network:
            raise InputError("guests.address", f"{guest.address} of {guest.name} is not in the network of the gateway, {network}")


def _interface(option: str, value: str) -> IPv4Interface:
    try:
        interface = IPv4Interface(value)
    except ValueError:
        raise InputError(option, f"'{value}' is not an IPv4 address with a prefix length, such as 10.99.0.1/24") from None
    if "/" not in value:
        raise InputError(option, f"'{value}' lacks the prefix length, such as /24")
    return interface
