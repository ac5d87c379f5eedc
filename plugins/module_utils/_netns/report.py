# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What netns and netns_info return of namespaces."""

from __future__ import annotations

import os
import stat
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from .._core.errors import CommandError
from .._core.runner import Runner
from . import names
from .firewall import iptables, nftables
from .observe import observe_inside, observe_links, processes_in, read, read_record, require_capabilities
from .parse import parse_json, parse_sockets
from .state import FoundLink, Inside, Listener, Record
from .wanted import port_range

_TABLES = (("tcp", "tcp"), ("tcp", "tcp6"), ("udp", "udp"), ("udp", "udp6"))
_COUNTED = (("iptables", 4), ("iptables", 6), ("iptables-legacy", 4), ("iptables-legacy", 6))


def report(runner: Runner, name: str, root: str = "") -> Optional[Dict[str, Any]]:
    """One namespace, or None if there is none of that name."""
    return _report(runner, name, observe_links(runner), root) if _is_namespace(name, root) else None


def report_all(runner: Runner, all_names: Sequence[str], root: str = "") -> List[Dict[str, Any]]:
    """Those of several that there are."""
    outside = observe_links(runner)
    return [_report(runner, name, outside, root) for name in all_names if _is_namespace(name, root)]


def _report(runner: Runner, name: str, outside: Tuple[FoundLink, ...], root: str) -> Dict[str, Any]:
    inside = observe_inside(runner, name, root)
    record = read_record(name, root)
    return {
        "name": name,
        "managed": record is not None,
        "persist": bool(record is not None and record.persist),
        "links": [_link(one, outside) for one in inside.links],
        "routes": _routes(inside),
        "forwards": _forwards(record),
    }


def info(runner: Runner, only: Optional[str] = None, root: str = "") -> List[Dict[str, Any]]:
    """All namespaces that have a name, or the one that is asked for, each with all that can be seen of it."""
    require_capabilities(read(f"{root}/proc/self/status") or "")
    found = report_all(runner, _all_names(root) if only is None else [only], root)
    for one in found:
        name = one["name"]
        one["listening"] = [_socket(socket) for socket in _listening(runner, name)]
        one["processes"] = [{"pid": pid, "command": command} for pid, command in processes_in(name, root)]
        one["rules"] = _rules(runner, name, root)
    return found


def _all_names(root: str) -> List[str]:
    try:
        return sorted(os.listdir(root + names.RUN_FOLDER))
    except FileNotFoundError:
        return []


def _is_namespace(name: str, root: str) -> bool:
    try:
        found = os.stat(root + names.namespace_path(name))
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_dev == os.stat("/proc/self/ns/net").st_dev


def _link(inner: FoundLink, outside: Tuple[FoundLink, ...]) -> Dict[str, Any]:
    own = next((one for one in outside if one.is_end_of(inner)), None)
    return {
        "name": inner.name,
        "kind": inner.kind,
        "up": inner.up,
        "mtu": inner.mtu,
        "addresses": list(inner.addresses),
        "host_link": None if own is None else own.name,
        "host_addresses": [] if own is None else list(own.addresses),
    }


def _routes(inside: Inside) -> List[Dict[str, Any]]:
    return [
        {"to": one.to, "via": one.via, "link": one.link, "metric": one.metric, "family": f"ipv{one.family}", "protocol": one.protocol}
        for one in inside.routes
    ]


def _forwards(record: Optional[Record]) -> List[Dict[str, Any]]:
    if record is None:
        return []
    return [
        {"protocol": one.protocol, "port": port_range(one.first, one.last), "to_port": port_range(*one.inner)} for one in record.forwards
    ]


def _socket(found: Listener) -> Dict[str, Any]:
    return {"protocol": found.protocol, "address": found.address, "port": found.port}


def _listening(runner: Runner, name: str) -> Iterator[Listener]:
    for protocol, table in _TABLES:
        # A kernel without IPv6 lacks two of them.
        result = runner.run(("ip", "netns", "exec", name, "cat", f"/proc/net/{table}"), accept=(0, 1))
        yield from parse_sockets(protocol, result.stdout)


def _rules(runner: Runner, name: str, root: str) -> List[Dict[str, Any]]:
    record = read_record(name, root)
    if record is None:
        return []
    if record.firewall == "nftables":
        argv = ("nft", "-j", "list", "table", nftables.FAMILY, names.table(name))
        result = runner.run(argv, accept=(0, 1))
        return nftables.shown_rules(parse_json(" ".join(argv), result.stdout)) if result.exit_code == 0 else []
    return [rule for program, family in _COUNTED for rule in _counted(runner, program, family, name)]


def _counted(runner: Runner, program: str, family: int, name: str) -> List[Dict[str, Any]]:
    try:
        text = runner.run((iptables.command(program, family, "-save"), "-c")).stdout
    except CommandError:
        return []
    return iptables.shown_rules(text, name)
