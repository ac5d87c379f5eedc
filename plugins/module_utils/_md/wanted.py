# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task asks for: one array of the options C(name) or C(arrays), checked as far as it can be without the host."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, Mapping, Optional, Sequence, Tuple

from .._core.errors import InputError
from .layout import REDUNDANT, check_layout, encode, kernel_level

LABEL_BYTES = 32
"""Room for the homehost, a colon and the name in a superblock."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")
_NUMBERED = re.compile(r"md(0|[1-9][0-9]{0,2})")
# mdadm takes these for partitionable arrays or array numbers of its own, so they would not be the node that was asked for.
_AMBIGUOUS = re.compile(r"(md_)?d[0-9]+|md[0-9]+")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_MOST_ARRAYS = 511
_CHUNK_MOST = 65536


@dataclass(frozen=True)
class Wanted:
    """One declared array. C(option) is where it stands in the task, for messages; C(level) is the kernel's."""

    option: str
    name: str
    state: str
    homehost: str
    level: str = ""
    layout: Optional[str] = None
    devices: Tuple[str, ...] = ()
    spares: Tuple[str, ...] = ()
    chunk: Optional[int] = None
    bitmap: Optional[str] = None
    metadata: str = "1.2"
    assume_clean: bool = False
    persist: bool = True
    overwrite: bool = False
    run_degraded: bool = False
    replace_failed: bool = False
    size_tolerance: float = 1.0
    failure_domains: Tuple[Tuple[str, str], ...] = ()
    exact_spares: bool = False
    spare_group: Optional[str] = None
    grow: bool = False
    check: bool = False
    wait: str = "none"
    wait_timeout: int = 3600

    @property
    def label(self) -> str:
        """The name in the superblock; mdadm leaves the homehost out where it finds no room."""
        full = f"{self.homehost}:{self.name}"
        return full if len(full.encode("utf-8")) < LABEL_BYTES else self.name

    @property
    def kernel_name(self) -> Optional[str]:
        """The md device that the name asks for, C(None) if any will do."""
        return self.name if _NUMBERED.fullmatch(self.name) else None

    @property
    def node(self) -> str:
        """Where the array is found: C(/dev/mdN), or C(/dev/md/NAME)."""
        return f"/dev/{self.name}" if self.kernel_name else f"/dev/md/{self.name}"

    @property
    def spellings(self) -> Tuple[str, ...]:
        """Device names that mean this array in mdadm.conf."""
        return (f"/dev/{self.name}", f"/dev/md/{self.name}", self.name) if self.kernel_name else (self.node, self.name)

    @property
    def layout_word(self) -> Optional[int]:
        """The kernel's number for the layout, C(None) if it was left to mdadm."""
        return encode(self.level, self.layout)

    @property
    def bitmap_to_create(self) -> str:
        """The bitmap of a new array: one where it helps, unless the task says otherwise."""
        return self.bitmap or ("internal" if self.level in REDUNDANT else "none")

    @property
    def all_devices(self) -> Tuple[str, ...]:
        """Members and spares."""
        return self.devices + self.spares


def make_wanted(option: str, value: Mapping[str, Any], hostname: str) -> Wanted:
    """Check one entry of the options. C(option) is C(arrays[2]), or an empty string for the options of the task itself."""
    prefix = f"{option}." if option else ""
    name = _check_name(f"{prefix}name", value["name"])
    homehost = value.get("homehost") or hostname
    if not _HOST.fullmatch(homehost):
        raise InputError(f"{prefix}homehost", f"'{homehost}' is not a host name")
    if value["state"] != "present":
        return Wanted(prefix, name, value["state"], homehost)
    level, given, devices = _check_shape(prefix, value)
    return Wanted(
        option=prefix,
        name=name,
        state="present",
        homehost=homehost,
        level=kernel_level(level),
        layout=check_layout(f"{prefix}layout" if given else f"{prefix}devices", level, given, len(devices)),
        devices=devices,
        spares=_check_paths(f"{prefix}spares", value.get("spares") or ()),
        exact_spares=value.get("spares") is not None,
        spare_group=_check_group(f"{prefix}spare_group", value.get("spare_group")),
        grow=value["grow"],
        chunk=_check_chunk(f"{prefix}chunk", level, value.get("chunk")),
        bitmap=_check_bitmap(f"{prefix}bitmap", level, value.get("bitmap")),
        metadata=value["metadata"],
        assume_clean=value["assume_clean"],
        persist=value["persist"],
        overwrite=value["overwrite"],
        run_degraded=value["run_degraded"],
        replace_failed=_check_redundant(f"{prefix}replace_failed", level, value["replace_failed"], "redundancy to rebuild a member from"),
        size_tolerance=_check_percent(f"{prefix}size_tolerance", value["size_tolerance"]),
        failure_domains=_check_domains(f"{prefix}failure_domains", devices, value),
        check=_check_redundant(f"{prefix}check", level, value["check"], "copies that could be compared"),
        wait=value["wait"],
        wait_timeout=_check_positive(f"{prefix}wait_timeout", value["wait_timeout"]),
    )


