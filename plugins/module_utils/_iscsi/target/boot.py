# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The start of a target at boot: the unit that restores it, and a drop-in that makes the unit wait for the disks."""

from __future__ import annotations

import re
from typing import Optional

from ..._core.errors import ObservationError
from ..._host.distribution import FAMILIES, Family, packages_for, target_family
from ..._host.files import Host
from ..._host.systemd import SYSTEM_FOLDER, drop_in_folder, escaped_path
from ..names import Portal
from .state import Boot, Wanted

_LIBRARIES = "/usr/lib"
_CLEAR = 'ExecStop=/usr/bin/python3 -c "from rtslib_fb import RTSRoot; RTSRoot().clear_existing(confirm=True)"'


def drop_in_path(unit: str, iqn: str) -> str:
    """The drop-in of one target."""
    return f"{drop_in_folder(unit)}/fleetlab-{iqn}.conf"


def find_family(host: Host) -> Family:
    """The family of distributions whose unit restores the targets of this host.

    :raises ObservationError: no such unit is installed.
    """
    for family in target_family(host):
        return family
    raise ObservationError(f"no service that restores targets at boot was found: install {packages_for('rtslib')}")


def find_saved_file(host: Host) -> str:
    """The file that is restored at boot, also on a host without the unit."""
    files = [family.target_file for family in FAMILIES]
    return next((path for path in files if host.exists(path)), files[0])


def read_boot(host: Host, unit: str, iqn: str) -> Boot:
    """The unit by its files, because systemctl would take a process."""
    own = f"{SYSTEM_FOLDER}/{unit}"
    wants = [f"{SYSTEM_FOLDER}/{name}/{unit}" for name in host.names(SYSTEM_FOLDER) if name.endswith((".wants", ".requires"))]
    return Boot(
        unit=unit,
        enabled=any(host.link(path) or host.exists(path) for path in wants),
        masked=bool(host.link(own)) and host.resolve(own) == "/dev/null",
        folder_exists=host.is_folder(drop_in_folder(unit)),
        drop_in=host.read(drop_in_path(unit, iqn)),
        clear_fails=_clear_fails(host),
    )


def _clear_fails(host: Host) -> bool:
    """Whether C(targetctl clear), the unit's stop command, ends with a TypeError, because it passes an argument to a function without any.

    rtslib 2.2 has this error. Without a working stop command, the clients of a machine that shuts down have to wait for their timeouts.
    """
    pythons = [f"{_LIBRARIES}/{name}" for name in host.names(_LIBRARIES) if name.startswith("python3")]
    packages = [f"{python}/{name}" for python in pythons for name in host.names(python) if name.endswith("-packages")]
    texts = [host.read(f"{folder}/rtslib/targetctl.py") or "" for folder in packages]
    return any(re.search(r"^def clear\(\):", text, re.MULTILINE) and "](savefile)" in text for text in texts)


def drop_in_content(wanted: Wanted, clear_fails: bool = False, reservations: str = "") -> Optional[str]:
    """The drop-in with the units to wait for, and another stop command if the unit's own fails; None if nothing is needed.

    C(reservations) is the folder in which LIO writes down reservations. A power cut can leave a file there empty, and rtslib cannot restore
    a LUN that has such a file.

    A missing disk delays the unit only for a limited time. Files need no line, because the unit itself starts after the local file systems.
    """
    units = [f"{escaped_path(lun.path)}.device" for lun in wanted.luns or () if lun.plugin == "block"]
    if any(_needs_address(portal) for portal in wanted.portals):
        units.append("network-online.target")
    lines = [f"{key}={unit}" for unit in units for key in ("Wants", "After")]
    lines = ["[Unit]", *lines] if lines else []
    service = [f"ExecStartPre=-/usr/bin/find {reservations} -type f -empty -delete"] if reservations else []
    if clear_fails:
        service += ["# targetctl clear of this version ends with a TypeError.", "ExecStop=", _CLEAR]
    lines += ["[Service]", *service] if service else []
    if not lines:
        return None
    head = f"# Written by fleetlab.linux.iscsi_target for {wanted.iqn}: what has to be there before it is restored.\n"
    return head + "\n".join(lines) + "\n"


def _needs_address(portal: Portal) -> bool:
    return portal.host not in ("0.0.0.0", "::")
