# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The links of a namespace: one class for each kind, with the ways to create, find and check a link. Pure.

To add a kind, write its class, and add it to L(KINDS). All other rooms only use the ends of a link.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Dict, List, Mapping, Optional, Tuple, Type

from .._core.errors import InputError
from .._core.plan import Command
from .addresses import FAMILIES, Interface, Network
from .state import FoundLink, State


@dataclass(frozen=True)
class End:
    """An interface of a link. C(inside): it is in the namespace and not on the host."""

    name: str
    inside: bool
    addresses: Tuple[Interface, ...] = ()

    def where(self, namespace: str) -> Tuple[str, ...]:
        """The options of ip for the place of the interface: C(-n NAME) in a namespace, none on the host."""
        return ("-n", namespace) if self.inside else ()

    def exists(self, namespace: str) -> Tuple[str, ...]:
        """The command that succeeds if the interface exists."""
        return ("ip", *self.where(namespace), "link", "show", "dev", self.name)

    def deletion(self, namespace: str) -> Command:
        """The command that removes the interface, and its other end with it.

        Exit code 1 is accepted: ip no longer finds an interface that the kernel has removed with its namespace, which takes a while.
        """
        return Command(("ip", *self.where(namespace), "link", "delete", "dev", self.name), accept=(0, 1))


@dataclass(frozen=True)
class Link(ABC):
    """A wanted link. C(name) is its name in the record and the diff, C(peer) is its interface in the namespace.

    C(on_host): the link has an end with the link's name on the host, so that the host routes and filters its packets.
    """

    kind: ClassVar[str]
    on_host: ClassVar[bool]
    name: str
    peer: str
    addresses: Tuple[Interface, ...] = ()
    peer_addresses: Tuple[Interface, ...] = ()
    mtu: Optional[int] = None

    @property
    def below(self) -> Mapping[str, str]:
        """The interfaces of the host below the link, by the options that name them."""
        return {}

    @property
    def ends(self) -> Tuple[End, ...]:
        """The interfaces of the link; the interface in the namespace is last."""
        own = (End(self.name, False, self.addresses),) if self.on_host else ()
        return (*own, End(self.peer, True, self.peer_addresses))

    def own(self, family: int) -> Optional[Interface]:
        """The first address of the end on the host."""
        return next((one for one in self.addresses if one.version == family), None)

    def inner(self, family: int) -> Optional[Interface]:
        """The first address of the end in the namespace."""
        return next((one for one in self.peer_addresses if one.version == family), None)

    def networks(self, family: int) -> Tuple[Network, ...]:
        """The subnets of the link."""
        return tuple(sorted({one.network for one in self.addresses + self.peer_addresses if one.version == family}))

    def later(self, state: State) -> List[FoundLink]:
        """The ends as L(found) will return them when the link is as wanted."""
        numbers = range(-len(self.ends), 0)
        # The kernel has not numbered a new link yet; no interface has these numbers.
        new = [FoundLink(one, end.name, self.kind, peer_index=other) for end, one, other in zip(self.ends, numbers, numbers[::-1])]
        return [
            replace(found, up=True, addresses=tuple(str(one) for one in end.addresses), mtu=self.mtu or found.mtu)
            for end, found in zip(self.ends, self.found(state) or new)
        ]

    @abstractmethod
    def check(self, option: str) -> None:
        """
        :raises InputError: the options of the link contradict each other.
        """

    @abstractmethod
    def creation(self, namespace: str) -> Tuple[str, ...]:
        """The command that creates the link."""

    @abstractmethod
    def found(self, state: State) -> Tuple[FoundLink, ...]:
        """The existing ends; none if the link does not connect the right places."""

    @classmethod
    @abstractmethod
    def made(cls, state: State, name: str, addresses: List[str]) -> Tuple[FoundLink, ...]:
        """The ends of a link that an earlier run made; none if it no longer exists. C(addresses) are the recorded ones of its host end."""


@dataclass(frozen=True)
class Veth(Link):
    """A pair of interfaces: C(name) on the host, C(peer) in the namespace."""

    kind = "veth"
    on_host = True

    def check(self, option: str) -> None:
        for family in FAMILIES:
            own, inner = self.own(family), self.inner(family)
            if (own is None) != (inner is None):
                side = "peer_addresses" if inner is None else "addresses"
                raise InputError(f"{option}.{side}", f"has no IPv{family} address, and the other end has: give both the same families")
        networks = [one.network for one in self.addresses]
        for one in self.peer_addresses:
            if one.ip in [other.ip for other in self.addresses]:
                raise InputError(f"{option}.peer_addresses", f"{one.ip} is the address of the host's end")
            if not any(one.version == net.version and one.ip in net for net in networks):
                listed = ", ".join(str(net) for net in networks) or "none"
                raise InputError(f"{option}.peer_addresses", f"{one} is in none of the subnets of the host's end: {listed}")

    def creation(self, namespace: str) -> Tuple[str, ...]:
        # Both ends in one step, so that no end is ever in the wrong place.
        return ("ip", "link", "add", "name", self.name, "type", "veth", "peer", "name", self.peer, "netns", namespace)

    def found(self, state: State) -> Tuple[FoundLink, ...]:
        own = state.link(self.name)
        inner = state.inner_end(own) if own is not None else None
        return (own, inner) if own is not None and inner is not None and inner.name == self.peer else ()

    @classmethod
    def made(cls, state: State, name: str, addresses: List[str]) -> Tuple[FoundLink, ...]:
        own = state.link(name)
        if own is None or own.kind != cls.kind:
            return ()
        inner = state.inner_end(own)
        if inner is not None:
            return own, inner
        # The other end can be in a namespace that lost its name, and exists as long as processes use it.
        return (own,) if addresses and set(addresses) == set(own.addresses) else ()


KINDS: Tuple[Type[Link], ...] = (Veth,)


@dataclass(frozen=True)
class Made:
    """A link of the host that an earlier run made."""

    name: str
    kind: Type[Link]
    ends: Tuple[FoundLink, ...]

    @property
    def end(self) -> End:
        """The end whose deletion removes the link."""
        return End(self.ends[0].name, not self.kind.on_host)


def made_links(state: State, namespace: str) -> Dict[str, Made]:
    """The links that earlier runs made for the namespace, by name. Omitted are links that no longer exist, or whose name is reused."""
    former = state.former(namespace)
    found: Dict[str, Made] = {}
    for name in former.names:
        addresses = [address for link, address in former.addresses if link == name]
        kinds = ((kind, kind.made(state, name, addresses)) for kind in KINDS)
        found.update((name, Made(name, kind, ends)) for kind, ends in kinds if ends)
    return found
