# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of md_array: their spec, and the wanted arrays of a task, checked as far as possible without the host."""

from __future__ import annotations

import posixpath
import re
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .._core.entries import Entries
from .._core.errors import InputError
from .model.layout import check_layout
from .model.levels import LEVELS
from .model.wanted import LABEL_BYTES, NUMBERED, Wanted, WantedArray

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")
# mdadm takes these names for partitionable arrays or its own array numbers, so the array would get another node.
_AMBIGUOUS = re.compile(r"(md_)?d[0-9]+|md[0-9]+")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_MOST_ARRAYS = 511
_CHUNK_MOST = 65536

ENTRIES = Entries(
    key="arrays",
    names=("name",),
    options={
        "name": {},
        "state": {"choices": ["present", "absent", "stopped", "forgotten"]},
        "level": {"choices": list(LEVELS)},
        "layout": {},
        "devices": {"type": "list", "elements": "str"},
        "spares": {"type": "list", "elements": "str"},
        "leaving": {"type": "list", "elements": "str"},
        "write_mostly": {"type": "list", "elements": "str"},
        "failfast": {"type": "list", "elements": "str"},
        "spare_group": {},
        "chunk": {"type": "int"},
        "bitmap": {"choices": ["internal", "none"]},
        "metadata": {"choices": ["1.0", "1.1", "1.2"]},
        "homehost": {},
        "assume_clean": {"type": "bool"},
        "persist": {"type": "bool"},
        "overwrite": {"type": "bool"},
        "run_degraded": {"type": "bool"},
        "replace_failed": {"type": "bool"},
        "size_tolerance": {"type": "float"},
        "block_size": {"type": "int", "choices": [512, 4096]},
        "failure_domains": {"type": "dict"},
        "grow": {"type": "bool"},
        "check": {"type": "bool"},
        "wait": {"choices": ["none", "sync"]},
        "wait_timeout": {"type": "int"},
    },
    defaults={
        "state": "present",
        "metadata": "1.2",
        "assume_clean": False,
        "persist": True,
        "overwrite": False,
        "run_degraded": False,
        "replace_failed": False,
        "size_tolerance": 1.0,
        "grow": False,
        "check": False,
        "wait": "none",
        "wait_timeout": 3600,
    },
)
_RELEASE: Dict[str, Dict[str, Any]] = {"release": {"type": "list", "elements": "str"}}


def argument_spec() -> Dict[str, Dict[str, Any]]:
    """All options of the module."""
    return {**ENTRIES.argument_spec(), **_RELEASE}


def exclusive_options() -> List[Tuple[str, ...]]:
    """Options that exclude each other: a task declares one array or a list of arrays, or releases members."""
    return [*ENTRIES.mutually_exclusive(), *(("release", name) for name in (ENTRIES.key, *ENTRIES.options))]


def make_wanted(params: Mapping[str, Any], hostname: str) -> Wanted:
    """Check the options of a task. C(hostname) is the host's own name.

    :raises InputError: an option has a value that cannot be right.
    """
    if params.get("release") is not None:
        return Wanted(release=_check_paths("release", params["release"]))
    arrays = tuple(make_wanted_array(entry.prefix, entry.options, hostname) for entry in ENTRIES.read(params))
    if not arrays:
        raise InputError("arrays", "is empty; name at least one array")
    ENTRIES.check_twice(arrays, lambda one: one.name, lambda one: f"array {one.name}")
    return Wanted(arrays, one=ENTRIES.is_one(params))


def make_wanted_array(prefix: str, value: Mapping[str, Any], hostname: str) -> WantedArray:
    """Check the options of one array. C(prefix) is put before their names in errors: C(arrays[2].), or an empty string."""
    name = _check_name(f"{prefix}name", value["name"])
    homehost = value.get("homehost") or hostname
    if not _HOST.fullmatch(homehost):
        raise InputError(f"{prefix}homehost", f"'{homehost}' is not a host name")
    if value["state"] != "present":
        return WantedArray(prefix, name, value["state"], homehost)
    level, given, devices = _check_shape(prefix, value)
    return WantedArray(
        option=prefix,
        name=name,
        state="present",
        homehost=homehost,
        level=LEVELS[level].kernel,
        layout=check_layout(f"{prefix}layout" if given else f"{prefix}devices", level, given, len(devices)),
        devices=devices,
        spares=_check_paths(f"{prefix}spares", value.get("spares") or ()),
        leaving=_check_leaving(f"{prefix}leaving", level, devices, value.get("leaving") or ()),
        write_mostly=_check_flagged(f"{prefix}write_mostly", LEVELS[level].mirrored, level, devices, value.get("write_mostly")),
        failfast=_check_flagged(f"{prefix}failfast", LEVELS[level].mirrored or LEVELS[level].copied, level, devices, value.get("failfast")),
        exact_spares=value.get("spares") is not None,
        spare_group=_check_group(f"{prefix}spare_group", value.get("spare_group")),
        grow=value["grow"],
        chunk=_check_chunk(f"{prefix}chunk", level, value.get("chunk")),
        bitmap=value.get("bitmap"),
        metadata=value["metadata"],
        assume_clean=value["assume_clean"],
        persist=value["persist"],
        overwrite=value["overwrite"],
        run_degraded=value["run_degraded"],
        replace_failed=_check_redundant(f"{prefix}replace_failed", level, value["replace_failed"], "redundancy to rebuild a member from"),
        size_tolerance=_check_percent(f"{prefix}size_tolerance", value["size_tolerance"]),
        block_size=value.get("block_size"),
        failure_domains=_check_domains(f"{prefix}failure_domains", devices, value),
        check=_check_redundant(f"{prefix}check", level, value["check"], "copies that could be compared"),
        wait=value["wait"],
        wait_timeout=_check_positive(f"{prefix}wait_timeout", value["wait_timeout"]),
    )


