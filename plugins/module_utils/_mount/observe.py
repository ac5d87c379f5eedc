# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a mounted file system, and test whether it accepts a new file."""

from __future__ import annotations

import os
import tempfile
from typing import Optional

from .._host.block import kernel_name
from .._host.files import Host
from .._host.mounts import Mount, read_mounts
from .state import Filesystem


def observe(host: Host, path: Optional[str], device: Optional[str], probe: bool) -> Optional[Filesystem]:
    """The file system that is mounted on C(path), or whose device is C(device); C(None) if there is none."""
    mount = _on(host, path) if path else _of(host, device or "")
    if mount is None:
        return None
    return Filesystem(
        path=mount.point,
        source=mount.source,
        kind=mount.kind,
        options=mount.options,
        size=_size(host, mount.point),
        errors=_errors(host, mount),
        refused=_refused(host, mount.point) if probe else None,
    )


def _on(host: Host, path: str) -> Optional[Mount]:
    """The mount that is visible on the path, which is the last of several; C(None) if there is none."""
    point = host.resolve(path)
    return next((mount for mount in reversed(read_mounts(host)) if mount.point == point), None)


def _of(host: Host, device: str) -> Optional[Mount]:
    number, _kind = host.device_number(device)
    name = host.base_name(device)
    # A file system on several devices has its own device number, so its source counts too.
    return next((one for one in read_mounts(host) if one.device == number or _names(host, one.source, name)), None)


def _names(host: Host, source: str, name: str) -> bool:
    return source.startswith("/dev/") and host.base_name(source) == name


def _errors(host: Host, mount: Mount) -> Optional[int]:
    """The number of errors that ext4 has counted in its superblock; C(None) for other file systems."""
    return host.number(f"/sys/fs/ext4/{kernel_name(host, mount.device)}/errors_count")


def _size(host: Host, point: str) -> Optional[int]:
    try:
        found = os.statvfs(host.root + point)
    except OSError:
        return None
    return found.f_blocks * found.f_frsize


def _refused(host: Host, point: str) -> Optional[int]:
    """The error number with which the file system refuses a new file. It is tested, because the kernel may still report it as writable."""
    try:
        descriptor, file = tempfile.mkstemp(prefix=".probe.", dir=host.root + point)
        os.close(descriptor)
        os.unlink(file)
    except OSError as error:
        return error.errno
    return None
