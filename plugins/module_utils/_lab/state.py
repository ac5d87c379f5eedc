# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab on one machine consists of: a namespace with a bridge, and guests that are processes inside it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from typing import Any, List, Mapping, Optional, Tuple

from .._core.errors import InputError

_GUEST_NAME = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
_LAB_NAME = re.compile(r"[a-z]([a-z0-9-]{0,14}[a-z0-9])?")
_DISK_NAME = re.compile(r"[a-z]([a-z0-9-]{0,17}[a-z0-9])?")
_VOLUME_ID = re.compile(r"vol-[0-9a-f]{17}")
MAX_DISKS = 15
"""User-mode Linux has 16 block devices; the first holds the root file system."""

DEFAULT_KERNEL = "linux.uml"
"""The program of the Debian package user-mode-linux."""

BRIDGE = "lab0"
MARKER = "lab-token"
"""A file in the directory of every lab; a directory without it is not ours to fill or to remove."""

KERNEL = "kernel"
"""A file beside it with the program that starts the kernel of its guests, where that is one of User-mode Linux."""

LOCK = "lock"
"""The file beside it that says which process works on the lab, see lock.py."""


@dataclass(frozen=True)
class Disk:
    """A data disk: a sparse file that starts as zeros. C(size) in bytes; with a C(volume_id) it is an NVMe disk as EBS volumes are."""

    name: str
    size: int
    volume_id: Optional[str] = None


@dataclass(frozen=True)
class Guest:
    """One machine. C(address) is C(a.b.c.d/prefix), C(memory) is in MiB; C(number) counts from 1 and names the tap."""

    name: str
    number: int
    address: str
    memory: int
    cpus: int
    disks: Tuple[Disk, ...] = ()

    @property
    def tap(self) -> str:
        """The guest's interface in the lab's namespace."""
        return f"tap{self.number}"

    @property
    def mac(self) -> str:
        """A locally administered address, the same at every start."""
        return f"02:1a:b0:00:{self.number >> 8:02x}:{self.number & 255:02x}"


@dataclass(frozen=True)
class Image:
    """What guests boot. C(kernel) and C(initrd) are paths on this machine; User-mode Linux needs no initrd."""

    root: str
    kernel: str
    initrd: Optional[str] = None


@dataclass(frozen=True)
class Lab:
    """Everything declared. C(directory) is absolute and belongs to this lab alone; C(gateway) is the bridge's address."""

    name: str
    directory: str
    backend: str
    gateway: str
    mtu: int
    image: Image
    rootless: bool
    guests: Tuple[Guest, ...]

    @property
    def token(self) -> str:
        """Tells this lab's processes from those of any other lab, also one of the same name elsewhere."""
        return lab_token(self.name, self.directory)

    def guest_directory(self, guest: Guest) -> str:
        """Where the guest's disks, log and start script lie."""
        return f"{self.directory}/guests/{guest.name}"

    def guest_token(self, guest: Guest) -> str:
        """The word in the argv of a guest's processes by which they are found."""
        return guest_token(self.token, guest.name)

    def console(self, guest: Guest) -> str:
        """The file with what the guest's console shows."""
        return console_path(self.directory, guest.name)


def lab_token(name: str, directory: str) -> str:
    """See L(Lab.token)."""
    return f"{name}-{hashlib.sha256(directory.encode('utf-8')).hexdigest()[:10]}"


def guest_token(token: str, guest: str) -> str:
    """See L(Lab.guest_token)."""
    return f"{token}-{guest}"


def console_path(directory: str, guest: str) -> str:
    """See L(Lab.console)."""
    return f"{directory}/guests/{guest}/console.log"


