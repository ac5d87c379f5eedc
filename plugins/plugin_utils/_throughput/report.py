# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A matrix as text: a table, JSON, CSV, a page with a heat map, and metrics. Pure."""

from __future__ import annotations

import csv
import io
import json
from html import escape
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.layers import as_text

_COLUMNS = (
    "from", "to", "payload", "ip", "frame", "wire", "seconds", "mtu", "mss", "timestamps", "explained", "unexplained_bytes",
    "retransmitted", "limited_by", "cpu_sender", "cpu_receiver", "trusted", "reason", "error",
)  # fmt: skip
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; color: #222; background: #fff }
table { border-collapse: collapse } td, th { padding: .4em .7em; border: 1px solid #fff; font-variant-numeric: tabular-nums }
th { text-align: right; font-weight: normal } td { text-align: center } .none { background: #eee } .failed { background: #444; color: #fff }
dt { font-weight: bold; margin-top: .6em } dd { margin-left: 1em } dt:target, dt:target + dd { background: #ffd }
td a { color: inherit; text-decoration: none } .doubt::after { content: " ?" }
"""


def render_table(matrix: Mapping[str, Any]) -> str:
    """The directions, slowest first, and what failed."""
    rows: List[Tuple[str, ...]] = [("from", "to", "payload", "wire", "MTU", "explained", "limited by", "trusted")]
    for cell in matrix["cells"]:
        known = "-" if cell["explained"] is None else f"{cell['explained']:.3%}"
        rates = as_text(cell["rate"]["payload"]), as_text(cell["rate"]["wire"])
        trusted = "yes" if cell["trusted"] else f"no: {cell['reason']}"
        rows.append((cell["from"], cell["to"], *rates, str(cell["efficiency"]["mtu"]), known, cell["limited_by"], trusted))
    lines = _aligned(rows, left=(0, 1, 6, 7))
    return "\n".join([*lines, "", summary(matrix), *(f"Failed: {one['from']} -> {one['to']}: {one['reason']}" for one in matrix["failed"])])


def summary(matrix: Mapping[str, Any]) -> str:
    """One line."""
    begin = f"{len(matrix['hosts'])} hosts, {len(matrix['cells'])} directions measured in {len(matrix['rounds'])} rounds"
    found = matrix["payload"]
    rates = f"; payload {', '.join(f'{name} {as_text(rate)}' for name, rate in found.items())}" if found else ""
    return f"{begin}, {len(matrix['failed'])} pairs failed{rates}"


def _aligned(rows: Sequence[Tuple[str, ...]], left: Sequence[int]) -> List[str]:
    # The last column is text of any length.
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)] + [0]
    lines = []
    for row in rows:
        cells = [cell.ljust(widths[column]) if column in left else cell.rjust(widths[column]) for column, cell in enumerate(row)]
        lines.append("  ".join(cells).rstrip())
    return [lines[0], "-" * len(lines[0]), *lines[1:]]


def render_json(matrix: Mapping[str, Any]) -> str:
    """All data, for programs."""
    return json.dumps(matrix, indent=2, sort_keys=True) + "\n"


def render_csv(matrix: Mapping[str, Any]) -> str:
    """A line for each direction, rates in bit/s; then the pairs that failed, with the reason in the last column."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for cell in matrix["cells"]:
        shape = {name: cell["efficiency"][name] for name in ("mtu", "mss", "timestamps")}
        row = {name: cell[name] for name in ("from", "to", "seconds", "explained", "unexplained_bytes", "limited_by", "trusted", "reason")}
        cpu = {f"cpu_{half}": cores for half, cores in cell["cpu"].items()}
        row.update(cell["rate"], retransmitted=cell["retransmitted"]["segments"], **shape, **cpu)
        writer.writerow({name: _safe(value) for name, value in row.items()})
    for one in matrix["failed"]:
        writer.writerow({"from": _safe(one["from"]), "to": _safe(one["to"]), "error": _safe(one["reason"])})
    return text.getvalue()


def _safe(value: Any) -> Any:
    # A text from a host must not become a formula in a spreadsheet.
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def render_page(matrix: Mapping[str, Any]) -> str:
    """One page: the matrix as a heat map, in which each cell leads to its explanation."""
    cells = {(cell["from"], cell["to"]): cell for cell in matrix["cells"]}
    failed = {(one["from"], one["to"]): one["reason"] for one in matrix["failed"]}
    fastest = matrix["payload"]["max"] if matrix["payload"] else 0
    head = "<tr><th>from \\ to</th>" + "".join(f"<th>{escape(host)}</th>" for host in matrix["hosts"]) + "</tr>"
    rows = [head]
    for sender in matrix["hosts"]:
        found = (_cell(cells.get((sender, other)), failed.get((sender, other)), fastest) for other in matrix["hosts"])
        rows.append(f"<tr><th>{escape(sender)}</th>{''.join(found)}</tr>")
    missed = "".join(f"<li>{escape(text)}</li>" for text in matrix["missed"])
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Throughput</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>Throughput between {len(matrix['hosts'])} hosts</h1>\n"
        f"<p>{escape(summary(matrix))}</p>\n"
        + (f"<h2>Too slow</h2>\n<ul>{missed}</ul>\n" if missed else "")
        + "<h2>Payload in Gbit/s</h2>\n<table>\n"
        + "\n".join(rows)
        + f"\n</table>\n<h2>Explained, slowest first</h2>\n<dl>\n{_explanations(matrix)}</dl>\n</body>\n</html>\n"
    )


def _cell(cell: Any, reason: Any, fastest: float) -> str:
    if cell is None and reason is None:
        return '<td class="none"></td>'
    if cell is None:
        return f'<td class="failed" title="{escape(reason)}">failed</td>'
    rate = cell["rate"]["payload"]
    # From red, a third of the fastest or less, to green.
    share = max(0.0, min(1.0, (rate / fastest - 1 / 3) * 1.5)) if fastest else 0.0
    mark = "" if cell["trusted"] else ' class="doubt"'
    link = f'<a href="#{_anchor(cell)}">{rate / 1e9:.3g}</a>'
    return f'<td{mark} style="background: hsl({120 * share:.0f}, 60%, 75%)" title="{escape(cell["explanation"])}">{link}</td>'


def _anchor(cell: Mapping[str, Any]) -> str:
    return escape(f"{cell['from']}--{cell['to']}")


def _explanations(matrix: Mapping[str, Any]) -> str:
    lines = [
        f'<dt id="{_anchor(cell)}">{escape(cell["from"])} → {escape(cell["to"])}</dt><dd>{escape(cell["explanation"])}</dd>'
        for cell in matrix["cells"]
    ]
    lines += [f"<dt>{escape(one['from'])} → {escape(one['to'])}</dt><dd>failed: {escape(one['reason'])}</dd>" for one in matrix["failed"]]
    return "".join(f"{line}\n" for line in lines)


def render_textfile(matrix: Mapping[str, Any]) -> str:
    """Metrics in the format of Prometheus."""
    lines: List[str] = []
    metrics: Sequence[Tuple[str, str, Callable[[Mapping[str, Any]], Any]]] = (
        ("throughput_payload_bits_per_second", "Payload of TCP, in bits per second.", lambda cell: cell["rate"]["payload"]),
        ("throughput_explained_ratio", "Part of the sender's counter that the measurement explains.", lambda cell: cell["explained"]),
        ("throughput_trusted", "Whether the rate is that of the network.", lambda cell: int(cell["trusted"])),
    )
    for name, description, read in metrics:
        lines += [f"# HELP {name} {description}", f"# TYPE {name} gauge"]
        lines += [f"{name}{_labels(cell)} {read(cell)}" for cell in matrix["cells"] if read(cell) is not None]
    lines += ["# HELP throughput_up Whether the pair could be measured.", "# TYPE throughput_up gauge"]
    lines += [f"throughput_up{_labels(cell)} 1" for cell in matrix["cells"]]
    lines += [f"throughput_up{_labels(one)} 0" for one in matrix["failed"]]
    return "\n".join(lines) + "\n"


def _labels(cell: Mapping[str, Any]) -> str:
    return f'{{from="{_escape(cell["from"])}",to="{_escape(cell["to"])}"}}'


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


RENDERERS: Dict[str, Callable[[Mapping[str, Any]], str]] = {
    "table": render_table,
    "json": render_json,
    "csv": render_csv,
    "html": render_page,
    "textfile": render_textfile,
}
