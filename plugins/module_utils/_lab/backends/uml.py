# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests that are processes of User-mode Linux. Pure text."""

from __future__ import annotations

import shlex
from typing import List

from ..render import boot_options
from ..state import Backend, Disk, Guest, Wanted


def _command(lab: Wanted, guest: Guest) -> List[str]:
    return [
        shlex.quote(lab.image.kernel),
        "noreboot",
        f"umid={lab.guest_token(guest)}",
        "uml_dir=uml",
        f"mem={guest.memory}M",
        "root=/dev/ubda",
        "rw",
        f"ubd0={shlex.quote('root.cow,' + lab.image.root)}",
        *[f"ubd{number}d={disk.name}.disk" for number, disk in enumerate(guest.disks, 1)],
        f"vec0:transport=tap,ifname={guest.tap},depth=128,gro=1,mtu={lab.mtu},mac={guest.mac}",
        "con=null",
        "con0=null,fd:1",
        # Without 256 terminals in BSD style, for which systemd has 512 units: they are most of the time of a boot and of a daemon-reload.
        "pty.legacy_count=0",
        *boot_options(lab, guest, '"$key"'),
    ]


def _device(number: int, _disk: Disk) -> str:
    return f"/dev/ubd{chr(ord('b') + number)}"


UML = Backend(
    name="uml",
    label="User-mode Linux",
    interface="vec0",
    prepare=lambda _lab: "",
    command=_command,
    device=_device,
    # The program of the Debian package user-mode-linux.
    default_kernel="linux.uml",
    notes_kernel=True,
    one_cpu=True,
    memory_in_shm=True,
)
