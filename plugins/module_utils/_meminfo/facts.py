# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn a reading of a host into its facts. Pure; the action plugin, the module and the inventory plugin use it."""

from __future__ import annotations

from typing import Any, Dict, Tuple

from .._core.errors import ObservationError
from . import accounting, available, cgroup, free, pressure
from .arcstats import of_this_machine, parse_arcstats
from .available import Surroundings
from .collect import MIN_FREE, Reading
from .meminfo import Meminfo, parse_meminfo, parse_min_free, parse_page_size, parse_release
from .plausible import believe
from .zoneinfo import derived_page_size, of_another_machine, parse_zoneinfo

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
    :raises ObservationError: /proc/meminfo has no plausible MemTotal or MemFree, or it is not known how much of a limit is used.
    """
    info, around = _credible(reading)
    arc = of_this_machine(parse_arcstats(reading.arcstats), info.total, info.sizes["MemFree"], around.foreign)
    machine = available.describe(available.estimate(info, around), info.total)
    if zfs_arc and arc["reclaimable"] is not None:
        _add_arc(machine, arc["reclaimable"])
    groups = reading.groups or {}
    group = cgroup.describe(reading.self_cgroup, groups, info.total, reading.init_cgroup)
    host = available.under_limit(machine, group)
    table = free.columns(info, machine["bytes"], around.foreign)
    limited = group["limit"] is not None
    return {
        "bytes": dict(info.sizes),
        "counts": dict(info.counts),
        "problems": dict(info.problems),
        "available": host,
        "accounting": accounting.account(info, around, arc, reading.hugepages or {}),
        "cgroup": group,
        "pressure": pressure.describe(reading.pressure),
        "oom_kills": pressure.parse_oom_kills(reading.vmstat),
        "kernel": {
            "release": (reading.osrelease or "").strip() or None,
            "version": None if around.version is None else list(around.version),
            "page_size": around.page_size,
        },
        "zfs_arc": arc,
        "free": free.columns_of_group(cgroup.columns(groups, group), host["bytes"], info) if limited else table,
        "machine": {"available": machine, "free": table} if limited else None,
    }


def is_low(facts: Dict[str, Any], below: float) -> bool:
    """Whether less than this percentage is available, so that the largest processes are of interest."""
    return bool(facts["available"]["percent"] < below)


def as_result(facts: Dict[str, Any], cacheable: bool, read_at: float) -> Dict[str, Any]:
    """The facts as the result of a task."""
    found = {"meminfo": {**facts, "read_at": read_at}}
    return {"changed": False, **({"ansible_facts": found} if cacheable else found)}


def _credible(reading: Reading) -> Tuple[Meminfo, Surroundings]:
    """The credible counters, and the data besides the counters, as far as they belong to the same machine."""
    info = parse_meminfo(reading.meminfo)
    zones, no_zones = None, "no /proc/zoneinfo, or an empty one"
    try:
        zones = parse_zoneinfo(reading.zoneinfo)
    except ObservationError as error:
        no_zones = str(error)
    page_size = parse_page_size(reading.page_size) or derived_page_size(info.total, zones)
    foreign = None if zones is None or page_size is None else of_another_machine(info.total, zones, page_size)
    info, foreign = believe(info, foreign)
    min_free, no_min_free = parse_min_free(reading.min_free_kbytes), f"{MIN_FREE} could not be read"
    if zones is not None and page_size is None:
        zones, no_zones = None, "the page size is unknown"
    if foreign is not None:
        zones, no_zones, min_free, no_min_free = None, foreign, None, f"{MIN_FREE} belongs to another machine: {foreign}"
    return info, Surroundings(
        zones=zones,
        no_zones=no_zones if zones is None else None,
        page_size=page_size,
        min_free=min_free,
        no_min_free=no_min_free,
        version=parse_release(reading.osrelease),
        foreign=foreign,
        zspages=pressure.parse_vmstat(reading.vmstat, "nr_zspages"),
    )


def _add_arc(shown: Dict[str, Any], reclaimable: int) -> None:
    shown["bytes"] = min(shown["total"], shown["bytes"] + reclaimable)
    shown["percent"] = available.percent(shown["bytes"], shown["total"])
    shown["source"] += "+zfs_arc"
