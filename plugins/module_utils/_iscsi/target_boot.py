# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a target come back at boot: the unit that restores it, and a drop-in that makes it wait for the disks."""

from __future__ import annotations

import glob
import os
import re
from typing import Iterable, Optional, Tuple

from .._core.errors import ObservationError
from .names import Portal
from .target_configfs import read
from .target_state import Boot, Wanted

# The file that each distribution's library saves to, by the unit that restores it.
_UNITS = (
    ("rtslib-fb-targetctl.service", "/etc/rtslib-fb-target/saveconfig.json"),
    ("target.service", "/etc/target/saveconfig.json"),
)
_UNIT_FOLDERS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_SYSTEM = "/etc/systemd/system"
_PYTHON = "/usr/lib"
_CLEAR = 'ExecStop=/usr/bin/python3 -c "from rtslib_fb import RTSRoot; RTSRoot().clear_existing(confirm=True)"'
PACKAGES = "python3-rtslib-fb (Debian, Ubuntu), or python3-rtslib and target-restore (RHEL, Fedora)"


def drop_in_folder(unit: str) -> str:
    """Where additions to a unit lie."""
    return f"{_SYSTEM}/{unit}.d"


def drop_in_path(unit: str, iqn: str) -> str:
    """The addition that one target makes."""
    return f"{drop_in_folder(unit)}/fleetlab-{iqn}.conf"


def find_unit(root: str = "") -> Tuple[str, str]:
    """The unit that restores targets at boot and the file it reads.

    :raises ObservationError: neither is installed.
    """
    for unit, path in _UNITS:
        if any(os.path.isfile(f"{root}{folder}/{unit}") for folder in _UNIT_FOLDERS):
            return unit, path
    raise ObservationError(f"no service that restores targets at boot was found: install {PACKAGES}")


def find_saved_file(root: str = "") -> str:
    """The file that is restored at boot, also where nothing is installed that would restore it."""
    return next((path for _unit, path in _UNITS if os.path.exists(f"{root}{path}")), _UNITS[0][1])


def read_boot(unit: str, iqn: str, root: str = "") -> Boot:
    """Look at the unit without asking systemctl, which would cost a process."""
    own = f"{root}{_SYSTEM}/{unit}"
    path = f"{root}{drop_in_path(unit, iqn)}"
    return Boot(
        unit=unit,
        enabled=any(_is_link(f"{folder.path}/{unit}") for folder in _wants_folders(root)),
        masked=os.path.islink(own) and os.path.realpath(own) == "/dev/null",
        folder_exists=os.path.isdir(os.path.dirname(path)),
        drop_in=read(path) + "\n" if os.path.exists(path) else None,
        clear_fails=_clear_fails(root),
    )


def _clear_fails(root: str) -> bool:
    """Whether C(targetctl clear), by which the unit stops, gives the name of a file to a function that takes none, as in rtslib 2.2.

    It then ends with a TypeError, and the clients of a machine that shuts down are left to their timeouts.
    """
    for path in glob.glob(f"{glob.escape(root)}{_PYTHON}/python3*/*-packages/rtslib/targetctl.py"):
        text = read(path)
        if re.search(r"^def clear\(\):", text, re.MULTILINE) and "](savefile)" in text:
            return True
    return False


def _wants_folders(root: str) -> Iterable["os.DirEntry[str]"]:
    try:
        with os.scandir(f"{root}{_SYSTEM}") as entries:
            return [entry for entry in entries if entry.name.endswith((".wants", ".requires"))]
    except OSError:
        return []


def _is_link(path: str) -> bool:
    return os.path.islink(path) or os.path.exists(path)


def escape_path(path: str) -> str:
    """A path as systemd writes it in a unit's name."""
    kept = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_."
    text = path.strip("/")
    escaped = []
    for position, char in enumerate(text):
        if char == "/":
            escaped.append("-")
        elif char in kept and not (char == "." and position == 0):
            escaped.append(char)
        else:
            escaped.extend(f"\\x{byte:02x}" for byte in char.encode("utf-8"))
    return "".join(escaped)


def drop_in_content(wanted: Wanted, clear_fails: bool = False) -> Optional[str]:
    """What the unit shall wait for, and how it stops where its own way fails; None where there is nothing.

    A missing disk holds it up for a bounded time only.

    Files need nothing here: the unit itself comes after the local file systems.
    """
    units = [f"{escape_path(lun.path)}.device" for lun in wanted.luns or () if lun.plugin == "block"]
    if any(_needs_address(portal) for portal in wanted.portals):
        units.append("network-online.target")
    lines = [f"{key}={unit}" for unit in units for key in ("Wants", "After")]
    lines = ["[Unit]", *lines] if lines else []
    if clear_fails:
        lines += ["# targetctl clear of this version ends with a TypeError.", "[Service]", "ExecStop=", _CLEAR]
    if not lines:
        return None
    head = f"# Written by fleetlab.linux.iscsi_target for {wanted.iqn}: what has to be there before it is restored.\n"
    return head + "\n".join(lines) + "\n"


def _needs_address(portal: Portal) -> bool:
    return portal.host not in ("0.0.0.0", "::")
