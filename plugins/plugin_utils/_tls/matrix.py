# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forward secrecy of many hosts: a row for each name at each address of each host. Pure; runs on the controller."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Sequence

REGISTERED = {
    "apache": "apache_forward_secrecy_apache",
    "nginx": "apache_forward_secrecy_nginx",
    "proftpd": "apache_forward_secrecy_proftpd",
}
"""The variable in which the role registers the result of each server's module."""

FAIL_ON = ("no_forward_secrecy", "tickets", "old_protocols")
_OLD = frozenset({"SSLv3", "TLSv1", "TLSv1.1"})


def make_matrix(hosts: Sequence[str], results: Mapping[str, Mapping[str, Any]], fail_on: Sequence[str]) -> Dict[str, Any]:
    """All data of the report. C(results) are the registered variables of each host; a host without any is a failed one."""
    rows: List[Dict[str, Any]] = []
    failed: List[Dict[str, str]] = []
    for host in hosts:
        found = {server: results[host][name] for server, name in REGISTERED.items() if name in results[host]}
        done = {server: result for server, result in found.items() if not result.get("skipped")}
        if not done:
            failed.append({"host": host, "server": "", "reason": "was not asked: it is unreachable, or its play ended before"})
        for server, result in done.items():
            rows += [{"host": host, "server": server, **name, "findings": list(_findings(name))} for name in result.get("names") or []]
            # The role does not let a server that could not be set up end the play, so only its message tells.
            if result.get("msg"):
                failed.append({"host": host, "server": server, "reason": str(result["msg"])})
    missed = [f"{label(row)}: {words(row, each)}" for row in rows for each in fail_on if each in row["findings"]]
    return {"hosts": list(hosts), "rows": rows, "failed": failed, "missed": missed}


def label(row: Mapping[str, Any]) -> str:
    """The host and the name in messages."""
    return f"{row['host']} {row['server']} {row['address']}:{row['port']} {row['name'] or '(no name)'}"


def words(row: Mapping[str, Any], finding: str) -> str:
    """A finding in words."""
    if finding == "no_forward_secrecy":
        return f"{len(row['without'])} of {row['suites']} suites have no forward secrecy" if row["suites"] else "no suite was found"
    old = ", ".join(name for name in row["protocols"] if name in _OLD)
    return "session tickets of TLS 1.2 are offered" if finding == "tickets" else f"speaks {old}"


def _findings(name: Mapping[str, Any]) -> Iterator[str]:
    if name["without"] or not name["suites"]:
        yield "no_forward_secrecy"
    if name["tickets"]:
        yield "tickets"
    if _OLD.intersection(name["protocols"]):
        yield "old_protocols"
