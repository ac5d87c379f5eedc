# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a report with a threshold fails. Pure; runs on the controller."""

from __future__ import annotations

from typing import Any, List, Mapping


def short_hosts(fleet: Mapping[str, Any], below: float) -> List[str]:
    """The hosts with less than this percentage available."""
    return [row["host"] for row in fleet["hosts"] if row["available_percent"] < below]


def threshold_problems(fleet: Mapping[str, Any], below: float) -> List[str]:
    """The problems; none without a threshold.

    A threshold that no figure was compared with is a problem, because whoever asked for it would take silence for enough memory.
    """
    if below <= 0:
        return []
    short = short_hosts(fleet, below)
    found = [f"Less than {below:g} % of the memory is available on {', '.join(short)}"] if short else []
    hosts, read = len(fleet["hosts"]) + len(fleet["failed"]), len(fleet["hosts"])
    if not hosts:
        found.append(
            f"There are no hosts to report, so none was compared with the threshold of {below:g} %; check the pattern and the inventory"
        )
    elif not read:
        found.append(f"None of {hosts} hosts has a reading, so none was compared with the threshold of {below:g} %")
    elif fleet["read"]["old"] == read:
        found.append(
            f"All {read} readings are older than {fleet['read']['max_age']:g} s, so the threshold of {below:g} % says nothing of now"
        )
    return found
