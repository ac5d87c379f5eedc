# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host and one namespace on it look like, as far as a plan has to know. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, Optional, Sequence, Tuple

from .addresses import KERNEL_METRIC, Forward, RouteKey


@dataclass(frozen=True)
class FoundLink:
    """An interface as ip shows it. C(peer_index) is the number of the other end, or of the interface below, in another namespace, or 0.

    C(details) are the properties that only this kind of interface has.
    """

    index: int
    name: str
    kind: str = ""
    mtu: int = 1500
    up: bool = False
    addresses: Tuple[str, ...] = ()
    peer_index: int = 0
    details: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def is_end_of(self, other: FoundLink) -> bool:
        """Whether the two interfaces are the ends of one veth pair."""
        return self.kind == other.kind == "veth" and self.peer_index == other.index and other.peer_index == self.index


@dataclass(frozen=True)
class FoundRoute:
    """A route of the main table; C(to) is C(default) or a network."""

    to: str
    family: int
    link: str = ""
    via: Optional[str] = None
    metric: Optional[int] = None
    protocol: str = ""

    @property
    def key(self) -> RouteKey:
        """Family, destination and metric."""
        return self.family, self.to, self.metric or KERNEL_METRIC[self.family]


@dataclass(frozen=True)
class Inside:
    """The interfaces and routes in the namespace."""

    links: Tuple[FoundLink, ...] = ()
    routes: Tuple[FoundRoute, ...] = ()


@dataclass(frozen=True)
class Listener:
    """A socket of the host that a forward would take the connections of; C(inode) is how processes name it."""

    protocol: str
    address: str
    port: int
    inode: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Record:
    """What was made of a namespace: written before the first step, corrected after the last.

    C(sysctls) are the changed settings of the host, with their former values. C(links) has the names of both ends, C(addresses)
    the addresses of the ends on the host, C(routes) families, destinations and metrics. C(adopted): the namespace existed before.
    """

    name: str
    persist: bool
    firewall: str
    links: Tuple[Tuple[str, str], ...] = ()
    addresses: Tuple[Tuple[str, str], ...] = ()
    routes: Tuple[RouteKey, ...] = ()
    forwards: Tuple[Forward, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    default_subnet: bool = False
    adopted: bool = False

    @property
    def names(self) -> Tuple[str, ...]:
        """The names of the links."""
        return tuple(dict.fromkeys(own for own, _peer in self.links))


@dataclass(frozen=True)
class ForwardChain:
    """A chain of others that sees forwarded packets. C(program) is C(nft), or a variant of iptables by its command.

    C(drops): it drops every packet that no rule accepts; C(may_drop): it drops some packets; C(used): others have put rules into it.
    C(ours) are this namespace's rules in the chain, each with the words that delete it (a handle, or the rule) and with its match.
    """

    program: str
    family: str
    table: str
    chain: str
    drops: bool
    ours: Tuple[Tuple[str, str], ...] = ()
    may_drop: bool = False
    used: bool = False


@dataclass(frozen=True)
class Own:
    """A namespace's chains of iptables in one table, and the jumps to them by the host's chain that they are in."""

    chains: Mapping[str, Sequence[Tuple[str, ...]]] = field(default_factory=dict)
    jumps: Mapping[str, Sequence[Tuple[str, ...]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Firewall:
    """The firewall. C(kind) is C(nftables) or C(iptables), C(program) the variant of iptables that works here.

    C(table) is the namespace's table of nftables in the form that is compared with the wanted table, C(own) its chains of iptables by
    family, C(chains) the chains of others that see forwarded packets. C(others): others filter these packets or translate addresses.
    """

    kind: str = "nftables"
    program: str = "iptables"
    table: Optional[Any] = None
    own: Mapping[int, Mapping[str, Own]] = field(default_factory=dict)
    chains: Tuple[ForwardChain, ...] = ()
    others: bool = False


@dataclass(frozen=True)
class Files:
    """The files that belong to the namespace, C(None) for a file that does not exist."""

    record: Optional[str] = None
    other_record: bool = False
    script: Optional[str] = None
    unit: Optional[str] = None
    resolv_conf: Optional[str] = None


@dataclass(frozen=True)
class Service:
    """The unit, as systemd shows it; C(systemd): systemd runs on this host."""

    systemd: bool = False
    enabled: bool = False
    active: bool = False


@dataclass(frozen=True)
class State:
    """Everything a plan looks at. C(exists): the name is that of a namespace; C(stale): the name is a file without one.

    C(controller) has the address that Ansible connects from, and the port of this host that it connects to. C(ipv6): new links take
    IPv6 addresses.
    """

    exists: bool = False
    stale: bool = False
    inside: Inside = Inside()
    links: Tuple[FoundLink, ...] = ()
    routes: Tuple[FoundRoute, ...] = ()
    listeners: Tuple[Listener, ...] = ()
    records: Mapping[str, Record] = field(default_factory=dict)
    firewall: Firewall = Firewall()
    files: Files = Files()
    service: Service = Service()
    sysctls: Mapping[str, Optional[str]] = field(default_factory=dict)
    processes: Tuple[Tuple[int, str], ...] = ()
    controller: Optional[Tuple[str, int]] = None
    loopback_dns: bool = False
    ipv6: bool = True

    def former(self, name: str) -> Record:
        """What earlier runs made of a namespace; nothing if it has no record."""
        return self.records.get(name, Record(name, False, ""))

    def link(self, name: str) -> Optional[FoundLink]:
        """An interface of the host."""
        return next((one for one in self.links if one.name == name), None)

    def peer(self, name: str) -> Optional[FoundLink]:
        """An interface inside."""
        return next((one for one in self.inside.links if one.name == name), None)

    def inner_end(self, link: FoundLink) -> Optional[FoundLink]:
        """The end inside of a pair whose end on the host this is; C(None) if it is not inside."""
        return next((one for one in self.inside.links if link.is_end_of(one)), None)


@dataclass(frozen=True)
class Details:
    """A namespace with the sockets that listen in it, and the rules that were made for it, as netns_info returns it."""

    name: str
    state: State
    listening: Tuple[Listener, ...]
    rules: Tuple[Mapping[str, Any], ...]
