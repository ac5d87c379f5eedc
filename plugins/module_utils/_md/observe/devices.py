# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read one block device from sysfs: its size, its uses and its identity."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional

from ..._host.block import BLOCK, HELD, MOUNTED, SWAP, disk_of, links_to, partitions_of, size_of, uses_of
from ..._host.files import Host
from ..._host.mounts import MountTable
from ..model.block_device import BlockDevice


def all_kernel_names(host: Host) -> List[str]:
    """Every block device of the host that has a size."""
    return [name for name in host.names(BLOCK) if size_of(host, name)]


def read_device(host: Host, name: str, table: MountTable, links: Mapping[str, str]) -> Optional[BlockDevice]:
    """A block device as sysfs and /proc show it; C(None) if it does not exist."""
    size = size_of(host, name)
    if size is None:
        return None
    uses = uses_of(host, name, table)
    return BlockDevice(
        kernel_name=name,
        size=size,
        read_only=host.value(f"{BLOCK}/{name}/ro") == "1",
        identity=_identity(host, f"{BLOCK}/{name}"),
        holders=tuple(use.by for use in uses if use.how == HELD and use.part == name),
        partitions=partitions_of(host, name),
        partition_holders=tuple(use.by for use in uses if use.how == HELD and use.part != name),
        mounts=tuple(sorted({use.by for use in uses if use.how == MOUNTED})),
        swap=any(use.how == SWAP for use in uses),
        by_path=links.get(name, ""),
        block_size=host.number(f"{BLOCK}/{disk_of(host, name)}/queue/logical_block_size") or 0,
    )


def _identity(host: Host, folder: str) -> str:
    """The identity of the device, which is the same on every path to it: its WWN, its device-mapper UUID, or the file behind a loop.

    The number of a partition is part of the identity, because two partitions of one disk are two devices.
    """
    partition = host.value(f"{folder}/partition")
    disk = f"{folder}/.." if partition is not None else folder
    for entry in ("device/wwid", "wwid", "dm/uuid"):
        text = host.value(f"{disk}/{entry}")
        if text:
            return f"{text} {partition}" if partition is not None else text
    backing = host.value(f"{disk}/loop/backing_file")
    if backing:
        return f"file {backing} at {host.value(f'{disk}/loop/offset')} {partition or ''}".strip()
    return ""


def by_path_links(host: Host) -> Dict[str, str]:
    """The first /dev/disk/by-path link to each block device, by kernel name."""
    return dict(reversed(list(links_to(host, "/dev/disk/by-path"))))
