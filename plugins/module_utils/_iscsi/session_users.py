# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out who uses a disk, so that no session is logged out under a file system or an array."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from typing import Dict, Iterable, List, Tuple

from .names import Portal
from .session_observe import SYSTEM, Roots
from .session_state import Initiator


def with_users(state: Initiator, keys: Iterable[Tuple[str, Portal]], roots: Roots = SYSTEM) -> Initiator:
    """The state with the users of every disk of these sessions filled in."""
    asked = set(keys)
    sessions = []
    for session in state.sessions:
        devices = session.devices
        if (session.target, session.portal) in asked:
            devices = tuple(replace(device, users=users_of(device.device, roots)) for device in devices)
        sessions.append(replace(session, devices=devices))
    return replace(state, sessions=tuple(sessions))


def users_of(device: str, roots: Roots = SYSTEM) -> Tuple[str, ...]:
    """Mounts, swap areas and holders (md, dm, ...) of a disk and its partitions, in words; empty when it is free."""
    name = os.path.basename(device)
    parts = [name] + [part for part in _names(os.path.join(roots.sys, "block", name)) if part.startswith(name)]
    mounts, swaps = _mounts(roots), _swaps(roots)
    users: List[str] = []
    for part in parts:
        folder = os.path.join(roots.sys, "block", name) if part == name else os.path.join(roots.sys, "block", name, part)
        users += [f"{part} is held by {holder}" for holder in _holders(folder, roots)]
        users += [f"{part} is mounted on {point}" for point in mounts.get(_content(os.path.join(folder, "dev")), [])]
        users += [f"{part} is a swap area"] if f"/dev/{part}" in swaps else []
    if not users and _claimed(os.path.join(roots.dev, name)):
        users = [f"{name} is in exclusive use"]
    return tuple(users)


def _holders(folder: str, roots: Roots) -> List[str]:
    holders = []
    for name in _names(os.path.join(folder, "holders")):
        mapped = _content(os.path.join(roots.sys, "block", name, "dm", "name"))
        holders.append(f"{name} ({mapped})" if mapped else name)
    return holders


def _mounts(roots: Roots) -> Dict[str, List[str]]:
    mounts: Dict[str, List[str]] = {}
    for line in _content(os.path.join(roots.proc, "self", "mountinfo")).splitlines():
        fields = line.split()
        if len(fields) > 4:
            mounts.setdefault(fields[2], []).append(fields[4])
    return mounts


def _swaps(roots: Roots) -> List[str]:
    lines = _content(os.path.join(roots.proc, "swaps")).splitlines()[1:]
    return [os.path.realpath(line.split()[0]) for line in lines if line.split()]


def _claimed(path: str) -> bool:
    # The kernel grants an exclusive open only while nobody else holds the disk; covers what sysfs does not name,
    # such as a mount in another namespace or an export by a target. A read-only open changes nothing.
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_EXCL))
    except OSError as error:
        return error.errno == errno.EBUSY
    return False


def _content(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def _names(folder: str) -> List[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
