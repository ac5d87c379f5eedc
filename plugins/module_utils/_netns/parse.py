# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the output of C(ip -json) and the socket tables of /proc. Pure."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any, Container, Iterator, List, Mapping, Optional, Tuple

from .._core.errors import ObservationError
from .._host.sockets import ESTABLISHED, LISTENING, UNCONNECTED, parse_table
from .state import FoundLink, FoundRoute, Listener

_STATES = {"tcp": LISTENING, "udp": UNCONNECTED}


def parse_json(command: str, text: str) -> Any:
    """The JSON that a command printed; an empty output is an empty list.

    :raises ObservationError: the output is not JSON.
    """
    try:
        return json.loads(text) if text.strip() else []
    except ValueError:
        raise ObservationError(f"{command}: its answer is not JSON: {text.strip()[:200]!r}") from None


def parse_answers(command: str, text: str) -> List[str]:
    """The JSON texts that a command printed one after the other."""
    found: List[str] = []
    decoder, at = json.JSONDecoder(), 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        try:
            _value, end = decoder.raw_decode(text, at)
        except ValueError:
            raise ObservationError(f"{command}: its answer is not JSON: {text[at:].strip()[:200]!r}") from None
        found.append(text[at:end])
        at = end
    return found


def parse_neighbours(text: str) -> Tuple[Tuple[str, str, str], ...]:
    """The output of C(ip -json neighbor show): interface, address, and address of Ethernet."""
    entries = parse_json("ip -json neighbor show", text)
    return tuple((one.get("dev", ""), one.get("dst", ""), one.get("lladdr", "")) for one in entries if one)


def parse_links(text: str) -> Tuple[FoundLink, ...]:
    """The output of C(ip -json -details address show)."""
    return tuple(_link(entry) for entry in parse_json("ip -json -details address show", text) if entry)


def _link(entry: Mapping[str, Any]) -> FoundLink:
    there = [(f"{one['local']}/{one['prefixlen']}", _is_set_by_hand(one)) for one in entry.get("addr_info", []) if _is_global(one)]
    about = entry.get("linkinfo", {})
    return FoundLink(
        index=entry["ifindex"],
        name=entry["ifname"],
        kind=about.get("info_kind", ""),
        mtu=entry["mtu"],
        up="UP" in entry.get("flags", []),
        addresses=tuple(address for address, by_hand in there if by_hand),
        peer_index=entry.get("link_index") or 0,
        details=about.get("info_data", {}),
        learned=tuple(address for address, by_hand in there if not by_hand),
    )


def _is_global(address: Mapping[str, Any]) -> bool:
    # No task names the kernel's own link-local addresses. A temporary address is another one tomorrow.
    return "local" in address and address.get("scope") in ("global", "site") and not address.get("temporary")


def _is_set_by_hand(address: Mapping[str, Any]) -> bool:
    # No task names addresses from router advertisements or DHCP.
    return not address.get("dynamic")


def parse_routes(text: str, family: int) -> Tuple[FoundRoute, ...]:
    """The output of C(ip -json route show table main), one route for each next hop."""
    return tuple(route for entry in parse_json("ip -json route show", text) if entry for route in _routes(entry, family))


def parse_all_routes(text: str) -> Tuple[FoundRoute, ...]:
    """The routes of the main table in the output of C(ip -json -details route show table all), which has both families."""
    entries = [entry for entry in parse_json("ip -json route show table all", text) if entry and entry.get("table", "main") == "main"]
    return tuple(route for family in (4, 6) for entry in entries if _family(entry) == family for route in _routes(entry, family))


def _family(entry: Mapping[str, Any]) -> int:
    # A default route has no address that tells its family, but each route of IPv6 has a preference.
    return 6 if "pref" in entry or ":" in str(entry.get("dst", "")) else 4


def _routes(entry: Mapping[str, Any], family: int) -> Iterator[FoundRoute]:
    for way in entry.get("nexthops") or [entry]:
        gateway = way.get("gateway") or (way.get("via") or {}).get("host")
        to = str(entry.get("dst", "default"))
        yield FoundRoute(
            to=to if to == "default" else str(ipaddress.ip_network(to, strict=False)),
            family=family,
            link=way.get("dev") or "",
            via=gateway,
            metric=entry.get("metric"),
            protocol=entry.get("protocol", "boot"),
        )


def parse_sockets(protocol: str, text: str) -> Tuple[Listener, ...]:
    """The listening sockets of a table such as /proc/net/tcp; C(protocol) is C(tcp) or C(udp)."""
    return tuple(Listener(protocol, *one.local, one.inode) for one in parse_table(text, _STATES[protocol]))


def parse_local_peers(protocol: str, text: str, inodes: Container[int]) -> Tuple[Listener, ...]:
    """The other ends of connections to the loopback interface in a table such as /proc/net/tcp, of the sockets with these numbers."""
    ours = (one for one in parse_table(text, ESTABLISHED) if one.inode in inodes)
    return tuple(Listener(protocol, *one.remote) for one in ours if _is_loopback(one.remote[0]))


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.rpartition("::ffff:")[2] or address).is_loopback


def controller_of(environment: str) -> Optional[Tuple[str, int]]:
    """The address of ssh's client and its port on this host, from an environment in the form of /proc/PID/environ; C(None) without ssh."""
    match = re.search(r"(?:^|\0)SSH_CONNECTION=(\S+) [0-9]+ \S+ ([0-9]+)", environment)
    return (match.group(1), int(match.group(2))) if match else None


def only_loopback_servers(resolv_conf: str) -> bool:
    """Whether all name servers are on the host's own loopback, which a namespace does not have."""
    servers = re.findall(r"^nameserver\s+(\S+)", resolv_conf, re.MULTILINE)
    return bool(servers) and all(server.startswith("127.") or server == "::1" for server in servers)
