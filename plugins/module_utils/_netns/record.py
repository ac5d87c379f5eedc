# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of the record and of the resolv.conf of a namespace. Pure."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional

from .._core.errors import ObservationError
from .addresses import Forward
from .names import NOTE
from .state import Record
from .wanted import Wanted

_VERSION = 1


def render(record: Record) -> str:
    """The content of the file."""
    content: Dict[str, Any] = {
        "comment": NOTE,
        "version": _VERSION,
        "name": record.name,
        "persist": record.persist,
        "firewall": record.firewall,
        "links": [list(pair) for pair in record.links],
        "addresses": [list(pair) for pair in record.addresses],
        "routes": [list(key) for key in record.routes],
        "forwards": [_forward(one) for one in record.forwards],
        "sysctls": dict(sorted(record.sysctls.items())),
        "default_subnet": record.default_subnet,
        "adopted": record.adopted,
    }
    return json.dumps(content, indent=2) + "\n"


def parse(path: str, text: str) -> Record:
    """The record in a file.

    :raises ObservationError: the text cannot be understood. No parts of the namespace are guessed.
    """
    try:
        content = json.loads(text)
        if content["version"] != _VERSION:
            raise ValueError(f"version {content['version']}")
        return _record(content)
    except (ValueError, KeyError, TypeError) as error:
        raise ObservationError(f"{path}: cannot be read as a record of fleetlab.linux.netns ({error}): restore or remove it") from None


def _record(content: Mapping[str, Any]) -> Record:
    return Record(
        name=content["name"],
        persist=content["persist"],
        firewall=content["firewall"],
        links=tuple((own, peer) for own, peer in content["links"]),
        addresses=tuple((link, address) for link, address in content["addresses"]),
        routes=tuple((family, to, metric) for family, to, metric in content["routes"]),
        forwards=tuple(_parse_forward(*values) for values in content["forwards"]),
        sysctls=dict(content["sysctls"]),
        default_subnet=content["default_subnet"],
        adopted=content["adopted"],
    )


def _forward(one: Forward) -> List[Any]:
    """A forward as versions before addresses and sources wrote it, unless it has these."""
    more = [one.to_last, one.address, list(one.sources)] if one.to_last or one.address or one.sources else []
    return [one.protocol, one.first, one.last, one.to_port, *more]


def _parse_forward(protocol: str, first: int, last: int, to_port: Optional[int], *more: Any) -> Forward:
    to_last, address, sources = more or (None, None, ())
    return Forward(protocol, first, last, to_port, to_last, address, tuple(sources))


def merged(former: Optional[Record], new: Record) -> Record:
    """A record of all parts that may exist during the steps from the former record to the new one."""
    if former is None:
        return new
    return replace(
        new,
        links=tuple(dict.fromkeys(new.links + former.links)),
        addresses=tuple(dict.fromkeys(new.addresses + former.addresses)),
        routes=tuple(dict.fromkeys(new.routes + former.routes)),
        sysctls={**former.sysctls, **new.sysctls},
    )


_NSS = ("files", "myhostname", "dns")


def nsswitch(found: str) -> str:
    """The nsswitch.conf of a namespace: that of the host, but names of hosts come from files and from the namespace's name servers only.

    Other sources, such as C(resolve), C(mymachines) and C(mdns4_minimal), ask programs of the host through sockets.
    """
    lines = [f"# {NOTE}: changes here are lost.", *(line for line in found.splitlines() if not _is_note(line))]
    hosts = next((line for line in lines if line.split("#")[0].split(":")[0].strip() == "hosts"), None)
    kept = [word for word in (hosts or "").partition(":")[2].split("#")[0].split() if word in _NSS]
    wanted = f"hosts: {' '.join(dict.fromkeys([*(kept or _NSS[:1]), 'dns']))}"
    return "".join(f"{line}\n" for line in ([wanted if line == hosts else line for line in lines] if hosts else [*lines, wanted]))


def _is_note(line: str) -> bool:
    return NOTE in line


def resolv_conf(wanted: Wanted) -> str:
    """The text of the resolv.conf that C(ip netns exec) and units with C(NetworkNamespacePath) see."""
    lines = [f"# {NOTE}: changes here are lost.", *(f"nameserver {server}" for server in wanted.dns or ())]
    if wanted.dns_search:
        lines.append(f"search {' '.join(wanted.dns_search)}")
    return "".join(f"{line}\n" for line in lines)
