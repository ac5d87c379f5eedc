# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet as one page of HTML that needs no other file. Runs on the controller.

The page carries its figures as JSON, a short list for each host, and its script draws them: thousands of drawn rows would be ten times
as long.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

import jinja2

from .history import axis
from .parts import PARTS
from .report import outliers_of, percent, size, statistics_of, times_of

_TEMPLATES = Path(__file__).parent / "templates"
_DIVISOR = 1024
"""Sizes in the page are in KiB, which saves a quarter of its length."""
_FIGURES = ("available_percent", "tmpfs_percent", "extended_percent", "pressure_some", "pressure_full", "oom_kills", "read_at")
_SIZES = ("total", "available", "machine_total", "machine_available", "cgroup_limit", "swap_total", "swap_used")


def render_page(fleet: Mapping[str, Any]) -> str:
    """The page."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("page.html.j2").render(
        fleet=fleet,
        parts=PARTS,
        statistics=statistics_of(fleet)[1:],
        times=times_of(fleet["read"]),
        outliers=outliers_of(fleet),
        tiles=_tiles(fleet),
        data=_script_safe(json.dumps(_data(fleet), separators=(",", ":"))),
    )


def _script_safe(text: str) -> str:
    """JSON that does not end the element around it, nor begin a comment in it."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _tiles(fleet: Mapping[str, Any]) -> Sequence[Sequence[str]]:
    """The figures at the top: label, value, and a class."""
    low = sum(row["low"] for row in fleet["hosts"])
    old, failed = fleet["read"]["old"], len(fleet["failed"])
    return (
        ("hosts", str(len(fleet["hosts"])), ""),
        (f"low, less than {fleet['low_below']:g} % available", str(low), "bad" if low else ""),
        ("without a reading", str(failed), "bad" if failed else ""),
        ("old readings", str(old), "bad" if old else ""),
        ("memory in all", size(fleet["sums"]["total"]), ""),
        ("available in all", size(fleet["sums"]["available"]), ""),
        ("median available", percent(fleet["available_percent"]["median"]), ""),
    )


class _Names:
    """Texts that many hosts share, each only once in the page."""

    def __init__(self) -> None:
        self.known: Dict[str, int] = {}

    def number(self, text: str) -> int:
        """The place of the text in the list."""
        return self.known.setdefault(text, len(self.known))


def _data(fleet: Mapping[str, Any]) -> Dict[str, Any]:
    names, groups = _Names(), _Names()
    history = axis(fleet["history"], [row["host"] for row in fleet["hosts"]]) if fleet.get("history") else None
    return {
        "columns": ["host", *_FIGURES, *_SIZES, "source", "kernel", "low", "old", "groups", "notes", "lengths"],
        "hosts": [_short(row, names, groups) for row in fleet["hosts"]],
        "names": list(names.known),
        "groups": list(groups.known),
        "parts": list(PARTS),
        "processes": {row["host"]: row["processes"] for row in fleet["hosts"] if row["processes"]},
        "history": history,
    }


def _short(row: Mapping[str, Any], names: _Names, groups: _Names) -> List[Any]:
    sizes = [None if row[name] is None else row[name] // _DIVISOR for name in _SIZES]
    texts = [names.number(row["source"]), names.number(row["kernel"] or "-"), int(row["low"]), int(row["old"])]
    notes = [names.number(note) for note in _notes(row)]
    lengths = [row["parts"][name] // _DIVISOR for name in PARTS]
    return [row["host"], *(row[name] for name in _FIGURES), *sizes, *texts, [groups.number(name) for name in row["groups"]], notes, lengths]


def _notes(row: Mapping[str, Any]) -> List[str]:
    """Everything about a host that is not a figure."""
    reasons = (("Available", row["source_reason"]), ("Unexplained", row["unexplained_reason"]))
    return [f"{label}: {reason}" for label, reason in (*reasons, *row["problems"].items()) if reason]
