# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The storage of a cluster as one page of HTML without anything from outside: a picture as people draw it, made of tables. Pure."""

from __future__ import annotations

from html import escape
from typing import List, Sequence

from .status import BAD, GOOD, WORKING, Cluster, Leg, Mirror, Server, Stack, since_words, stamp

_CLASSES = {GOOD: "good", WORKING: "work", BAD: "bad"}

_STYLE = """
:root { color-scheme: light dark; --page: #fff; --text: #1d2329; --soft: #5d6872; --line: #c6ced6; --good: #e3f3e6; --good-edge: #3d8b50;
  --work: #fff1cf; --work-edge: #a87400; --bad: #fde0de; --bad-edge: #c0261c }
@media (prefers-color-scheme: dark) { :root { --page: #14181c; --text: #e4e9ee; --soft: #9aa6b1; --line: #3c4650; --good: #16301d;
  --good-edge: #58b070; --work: #3a2d08; --work-edge: #e0ab35; --bad: #47130f; --bad-edge: #ff6d61 } }
body { font: 15px/1.4 system-ui, sans-serif; margin: 1.5em auto; max-width: 80em; padding: 0 1em }
body { color: var(--text); background: var(--page) } small { color: var(--soft) }
h1 { font-size: 1.5em; margin-bottom: .2em } h2 { font-size: 1.15em; margin: 1.6em 0 .4em } p { margin: .2em 0 }
.picture { overflow-x: auto } table { border-collapse: separate; border-spacing: .4em; min-width: 40em }
td, th { border: 1px solid var(--line); border-radius: .4em; padding: .4em .7em; text-align: center; vertical-align: middle }
th { font-weight: 600; text-align: left; white-space: nowrap } td.none { border: 0 } small { display: block }
.good { background: var(--good); border-color: var(--good-edge) } .work { background: var(--work); border: 2px dashed var(--work-edge) }
.bad { background: var(--bad); border: 2px solid var(--bad-edge); font-weight: 600 } .verdict { border-radius: .4em; padding: .5em .8em }
ul { padding-left: 1.2em } li { margin: .3em 0 } li.bad, li.work { padding: .2em .5em; list-style: none }
.wire td { border: 0; border-top: 1px dashed var(--soft); border-radius: 0; padding: 0; color: var(--soft); font-size: .85em }
"""


def render_status(cluster: Cluster) -> str:
    """The page."""
    clients = "".join(_client(name, stacks, cluster) for name, stacks in cluster.clients.items())
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>Storage</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>Storage</h1>\n<p><small>{stamp(cluster.now)}</small></p>\n"
        f"{_verdict(cluster)}{clients}{_servers(cluster.servers)}</body>\n</html>\n"
    )


def _verdict(cluster: Cluster) -> str:
    if not cluster.problems:
        return '<p class="verdict good">All is well.</p>\n'
    count = len(cluster.problems)
    entries = "".join(
        f'<li class="{_CLASSES[one.level]}"><b>{escape(one.host)}</b>: {escape(one.text)}'
        f" <small>{escape(since_words(one.since, cluster.now))}</small></li>\n"
        for one in cluster.problems
    )
    return f'<p class="verdict {_CLASSES[cluster.level]}">{count} problem{"s" if count > 1 else ""}</p>\n<ul>\n{entries}</ul>\n'


def _client(name: str, stacks: Sequence[Stack], cluster: Cluster) -> str:
    pictures = "".join(_stack(stack, cluster) for stack in stacks) or "<p>no arrays</p>\n"
    return f"<h2>{escape(name)}</h2>\n{pictures}"


def _stack(stack: Stack, cluster: Cluster) -> str:
    width = len(stack.mirrors)
    rows: List[str] = []
    if stack.mount:
        rows.append(_wide("file system", width, stack.mount_level, f"<b>{escape(stack.mount)}</b>"))
    if stack.name:
        rows.append(_wide("stripe", width, stack.level, f"<b>{escape(stack.name)}</b> {escape(_described(stack))}"))
    rows.append(_row("mirrors" if width > 1 else "array", [_mirror(mirror, cluster.now) for mirror in stack.mirrors]))
    remote = [server.name for server in cluster.servers]
    remote += sorted({name for mirror in stack.mirrors for name in mirror.legs} - {*remote, ""})
    legs = [server for server in remote if any(server in mirror.legs or mirror.level for mirror in stack.mirrors)]
    if legs:
        rows.append(f'<tr class="wire"><td colspan="{width + 1}">iSCSI</td></tr>')
    levels = {server.name: server for server in cluster.servers}
    rows += [_row(name, [_legs(name, mirror) for mirror in stack.mirrors], levels.get(name)) for name in legs]
    if any("" in mirror.legs for mirror in stack.mirrors):
        rows.append(_row("local", [_legs("", mirror) for mirror in stack.mirrors]))
    return '<div class="picture"><table>\n' + "\n".join(rows) + "\n</table></div>\n"


def _described(stack: Stack) -> str:
    return f"{stack.level_name}, {_size(stack.size)}, {stack.state}"


def _wide(head: str, width: int, level: int, content: str) -> str:
    return f'<tr><th>{head}</th><td colspan="{width}" class="{_CLASSES[level]}">{content}</td></tr>'


def _row(head: str, cells: Sequence[str], server: Server | None = None) -> str:
    bad = f' class="{_CLASSES[server.level]}"' if server and server.level else ""
    state = f"<small>{escape(server.state)}</small>" if server and server.state else ""
    return f"<tr><th{bad}>{escape(head)}{state}</th>{''.join(cells)}</tr>"


def _mirror(mirror: Mirror, now: int) -> str:
    since = since_words(mirror.since, now)
    details = f"<small>{escape(mirror.level_name)}, {_size(mirror.size)}</small>{escape(mirror.state)}"
    return f'<td class="{_CLASSES[mirror.level]}"><b>{escape(mirror.name)}</b>{details}{f"<small>{since}</small>" if since else ""}</td>'


def _legs(server: str, mirror: Mirror) -> str:
    legs = mirror.legs.get(server, ())
    if not legs:
        # Where a mirror lacks a member, the server without one is the place to look.
        return '<td class="bad">no member</td>' if mirror.level and server else '<td class="none"></td>'
    level = max(leg.level for leg in legs)
    return f'<td class="{_CLASSES[level]}">{"<br>".join(map(_leg, legs))}</td>'


def _leg(leg: Leg) -> str:
    details = " ".join(word for word in (leg.device, leg.path) if word)
    return f"{escape(leg.place)}<small>{escape(details)}</small>{escape(leg.state)}"


def _servers(servers: Sequence[Server]) -> str:
    if not servers:
        return ""
    rows = [_row(server.name, [_server_cell(server)]) for server in servers]
    return '<h2>Servers</h2>\n<div class="picture"><table>\n' + "\n".join(rows) + "\n</table></div>\n"


def _server_cell(server: Server) -> str:
    volumes = ", ".join(f"LUN {number} {path}{'' if active else ' (lost)'}" for number, path, active in server.luns)
    names = "".join(f"<small>{escape(name)}</small>" for name in server.targets)
    return f'<td class="{_CLASSES[server.level]}">{escape(server.state or "ok")}{names}<small>{escape(volumes)}</small></td>'


def _size(count: int) -> str:
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit in ("B", "KiB") else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
