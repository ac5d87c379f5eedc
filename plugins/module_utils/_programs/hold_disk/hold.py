# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold a disk for this host, take it over from a host that is lost, or release it.

Every host reads the disk; only a host that is registered with the key of the holder writes. A host never registers itself at a disk that
another host holds, unless it takes the disk over.
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional

from .scsi import WRITE_EXCLUSIVE_REGISTRANTS_ONLY, Disk, Refused, Registration


class Status(NamedTuple):
    """The reservation of a disk: all registered initiators, and whether this host may write."""

    registrations: List[Registration]
    writable: bool

    @property
    def holder(self) -> Optional[Registration]:
        """The initiator that holds the reservation."""
        return next((one for one in self.registrations if one.holder is not None), None)

    def held(self, key: int) -> bool:
        """Whether the disk is held for a host with this key, and this host is registered."""
        holder = self.holder
        return holder is not None and (holder.key, holder.holder) == (key, WRITE_EXCLUSIVE_REGISTRANTS_ONLY) and self.writable

    def others(self, key: int) -> List[Registration]:
        """Registered initiators with other keys."""
        return [one for one in self.registrations if one.key != key]


def read_status(disk: Disk) -> Status:
    """The reservation of a disk now."""
    return Status(disk.registrations(), disk.may_write())


def hold(disk: Disk, key: int) -> bool:
    """Hold the disk for the host with this key; returns whether it is held. A disk of another host is left as it is."""
    status = read_status(disk)
    if status.held(key):
        return True
    if status.holder is not None and (status.holder.key, status.holder.holder) != (key, WRITE_EXCLUSIVE_REGISTRANTS_ONLY):
        return False
    disk.register(key)
    if status.holder is not None:
        # After a new login this host is another initiator port, and the former one still holds the reservation with the same key.
        return True
    try:
        disk.reserve(key)
    except Refused:
        # Another host was faster.
        disk.unregister(key)
        return False
    return True


def take_over(disk: Disk, key: int) -> None:
    """Take the disk from all other hosts: they lose their registrations, and cannot write any more."""
    disk.register(key)
    # This host may have been registered with another key itself.
    for other in sorted({one.key for one in read_status(disk).others(key)}):
        disk.preempt(key, other)
    hold(disk, key)


def release(disk: Disk, key: int) -> None:
    """Give up the reservation of the host with this key, with all its registrations. The reservation of another host stays."""
    holder = read_status(disk).holder
    disk.register(key)
    if holder is not None and holder.key == key:
        disk.clear(key)
    else:
        disk.unregister(key)
