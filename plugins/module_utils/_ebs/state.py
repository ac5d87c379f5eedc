# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disks of a machine, and the names of disks and EBS volumes. Pure.

Nitro machines have NVMe disks. Their serial number is the id of the volume without its dash; their kernel names change from boot to boot.
Older machines have Xen disks without a serial number; their names follow from the device name of the attachment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional, Tuple

_ID = re.compile(r"vol-?([0-9a-f]{8}(?:[0-9a-f]{9})?)")
_ATTACHED = re.compile(r"(?:/dev/)?(?:sd|xvd)([a-z]{1,2})[0-9]*")


@dataclass(frozen=True)
class Disk:
    """One whole disk as the kernel shows it. C(links) are its lasting names. C(system): the machine runs from it."""

    name: str
    size: int
    serial: Optional[str] = None
    links: Tuple[str, ...] = ()
    system: bool = False

    @property
    def volume_id(self) -> Optional[str]:
        """The id of the volume by the serial number; C(None) if that is not an id."""
        return volume_id(self.serial or "")

    @property
    def path(self) -> Optional[str]:
        """The lasting name: the shortest link with the serial number in its name, C(None) until udev has made such a link.

        A disk without the serial number of a volume has its kernel name, which follows from the name of the attachment and lasts as long.
        """
        if self.volume_id is None:
            return f"/dev/{self.name}"
        named = [link for link in self.links if str(self.serial) in link]
        return min(named, key=lambda link: (len(link), link), default=None)


def volume_id(text: str) -> Optional[str]:
    """The id of a volume from a serial number, or from an id with or without its dash; C(None) for other texts."""
    match = _ID.fullmatch(text.strip())
    return f"vol-{match.group(1)}" if match else None


def xen_name(attached_as: str) -> Optional[str]:
    """The kernel's name of a Xen disk by the device name of its attachment: xvdf for /dev/sdf; C(None) for other names."""
    match = _ATTACHED.fullmatch(attached_as)
    return f"xvd{match.group(1)}" if match else None