def check_together(wanted: Sequence[Wanted]) -> None:
    """Refuse a list in which one array is declared twice, or none at all."""
    if not wanted:
        raise InputError("arrays", "is empty; name at least one array")
    seen = set()
    for one in wanted:
        if one.name in seen:
            raise InputError(f"{one.option}name", f"'{one.name}' is declared twice; every array has one entry")
        seen.add(one.name)


def _check_name(option: str, name: str) -> str:
    numbered = _NUMBERED.fullmatch(name)
    if numbered and int(numbered.group(1)) <= _MOST_ARRAYS:
        return name
    if not _NAME.fullmatch(name) or _AMBIGUOUS.fullmatch(name) or len(name) >= LABEL_BYTES:
        raise InputError(
            option,
            f"'{name}' is no name for an array: expected md0 to md{_MOST_ARRAYS}, or up to {LABEL_BYTES - 1} letters, digits, '.', '_'"
            " and '-' that begin with a letter and do not look like a number of mdadm's",
        )
    return name


def _check_shape(prefix: str, value: Mapping[str, Any]) -> Tuple[str, Optional[str], Tuple[str, ...]]:
    level = value.get("level")
    if not level:
        raise InputError(f"{prefix}level", "is needed for an array that shall be present")
    layout = value.get("layout")
    if layout is not None and not layout.strip():
        raise InputError(f"{prefix}layout", "is empty; leave it out to take the default of the level")
    devices = _check_paths(f"{prefix}devices", value.get("devices") or ())
    if not devices:
        raise InputError(f"{prefix}devices", "is needed for an array that shall be present")
    if value.get("spares") and kernel_level(level) not in REDUNDANT:
        raise InputError(f"{prefix}spares", f"{level} has no redundancy that a spare could restore")
    return level, layout, devices


def _check_paths(option: str, paths: Sequence[str]) -> Tuple[str, ...]:
    for path in paths:
        if not os.path.isabs(path) or "\0" in path or "\n" in path:
            raise InputError(option, f"'{path}' is not an absolute path of a device, such as /dev/disk/by-path/...")
    twice = sorted({path for path in paths if list(paths).count(path) > 1})
    if twice:
        raise InputError(option, f"{', '.join(twice)} is named twice; a device can be in an array once")
    return tuple(paths)


def _check_chunk(option: str, level: str, chunk: Optional[int]) -> Optional[int]:
    if chunk is None:
        return None
    if level == "raid1":
        raise InputError(option, "raid1 has no chunks, leave the option out")
    if not 4 <= chunk <= _CHUNK_MOST or chunk & (chunk - 1):
        raise InputError(option, f"{chunk} KiB is not a power of two from 4 to {_CHUNK_MOST}")
    return chunk


def _check_bitmap(option: str, level: str, bitmap: Optional[str]) -> Optional[str]:
    if bitmap == "internal" and kernel_level(level) not in REDUNDANT:
        raise InputError(option, f"{level} has no redundancy that a bitmap could help to restore")
    return bitmap


def _check_group(option: str, group: Optional[str]) -> Optional[str]:
    if group and not _HOST.fullmatch(group):
        raise InputError(option, f"'{group}' is no name for a group: use letters, digits, '.', '_' and '-'")
    return group


def _check_redundant(option: str, level: str, asked: bool, lacks: str) -> bool:
    if asked and kernel_level(level) not in REDUNDANT:
        raise InputError(option, f"{level} has no {lacks}")
    return asked


def _check_percent(option: str, number: float) -> float:
    if not 0 <= number <= 100:
        raise InputError(option, f"{number:g} is not a percentage from 0 to 100")
    return number


def _check_positive(option: str, number: int) -> int:
    if number <= 0:
        raise InputError(option, f"{number} s is no time to wait; give a positive number of seconds")
    return number


def _check_domains(option: str, devices: Sequence[str], value: Mapping[str, Any]) -> Tuple[Tuple[str, str], ...]:
    domains = value.get("failure_domains") or {}
    if not domains:
        return ()
    known = set(devices) | set(value.get("spares") or ())
    unknown = sorted(set(domains) - known)
    if unknown:
        raise InputError(option, f"{', '.join(unknown)} is not among devices and spares; use the same spelling there and here")
    without = [device for device in devices if device not in domains]
    if without:
        raise InputError(option, f"{', '.join(without)} has no domain; name one for every device")
    return tuple((device, str(domain)) for device, domain in domains.items())
