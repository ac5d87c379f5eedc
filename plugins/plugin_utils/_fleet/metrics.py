# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet as metrics for the textfile collector of node_exporter. Pure; runs on the controller."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

from .packages import load

_METRICS = (
    ("total", "total_bytes", "Memory of the host: MemTotal, or the limit of its control group."),
    ("available", "available_bytes", "Memory available without swapping; the label source names the origin of the figure."),
    ("tmpfs", "tmpfs_bytes", "Memory in tmpfs and shared memory, which cannot be reclaimed."),
    ("extended_percent", "unexplained_percent", "Part of the memory that no counter explains."),
    ("swap_used", "swap_used_bytes", "Memory in swap space."),
    ("pressure_some", "pressure_some_percent", "Time in which some program waited for memory, in percent of a minute."),
    ("pressure_full", "pressure_full_percent", "Time in which all programs waited for memory, in percent of a minute."),
    ("oom_kills", "oom_kills", "Programs killed since boot for lack of memory."),
    ("read_at", "read_timestamp_seconds", "Time of the reading in seconds since 1970."),
)


class _Collector:
    def __init__(self, fleet: Mapping[str, Any], family: Any) -> None:
        self._fleet = fleet
        self._family = family

    def collect(self) -> Iterator[Any]:
        """The metrics, each with a sample for every host that knows its value."""
        for key, name, words in _METRICS:
            labels = ["host", "source"] if key == "available" else ["host"]
            family = self._family(f"fleet_memory_{name}", words, labels=labels)
            for row in self._fleet["hosts"]:
                if row[key] is not None:
                    family.add_metric([row[label] for label in labels], row[key])
            yield family
        up = self._family("fleet_memory_up", "Whether the host's memory could be read.", labels=["host"])
        for entries, value in ((self._fleet["hosts"], 1), (self._fleet["failed"], 0)):
            for entry in entries:
                up.add_metric([entry["host"]], value)
        yield up


def render_textfile(fleet: Mapping[str, Any]) -> str:
    """Metrics of all hosts in the format of Prometheus.

    :raises MissingPackageError: prometheus_client is missing.
    """
    client = load("prometheus_client", "the file of metrics")
    registry = client.CollectorRegistry(auto_describe=False)
    registry.register(_Collector(fleet, load("prometheus_client.core", "the file of metrics").GaugeMetricFamily))
    text: str = client.generate_latest(registry).decode("utf-8")
    return text
