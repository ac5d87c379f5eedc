# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a host and of one namespace on it, as far as a plan needs it. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, Optional, Sequence, Tuple

from .._host.conntrack import Flow
from .addresses import KERNEL_METRIC, Forward, RouteKey


@dataclass(frozen=True)
class FoundLink:
    """An interface as ip shows it. C(peer_index) is the number of the other end, or of the interface below it, in another namespace, or 0.

    C(details) are the special properties of this kind of interface, C(learned) the addresses that DHCP or a router gave.
    """

    index: int
    name: str
    kind: str = ""
    mtu: int = 1500
    up: bool = False
    addresses: Tuple[str, ...] = ()
    peer_index: int = 0
    details: Mapping[str, Any] = field(default_factory=dict, hash=False)
    learned: Tuple[str, ...] = field(default=(), compare=False)

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
    """The interfaces and routes in the namespace, and its permanent neighbours: interface, address, and address of Ethernet."""

    links: Tuple[FoundLink, ...] = ()
    routes: Tuple[FoundRoute, ...] = ()
    neighbours: Tuple[Tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Listener:
    """A socket of the host whose connections a forward would take; processes refer to it by C(inode)."""

    protocol: str
    address: str
    port: int
    inode: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Record:
    """The parts of a namespace that this module made: written before the first step, corrected after the last.

    C(sysctls) are the changed settings of the host, with their former values. C(links) has the names of both ends, C(addresses) the
    addresses of the ends on the host, C(routes) the families, destinations and metrics. C(adopted): the namespace existed before.
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


Place = Tuple[str, Optional[str]]
"""A chain, and the rule that drops there what no earlier rule has matched; without a rule it is the policy of the chain."""


@dataclass(frozen=True)
class Opened:
    """A rule of a namespace in a chain of another program.

    C(place) is the chain, and the next rule of another program after this one. C(where) are the words that delete it (a handle, or the
    rule), C(what) is its match.
    """

    place: Place
    where: str
    what: str


@dataclass(frozen=True)
class ForwardChain:
    """A chain of another program that sees forwarded packets. C(program) is C(nft), or a variant of iptables by its command.

    C(drops): it drops every packet that no rule accepts, at the places C(ends). C(may_drop): it drops some packets. C(used): it has rules
    of other programs. C(ours) are this namespace's rules in the chain and in chains to which it leads. C(texts) are the rules of C(ends) as
    the program prints them.
    """

    program: str
    family: str
    table: str
    chain: str
    drops: bool
    ours: Tuple[Opened, ...] = ()
    may_drop: bool = False
    used: bool = False
    ends: Tuple[Place, ...] = ()
    texts: Tuple[Tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Own:
    """A namespace's chains of iptables in one table, and the jumps to these chains, by the host's chain that has them."""

    chains: Mapping[str, Sequence[Tuple[str, ...]]] = field(default_factory=dict)
    jumps: Mapping[str, Sequence[Tuple[str, ...]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Firewall:
    """The firewall. C(kind) is C(nftables) or C(iptables), C(program) the variant of iptables that works here.

    C(table) is the namespace's table of nftables in the form of L(nftables.wanted_table), C(own) its chains of iptables by family,
    C(chains) the foreign chains that see forwarded packets. C(others): other programs filter these packets or translate addresses.
    C(inside_table) and C(inside_own) are the filter in the namespace. C(rerun): the steps may run again on a host where they ran, such as
    those of a script for the boot.
    """

    kind: str = "nftables"
    program: str = "iptables"
    table: Optional[Any] = None
    own: Mapping[int, Mapping[str, Own]] = field(default_factory=dict)
    chains: Tuple[ForwardChain, ...] = ()
    others: bool = False
    inside_table: Optional[Any] = None
    inside_own: Mapping[int, Mapping[str, Own]] = field(default_factory=dict)
    rerun: bool = False


@dataclass(frozen=True)
class Files:
    """The files that belong to the namespace, C(None) for a file that does not exist."""

    record: Optional[str] = None
    other_record: bool = False
    script: Optional[str] = None
    unit: Optional[str] = None
    resolv_conf: Optional[str] = None
    nsswitch: Optional[str] = None


@dataclass(frozen=True)
class Service:
    """The unit, as systemd shows it; C(systemd): systemd runs on this host."""

    systemd: bool = False
    enabled: bool = False
    active: bool = False


@dataclass(frozen=True)
class State:
    """The state of a host and one namespace. C(exists): the namespace exists. C(stale): its name is a file without a namespace.

    C(controller) has the address from which Ansible connects, and the port of this host to which it connects. C(ipv6): new links accept
    IPv6 addresses. C(nsswitch) is the host's own file. C(flows) are tracked flows of UDP; C(None) if the kernel does not show them.
    C(inhabited) are the subnets of other namespaces, and the subnets that the task names.
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
    nsswitch: str = ""
    ipv6: bool = True
    flows: Optional[Tuple[Flow, ...]] = ()
    inhabited: Tuple[str, ...] = ()

    def former(self, name: str) -> Record:
        """The record of a namespace; an empty record if there is none."""
        return self.records.get(name, Record(name, False, ""))

    def link(self, name: str) -> Optional[FoundLink]:
        """The interface of the host with this name."""
        return next((one for one in self.links if one.name == name), None)

    def peer(self, name: str) -> Optional[FoundLink]:
        """The interface in the namespace with this name."""
        return next((one for one in self.inside.links if one.name == name), None)

    def inner_end(self, link: FoundLink) -> Optional[FoundLink]:
        """The other end of the pair with the host's end C(link); C(None) if it is not in the namespace."""
        return next((one for one in self.inside.links if link.is_end_of(one)), None)


@dataclass(frozen=True)
class Joined:
    """A service as its processes show it, for netns_info.

    C(network) is C(in) if all processes are in the namespace, C(out) if all are in the network of the host, C(none) without a process,
    else C(other). C(dns_current): the processes see the files of DNS that they would see after a restart. C(sockets) are the units whose
    sockets systemd opens for the service. C(local_peers) are the services of the host that it uses through the loopback interface.
    """

    network: str
    dns_current: bool = True
    sockets: Tuple[str, ...] = ()
    local_peers: Tuple[Listener, ...] = ()


@dataclass(frozen=True)
class Details:
    """A namespace with its listening sockets and its rules, for netns_info."""

    name: str
    state: State
    listening: Tuple[Listener, ...]
    rules: Tuple[Mapping[str, Any], ...]
