# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuse a lab that this machine cannot run, and directories or disks that are not this lab's. Pure."""

from __future__ import annotations

from .._core.errors import InputError, RefusedError
from .state import LOCK, MARKER, Guest, GuestState, State, Wanted


def check_present(state: State, lab: Wanted) -> None:
    """Check that this machine can have the lab.

    :raises InputError: the machine lacks a device, or memory for the guests.
    :raises RefusedError: the directory is not this lab's, or a guest's disks differ from the declared disks.
    """
    check_owner(state, lab)
    if not state.tun_usable:
        problem = f"{lab.backend.name} guests need /dev/net/tun, which this user cannot open: run as root or allow access to it"
        raise InputError("backend", problem)
    _check_memory(state, lab)
    for guest in lab.guests:
        _check_guest(lab, guest, state.guest(guest.name))


def check_owner(state: State, lab: Wanted) -> None:
    """Check that the directory belongs to the lab, or is empty.

    :raises RefusedError: the directory is not this lab's.
    """
    foreign = [name for name in state.entries if name not in (MARKER, LOCK)]
    if state.owner is None and foreign:
        found = f"it holds {', '.join(foreign[:3])} and no {MARKER} file, so it is not a lab's"
        raise RefusedError(f"directory {lab.directory}", found, "Name another directory, or empty this one yourself")
    if state.owner not in (None, lab.token):
        found = f"it belongs to the lab {state.owner}"
        raise RefusedError(f"directory {lab.directory}", found, "Give each lab its own directory; a moved directory cannot be used")


def _check_memory(state: State, lab: Wanted) -> None:
    # A running guest without room for its memory is killed by a bus error, without a message.
    needed = sum(guest.memory for guest in lab.guests if not state.guest(guest.name).running) * 1024 * 1024
    if lab.backend.memory_in_shm and state.memory_free is not None and needed > state.memory_free:
        free = state.memory_free // (1024 * 1024)
        problem = f"guests that are to be started need {needed // (1024 * 1024)} MiB in /dev/shm, which has {free} MiB free"
        raise InputError("guests.memory", f"{problem}: give the guests less memory, or mount /dev/shm with a larger size")


def _check_guest(lab: Wanted, guest: Guest, observed: GuestState) -> None:
    for disk in guest.disks:
        size = observed.disks.get(disk.name, disk.size)
        if size != disk.size:
            found = f"it has {size} bytes and {disk.size} are declared"
            raise RefusedError(f"disk {disk.name} of guest {guest.name}", found, "Destroy the lab to change the size of its disks")
    script = observed.start_script or ""
    if observed.has_root and script and lab.image.root not in script:
        found = f"its disk was made from another image or backend than {lab.image.root}"
        raise RefusedError(f"guest {guest.name}", found, "Destroy the lab and make it again")
