# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forward secrecy of many hosts as text: a table, JSON, a page, and metrics. Pure."""

from __future__ import annotations

import json
from html import escape
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

from .matrix import words

_HEAD = ("host", "server", "address", "name", "protocols", "suites", "without FS", "post-quantum", "tickets")
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; color: #222; background: #fff }
table { border-collapse: collapse } td, th { padding: .3em .7em; border: 1px solid #ddd; text-align: left }
.good { background: #dfd } .bad { background: #fdd } .failed { background: #444; color: #fff }
"""


def render_table(matrix: Mapping[str, Any]) -> str:
    """A line for each name, and what failed."""
    rows = [_HEAD, *(_row(row) for row in matrix["rows"])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    failed = [f"Failed: {' '.join(filter(None, (one['host'], one['server'])))}: {one['reason']}" for one in matrix["failed"]]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], "", summary(matrix), *failed])


def _row(row: Mapping[str, Any]) -> Tuple[str, ...]:
    return (
        row["host"],
        row["server"],
        f"{row['address']}:{row['port']}",
        row["name"] or "(no name)",
        " ".join(row["protocols"]) or "none",
        str(row["suites"]),
        str(len(row["without"])),
        " ".join(row["post_quantum"]) or "no",
        "yes" if row["tickets"] else "no",
    )


def summary(matrix: Mapping[str, Any]) -> str:
    """One line."""
    good = sum("no_forward_secrecy" not in row["findings"] for row in matrix["rows"])
    return f"{len(matrix['hosts'])} hosts, {good} of {len(matrix['rows'])} names are forward secret, {len(matrix['failed'])} failures"


def render_json(matrix: Mapping[str, Any]) -> str:
    """All data, for programs."""
    return json.dumps(matrix, indent=2, sort_keys=True) + "\n"


def render_page(matrix: Mapping[str, Any]) -> str:
    """One page: hosts by names. A cell tells what its host does under that name."""
    names = list(dict.fromkeys(row["name"] or "(no name)" for row in matrix["rows"]))
    head = "<tr><th>host</th>" + "".join(f"<th>{escape(name)}</th>" for name in names) + "</tr>"
    lines = [head]
    for host in matrix["hosts"]:
        cells = (_cell([row for row in matrix["rows"] if row["host"] == host and (row["name"] or "(no name)") == name]) for name in names)
        lines.append(f"<tr><th>{escape(host)}</th>{''.join(cells)}</tr>")
    failed = "".join(f"<li>{escape(one['host'])} {escape(one['server'])}: {escape(one['reason'])}</li>" for one in matrix["failed"])
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Forward secrecy</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>Forward secrecy</h1>\n<p>{escape(summary(matrix))}</p>\n<table>\n"
        + "\n".join(lines)
        + "\n</table>\n"
        + (f"<h2>Failed</h2>\n<ul>{failed}</ul>\n" if failed else "")
        + "</body>\n</html>\n"
    )


def _cell(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "<td></td>"
    texts = [
        f"{row['server']} {row['address']}:{row['port']}: {'; '.join(words(row, each) for each in row['findings']) or 'forward secret'}"
        for row in rows
    ]
    kind = "bad" if any("no_forward_secrecy" in row["findings"] for row in rows) else "good"
    return f'<td class="{kind}">{"<br>".join(map(escape, texts))}</td>'


def render_textfile(matrix: Mapping[str, Any]) -> str:
    """Metrics in the format of Prometheus."""
    metrics: Sequence[Tuple[str, str, Callable[[Mapping[str, Any]], int]]] = (
        ("tls_suites_without_forward_secrecy", "Suites without forward secrecy.", lambda row: len(row["without"])),
        ("tls_suites", "All suites.", lambda row: row["suites"]),
        ("tls_tickets", "Whether session tickets of TLS 1.2 are offered.", lambda row: int(row["tickets"])),
        ("tls_old_protocols", "Whether protocols before TLS 1.2 are spoken.", lambda row: int("old_protocols" in row["findings"])),
    )
    lines: List[str] = []
    for name, description, read in metrics:
        lines += [f"# HELP {name} {description}", f"# TYPE {name} gauge"]
        lines += [f"{name}{_labels(row)} {read(row)}" for row in matrix["rows"]]
    lines += ["# HELP tls_failures Servers that could not be set up or asked.", "# TYPE tls_failures gauge"]
    return "\n".join([*lines, f"tls_failures {len(matrix['failed'])}"]) + "\n"


def _labels(row: Mapping[str, Any]) -> str:
    values = {"host": row["host"], "server": row["server"], "address": f"{row['address']}:{row['port']}", "name": row["name"] or ""}
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in values.items()) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


RENDERERS: Dict[str, Callable[[Mapping[str, Any]], str]] = {"json": render_json, "html": render_page}