def _check_name(option: str, name: str) -> str:
    numbered = NUMBERED.fullmatch(name)
    if numbered and int(numbered.group(1)) <= _MOST_ARRAYS:
        return name
    if not _NAME.fullmatch(name) or _AMBIGUOUS.fullmatch(name) or len(name) >= LABEL_BYTES:
        raise InputError(
            option,
            f"'{name}' is not a name for an array: expected md0 to md{_MOST_ARRAYS}, or up to {LABEL_BYTES - 1} letters, digits, '.', '_'"
            " and '-' that begin with a letter and do not look like a number of mdadm's",
        )
    return name


def _check_shape(prefix: str, value: Mapping[str, Any]) -> Tuple[str, Optional[str], Tuple[str, ...]]:
    level = value.get("level")
    if not level:
        raise InputError(f"{prefix}level", "is needed for an array that shall be present")
    layout = value.get("layout")
    if layout is not None and not layout.strip():
        raise InputError(f"{prefix}layout", "is empty; omit it to take the default of the level")
    devices = _check_paths(f"{prefix}devices", value.get("devices") or ())
    if not devices:
        raise InputError(f"{prefix}devices", "is needed for an array that shall be present")
    _check_redundant(f"{prefix}spares", level, bool(value.get("spares")), "redundancy that a spare could restore")
    _check_redundant(f"{prefix}bitmap", level, value.get("bitmap") == "internal", "redundancy that a bitmap could help to restore")
    return level, layout, devices


def _check_paths(option: str, paths: Sequence[str]) -> Tuple[str, ...]:
    for path in paths:
        if not posixpath.isabs(path) or "\0" in path or "\n" in path:
            raise InputError(option, f"'{path}' is not an absolute path of a device, such as /dev/disk/by-path/...")
    twice = sorted({path for path in paths if list(paths).count(path) > 1})
    if twice:
        raise InputError(option, f"{', '.join(twice)} is named twice; a device can be in an array only once")
    return tuple(paths)


def _check_leaving(option: str, level: str, devices: Sequence[str], paths: Sequence[str]) -> Tuple[str, ...]:
    if paths and not LEVELS[level].mirrored:
        raise InputError(option, f"{level} cannot do with fewer devices: the kernel changes the number of copies of raid1 only")
    both = [path for path in paths if path in devices]
    if both:
        raise InputError(option, f"{', '.join(both)} is among devices too")
    return _check_paths(option, paths)


def _check_flagged(
    option: str, supported: bool, level: str, devices: Sequence[str], paths: Optional[Sequence[str]]
) -> Optional[Tuple[str, ...]]:
    if paths and not supported:
        raise InputError(option, f"the kernel has no such members in {level}; omit the option")
    unknown = [path for path in paths or () if path not in devices]
    if unknown:
        raise InputError(option, f"{', '.join(unknown)} is not among devices; use the same spelling in both options")
    if paths and option.endswith("write_mostly") and len(paths) == len(devices):
        raise InputError(option, "names all devices, so that none would be left to read from")
    return None if paths is None else tuple(paths)


def _check_chunk(option: str, level: str, chunk: Optional[int]) -> Optional[int]:
    if chunk is None:
        return None
    if not LEVELS[level].chunked:
        raise InputError(option, f"{level} has no chunks; omit the option")
    if not 4 <= chunk <= _CHUNK_MOST or chunk & (chunk - 1):
        raise InputError(option, f"{chunk} KiB is not a power of two from 4 to {_CHUNK_MOST}")
    return chunk


def _check_group(option: str, group: Optional[str]) -> Optional[str]:
    if group and not _HOST.fullmatch(group):
        raise InputError(option, f"'{group}' is not a name for a group: use letters, digits, '.', '_' and '-'")
    return group


def _check_redundant(option: str, level: str, asked: bool, lacks: str) -> bool:
    if asked and not LEVELS[level].redundant:
        raise InputError(option, f"{level} has no {lacks}")
    return asked


def _check_percent(option: str, number: float) -> float:
    if not 0 <= number <= 100:
        raise InputError(option, f"{number:g} is not a percentage from 0 to 100")
    return number


def _check_positive(option: str, number: int) -> int:
    if number <= 0:
        raise InputError(option, f"{number} s is not a time to wait; give a positive number of seconds")
    return number


def _check_domains(option: str, devices: Sequence[str], value: Mapping[str, Any]) -> Tuple[Tuple[str, str], ...]:
    domains = value.get("failure_domains") or {}
    if not domains:
        return ()
    known = set(devices) | set(value.get("spares") or ())
    unknown = sorted(set(domains) - known)
    if unknown:
        raise InputError(option, f"{', '.join(unknown)} is not among devices and spares; use the same spelling in both options")
    without = [device for device in devices if device not in domains]
    if without:
        raise InputError(option, f"{', '.join(without)} has no domain; name one for every device")
    return tuple((device, str(domain)) for device, domain in domains.items())
