# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watermarks of /proc/zoneinfo. Pure.

Kernels before 3.8 have no C(managed), and newer kernels print zones without pages: every figure except the name may be missing.
"""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Optional, Tuple

from .._core.errors import ObservationError
from .meminfo import whole_number

_ZONE = re.compile(r"Node\s+([0-9]+),\s+zone\s+(\S+)")
_FIGURE = re.compile(r"(boost|low|high|present|managed|count:|protection:)\s+(.*)")
_PAGE_SIZES = (4096, 8192, 16384, 65536)


class Zone(NamedTuple):
    """One zone of one NUMA node; figures in pages. C(pcp) are the free pages on the lists of its CPUs."""

    node: int
    name: str
    low: Optional[int]
    high: Optional[int]
    boost: int
    present: Optional[int]
    managed: Optional[int]
    protection: Tuple[int, ...]
    pcp: int

    @property
    def reserve(self) -> Optional[int]:
        """The zone's part of the kernel's totalreserve_pages, in pages; None before Linux 3.8.

        The kernel takes the largest protection against this zone and the zones above it. The entries of lower zones are always zero,
        so the maximum of all entries is the same, even if the kernel omits zones from the list. The kernel computes this value
        without a boost of the watermarks, but the printed watermarks include a boost.
        """
        if self.managed is None or self.high is None:
            return None
        return min(self.managed, self.high - self.boost + max(self.protection, default=0))


class Zones(NamedTuple):
    """Sums over all zones, in pages; None if a zone lacks the figure."""

    low: Optional[int]
    reserve: Optional[int]
    present: Optional[int]
    managed: Optional[int]
    pcp: int


def parse_zoneinfo(text: Optional[str]) -> Optional[Zones]:
    """The sums, or None for a file that does not exist or is empty.

    :raises ObservationError: a figure is not a number, or belongs to no zone.
    """
    zones = parse_zones(text or "")
    if not zones:
        return None
    return Zones(
        low=_sum([zone.low for zone in zones]),
        reserve=_sum([zone.reserve for zone in zones]),
        present=_sum([zone.present for zone in zones]),
        managed=_sum([zone.managed for zone in zones]),
        pcp=sum(zone.pcp for zone in zones),
    )


def _sum(figures: List[Optional[int]]) -> Optional[int]:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if len(known) == len(figures) else None


def parse_zones(text: str) -> List[Zone]:
    """Every zone of the file, in its order."""
    zones: List[Zone] = []
    seen = set()
    head: Optional[Tuple[int, str]] = None
    figures: Dict[str, str] = {}
    pcp = 0
    for line in text.splitlines():
        start = _ZONE.match(line.strip())
        if start:
            if head is not None:
                zones.append(_zone(head, figures, pcp))
            head, figures, pcp = (int(start.group(1)), start.group(2)), {}, 0
            if head in seen:
                raise ObservationError(f"/proc/zoneinfo: node {head[0]}, zone {head[1]} occurs twice; is this the output of one machine?")
            seen.add(head)
            continue
        if line.startswith("Node"):
            raise ObservationError(f"/proc/zoneinfo: cannot understand {line.strip()[:80]!r}")
        figure = _FIGURE.fullmatch(line.strip())
        if figure is None:
            continue
        if head is None:
            raise ObservationError(f"/proc/zoneinfo: {line.strip()[:60]!r} is before the first zone; is the file complete?")
        if figure.group(1) == "count:":
            pcp += _number(head, "count:", figure.group(2))
        else:
            figures[figure.group(1)] = figure.group(2)
    if head is not None:
        zones.append(_zone(head, figures, pcp))
    return zones


def _number(head: Tuple[int, str], name: str, text: str) -> int:
    value = whole_number(text.strip())
    if value is None:
        raise ObservationError(f"/proc/zoneinfo: node {head[0]}, zone {head[1]}: {name} is not a whole number: {text.strip()[:40]!r}")
    return value


def _zone(head: Tuple[int, str], figures: Dict[str, str], pcp: int) -> Zone:
    def get(name: str) -> Optional[int]:
        return _number(head, name, figures[name]) if name in figures else None

    protection = figures.get("protection:", "()").strip()
    if not (protection.startswith("(") and protection.endswith(")")):
        raise ObservationError(f"/proc/zoneinfo: node {head[0]}, zone {head[1]}: protection is incomplete: {protection[:60]!r}")
    return Zone(
        node=head[0],
        name=head[1],
        low=get("low"),
        high=get("high"),
        boost=get("boost") or 0,
        present=get("present"),
        managed=get("managed"),
        protection=tuple(_number(head, "protection", part) for part in protection[1:-1].split(",") if part.strip()),
        pcp=pcp,
    )


def derived_page_size(total: int, zones: Optional[Zones]) -> Optional[int]:
    """The page size in bytes by MemTotal, which is almost the sum of all pages; None if no size fits."""
    if zones is None or (zones.managed is None and zones.present is None):
        return None
    return next((size for size in _PAGE_SIZES if of_another_machine(total, zones, size) is None), None)


def of_another_machine(total: int, zones: Zones, page_size: int) -> Optional[str]:
    """Why these zones cannot belong to the machine with this MemTotal, or None if they can.

    In a container, /proc/meminfo may be the container's (lxcfs) while /proc/zoneinfo is the host's. MemTotal is the sum of the managed
    pages, except in guests that got memory while they ran: there the sum of the present pages is closer.
    """
    managed = zones.managed is not None and _agrees(total, zones.managed * page_size)
    present = zones.present is not None and _is_most_of(total, zones.present * page_size)
    if managed or present or (zones.managed is None and zones.present is None):
        return None
    pages = zones.present if zones.managed is None else zones.managed
    return f"/proc/zoneinfo has {(pages or 0) * page_size} bytes, MemTotal is {total}: one of them is another machine's (a container?)"


def _agrees(total: int, managed: int) -> bool:
    # Equal, except for memory that was added or removed between the reads of the two files.
    return abs(total - managed) * 100 <= total


def _is_most_of(total: int, present: int) -> bool:
    # The kernel uses the rest for its image and the page structures; a container's limit is rarely this close to its host's memory.
    return total <= present and total * 4 >= present * 3
