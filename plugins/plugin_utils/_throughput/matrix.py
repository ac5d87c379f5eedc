# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measurements of many pairs as one set of data. Pure."""

from __future__ import annotations

import statistics
from typing import Any, Dict, List, Mapping, Sequence

from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.layers import as_text
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.rounds import Pair
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.thresholds import Thresholds, problems

CHECKED, STARTED, COLLECTED = "throughput_checked", "throughput_started", "throughput_collected"
"""The registered results of the role's tasks on each host, in their order."""


def make_matrix(
    hosts: Sequence[str], rounds: Sequence[Sequence[Pair]], results: Mapping[str, Mapping[str, Any]], thresholds: Thresholds
) -> Dict[str, Any]:
    """The cells, slowest first, the pairs without a result, and the thresholds that were missed.

    :arg results: for each host its variables with the registered results.
    """
    cells: List[Dict[str, Any]] = []
    failed: List[Dict[str, Any]] = []
    for number, pairs in enumerate(rounds):
        for pair in pairs:
            outcome = _outcome(pair, number, results)
            if "measured" not in outcome:
                failed.append({"from": pair[0], "to": pair[1], "round": number, "reason": outcome["failure"]})
                continue
            cells += [_cell(pair, direction, outcome, measured) for direction, measured in outcome["measured"].items()]
    cells.sort(key=lambda cell: (cell["rate"]["payload"], cell["from"], cell["to"]))
    missed = [text for cell in cells for text in problems(f"{cell['from']} -> {cell['to']}", cell, thresholds, cell["speed"])]
    rates = [cell["rate"]["payload"] for cell in cells]
    return {
        "hosts": list(hosts),
        "rounds": [[list(pair) for pair in pairs] for pairs in rounds],
        "cells": cells,
        "failed": failed,
        "missed": missed,
        "payload": {"min": min(rates), "median": round(statistics.median(rates)), "max": max(rates)} if rates else None,
    }


def _outcome(pair: Pair, number: int, results: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """The result of a pair, which its first host has, or the reason why there is none."""
    for host in pair:
        for name in (CHECKED, STARTED):
            reason = _failure(results.get(host, {}).get(name, {}))
            if reason:
                return {"failure": f"{host}: {reason}" if not reason.startswith(f"{host}:") else reason}
    collected = results.get(pair[0], {}).get(COLLECTED, {})
    found = next((one for one in collected.get("results", ()) if one["turn"] == number), None)
    if found is None:
        return {"failure": _failure(collected) or "not measured"}
    return dict(found)


def _failure(result: Mapping[str, Any]) -> str:
    # The tasks have failed_when: false, so that the flag says nothing; a success has all return values.
    return "" if "results" in result else str(result.get("msg", "")).strip()


def _cell(pair: Pair, direction: str, outcome: Mapping[str, Any], measured: Mapping[str, Any]) -> Dict[str, Any]:
    sender, receiver = pair if direction == "to" else pair[::-1]
    cell = {"from": sender, "to": receiver, **measured, "path": outcome.get("path"), "speed": measured["counters"].get("speed")}
    return {**cell, "explanation": explain(measured)}


def explain(measured: Mapping[str, Any]) -> str:
    """A measurement in a sentence."""
    rate, shape = measured["rate"], measured["efficiency"]
    known = "not known" if measured["explained"] is None else f"{measured['explained']:.4%}"
    stamps = "with timestamps" if shape["timestamps"] else "without timestamps"
    parts = [
        f"{as_text(rate['payload'])} of payload in segments of {shape['mss']} bytes (MTU {shape['mtu']}, {stamps})",
        f"{as_text(rate['ip'])} of IP ({measured['iftop_would_show']} in iftop), {as_text(rate['wire'])} on the wire",
        f"of the interface's bytes {known} explained",
        f"{measured['retransmitted']['segments']} segments sent again",
        f"limited by {measured['limited_by']}",
    ]
    return "; ".join(parts) + (f"; not trusted: {measured['reason']}" if measured["reason"] else "")


def progress_line(host: str, result: Mapping[str, Any]) -> str:
    """A line for a person who waits."""
    if "measured" not in result:
        return f"{host} -> {result['peer']}: {result['failure']}"
    parts = []
    for direction, measured in result["measured"].items():
        arrow = "->" if direction == "to" else "<-"
        trust = "" if measured["trusted"] else f", not trusted: {measured['reason']}"
        parts.append(f"{host} {arrow} {result['peer']}: {as_text(measured['rate']['payload'])}, limited by {measured['limited_by']}{trust}")
    return "; ".join(parts)