@dataclass(frozen=True)
class ObservedGuest:
    """C(disks) maps the names of existing disk files to their sizes in bytes; C(has_root) says it has booted before."""

    name: str
    running: bool = False
    has_root: bool = False
    start_script: Optional[str] = None
    disks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ObservedLab:
    """C(holder) is the process that keeps the namespaces; without it nothing of the network exists.

    C(owner) is the token in the directory's marker file; C(entries) are the names in the directory. C(memory_free) is the room in
    C(/dev/shm) in bytes, where user-mode Linux keeps the memory of its guests; none where that cannot be told. C(kernel) is the program
    that is noted as starting their kernel.
    """

    owner: Optional[str] = None
    entries: Tuple[str, ...] = ()
    holder: Optional[int] = None
    enter_script: Optional[str] = None
    links: Tuple[str, ...] = ()
    guests: Tuple[ObservedGuest, ...] = ()
    processes: Tuple[int, ...] = ()
    tun_usable: bool = True
    kernel: Optional[str] = None
    memory_free: Optional[int] = None

    def guest(self, name: str) -> ObservedGuest:
        """What was observed of a guest, which may be nothing."""
        return next((guest for guest in self.guests if guest.name == name), ObservedGuest(name))


def make_lab(params: Mapping[str, Any], rootless: bool) -> Lab:
    """The declared lab from module parameters; refuses what cannot work before anything is made."""
    if not _LAB_NAME.fullmatch(params["name"]):
        raise InputError("name", f"'{params['name']}' is not a lab name: 1 to 16 lower case letters, digits and '-', a letter first")
    guests = tuple(_make_guest(number, item) for number, item in enumerate(params["guests"] or [], 1))
    _check_unique("guests.name", [guest.name for guest in guests])
    _check_volume_ids(params["backend"], guests)
    _check_unique("guests.address", [guest.address.split("/")[0] for guest in guests] + [params["gateway"].split("/")[0]])
    _check_network(params["gateway"], guests)
    image = params["image"] or {}
    _check_directory(params["directory"])
    _check_path("image.root", image.get("root", ""))
    if params["backend"] == "qemu" and params["guests"] and not image.get("kernel"):
        raise InputError("image.kernel", "QEMU guests need a kernel: give the path of one")
    return Lab(
        name=params["name"],
        directory=params["directory"].rstrip("/"),
        backend=params["backend"],
        gateway=params["gateway"],
        mtu=params["mtu"],
        image=Image(image.get("root", ""), image.get("kernel") or DEFAULT_KERNEL, image.get("initrd")),
        rootless=rootless,
        guests=guests,
    )


def _make_guest(number: int, item: Mapping[str, Any]) -> Guest:
    option = f"guests[{number - 1}]"
    if not _GUEST_NAME.fullmatch(item["name"]):
        raise InputError(f"{option}.name", f"'{item['name']}' is not a host name: lower case letters, digits and '-', at most 32")
    if item["memory"] < 192:
        raise InputError(f"{option}.memory", f"{item['memory']} MiB is less than the 192 MiB a guest needs to boot")
    disks = tuple(_make_disk(option, disk) for disk in item["disks"] or [])
    _check_unique(f"{option}.disks.name", [disk.name for disk in disks])
    if len(disks) > MAX_DISKS:
        raise InputError(f"{option}.disks", f"{len(disks)} disks; a guest has room for {MAX_DISKS}")
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


def _check_volume_ids(backend: str, guests: Tuple[Guest, ...]) -> None:
    given = [disk.volume_id for guest in guests for disk in guest.disks if disk.volume_id is not None]
    if given and backend != "qemu":
        raise InputError("guests.disks.volume_id", f"{given[0]}: only QEMU has NVMe disks; leave it out, or set backend: qemu")
    _check_unique("guests.disks.volume_id", given)


def _check_directory(directory: str) -> None:
    if not directory.startswith("/") or directory.rstrip("/").count("/") < 2:
        raise InputError("directory", f"'{directory}' is not an absolute path of a folder that a lab can have for itself")
    _check_path("directory", directory)


def _check_path(option: str, path: str) -> None:
    if any(character in path for character in ",:\n'\""):
        problem = "has a character that user-mode Linux takes for syntax: use a path without commas, colons and quotes"
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
