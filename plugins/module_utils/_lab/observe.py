# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what there is of a lab: its processes and links from /proc, its files. The only reader."""

from __future__ import annotations

import os
import stat
from typing import Dict, Iterator, List, Optional, Set, Tuple

from .state import KERNEL, MARKER, Guest, Lab, ObservedGuest, ObservedLab

HOLDER_WORD = "fleetlab-lab-holder"
"""In the argv of the process that keeps a lab's namespaces, followed by the lab's token."""


def processes() -> Iterator[Tuple[int, Tuple[str, ...]]]:
    """Process ids and argv of all processes this user can see; one that ends meanwhile is left out."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as stream:
                    words = stream.read().decode("utf-8", "replace").split("\0")
            except OSError:
                continue
            if words[0]:
                yield int(name), tuple(words[:-1])


def find_holder(lab: Lab) -> Optional[int]:
    """The process inside the namespaces. Its parent, an unshare with the same words, stays outside."""
    for pid, argv in processes():
        if argv[0] == "sh" and argv[-2:] == (HOLDER_WORD, lab.token):
            return pid
    return None


def all_processes(lab: Lab) -> List[int]:
    """Every process that carries the lab's token: the holder, its parent and the guests."""
    mine = os.getpid()
    return [pid for pid, argv in processes() if pid != mine and any(lab.token in word for word in argv)]


def observe(lab: Lab) -> ObservedLab:
    """Read the whole lab."""
    holder = find_holder(lab)
    return ObservedLab(
        owner=(_text(f"{lab.directory}/{MARKER}") or "").strip() or None,
        entries=_entries(lab.directory),
        holder=holder,
        enter_script=_text(f"{lab.directory}/enter"),
        links=_links(holder) if holder is not None else (),
        guests=_guests(lab),
        processes=tuple(all_processes(lab)),
        memory_free=_memory_free(),
        tun_usable=os.access("/dev/net/tun", os.R_OK | os.W_OK),
        kernel=(_text(f"{lab.directory}/{KERNEL}") or "").strip() or None,
    )


def _entries(directory: str) -> Tuple[str, ...]:
    """What is in the directory, but for other labs that have directories of their own inside it."""
    names = os.listdir(directory) if os.path.isdir(directory) else []
    return tuple(sorted(name for name in names if not os.path.exists(f"{directory}/{name}/{MARKER}")))


def _memory_free() -> Optional[int]:
    try:
        status = os.statvfs("/dev/shm")
    except OSError:
        return None
    return status.f_bavail * status.f_frsize


def _links(holder: int) -> Tuple[str, ...]:
    # The process shows the links of its own namespace here, so nothing has to enter it.
    lines = (_text(f"/proc/{holder}/net/dev") or "").splitlines()
    return tuple(line.partition(":")[0].strip() for line in lines if ":" in line)


def _guests(lab: Lab) -> Tuple[ObservedGuest, ...]:
    words = running_words()
    return tuple(_guest(lab, guest, lab.guest_token(guest) in words) for guest in lab.guests)


def running_words() -> Set[str]:
    """What processes have in their argv, without the options that they follow: the tokens of guests that run are among them."""
    return {word.rpartition("=")[2] for _pid, argv in processes() for word in argv}


def _guest(lab: Lab, guest: Guest, running: bool) -> ObservedGuest:
    folder = lab.guest_directory(guest)
    return ObservedGuest(
        name=guest.name,
        running=running,
        has_root=os.path.exists(f"{folder}/root.cow"),
        start_script=_text(f"{folder}/start"),
        disks=_disks(folder),
    )


def _disks(folder: str) -> Dict[str, int]:
    sizes = {}
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        status = os.stat(f"{folder}/{name}")
        if name.endswith(".disk") and stat.S_ISREG(status.st_mode):
            sizes[name[: -len(".disk")]] = status.st_size
    return sizes


def _text(path: str) -> Optional[str]:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except FileNotFoundError:
        return None
