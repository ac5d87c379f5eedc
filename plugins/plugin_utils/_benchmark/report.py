# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a storage benchmark in Markdown: the machines, then the results in the order of a reader's questions. Pure."""

from __future__ import annotations

from typing import Any, Callable, List, Mapping, Sequence, Tuple

from .network import describe_ceilings
from .results import tuning_ratio
from .table import render_markdown, subject_label

Result = Mapping[str, Any]
_Section = Tuple[str, str, Callable[[Result], bool]]

_SECTIONS: Sequence[_Section] = (
    ("Scaling", "Volumes read directly, spread over the servers.", lambda one: one["name"].startswith("scale_")),
    (
        "From one LUN to the stripe",
        "The usual queue depths: for each volume 4 requests of 1 MiB, or 16 of 4 KiB.",
        lambda one: one["usual_depth"] and one["throttled"] and not one["name"].startswith(("scale_", "layout_", "chain_")),
    ),
    ("Queue depths", "The same with other queue depths.", lambda one: not one["usual_depth"] and not one["name"].startswith("chain_")),
    (
        "Layouts",
        (
            "One leg on each server. `rotational` says whether the client's kernel treats the volumes as rotating disks, by which md "
            "balances reads; lost is the number of failed legs."
        ),
        lambda one: one["name"].startswith("layout_") and one["pattern"] in ("seq", "seq4", "rand"),
    ),
    ("Writes", "Each write goes to all three legs.", lambda one: one["pattern"] in ("write", "randwrite")),
    (
        "At full speed",
        "Without a throttle: the limit is the machine itself. The ideal is the result of one LUN, times the volumes.",
        lambda one: not one["throttled"] and not one["name"].startswith("chain_"),
    ),
    (
        "Tuning",
        "A scratch chain, with the defaults of kernel and distribution, and with the settings of the roles.",
        lambda one: one["name"].startswith("chain_"),
    ),
)


def render_report(report: Mapping[str, Any], charts: Sequence[str] = ()) -> str:
    """The whole report. C(report) is the content of the JSON file; C(charts) are names of pictures beside it."""
    results: Sequence[Result] = report["results"]
    lines = ["# Storage benchmark", "", *_facts(report), ""]
    for chart in charts:
        lines += [f"![{chart.rsplit('.', 1)[0].replace('_', ' ')}]({chart})", ""]
    for title, text, belongs in _SECTIONS:
        chosen = [result for result in results if belongs(result)]
        if chosen:
            lines += [f"## {title}", "", text, "", *render_markdown(chosen), ""]
            if title == "Tuning":
                lines += _tuning(results)
    lines += _balance(results) + _commands(results)
    return "\n".join(lines).rstrip() + "\n"


def _facts(report: Mapping[str, Any]) -> List[str]:
    machine = report["machine"]
    return [
        f"- {report['finished']}, {report['runs']} runs of {report['seconds']:g} s after {report['warm_up_seconds']:g} s of warm-up",
        (
            f"- backend {report['backend']}, {machine['release']}, kernel {machine['kernel']} of {machine['kernel_origin']}, "
            f"{machine['cpus']} CPU on the client, MTU {machine['mtu']}, {report['fio_version']}, engine {report['engine']}"
        ),
        f"- {report['servers']} servers with {report['volumes']} volumes each",
        *(f"- {line}" for line in describe_ceilings(report["network"])),
        (
            "- CPU: percent of one machine, for the client and as the mean of the servers; legs off by: the largest difference of a leg "
            "from an equal share; spread: largest minus smallest repeat, in percent of their mean"
        ),
    ]


def _tuning(results: Sequence[Result]) -> List[str]:
    lines = []
    for throttled, word in ((True, "throttled"), (False, "free")):
        words = [f"{ratio:.2f} ({pattern})" for pattern, ratio in tuning_ratio(results, throttled).items()]
        if words:
            lines += [f"Tuned over untuned, {word}: {', '.join(words)}.", ""]
    return lines


def _balance(results: Sequence[Result]) -> List[str]:
    chosen = [result for result in results if result["usual_depth"] and len(result["leg_shares"]) > 1]
    if not chosen:
        return []
    lines = ["## Balance", "", "The share of each leg, in percent of all bytes.", ""]
    for result in chosen:
        legs = ", ".join(f"{leg} {share * 100:.1f}" for leg, share in result["leg_shares"].items())
        speed = f"throttled to {result['volume_mb_per_s']:g} MB/s" if result["throttled"] else "free"
        lines.append(f"- {subject_label(result)} {result['pattern']}, {speed}: {legs}")
    return [*lines, ""]


def _commands(results: Sequence[Result]) -> List[str]:
    lines = ["## Commands", ""]
    seen: List[Tuple[str, str, int]] = []
    for result in results:
        key = (result["name"], result["pattern"], result["queue_depth"])
        if key not in seen:
            seen.append(key)
            lines += [f"{key[0]} {key[1]}, depth {key[2]}:", "", "```", result["fio_command"], "```", ""]
    return lines
