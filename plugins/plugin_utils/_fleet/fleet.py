# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Percentiles, residuals and outliers from the memory facts of many hosts. Pure; runs on the controller."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Protocol, Sequence, Tuple

from .parts import parts

READING = "fleet_memory_reading"
"""The default name of the variable that the role registers."""
ONE_PASS = "meminfo_one_pass"
"""The variable with the reading of the inventory plugin meminfo, facts or an error, and its time. Facts in a cache hide the plugin's
variable C(meminfo), but not this one."""
FORMULAS = ("a", "b", "extended")
_TOLERANCES = (("within_1_5", 1.5), ("within_3", 3.0))
_OUTLIER_FIGURES = ("available_percent", "tmpfs_percent", "extended_percent")
_FEWEST_FOR_OUTLIERS = 8
_LEAST_DISTANCE = 1.0
"""Percentage points. Among hosts that are all alike a tenth of a percent would make an outlier."""


class FleetError(ValueError):
    """The input is not the facts of hosts; the message names the host."""


class Untemplated:
    """Ansible's hostvars without a search for templates in facts, which would take most of the time for hundreds of hosts."""

    def __init__(self, hostvars: Any, names: Iterable[str]) -> None:
        self.hostvars = hostvars
        self.names = tuple(names)

    def __getitem__(self, host: str) -> Mapping[str, Any]:
        raw: Mapping[str, Any] = self.hostvars.raw_get(host)
        # A user may have set one of these variables to a template, which is evaluated as usual.
        return self.hostvars[host] if any(isinstance(raw.get(name), str) for name in self.names) else raw

    def __contains__(self, host: object) -> bool:
        return host in self.hostvars

    def __iter__(self) -> Iterator[str]:
        return iter(self.hostvars)


class Variables(Protocol):
    """A mapping by the names of hosts."""

    def __getitem__(self, host: str) -> Any: ...

    def __contains__(self, host: object) -> bool: ...

    def __iter__(self) -> Iterator[str]: ...


@dataclass(frozen=True)
class Limits:
    """A host with less than C(low_below) percent available is low. A reading that is more than C(max_age) seconds older than C(now) is old;
    without C(max_age) none is."""

    low_below: float = 10.0
    max_age: float = 0.0
    now: float = 0.0


def make_fleet(
    hostvars: Variables, hosts: Optional[Iterable[str]] = None, reading: str = READING, limits: Limits = Limits()
) -> Dict[str, Any]:
    """The fleet, sizes in bytes.

    :arg hostvars: for each host its variables with C(ansible_facts.meminfo) or C(meminfo), or the facts themselves.
    :arg hosts: the hosts to report, by default all.
    :arg reading: the variable with the registered result of C(meminfo_facts), which gives the reason why a host has no facts.
    :raises FleetError: the facts are not facts of C(meminfo_facts).
    """
    found: List[Dict[str, Any]] = []
    failed: List[Dict[str, str]] = []
    for host in hostvars if hosts is None else hosts:
        # Ansible's hostvars raise no KeyError for an unknown host, but give a value that fails later.
        if host not in hostvars:
            failed.append({"host": host, "reason": "not in the inventory"})
            continue
        # Looked up once, because Ansible computes all variables of the host each time.
        variables = hostvars[host]
        meminfo, reason = _meminfo(host, variables, reading)
        if meminfo is None:
            failed.append({"host": host, "reason": reason})
        else:
            found.append({**_row(host, meminfo, limits), "groups": _groups(variables)})
    found.sort(key=lambda row: (row["available_percent"], row["host"]))
    return {
        "hosts": found,
        "read": _times(found, limits),
        "low_below": limits.low_below,
        "failed": sorted(failed, key=lambda entry: entry["host"]),
        "sums": {name: sum(row[name] or 0 for row in found) for name in ("total", "available", "tmpfs")},
        "available_percent": percentiles([row["available_percent"] for row in found]),
        "tmpfs_percent": percentiles([row["tmpfs_percent"] for row in found if row["tmpfs_percent"] is not None]),
        "sources": _count(row["source"] for row in found),
        "residuals": {formula: _residuals(found, f"{formula}_percent") for formula in FORMULAS},
        "outliers": [outlier for figure in _OUTLIER_FIGURES for outlier in _outliers(found, figure)],
    }


def _meminfo(host: str, variables: Mapping[str, Any], reading: str) -> Tuple[Optional[Mapping[str, Any]], str]:
    """The facts of a host, or the reason why the host has none. A failed reading takes precedence over facts in a cache."""
    if "accounting" in variables:
        found: Mapping[str, Any] = variables
        return found, ""
    result = variables.get(reading, {})
    if "ansible_facts" in result or "meminfo" in result:
        return _of_task(host, result, reading), ""
    if "msg" in result and not result.get("skipped"):
        return None, str(result["msg"]).strip()
    return _newest(variables)


def _of_task(host: str, result: Mapping[str, Any], reading: str) -> Mapping[str, Any]:
    """The facts in a registered result, with any value of C(cacheable)."""
    place = result.get("ansible_facts", result)
    if "meminfo" not in place:
        raise FleetError(f"{host}: the variable {reading} is not a result of fleetlab.linux.meminfo_facts: it has no meminfo")
    found: Mapping[str, Any] = place["meminfo"]
    return found


