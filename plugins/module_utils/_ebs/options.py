# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The volumes that a task looks for. Pure; raises InputError only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from .._core.errors import InputError
from .state import volume_id, xen_name

_VOLUME = {"volume_id": {"type": "str", "required": True}, "attached_as": {"type": "str"}, "name": {"type": "str"}}
ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = {
    "volumes": {"type": "list", "elements": "dict", "options": _VOLUME},
    "wait": {"type": "int", "default": 0},
}


@dataclass(frozen=True)
class Volume:
    """A volume to find, with the device name of its attachment, which identifies Xen disks."""

    volume_id: str
    attached_as: Optional[str] = None
    name: Optional[str] = None

    def __str__(self) -> str:
        known = [text for text in (self.name, f"attached as {self.attached_as}" if self.attached_as else None) if text]
        return f"{self.volume_id} ({', '.join(known)})" if known else self.volume_id


def make_wanted(params: Mapping[str, Any]) -> Optional[Tuple[Volume, ...]]:
    """The volumes that a task names; C(None) if it asks for all.

    :raises InputError: an option is not valid.
    """
    if params["volumes"] is None:
        return None
    volumes = tuple(make_volume(item["volume_id"], item["attached_as"], item["name"]) for item in params["volumes"])
    check_volumes(volumes)
    return volumes


def make_volume(given: str, attached_as: Optional[str] = None, name: Optional[str] = None) -> Volume:
    """A volume from the words of a task.

    :raises InputError: the id is not that of a volume, or the name is not a device name.
    """
    known = volume_id(given)
    if known is None:
        raise InputError("volumes", f"{given!r} is not the id of a volume, such as vol-0123456789abcdef0")
    if attached_as is not None and xen_name(attached_as) is None:
        raise InputError("volumes", f"{attached_as!r} is not a device name of an attachment, such as /dev/sdf")
    return Volume(known, attached_as, name)


def check_volumes(volumes: Sequence[Volume]) -> None:
    """Refuse a list with an id or a name twice.

    :raises InputError: with the repeated ids and names.
    """
    attached = [str(xen_name(volume.attached_as)) for volume in volumes if volume.attached_as]
    for names in ([volume.volume_id for volume in volumes], attached):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError("volumes", f"{', '.join(twice)}: named more than once")
