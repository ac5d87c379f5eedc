# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a lab: its processes and links from /proc, and its files."""

from __future__ import annotations

import os
from typing import Dict, Iterator, List, Optional, Set, Tuple

from ..._host.files import Host
from ..._host.process import arguments_of, process_ids
from ..console import ConsoleEnd, read_end
from ..state import HOLDER_WORD, KERNEL, MARKER, Guest, GuestState, State, Wanted


def processes(host: Host) -> Iterator[Tuple[int, Tuple[str, ...]]]:
    """Process ids and argv of all processes with an argv that this user can see."""
    found = ((pid, arguments_of(host, pid)) for pid in process_ids(host))
    return ((pid, argv) for pid, argv in found if argv and argv[0])


def find_holder(lab: Wanted, host: Host) -> Optional[int]:
    """The process inside the namespaces; C(None) if it does not run. Its parent, an unshare with the same words, stays outside."""
    return next((pid for pid, argv in processes(host) if argv[0] == "sh" and argv[-2:] == (HOLDER_WORD, lab.token)), None)


def all_processes(lab: Wanted, host: Host) -> List[int]:
    """Every process with the lab's token in its argv: the holder, its parent and the guests."""
    mine = os.getpid()
    return [pid for pid, argv in processes(host) if pid != mine and any(lab.token in word for word in argv)]


def observe(lab: Wanted, host: Host) -> State:
    """The state of the lab."""
    holder, words = find_holder(lab, host), running_words(host)
    return State(
        owner=host.value(f"{lab.directory}/{MARKER}") or None,
        entries=_entries(lab.directory, host),
        holder=holder,
        enter_script=host.read(f"{lab.directory}/enter"),
        links=_links(holder, host) if holder is not None else (),
        guests=tuple(_guest(lab, guest, lab.guest_token(guest) in words, host) for guest in lab.guests),
        processes=tuple(all_processes(lab, host)),
        memory_free=_memory_free(),
        tun_usable=os.access("/dev/net/tun", os.R_OK | os.W_OK),
        kernel=host.value(f"{lab.directory}/{KERNEL}") or None,
    )


def _entries(directory: str, host: Host) -> Tuple[str, ...]:
    """The names in the directory; directories of other labs inside it are omitted."""
    return tuple(name for name in host.names(directory) if not host.exists(f"{directory}/{name}/{MARKER}"))


def _memory_free() -> Optional[int]:
    try:
        status = os.statvfs("/dev/shm")
    except OSError:
        return None
    return status.f_bavail * status.f_frsize


def _links(holder: int, host: Host) -> Tuple[str, ...]:
    # /proc shows the links of a process's own namespace, so the namespace need not be entered.
    lines = (host.read(f"/proc/{holder}/net/dev") or "").splitlines()
    return tuple(line.partition(":")[0].strip() for line in lines if ":" in line)


def running_words(host: Host) -> Set[str]:
    """The words in the argv of all processes, and the values of options; they include the tokens of running guests."""
    return {word.rpartition("=")[2] for _pid, argv in processes(host) for word in argv}


def _guest(lab: Wanted, guest: Guest, running: bool, host: Host) -> GuestState:
    folder = lab.guest_directory(guest)
    return GuestState(
        name=guest.name,
        running=running,
        has_root=host.exists(f"{folder}/root.cow"),
        start_script=host.read(f"{folder}/start"),
        disks=_disks(folder, host),
    )


def _disks(folder: str, host: Host) -> Dict[str, int]:
    sizes = {}
    for name in host.names(folder):
        if name.endswith(".disk") and host.is_file(f"{folder}/{name}"):
            sizes[name[: -len(".disk")]] = os.stat(f"{host.root}{folder}/{name}").st_size
    return sizes


def read_console(log: str, host: Host) -> ConsoleEnd:
    """The end of a guest, from the file with its console."""
    return read_end(host.read(log) or "")
