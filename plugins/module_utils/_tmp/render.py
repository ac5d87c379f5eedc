# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that give a service a private /tmp. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import List, Optional, Sequence, Tuple

from .._host.systemd import SYSTEM_FOLDER, drop_in_folder
from .options import Wanted

MARKER = "Written by the module fleetlab.linux.private_tmp"
_NOTE = f"# {MARKER}. The next run of it undoes what is changed here.\n"
FOLDER = "/var/lib/private-tmp-services"


def is_ours(text: str) -> bool:
    """Whether the module wrote this file."""
    return MARKER in text.split("\n", 1)[0]


def drop_in_path(service: str) -> str:
    """The path of the drop-in of a unit. systemd reads it last, so that no other file decides about PrivateTmp."""
    return f"{drop_in_folder(service)}/zz-private-tmp.conf"


def short_name(service: str) -> str:
    """A name for the folders and the helper unit, without characters that are syntax for systemd: C(@), backslash, colon."""
    name = service[: -len(".service")]
    if re.match(r"[A-Za-z0-9_.-]+\Z", name):
        return name
    return f"{re.sub('[^A-Za-z0-9_.-]', '_', name)}-{hashlib.sha256(name.encode('utf-8')).hexdigest()[:8]}"


def helper_name(service: str) -> str:
    """The name of the helper unit, which mounts the folders of a /tmp on disk."""
    return f"private-tmp-{short_name(service)}.service"


def helper_path(service: str) -> str:
    """The path of the helper unit."""
    return f"{SYSTEM_FOLDER}/{helper_name(service)}"


def source(service: str, place: str) -> str:
    """The folder on disk behind C(place)."""
    return f"{FOLDER}/{short_name(service)}/{place.strip('/').replace('/', '_')}"


def drop_in(wanted: Wanted, places: Sequence[str], gid: int) -> str:
    """The drop-in of a service.

    systemd itself makes a tmpfs. It cannot mount a folder on disk with C(nosuid) or C(nodev): the helper unit does that, and the drop-in
    binds this mount to /tmp, with its options.
    """
    if wanted.backing == "tmpfs":
        data = ",".join([f"mode={wanted.mode:04o}", *([f"gid={gid}"] if gid else []), f"size={wanted.size}", *wanted.options])
        lines = [f"TemporaryFileSystem={place}:{data}\n" for place in places]
        head = ""
    else:
        unit = helper_name(wanted.service)
        lines = [f"BindPaths={source(wanted.service, place)}:{place}:norbind\n" for place in places]
        # The options are in this comment so that the drop-in changes with the helper unit: systemd only reports that changed drop-ins
        # have to be read again.
        made = f"# Mode {wanted.mode:04o}, group {gid}, {' '.join(wanted.options) or 'no options'}.\n"
        head = f"{made}[Unit]\nRequires={unit}\nAfter={unit}\n\n"
    # Without the path on the host the service starts all the same: many are gone after a boot.
    lines += [f"BindPaths=-{path}:{path}\n" for path in wanted.host_paths]
    # systemd's own private /tmp has none of these options, and takes precedence over a tmpfs.
    return f"{_NOTE}{head}[Service]\nPrivateTmp=no\n{''.join(lines)}"


def let_in(text: Optional[str]) -> Tuple[str, ...]:
    """The paths of the host that a drop-in lets in."""
    lines = [line.partition("=-")[2] for line in (text or "").splitlines() if line.startswith("BindPaths=-")]
    return tuple(line.partition(":")[0] for line in lines)


def helper(wanted: Wanted, places: Sequence[str], gid: int, labels: bool = False) -> str:
    """The unit that creates and mounts the folders before the service starts, and removes them after it has stopped.

    :arg labels: the host has SELinux, whose policy lets services write to folders with the label of /tmp, and not of /var/lib.
    """
    clean = _clean(wanted.service, places)
    options = ",".join(["bind", *wanted.options])
    make = [f"install --directory --mode=0700 {FOLDER} {FOLDER}/{short_name(wanted.service)}"]
    for place in places:
        folder = source(wanted.service, place)
        make.append(f"install --directory --owner=0 --group={gid} --mode={wanted.mode:04o} {folder}")
        if labels:
            # Not every file system has labels.
            make.append(f"-chcon --reference={place} {folder}")
        make.append(f"mount --options={options} {folder} {folder}")
    lines = [f"ExecStartPre={command}\n" for command in clean] + [f"ExecStart={command}\n" for command in make]
    return _unit(wanted.service, "StopWhenUnneeded=yes\n", lines, clean)


def leaving_helper(service: str, places: Sequence[str]) -> str:
    """The helper unit for a service that still uses folders that are no longer wanted: it removes them when the service stops.

    It has no StopWhenUnneeded: without the drop-in no unit needs it, and systemd would remove the folders under the running service.
    """
    return _unit(service, "", ["ExecStart=true\n"], _clean(service, places))


def _clean(service: str, places: Sequence[str]) -> List[str]:
    # This also runs before a start: folders may be left after a power cut or from a busy mount.
    folders = [source(service, place) for place in places]
    top = f"{FOLDER}/{short_name(service)}"
    return [f"-umount --quiet --lazy {folder}" for folder in folders] + [f"rm --recursive --force --one-file-system {top}"]


def _unit(service: str, stops: str, starts: Sequence[str], clean: Sequence[str]) -> str:
    ends = "".join(f"ExecStopPost={command}\n" for command in clean)
    return (
        f"{_NOTE}[Unit]\nDescription=Folders behind the private /tmp of {service}\n"
        f"RequiresMountsFor={FOLDER}\nBefore={service}\nPartOf={service}\n{stops}\n"
        f"[Service]\nType=oneshot\nRemainAfterExit=yes\nTimeoutSec=300\n{''.join(starts)}{ends}"
    )
