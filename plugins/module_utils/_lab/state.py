# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab on one machine: a network namespace with a bridge, and guests as processes in that namespace. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Callable, List, Mapping, Optional, Tuple

BRIDGE = "lab0"
MARKER = "lab-token"
"""The marker file in the directory of every lab; a directory without it is not a lab's."""

KERNEL = "kernel"
"""The file with the program that starts the kernel of the guests, if their backend notes it."""

LOCK = "lock"
"""The file with the process that works on the lab, see L(apply.claim)."""

HOLDER_WORD = "fleetlab-lab-holder"
"""The word before the lab's token in the argv of the process that keeps a lab's namespaces."""


@dataclass(frozen=True)
class Disk:
    """A data disk: a sparse file that starts as zeros. C(size) is in bytes; with a C(volume_id) it is an NVMe disk like an EBS volume."""

    name: str
    size: int
    volume_id: Optional[str] = None


@dataclass(frozen=True)
class Guest:
    """One guest. C(address) is C(a.b.c.d/prefix), C(memory) is in MiB; C(number) counts from 1 and is in the name of the tap."""

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
    """The files that guests boot from. C(kernel) and C(initrd) are paths on this machine; not every backend needs an initrd."""

    root: str
    kernel: str
    initrd: Optional[str] = None


@dataclass(frozen=True)
class Backend:
    """The differences between the programs that run guests: one row for each, in L(backends).

    C(interface) is the name of a guest's network interface in the guest. C(prepare) gives lines of the start script, C(command) the words
    that run a guest, and C(device) the path in the guest of its data disk with a number counted from 0. C(default_kernel) is C(None) if a
    task must name the kernel. C(notes_kernel): the lab's directory has a file with the path of the kernel. C(memory_in_shm): guests have
    their memory in /dev/shm. C(one_cpu): all processes of a guest stay on one CPU. A guest of User-mode Linux is a kernel and a process for
    each program, and they wake each other at every system call; from one CPU to another that takes three times as long.
    C(has_nvme): disks can be NVMe disks with the id of a volume.
    """

    name: str
    label: str
    interface: str
    prepare: Callable[[Wanted], str]
    command: Callable[[Wanted, Guest], List[str]]
    device: Callable[[int, Disk], str]
    default_kernel: Optional[str] = None
    notes_kernel: bool = False
    memory_in_shm: bool = False
    one_cpu: bool = False
    has_nvme: bool = False


@dataclass(frozen=True)
class Wanted:
    """The declared lab. C(directory) is absolute and belongs to this lab alone; C(gateway) is the bridge's address.

    C(exclusive_to) is the process that claims the lab, C(None) for the process of the task itself.
    """

    name: str
    directory: str
    backend: Backend
    gateway: str
    mtu: int
    image: Image
    rootless: bool
    guests: Tuple[Guest, ...]
    present: bool = True
    exclusive_to: Optional[int] = None

    @property
    def token(self) -> str:
        """The word that distinguishes this lab's processes from those of all other labs, even of a lab with the same name elsewhere."""
        return lab_token(self.name, self.directory)

    def guest_directory(self, guest: Guest) -> str:
        """The folder of the guest's disks, log and start script."""
        return f"{self.directory}/guests/{guest.name}"

    def guest_token(self, guest: Guest) -> str:
        """The word in the argv of a guest's processes that identifies them."""
        return guest_token(self.token, guest.name)

    def console(self, guest: Guest) -> str:
        """The log of the guest's console."""
        return console_path(self.directory, guest.name)


def lab_token(name: str, directory: str) -> str:
    """See L(Wanted.token)."""
    return f"{name}-{hashlib.sha256(directory.encode('utf-8')).hexdigest()[:10]}"


def guest_token(token: str, guest: str) -> str:
    """See L(Wanted.guest_token)."""
    return f"{token}-{guest}"


def console_path(directory: str, guest: str) -> str:
    """See L(Wanted.console)."""
    return f"{directory}/guests/{guest}/console.log"


@dataclass(frozen=True)
class GuestState:
    """The state of a guest. C(disks) maps the names of existing disk files to their sizes in bytes. C(has_root): it has booted before."""

    name: str
    running: bool = False
    has_root: bool = False
    start_script: Optional[str] = None
    disks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """The state of a lab. C(holder) is the process that keeps the namespaces; without it the lab has no network.

    C(owner) is the token in the directory's marker file; C(entries) are the names in the directory. C(memory_free) is the room in
    C(/dev/shm) in bytes, C(None) if it cannot be read. C(kernel) is the noted program of the guests' kernel.
    """

    owner: Optional[str] = None
    entries: Tuple[str, ...] = ()
    holder: Optional[int] = None
    enter_script: Optional[str] = None
    links: Tuple[str, ...] = ()
    guests: Tuple[GuestState, ...] = ()
    processes: Tuple[int, ...] = ()
    tun_usable: bool = True
    kernel: Optional[str] = None
    memory_free: Optional[int] = None

    def guest(self, name: str) -> GuestState:
        """The state of a guest; a guest that was not observed is absent."""
        return next((guest for guest in self.guests if guest.name == name), GuestState(name))