def _newest(variables: Mapping[str, Any]) -> Tuple[Optional[Mapping[str, Any]], str]:
    """The newer of the reading of one pass and the facts."""
    places = (variables.get("ansible_facts", {}), variables)
    facts: Optional[Mapping[str, Any]] = next((place["meminfo"] for place in places if "meminfo" in place), None)
    one_pass = variables.get(ONE_PASS, {})
    if one_pass and (not isinstance(facts, Mapping) or facts.get("read_at", 0) <= one_pass["read_at"]):
        return one_pass.get("meminfo"), str(one_pass.get("meminfo_error"))
    return facts, str(variables.get("meminfo_error", "not gathered, or an earlier task of the play failed"))


def _groups(variables: Mapping[str, Any]) -> List[str]:
    """The groups of a host in the inventory; none if the facts themselves were given."""
    names = variables.get("group_names", [])
    return [str(name) for name in names] if isinstance(names, list) else []


def _times(rows: Sequence[Mapping[str, Any]], limits: Limits) -> Dict[str, Any]:
    """The times of the first and the last reading, and the number of old readings."""
    known = [row["read_at"] for row in rows if row["read_at"] is not None]
    old = sum(row["old"] for row in rows)
    return {"first": min(known, default=None), "last": max(known, default=None), "old": old, "max_age": limits.max_age}


def _row(host: str, meminfo: Mapping[str, Any], limits: Limits) -> Dict[str, Any]:
    """The figures of one host in one dictionary, for tables and files."""
    try:
        available, free, accounting = meminfo["available"], meminfo["free"], meminfo["accounting"]
        total = free["total"]
        group, machine = meminfo["cgroup"], meminfo["machine"]
        tmpfs = accounting["tmpfs"] if machine is None else group["tmpfs"]
        of_machine = available if machine is None else machine["available"]
        row: Dict[str, Any] = {
            "host": host,
            "total": total,
            "available": available["bytes"],
            "available_percent": available["percent"],
            "source": available["source"],
            "kernel": meminfo["kernel"]["release"],
            "tmpfs": tmpfs,
            "tmpfs_percent": None if tmpfs is None else round(100.0 * tmpfs / total, 2),
            "swap_used": free["swap"]["used"],
            "cgroup_limit": group["limit"],
            # They differ from the host's own figures where a control group limits the host.
            "machine_total": of_machine["total"],
            "machine_available": of_machine["bytes"],
            "machine_available_percent": of_machine["percent"],
        }
        row.update({name: free[name] for name in ("free", "anonymous", "caches", "others")}, kernel_memory=free["kernel"])
        row.update({f"{formula}_percent": accounting[formula]["percent"] for formula in FORMULAS})
        row.update(_besides(meminfo, limits), parts=parts(meminfo), low=available["percent"] < limits.low_below)
    except (KeyError, TypeError) as error:
        raise FleetError(f"{host}: these are not facts of fleetlab.linux.meminfo_facts ({type(error).__name__}: {error})") from None
    return row


def _besides(meminfo: Mapping[str, Any], limits: Limits) -> Dict[str, Any]:
    """The figures that readings of older versions of the collection lack."""
    pressure, read_at = meminfo.get("pressure") or {}, meminfo.get("read_at")
    return {
        "swap_total": meminfo["free"]["swap"]["total"],
        "source_reason": meminfo["available"].get("reason"),
        "unexplained_reason": meminfo["accounting"]["extended"].get("reason"),
        "problems": dict(meminfo.get("problems") or {}),
        "pressure_some": (pressure.get("some") or {}).get("avg60"),
        "pressure_full": (pressure.get("full") or {}).get("avg60"),
        "oom_kills": meminfo.get("oom_kills"),
        "processes": meminfo.get("processes"),
        "read_at": read_at,
        "old": bool(limits.max_age and read_at is not None and limits.now - read_at > limits.max_age),
    }


def percentiles(values: Sequence[float]) -> Dict[str, Optional[float]]:
    """Smallest value, 5th percentile, median, 95th percentile and largest value, interpolated between neighbours; nulls without values."""
    if not values:
        return dict.fromkeys(("min", "p5", "median", "p95", "max"))
    # Python before 3.13 gives no quantiles of a single value.
    points = statistics.quantiles([*values, *values[:1]] if len(values) == 1 else values, n=20, method="inclusive")
    found = {"min": min(values), "p5": points[0], "median": points[9], "p95": points[18], "max": max(values)}
    return {name: round(value, 3) for name, value in found.items()}


def _residuals(rows: Sequence[Mapping[str, Any]], figure: str) -> Dict[str, Any]:
    """The residuals of one sum in the form of the posts: the number of hosts within each percentage."""
    known = [row[figure] for row in rows if row[figure] is not None]
    result: Dict[str, Any] = {"hosts": len(known), **percentiles(known)}
    result.update({name: sum(abs(value) <= limit for value in known) for name, limit in _TOLERANCES})
    return result


def _outliers(rows: Sequence[Mapping[str, Any]], figure: str) -> List[Dict[str, Any]]:
    """Hosts whose figure is outside the middle half of the hosts by more than one and a half times its width (Tukey's fences)."""
    known = [row[figure] for row in rows if row[figure] is not None]
    if len(known) < _FEWEST_FOR_OUTLIERS:
        return []
    first, _median, third = statistics.quantiles(known, n=4, method="inclusive")
    distance = max(1.5 * (third - first), _LEAST_DISTANCE)
    low, high = first - distance, third + distance
    usual = [round(low, 3), round(high, 3)]
    strays = [row for row in rows if row[figure] is not None and not low <= row[figure] <= high]
    return [{"host": row["host"], "figure": figure, "value": row[figure], "usual": usual} for row in strays]


def _count(names: Iterable[str]) -> Dict[str, int]:
    counted: Dict[str, int] = {}
    for name in names:
        counted[name] = counted.get(name, 0) + 1
    return counted
