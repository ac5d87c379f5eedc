# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet as one page of HTML that needs nothing else: its pictures are part of it. Runs on the controller, with matplotlib."""

from __future__ import annotations

import io
from html import escape
from typing import Any, Callable, List, Mapping, Sequence, Tuple

from .meminfo_report import percent, render_summary, size

_PARTS: Sequence[Tuple[str, str, str]] = (
    ("programs", "in use by programs", "#c0504d"),
    ("tmpfs", "tmpfs and shared memory", "#e69138"),
    ("kernel_memory", "kernel", "#7f6000"),
    ("others", "not accounted for", "#999999"),
    ("caches", "caches", "#76a5af"),
    ("free", "free", "#b6d7a8"),
)
_NAMED = 60
"""With more hosts than this the names beside the bars could not be read."""

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 76em; padding: 0 1em; color: #222; background: #fff }
table { border-collapse: collapse } td, th { padding: .2em .8em; text-align: right; border-bottom: 1px solid #ddd }
td:first-child, th:first-child, .text { text-align: left } svg { max-width: 100%; height: auto } h2 { margin-top: 1.6em }
.failed { color: #a00 } pre { overflow-x: auto }
"""


class PageError(RuntimeError):
    """The page can not be made; the message says what is missing."""


def render_page(fleet: Mapping[str, Any]) -> str:
    """The page.

    :raises PageError: matplotlib is not there.
    """
    pictures = "".join(f"<h2>{title}</h2>\n{svg}\n" for title, svg in _pictures(fleet)) if fleet["hosts"] else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Memory of the fleet</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>Memory of {len(fleet['hosts'])} hosts</h1>\n"
        f"{_failed(fleet)}{pictures}<h2>Hosts, worst first</h2>\n{_table(fleet)}\n"
        f"<h2>The same as text</h2>\n<pre>{escape(render_summary(fleet))}</pre>\n</body>\n</html>\n"
    )


def _failed(fleet: Mapping[str, Any]) -> str:
    if not fleet["failed"]:
        return ""
    entries = "".join(f"<li><b>{escape(entry['host'])}</b>: {escape(entry['reason'])}</li>" for entry in fleet["failed"])
    return f'<h2 class="failed">{len(fleet["failed"])} hosts without a reading</h2>\n<ul class="failed">{entries}</ul>\n'


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
        raise PageError(f"the page needs the Python package matplotlib on the controller (requirements.txt): {error}") from None

    def shape(boxes: Sequence[Any], colour: str, label: str) -> Any:
        return PathPatch(Path.make_compound_path_from_polys(np.array(boxes)), facecolor=colour, linewidth=0, label=label)

    # Text stays text, and the same fleet gives the same page.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "fleetlab.linux", "font.size": 9}):
        return [("How much is available", _histogram(Figure, fleet)), ("Where the memory is", _bars(Figure, shape, fleet))]


def _histogram(figure_type: Any, fleet: Mapping[str, Any]) -> str:
    figure = figure_type(figsize=(9, 3), layout="constrained")
    axes = figure.add_subplot()
    axes.hist([row["available_percent"] for row in fleet["hosts"]], bins=range(0, 101, 5), color="#6aa84f", edgecolor="white")
    axes.axvline(fleet["available_percent"]["median"], color="#222222", linestyle="--", linewidth=1, label="median")
    axes.set(xlim=(0, 100), xlabel="available, % of MemTotal", ylabel="hosts")
    axes.legend(frameon=False)
    return _svg(figure)


def _bars(figure_type: Any, shape: Callable[..., Any], fleet: Mapping[str, Any]) -> str:
    rows = fleet["hosts"]
    figure = figure_type(figsize=(9, 1.2 + 0.2 * min(len(rows), _NAMED) + 0.04 * max(0, len(rows) - _NAMED)), layout="constrained")
    axes = figure.add_subplot()
    edges = [0.0] * len(rows)
    for key, label, colour in _PARTS:
        widths = [max(0.0, _share(row, key)) for row in rows]
        # Not axes.barh: an object for every host and part takes seconds where there are hundreds of hosts; this is one for each part.
        boxes = [_box(edge, place, width, 0.45 if len(rows) <= _NAMED else 0.5) for place, (edge, width) in enumerate(zip(edges, widths))]
        axes.add_patch(shape(boxes, colour, label))
        edges = [edge + width for edge, width in zip(edges, widths)]
    axes.set(xlim=(0, 100), ylim=(len(rows) - 0.5, -0.5), xlabel="% of MemTotal")
    if len(rows) <= _NAMED:
        axes.set_yticks(range(len(rows)), [row["host"] for row in rows], parse_math=False)
    else:
        axes.set_ylabel(f"{len(rows)} hosts, the least available at the top")
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return _svg(figure)


def _box(left: float, place: int, width: float, half: float) -> List[Tuple[float, float]]:
    return [(left, place - half), (left + width, place - half), (left + width, place + half), (left, place + half)]


def _share(row: Mapping[str, Any], key: str) -> float:
    """Percent of MemTotal. What programs use is the anonymous memory without tmpfs, which is on the same lists."""
    value = (row["anonymous"] or 0) - (row["tmpfs"] or 0) if key == "programs" else row[key] or 0
    return float(100.0 * value / row["total"])


def _svg(figure: Any) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :].rstrip()
