# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet as one page of HTML that contains its pictures. Runs on the controller, with matplotlib."""

from __future__ import annotations

import io
from html import escape
from typing import Any, Callable, List, Mapping, Sequence, Tuple

from .report import outliers_of, percent, size, statistics_of

_PARTS: Sequence[Tuple[str, str, str]] = (
    ("programs", "in use by programs", "#b5403a"),
    ("tmpfs", "tmpfs and shared memory", "#e8973a"),
    ("kernel_memory", "kernel", "#5d4a86"),
    ("others", "not accounted for", "#8c8c8c"),
    ("caches", "caches", "#79b4c8"),
    ("free", "free", "#d3e8c8"),
)
"""Dark colours are memory in use, light colours are memory that can still be had."""
_NAMED = 60
"""The most hosts whose names are readable beside the bars."""
_LONGEST_NAME = 40
_WIDTH = 9.0
"""Inches of a picture, before the page scales it."""

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 64em; padding: 0 1em; color: #222; background: #fff }
table { border-collapse: collapse } td, th { padding: .2em .8em; text-align: right; border-bottom: 1px solid #ddd }
td, th { font-variant-numeric: tabular-nums } th { position: sticky; top: 0; background: #fff }
td:first-child, th:first-child, td:nth-child(n+7), th:nth-child(n+7) { text-align: left }
svg { width: 100%; height: auto } h2 { margin-top: 1.6em } summary { cursor: pointer; font-weight: bold }
.failed { color: #a00 }
"""


class PageError(RuntimeError):
    """The page cannot be rendered; the message says what is missing."""


def render_page(fleet: Mapping[str, Any]) -> str:
    """The page.

    :raises PageError: matplotlib is missing.
    """
    pictures = "".join(f"<h2>{title}</h2>\n{svg}\n" for title, svg in _pictures(fleet))
    strays = outliers_of(fleet)
    outliers = f"<details><summary>Unlike the others: {len(strays)} figures</summary>\n{_list(strays)}\n</details>\n" if strays else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Memory of the fleet</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>Memory of {len(fleet['hosts'])} hosts</h1>\n"
        f"{_failed(fleet)}{_list(statistics_of(fleet))}\n{pictures}{outliers}<h2>Hosts, worst first</h2>\n{_table(fleet)}\n"
        "</body>\n</html>\n"
    )


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _failed(fleet: Mapping[str, Any]) -> str:
    if not fleet["failed"]:
        return ""
    entries = "".join(f"<li><b>{escape(entry['host'])}</b>: {escape(entry['reason'])}</li>" for entry in fleet["failed"])
    return f'<h2 class="failed">No reading: {len(fleet["failed"])}</h2>\n<ul class="failed">{entries}</ul>\n'


def _table(fleet: Mapping[str, Any]) -> str:
    heads = ("host", "available", "", "total", "tmpfs", "unexplained", "source", "kernel")
    lines = ["<table>", "<tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr>"]
    for row in fleet["hosts"]:
        cells = [row["host"], percent(row["available_percent"]), size(row["available"]), size(row["total"]), percent(row["tmpfs_percent"])]
        cells += [percent(row["extended_percent"], 2), row["source"], row["kernel"] or "-"]
        lines.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    return "\n".join([*lines, "</table>"])


def _pictures(fleet: Mapping[str, Any]) -> List[Tuple[str, str]]:
    try:
        import matplotlib as mpl
        import numpy as np
        from matplotlib.figure import Figure
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path
    except ImportError as error:
        raise PageError(
            f"the page needs the Python package matplotlib on the controller: {error}. Install it, or remove html from the option forms"
            " (with the role fleet_memory, from the variable fleet_memory_forms)"
        ) from None
    if not fleet["hosts"]:
        return []

    def shape(boxes: Sequence[Any], colour: str, label: str) -> Any:
        return PathPatch(Path.make_compound_path_from_polys(np.array(boxes)), facecolor=colour, linewidth=0, label=label)

    # Text stays text in the picture, and the same fleet gives the same page.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "fleetlab.linux", "font.size": 9}):
        return [("How much is available", _histogram(Figure, fleet)), ("Where the memory is", _bars(Figure, shape, fleet))]


def _drawing(figure_type: Any, height: float, left: float, top: float) -> Tuple[Any, Any]:
    """A figure with axes, sizes in inches. The margins are given, because to find them matplotlib would draw everything several times."""
    figure = figure_type(figsize=(_WIDTH, height))
    figure.subplots_adjust(left=left / _WIDTH, right=1 - 0.25 / _WIDTH, bottom=0.5 / height, top=1 - top / height)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlim=(0, 100), xticks=range(0, 101, 10))
    return figure, axes


def _histogram(figure_type: Any, fleet: Mapping[str, Any]) -> str:
    figure, axes = _drawing(figure_type, 3, 0.7, 0.3)
    axes.hist([row["available_percent"] for row in fleet["hosts"]], bins=range(0, 101, 5), color="#79b4c8", edgecolor="white")
    median = fleet["available_percent"]["median"]
    axes.axvline(median, color="#222222", linestyle="--", linewidth=1, label=f"median, {percent(median)}")
    axes.set(xlabel="available, % of MemTotal", ylabel="hosts")
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 0.98), borderaxespad=0)
    return _svg(figure, "Histogram of the memory available")


def _bars(figure_type: Any, shape: Callable[..., Any], fleet: Mapping[str, Any]) -> str:
    rows = fleet["hosts"]
    are_named = len(rows) <= _NAMED
    names = [_shortened(row["host"]) for row in rows] if are_named else []
    height = 1.2 + (0.22 * len(rows) if are_named else 0.22 * _NAMED + 0.01 * (len(rows) - _NAMED))
    figure, axes = _drawing(figure_type, height, 0.3 + 0.085 * max(map(len, names)) if are_named else 0.7, 0.65)
    edges = [0.0] * len(rows)
    for key, label, colour in _PARTS:
        widths = [max(0.0, _share(row, key)) for row in rows]
        # One shape for each part. axes.barh would make one for each host and part, which takes seconds with hundreds of hosts.
        boxes = [_box(edge, place, width, 0.4 if are_named else 0.5) for place, (edge, width) in enumerate(zip(edges, widths))]
        # add_patch would look at every corner for the limits of the axes, which are known.
        axes.add_artist(shape(boxes, colour, label))
        edges = [edge + width for edge, width in zip(edges, widths)]
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel="% of MemTotal")
    if are_named:
        axes.set_yticks(range(len(rows)), names, parse_math=False)
        axes.tick_params(axis="y", length=0)
    else:
        step = 100 if len(rows) >= 200 else 20
        ranks = range(step, len(rows) + 1, step)
        axes.set_yticks([rank - 1 for rank in ranks], [str(rank) for rank in ranks])
        axes.set_ylabel("hosts in the order of the table, the least available at the top")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, frameon=False, borderaxespad=0.3)
    return _svg(figure, "Bars of where the memory of each host is")


def _shortened(name: str) -> str:
    half = _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[: half - 1]}…{name[-half:]}"


def _box(left: float, place: int, width: float, half: float) -> List[Tuple[float, float]]:
    return [(left, place - half), (left + width, place - half), (left + width, place + half), (left, place + half)]


def _share(row: Mapping[str, Any], key: str) -> float:
    """Percent of MemTotal. The memory of programs is the anonymous memory less tmpfs, because the kernel counts tmpfs as anonymous."""
    value = (row["anonymous"] or 0) - (row["tmpfs"] or 0) if key == "programs" else row[key] or 0
    return float(100.0 * value / row["total"])


def _svg(figure: Any, label: str) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].rstrip()
    # HTML needs no XML namespaces in svg. Without them the page contains no address at all.
    for dialect in (' xmlns:xlink="http://www.w3.org/1999/xlink"', ' xmlns="http://www.w3.org/2000/svg"'):
        svg = svg.replace(dialect, "")
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
