# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn a reading of a host into its facts. Pure; the action plugin, the module and the inventory plugin use it."""

from __future__ import annotations

from typing import Any, Dict, Optional

from . import accounting, available, cgroup, free, pressure
from .arcstats import of_this_machine, parse_arcstats
from .available import Surroundings
from .collect import MIN_FREE, Reading
from .meminfo import parse_meminfo, parse_min_free, parse_page_size, parse_release
from .zoneinfo import Zones, derived_page_size, of_another_machine, parse_zoneinfo

ARGUMENTS: Dict[str, Dict[str, Any]] = {
    "method": {"type": "str", "choices": ["raw", "module"], "default": "raw"},
    "zfs_arc": {"type": "bool", "default": False},
    "cacheable": {"type": "bool", "default": True},
    "processes_below": {"type": "float", "default": 0},
}
"""Options of meminfo_facts, for the module and for the action of the same name."""


def make_facts(reading: Reading, zfs_arc: bool = False) -> Dict[str, Any]:
    """The fact C(meminfo): plain data, sizes in bytes, and null with a reason for unknown values.

    :arg zfs_arc: count the reclaimable part of the ZFS cache as available.
    :raises ObservationError: /proc/meminfo or /proc/zoneinfo does not have the form of a kernel's; with the wrong line.
    """
    info = parse_meminfo(reading.meminfo)
    zones = parse_zoneinfo(reading.zoneinfo)
    page_size = parse_page_size(reading.page_size) or derived_page_size(info.total, zones)
    foreign = None if zones is None or page_size is None else of_another_machine(info.total, zones, page_size)
    around = _surroundings(zones, foreign, page_size, reading)
    found = available.estimate(info, around)
    facts: Dict[str, Any] = {
        "bytes": dict(info.sizes),
        "counts": dict(info.counts),
        "problems": dict(info.problems),
        "available": available.describe(found, info.total),
        "accounting": accounting.account(info, around.zones, page_size, around.version),
        "cgroup": cgroup.describe(reading.self_cgroup, reading.groups or {}, info.total),
        "pressure": pressure.describe(reading.pressure),
        "oom_kills": pressure.parse_oom_kills(reading.vmstat),
        "kernel": {
            "release": (reading.osrelease or "").strip() or None,
            "version": None if around.version is None else list(around.version),
            "page_size": page_size,
        },
    }
    if zfs_arc:
        arc = of_this_machine(parse_arcstats(reading.arcstats), info.total, info.sizes["MemFree"], foreign)
        facts["zfs_arc"] = _add_arc(facts["available"], arc, info.total)
    facts["free"] = free.columns(info, facts["available"]["bytes"])
    return facts


def is_low(facts: Dict[str, Any], below: float) -> bool:
    """Whether less than this percentage is available, so that the largest processes are of interest."""
    return bool(facts["available"]["percent"] < below)


def as_result(facts: Dict[str, Any], cacheable: bool, read_at: float) -> Dict[str, Any]:
    """The facts as the result of a task."""
    found = {"meminfo": {**facts, "read_at": read_at}}
    return {"changed": False, **({"ansible_facts": found} if cacheable else found)}


def _surroundings(zones: Optional[Zones], foreign: Optional[str], page_size: Optional[int], reading: Reading) -> Surroundings:
    """The data besides the counters, as far as they belong to the same machine."""
    min_free = parse_min_free(reading.min_free_kbytes)
    version = parse_release(reading.osrelease)
    unread = f"{MIN_FREE} could not be read"
    if zones is None:
        return Surroundings(None, "no /proc/zoneinfo, or an empty one", page_size, min_free, unread, version)
    if page_size is None:
        return Surroundings(None, "the page size is unknown", page_size, min_free, unread, version)
    if foreign is not None:
        return Surroundings(None, foreign, page_size, None, f"{MIN_FREE} belongs to the machine of /proc/zoneinfo", version)
    return Surroundings(zones, None, page_size, min_free, unread, version)


def _add_arc(shown: Dict[str, Any], arc: Dict[str, Any], total: int) -> Dict[str, Any]:
    if arc["reclaimable"] is not None:
        shown["bytes"] = min(total, shown["bytes"] + arc["reclaimable"])
        shown["percent"] = round(100.0 * shown["bytes"] / total, 2)
        shown["source"] += "+zfs_arc"
    return arc
