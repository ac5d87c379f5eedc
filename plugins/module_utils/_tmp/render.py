# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that give a service a private /tmp. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import List, Optional, Sequence, Set, Tuple

from .._host.systemd import SYSTEM_FOLDER, drop_in_folder
from .options import Wanted

MARKER = "Written by the module fleetlab.linux.private_tmp"
_NOTE = f"# {MARKER}. The next run of it undoes what is changed here.\n"
FOLDER = "/var/lib/private-tmp-services"
COMMON_FOLDER = "/var/lib/private-tmp-shared"
_COMMON_UNIT = re.compile(r"shared-tmp-([A-Za-z0-9_-]+)\.service")


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


def helper_name(service: str, share: str = "") -> str:
    """The name of the helper unit, which mounts the folders of a /tmp on disk, of one service or of all services that share it."""
    return f"shared-tmp-{share}.service" if share else f"private-tmp-{short_name(service)}.service"


def helper_path(service: str, share: str = "") -> str:
    """The path of the helper unit."""
    return f"{SYSTEM_FOLDER}/{helper_name(service, share)}"


def common_name(text: str) -> str:
    """The name of the /tmp whose helper unit is named in a text such as a drop-in, or the empty string."""
    found = _COMMON_UNIT.search(text)
    return found.group(1) if found else ""


def common_names(drop_in_text: str) -> Set[str]:
    """Each common /tmp that a drop-in requires: the service's, and a former one with which the service still runs."""
    return {common_name(line) for line in drop_in_text.splitlines() if line.startswith("Requires=")} - {""}


def source(service: str, place: str, share: str = "") -> str:
    """The folder on disk behind C(place)."""
    return f"{_top(service, share)}/{place.strip('/').replace('/', '_')}"


def _top(service: str, share: str) -> str:
    return f"{COMMON_FOLDER}/{share}" if share else f"{FOLDER}/{short_name(service)}"


def folder_group(wanted: Wanted, gid: int) -> int:
    """The group of the folders: those to which everybody may write belong to no service if several share them."""
    return 0 if wanted.share and wanted.mode & 0o002 else gid


def drop_in(wanted: Wanted, places: Sequence[str], gid: int, keeps: str = "") -> str:
    """The drop-in of a service.

    :arg keeps: a /tmp that services share, which this one does not get any more and still runs with. systemd would remove its folders
        as soon as no running unit requires them.

    systemd itself makes a tmpfs. It cannot mount a folder on disk with C(nosuid) or C(nodev): the helper unit does that, and the drop-in
    binds this mount to /tmp, with its options.
    """
    if wanted.backing == "tmpfs":
        data = ",".join([f"mode={wanted.mode:04o}", *([f"gid={gid}"] if gid else []), f"size={wanted.size}", *wanted.options])
        lines = [f"TemporaryFileSystem={place}:{data}\n" for place in places]
        head = kept_drop_in(keeps).partition("\n")[2] + "\n" if keeps else ""
    else:
        unit = helper_name(wanted.service, wanted.share)
        lines = [f"BindPaths={source(wanted.service, place, wanted.share)}:{place}:norbind\n" for place in places]
        # The options are in this comment so that the drop-in changes with the helper unit: systemd only reports that changed drop-ins
        # have to be read again.
        made = f"# Mode {wanted.mode:04o}, group {folder_group(wanted, gid)}, {' '.join(wanted.options) or 'no options'}.\n"
        head = f"{made}[Unit]\n{''.join(map(_required, [unit, *([helper_name('', keeps)] if keeps else [])]))}\n"
    # Without the path on the host the service starts all the same: many are gone after a boot.
    lines += [f"BindPaths=-{path}:{path}\n" for path in wanted.host_paths]
    # systemd's own private /tmp has none of these options, and takes precedence over a tmpfs.
    return f"{_NOTE}{head}[Service]\nPrivateTmp=no\n{''.join(lines)}"


def kept_drop_in(share: str) -> str:
    """The drop-in of a service that still runs with a shared /tmp and shall have none: it keeps the folders until the service stops."""
    return f"{_NOTE}[Unit]\n{_required(helper_name('', share))}"


def _required(unit: str) -> str:
    return f"Requires={unit}\nAfter={unit}\n"


def let_in(text: Optional[str]) -> Tuple[str, ...]:
    """The paths of the host that a drop-in lets in."""
    lines = [line.partition("=-")[2] for line in (text or "").splitlines() if line.startswith("BindPaths=-")]
    return tuple(line.partition(":")[0] for line in lines)


def helper(wanted: Wanted, places: Sequence[str], gid: int, labels: bool = False) -> str:
    """The unit that creates and mounts the folders before the service starts, and removes them after it has stopped.

    :arg labels: the host has SELinux, whose policy lets services write to folders with the label of /tmp, and not of /var/lib.
    """
    clean = _clean(wanted.service, places, wanted.share)
    options = ",".join(["bind", *wanted.options])
    top, group = _top(wanted.service, wanted.share), folder_group(wanted, gid)
    make = [f"install --directory --mode=0700 {top.rpartition('/')[0]} {top}"]
    for place in places:
        folder = source(wanted.service, place, wanted.share)
        make.append(f"install --directory --owner=0 --group={group} --mode={wanted.mode:04o} {folder}")
        if labels:
            # Not every file system has labels.
            make.append(f"-chcon --reference={place} {folder}")
        make.append(f"mount --options={options} {folder} {folder}")
    lines = [f"ExecStartPre={command}\n" for command in clean] + [f"ExecStart={command}\n" for command in make]
    if wanted.share:
        # It is part of none of the services, so that the restart of one takes nothing from the others.
        return _unit(f"services that share {wanted.share}", COMMON_FOLDER, "StopWhenUnneeded=yes\n", lines, clean)
    return _unit(wanted.service, FOLDER, f"{_bound(wanted.service)}StopWhenUnneeded=yes\n", lines, clean)


def leaving_helper(service: str, places: Sequence[str]) -> str:
    """The helper unit for a service that still uses folders that are no longer wanted: it removes them when the service stops.

    It has no StopWhenUnneeded: without the drop-in no unit needs it, and systemd would remove the folders under the running service.
    """
    return _unit(service, FOLDER, _bound(service), ["ExecStart=true\n"], _clean(service, places, ""))


def _bound(service: str) -> str:
    return f"Before={service}\nPartOf={service}\n"


def _clean(service: str, places: Sequence[str], share: str) -> List[str]:
    # This also runs before a start: folders may be left after a power cut or from a busy mount.
    folders = [source(service, place, share) for place in places]
    top = _top(service, share)
    return [f"-umount --quiet --lazy {folder}" for folder in folders] + [f"rm --recursive --force --one-file-system {top}"]


def _unit(whose: str, folder: str, bonds: str, starts: Sequence[str], clean: Sequence[str]) -> str:
    ends = "".join(f"ExecStopPost={command}\n" for command in clean)
    return (
        f"{_NOTE}[Unit]\nDescription=Folders behind the private /tmp of {whose}\nRequiresMountsFor={folder}\n"
        # It starts as often as its services, which may have no limit, or another one.
        f"StartLimitIntervalSec=0\n{bonds}\n"
        f"[Service]\nType=oneshot\nRemainAfterExit=yes\nTimeoutSec=300\n{''.join(starts)}{ends}"
    )
