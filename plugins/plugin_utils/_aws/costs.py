# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cost of the parts of a lab on AWS per hour, from a table of prices. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

HOURS_PER_MONTH = 730
"""The hours of a month by which AWS converts monthly prices."""

_LIVE = ("pending", "running", "stopping")
_GONE = ("shutting-down", "terminated")


@dataclass(frozen=True)
class Part:
    """Some parts of one kind. C(hourly) is the price of one part per hour, None if the table has no price."""

    what: str
    count: int
    hourly: Optional[float]
    stays: bool
    """Whether AWS charges for the part while the machines are stopped."""

    @property
    def total(self) -> float:
        """The price of all these parts per hour."""
        return self.count * (self.hourly or 0.0)


def volume_hourly(kind: str, size_gb: int, iops: int, throughput: int, prices: Mapping[str, Any]) -> Optional[float]:
    """The price of one volume per hour: for its size, and for IOPS and throughput above the included ones."""
    table = prices.get("volumes", {}).get(kind)
    if table is None:
        return None
    monthly = size_gb * float(table["gb_month"])
    monthly += max(0, iops - int(table.get("iops_included", 0))) * float(table.get("iops_month", 0))
    monthly += max(0, throughput - int(table.get("throughput_included", 0))) * float(table.get("throughput_month", 0))
    return monthly / HOURS_PER_MONTH


def wanted_parts(request: Mapping[str, Any], prices: Mapping[str, Any]) -> List[Part]:
    """The parts of a lab to be created."""
    machines = int(request["servers"]) + int(request["clients"])
    kind = str(request["instance_type"])
    volume, root = request["volume"], request["root"]
    return [
        Part(kind, machines, _number(prices.get("instances", {}).get(kind)), stays=False),
        Part("public IPv4 address", machines, _number(prices.get("address_hour")), stays=False),
        _volumes(int(request["servers"]) * int(request["volumes"]), volume, prices, "data"),
        _volumes(machines, root, prices, "root"),
    ]


def existing_parts(instances: Sequence[Mapping[str, Any]], volumes: Sequence[Mapping[str, Any]], prices: Mapping[str, Any]) -> List[Part]:
    """The existing parts of a lab, as the API reports them."""
    live = [item for item in instances if item["state"]["name"] in _LIVE]
    parts = []
    for kind in sorted({item["instance_type"] for item in live}):
        count = sum(item["instance_type"] == kind for item in live)
        parts.append(Part(kind, count, _number(prices.get("instances", {}).get(kind)), stays=False))
    parts.append(
        Part("public IPv4 address", sum(bool(item.get("public_ip_address")) for item in live), _number(prices.get("address_hour")), False)
    )
    shapes = [_shape(volume) for volume in volumes]
    for shape in sorted(set(shapes)):
        kind, size, iops, throughput = shape
        spec = {"type": kind, "size_gb": size, "iops": iops, "throughput": throughput}
        parts.append(_volumes(shapes.count(shape), spec, prices, "EBS"))
    return [part for part in parts if part.count]


def _shape(volume: Mapping[str, Any]) -> Tuple[str, int, int, int]:
    kind = volume.get("type") or volume.get("volume_type")
    return str(kind), int(volume["size"]), int(volume.get("iops") or 0), int(volume.get("throughput") or 0)


def _volumes(count: int, spec: Mapping[str, Any], prices: Mapping[str, Any], use: str) -> Part:
    kind, size = str(spec["type"]), int(spec["size_gb"])
    iops, throughput = int(spec.get("iops") or 0), int(spec.get("throughput") or 0)
    return Part(f"{kind} {size} GB, {use}", count, volume_hourly(kind, size, iops, throughput, prices), stays=True)


def _number(value: Any) -> Optional[float]:
    return None if value is None else float(value)


def summary(parts: Iterable[Part], prices: Mapping[str, Any], region: str) -> Dict[str, Any]:
    """The table as lines of text, its sums, and the names of the parts without a price."""
    found = list(parts)
    hourly = sum(part.total for part in found)
    stopped = sum(part.total for part in found if part.stays)
    unknown = [part.what for part in found if part.count and part.hourly is None]
    rows = [("what", "number", "USD/hour each", "USD/hour")]
    rows += [(part.what, str(part.count), "?" if part.hourly is None else f"{part.hourly:.4f}", f"{part.total:.4f}") for part in found]
    rows.append(("together, without parts that have no price" if unknown else "together", "", "", f"{hourly:.4f}"))
    lines = _aligned(rows)
    if unknown:
        lines.append(f"no price is known for {', '.join(unknown)}: look it up, and set lab_aws_prices")
    lines.append(_where_from(prices, region))
    return {"lines": lines, "hourly": round(hourly, 4), "hourly_stopped": round(stopped, 4), "unknown": unknown}


def _where_from(prices: Mapping[str, Any], region: str) -> str:
    text = f"list prices on demand, without taxes and traffic, of {prices.get('region')}, as of {prices.get('date')}"
    return text if region == prices.get("region") else f"{text}; in {region} they differ: set lab_aws_prices to have its own"


def _aligned(rows: Sequence[Sequence[str]]) -> List[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    return lines


def machine_lines(instances: Sequence[Mapping[str, Any]]) -> List[str]:
    """One line for each machine: name, state, type, addresses, start time."""
    present = [item for item in instances if item["state"]["name"] not in _GONE]
    rows = [("name", "state", "type", "public", "private", "zone", "started", "instance")]
    for item in sorted(present, key=lambda item: str(item["tags"].get("Name"))):
        rows.append(
            (
                item["tags"].get("Name", "(no name yet)"),
                item["state"]["name"],
                item["instance_type"],
                item.get("public_ip_address") or "-",
                item.get("private_ip_address") or "-",
                item["placement"]["availability_zone"],
                str(item["launch_time"])[:16],
                item["instance_id"],
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows] if present else []
