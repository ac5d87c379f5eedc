# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw the charts of a storage benchmark: draw_charts.py REPORT.JSON FOLDER

Writes SVG files to the folder, and the name of each on a line of its own to standard output. Runs on the controller.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Result = Mapping[str, Any]

# Colours that people tell apart whatever their eyes do, and that are legible in print.
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#666666"

# In pieces, or tools that look for notices take it for that of this file.
_LICENSE = ": ".join(("SPDX-License-Identifier", "GPL-3.0-or-later"))
_NOTICE = f"<!--\nCopyright (c) 2026, fleetlab.linux contributors\n{_LICENSE}\n-->\n"
_LAYOUTS = ("layout_raid1", "layout_n3", "layout_f3", "layout_o3")
_LABELS = {"layout_raid1": "raid1", "layout_n3": "raid10 n3", "layout_f3": "raid10 f3", "layout_o3": "raid10 o3"}
_USES = (("seq", "one sequential stream", BLUE), ("seq4", "four sequential streams", ORANGE))
_KINDS = ((False, "not rotational"), (True, "rotational"))


def scaling_points(results: Sequence[Result], pattern: str) -> List[Tuple[int, float, float, float]]:
    """Volumes, measured, ideal, and half of the spread, of the results called C(scale_N), by N."""
    chosen = [one for one in results if one["name"].startswith("scale_") and one["pattern"] == pattern]
    return sorted((one["volumes"], one["mean"], one["ideal"] or 0.0, one["mean"] * one["spread"] / 2) for one in chosen)


def layout_values(results: Sequence[Result], pattern: str, rotational: bool, lost: int = 0) -> Dict[str, Tuple[float, float]]:
    """Measured and half of the spread for each layout that was measured so."""
    return {
        one["name"]: (one["mean"], one["mean"] * one["spread"] / 2)
        for one in results
        if one["name"] in _LAYOUTS and (one["pattern"], one["rotational"], one["lost"]) == (pattern, rotational, lost)
    }


def draw_scaling(results: Sequence[Result]) -> Figure:
    """Measured against the ideal, sequential on the left and random on the right."""
    figure, panels = pyplot.subplots(1, 2, figsize=(10, 4.2))
    for axes, pattern, title, unit in (
        (panels[0], "seq", "Sequential reads", "MB/s"),
        (panels[1], "rand", "Random reads of 4 KiB", "IOPS"),
    ):
        points = scaling_points(results, pattern)
        volumes = [point[0] for point in points]
        axes.plot(volumes, [point[2] for point in points], linestyle="--", color=GREY, label="ideal: volumes x speed of one")
        axes.errorbar(
            volumes, [point[1] for point in points], [point[3] for point in points], marker="o", capsize=3, color=BLUE, label="measured"
        )
        _dress(axes, title, "volumes read", unit)
        axes.set_xticks(volumes)
        axes.set_xlim(left=0)
        axes.legend(loc="upper left", frameon=False)
    return figure


def draw_layouts(results: Sequence[Result]) -> Figure:
    """The layouts side by side: sequential reads above, random ones below; what md takes for flash left, for rotating disks right."""
    figure, panels = pyplot.subplots(2, 2, figsize=(10, 7.5), sharey="row")
    for column, (rotational, word) in enumerate(_KINDS):
        sequential, random = panels[0][column], panels[1][column]
        for index, (pattern, label, colour) in enumerate(_USES):
            _bars(sequential, layout_values(results, pattern, rotational), (index - 0.5) * 0.4, 0.38, colour, label)
        _dress(sequential, f"Sequential, {word}", "", "MB/s")
        for lost, colour in enumerate((GREEN, ORANGE, BLUE)):
            label = ("whole", "one server lost", "two servers lost")[lost]
            _bars(random, layout_values(results, "rand", rotational, lost), (lost - 1) * 0.27, 0.25, colour, label)
        _dress(random, f"Random 4 KiB, {word}", "", "IOPS")
        for axes in (sequential, random):
            axes.set_xticks(range(len(_LAYOUTS)), [_LABELS[name] for name in _LAYOUTS])
    for row in panels:
        row[0].legend(loc="upper center", bbox_to_anchor=(1.05, -0.08), ncol=3, frameon=False)
    return figure


def _bars(axes: Axes, values: Mapping[str, Tuple[float, float]], offset: float, width: float, colour: str, label: str) -> None:
    places = [place + offset for place, name in enumerate(_LAYOUTS) if name in values]
    chosen = [values[name] for name in _LAYOUTS if name in values]
    axes.bar(places, [value[0] for value in chosen], width, yerr=[value[1] for value in chosen], capsize=2, color=colour, label=label)


def _dress(axes: Axes, title: str, below: str, beside: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(below)
    axes.set_ylabel(beside)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color="#dddddd")
    axes.set_axisbelow(True)
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)


def write_svg(figure: Figure, path: Path) -> None:
    """The picture as a file that is the same for the same figures."""
    figure.tight_layout()
    with matplotlib.rc_context({"svg.hashsalt": "fleetlab.linux", "svg.fonttype": "none"}):
        figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    head, rest = path.read_text(encoding="utf-8").split("\n", 1)
    path.write_text(head + "\n" + _NOTICE + "\n".join(line.rstrip() for line in rest.split("\n")), encoding="utf-8")


def main() -> int:
    """Carry out one command line."""
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    results: List[Result] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["results"]
    folder = Path(sys.argv[2])
    if scaling_points(results, "seq"):
        write_svg(draw_scaling(results), folder / "scaling.svg")
        print("scaling.svg")
    if layout_values(results, "seq", rotational=False):
        write_svg(draw_layouts(results), folder / "layouts.svg")
        print("layouts.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
