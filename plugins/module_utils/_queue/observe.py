# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the rule, and the queues of the disks from sysfs. No process is started."""

from __future__ import annotations

from typing import Iterator, Optional, Tuple

from .._core.errors import ObservationError
from .._host.files import Host
from .options import Wanted
from .state import MISSING, Disk, State

_SESSIONS = "/sys/class/iscsi_session"


def observe(wanted: Wanted, host: Host) -> State:
    """The rule and all disks of the wanted transport.

    :raises ObservationError: the file of the rule cannot be read.
    """
    return State(_rule(host, wanted.path), read_disks(host, wanted))


def read_disks(host: Host, wanted: Wanted) -> Tuple[Disk, ...]:
    """All disks of the wanted transport, by their names."""
    return tuple(sorted((_disk(host, folder, wanted) for folder in _iscsi_disks(host)), key=lambda disk: disk.name))


def _rule(host: Host, path: str) -> Optional[str]:
    try:
        found = host.content(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ObservationError(f"{path}: cannot be read as a udev rule: {error}") from None
    return found[0] if found else None


def _iscsi_disks(host: Host) -> Iterator[str]:
    """The folders in sysfs of all disks of iSCSI sessions."""
    for session in host.names(_SESSIONS):
        device = f"{_SESSIONS}/{session}/device"
        for target in host.names(device):
            for unit in host.names(f"{device}/{target}") if target.startswith("target") else ():
                for disk in host.names(f"{device}/{target}/{unit}/block"):
                    yield f"{device}/{target}/{unit}/block/{disk}"


def _disk(host: Host, folder: str, wanted: Wanted) -> Disk:
    name = folder.rpartition("/")[2]
    # A disk that does not answer is skipped: the event of its return sets its values.
    if host.value(f"{folder}/device/state") != "running":
        return Disk(name, answers=False)
    return Disk(name, queue={setting: _setting(host.value(f"{folder}/queue/{setting}")) for setting, _value in wanted.settings})


def _setting(text: Optional[str]) -> str:
    """The value of a setting. If the file lists all values, the value in use is in brackets."""
    if text is None:
        return MISSING
    before, bracket, rest = text.partition("[")
    return rest.partition("]")[0] if bracket else before
