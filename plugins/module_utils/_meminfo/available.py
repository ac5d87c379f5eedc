# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory available without swapping: the kernel's MemAvailable, and formulas that replace it on kernels without it. Pure.

Every formula that the data allow is computed on every kernel, so that users see the spread. A formula has the name of the program that
introduced it. The kernel's own formulas count in pages, to round halves like the kernel. To add a formula, add a row to FORMULAS.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from .._core.errors import ObservationError
from .meminfo import FILES, Meminfo
from .zoneinfo import Zones

Version = Tuple[int, int, int]

KERNEL = "kernel"
MEMFREE = "memfree"
CGROUP = "cgroup"

_ANY: Version = (0, 0, 0)


class Estimate(NamedTuple):
    """Bytes, or the reason why they are unknown. C(raw) is the value before the limit to the range from 0 to MemTotal."""

    value: Optional[int]
    raw: int = 0
    reason: Optional[str] = None


class Available(NamedTuple):
    """The answer: bytes, their source, and the reason if the source is not the kernel."""

    value: int
    source: str
    reason: Optional[str]
    estimates: Mapping[str, Estimate]


class Surroundings(NamedTuple):
    """The data that formulas need besides the counters. C(no_zones) and C(no_min_free) are the reasons if these data are not usable.

    C(foreign) is the reason why some counters are known to be another machine's, None if they are not. C(zspages) is the number of pages
    with compressed memory of programs, as zram and most kinds of zswap store it.
    """

    zones: Optional[Zones]
    no_zones: Optional[str]
    page_size: Optional[int]
    min_free: Optional[int]
    no_min_free: str
    version: Optional[Version]
    foreign: Optional[str]
    zspages: Optional[int] = None


class Formula(NamedTuple):
    """A replacement for MemAvailable. Kernels before C(since) computed a smaller value, so the formula does not replace theirs."""

    name: str
    since: Version
    compute: Callable[[Meminfo, Surroundings], Estimate]


def estimate(info: Meminfo, around: Surroundings) -> Available:
    """The available memory of a host, in bytes."""
    estimates = {
        KERNEL: _kernel(info),
        **{formula.name: formula.compute(info, around) for formula in FORMULAS},
        MEMFREE: _limited(info, info.sizes["MemFree"]),
    }
    native = estimates[KERNEL]
    if native.value is not None:
        return Available(native.value, KERNEL, None, estimates)
    reasons = [f"no MemAvailable: {native.reason}"]
    for name in stand_ins(around.version):
        value = estimates[name].value
        # A sum above MemTotal adds counters of different machines; limited to MemTotal, it would report all memory as available.
        if value is not None and estimates[name].raw <= info.total:
            return Available(value, name, "; ".join(reasons), estimates)
        reasons.append(f"not {name}: {estimates[name].reason or 'its sum is above MemTotal'}")
    return Available(info.sizes["MemFree"], MEMFREE, "; ".join(reasons), estimates)


def stand_ins(version: Optional[Version]) -> List[str]:
    """The formulas to try, best first: the formula of the running kernel itself, then formulas that need fewer data."""
    return [formula.name for formula in FORMULAS if formula.since <= (version or _ANY)]


def _limited(info: Meminfo, raw: int) -> Estimate:
    return Estimate(min(max(raw, 0), info.total), raw)


def _kernel(info: Meminfo) -> Estimate:
    problem = info.lacks("MemAvailable")
    if problem is not None:
        return Estimate(None, reason=problem)
    native = info.sizes["MemAvailable"]
    if info.most_files is not None:
        return Estimate(None, native, f"MemAvailable counts file pages that cannot exist: {info.problems[FILES[0]]}")
    if native > info.total:
        return Estimate(None, native, f"MemAvailable is {native} bytes, more than MemTotal, {info.total}: not plausible")
    return Estimate(native, native)


def _without_half(amount: int, low: int) -> int:
    """The reclaimable part of a cache, because the system needs a part of it, at most half, to run well."""
    return amount - min(amount // 2, low)


def _lacks(info: Meminfo, slab: str) -> Optional[str]:
    return (None if info.files is not None else info.lacks(*FILES)) or info.lacks(slab)


def _linux(info: Meminfo, around: Surroundings, slab: str, reserve: bool) -> Estimate:
    problem = _lacks(info, slab) or around.no_zones
    zones, page, cache = around.zones, around.page_size, info.files
    if problem is not None or zones is None or page is None or cache is None:
        return Estimate(None, reason=problem or "the page size is unknown")
    if zones.low is None:
        return Estimate(None, reason="/proc/zoneinfo has no low watermarks")
    withheld = zones.reserve if reserve else zones.low
    if withheld is None:
        return Estimate(None, reason="/proc/zoneinfo has no managed pages, which came with Linux 3.8")
    files = cache // page
    free = info.sizes["MemFree"] // page - withheld
    pages = free + _without_half(files, zones.low) + _without_half(info.sizes[slab] // page, zones.low)
    return _limited(info, pages * page)


def _procps(info: Meminfo, around: Surroundings) -> Estimate:
    if around.version is not None and around.version < (2, 6, 27):
        return Estimate(None, reason="on kernels before 2.6.27 procps answers with MemFree")
    problem, files = _lacks(info, "SReclaimable"), info.files
    if problem is not None or around.min_free is None or files is None:
        return Estimate(None, reason=problem or around.no_min_free)
    low = around.min_free * 5 // 4
    return _limited(info, info.sizes["MemFree"] - low + _without_half(files, low) + _without_half(info.sizes["SReclaimable"], low))


FORMULAS = (
    Formula("linux_4_20", (4, 20, 0), lambda info, around: _linux(info, around, "KReclaimable", reserve=True)),
    Formula("linux_4_5", (4, 5, 0), lambda info, around: _linux(info, around, "SReclaimable", reserve=True)),
    Formula("linux_3_14", _ANY, lambda info, around: _linux(info, around, "SReclaimable", reserve=False)),
    Formula("procps_3_3_10", _ANY, _procps),
)
"""All formulas, best first."""


def describe(available: Available, total: int) -> Dict[str, Any]:
    """The available memory in the facts; if a formula has null in C(formulas), C(missing) has the reason."""
    return {
        "bytes": available.value,
        "percent": percent(available.value, total),
        "total": total,
        "source": available.source,
        "reason": available.reason,
        "formulas": {name: entry.value for name, entry in available.estimates.items()},
        "missing": {name: entry.reason for name, entry in available.estimates.items() if entry.reason is not None},
    }


def percent(part: int, total: int) -> float:
    """A share of the memory."""
    return round(100.0 * part / total, 2)


def under_limit(machine: Mapping[str, Any], group: Mapping[str, Any]) -> Dict[str, Any]:
    """The available memory of a host, which is that of the control group with the limit, or the machine's where no limit applies.

    :raises ObservationError: there is a limit, but no telling how much of it is used.
    """
    if group["limit"] is None:
        return dict(machine)
    where = f"the control group {group['path']} limits this host to {group['limit']} bytes"
    if group["available"] is None:
        raise ObservationError(f"{where}, but {group['reason']}: the available memory is unknown")
    share = percent(group["available"], group["limit"])
    return {**machine, "bytes": group["available"], "percent": share, "total": group["limit"], "source": CGROUP, "reason": where}
