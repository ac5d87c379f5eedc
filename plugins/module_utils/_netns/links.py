# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The links of a namespace: one class for each kind says how a link is made, found, checked, shown and removed. Pure.

To add a kind, write its class, and a row in L(KINDS). All other rooms go by the ends of a link.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Dict, Mapping, Optional, Protocol, Sequence, Tuple, Type

from .._core.errors import InputError
from .._core.plan import Command
from .addresses import FAMILIES, Interface, Network

_MTU = 1500
"""The MTU that the kernel gives a new link."""


@dataclass(frozen=True)
class FoundLink:
    """An interface as ip shows it. C(peer_index) is the number of the other end, or of the interface below, in another namespace, or 0.

    C(details) are the properties that only this kind of interface has.
    """

    index: int
    name: str
    kind: str = ""
    mtu: int = _MTU
    up: bool = False
    addresses: Tuple[str, ...] = ()
    peer_index: int = 0
    details: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def is_end_of(self, other: FoundLink) -> bool:
        """Whether the two interfaces are the ends of one veth pair."""
        return self.kind == other.kind == Veth.kind and self.peer_index == other.index and other.peer_index == self.index


class Interfaces(Protocol):
    """The interfaces of the host and of the namespace."""

    def link(self, name: str) -> Optional[FoundLink]:
        """An interface of the host."""

    def peer(self, name: str) -> Optional[FoundLink]:
        """An interface in the namespace."""

    def inner_end(self, link: FoundLink) -> Optional[FoundLink]:
        """The end in the namespace of a pair whose end on the host is given; C(None) if that end is elsewhere."""


@dataclass(frozen=True)
class End:
    """An interface that belongs to a link: C(inside) the namespace, or on the host."""

    name: str
    inside: bool
    addresses: Tuple[Interface, ...] = ()

    def where(self, namespace: str) -> Tuple[str, ...]:
        """The options by which ip works where the interface is."""
        return ("-n", namespace) if self.inside else ()

    def exists(self, namespace: str) -> Tuple[str, ...]:
        """The command that succeeds where the interface exists."""
        return ("ip", *self.where(namespace), "link", "show", "dev", self.name)

    def deletion(self, namespace: str) -> Command:
        """Remove the interface, and the other end with it.

        An interface that ip does not find any more, which is exit code 1, went with its namespace: that takes the kernel a while.
        """
        return Command(("ip", *self.where(namespace), "link", "delete", "dev", self.name), accept=(0, 1))


@dataclass(frozen=True)
class RecordedLink:
    """What the record says of a link: C(peers) are several while a peer is being renamed, C(addresses) are those of the end on the host."""

    name: str
    peers: Tuple[str, ...]
    addresses: Tuple[str, ...]


@dataclass(frozen=True)
class Link:
    """A link as a task wants it. C(name) is what the record and the diff call the link, C(peer) is its interface in the namespace."""

    kind: ClassVar[str]
    on_host: ClassVar[bool]
    """Whether the link has an end on the host, of the link's name, so that the host routes and filters what passes."""

    name: str
    peer: str
    addresses: Tuple[Interface, ...] = ()
    peer_addresses: Tuple[Interface, ...] = ()
    mtu: Optional[int] = None

    @property
    def below(self) -> Mapping[str, str]:
        """The interfaces of the host that the link lies on, by the options that name them."""
        return {}

    @property
    def ends(self) -> Tuple[End, ...]:
        """The interfaces of the link, the one in the namespace last."""
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

    def later(self, interfaces: Interfaces) -> Tuple[FoundLink, ...]:
        """The ends as they will be found when the link is as it is wanted."""
        numbers = range(-len(self.ends), 0)
        # The kernel has not numbered a new link yet; no interface has these numbers.
        new = [FoundLink(one, end.name, self.kind, peer_index=other) for end, one, other in zip(self.ends, numbers, numbers[::-1])]
        return tuple(
            replace(found, up=True, addresses=tuple(str(one) for one in end.addresses), mtu=self.mtu or found.mtu)
            for end, found in zip(self.ends, self.found(interfaces) or new)
        )

    def check(self, option: str) -> None:
        """
        :raises InputError: the addresses of the link cannot be right together.
        """
        raise NotImplementedError

    def creation(self, namespace: str) -> Tuple[str, ...]:
        """The command that makes the link."""
        raise NotImplementedError

    def found(self, interfaces: Interfaces) -> Tuple[FoundLink, ...]:
        """The ends as they are; none if the link does not lead from where it should to where it should."""
        raise NotImplementedError

    @classmethod
    def made(cls, interfaces: Interfaces, recorded: RecordedLink) -> Tuple[FoundLink, ...]:
        """The ends of a link of this kind that an earlier run made, those on the host first; none if the link is gone."""
        raise NotImplementedError

    @classmethod
    def shown(cls, ends: Sequence[FoundLink]) -> Dict[str, Any]:
        """The link in the diff."""
        raise NotImplementedError


@dataclass(frozen=True)
class Veth(Link):
    """A pair of interfaces: C(name) on the host, C(peer) in the namespace."""

    kind = "veth"
    on_host = True

    def check(self, option: str) -> None:
        """Both ends need addresses of the same families and subnets."""
        for family in FAMILIES:
            own, inner = self.own(family), self.inner(family)
            if (own is None) != (inner is None):
                side = "peer_addresses" if inner is None else "addresses"
                raise InputError(f"{option}.{side}", f"has no IPv{family} address, and the other end has one: families have to be the same")
        networks = [one.network for one in self.addresses]
        for one in self.peer_addresses:
            if one.ip in [other.ip for other in self.addresses]:
                raise InputError(f"{option}.peer_addresses", f"{one.ip} is the address of the host's end")
            if not any(one.version == net.version and one.ip in net for net in networks):
                listed = ", ".join(str(net) for net in networks) or "none"
                raise InputError(f"{option}.peer_addresses", f"{one} is in none of the subnets of the host's end: {listed}")

    def creation(self, namespace: str) -> Tuple[str, ...]:
        """Both ends in one step: there is never a pair with an end in the wrong place."""
        return ("ip", "link", "add", "name", self.name, "type", "veth", "peer", "name", self.peer, "netns", namespace)

    def found(self, interfaces: Interfaces) -> Tuple[FoundLink, ...]:
        """Both ends."""
        own = interfaces.link(self.name)
        inner = interfaces.inner_end(own) if own is not None else None
        return (own, inner) if own is not None and inner is not None and inner.name == self.peer else ()

    @classmethod
    def made(cls, interfaces: Interfaces, recorded: RecordedLink) -> Tuple[FoundLink, ...]:
        """Both ends, or the one on the host.

        The other end can be in a namespace that lost its name, and lives on for the processes in it.
        """
        own = interfaces.link(recorded.name)
        if own is None or own.kind != cls.kind:
            return ()
        inner = interfaces.inner_end(own)
        if inner is not None:
            return own, inner
        return (own,) if recorded.addresses and set(recorded.addresses) == set(own.addresses) else ()

    @classmethod
    def shown(cls, ends: Sequence[FoundLink]) -> Dict[str, Any]:
        """The end on the host, and the other one in it."""
        own, *inner = ends
        return {**shown_end(own), "peer": {"name": inner[0].name, **shown_end(inner[0])} if inner else None}


def shown_end(end: FoundLink) -> Dict[str, Any]:
    """One end in the diff."""
    return {"addresses": sorted(end.addresses), "mtu": end.mtu, "up": end.up}


KINDS: Tuple[Type[Link], ...] = (Veth,)


@dataclass(frozen=True)
class Made:
    """A link of the host that an earlier run made."""

    name: str
    kind: Type[Link]
    ends: Tuple[FoundLink, ...]

    @property
    def end(self) -> End:
        """The end by which the link is removed."""
        return End(self.ends[0].name, not self.kind.on_host)

    def shown(self) -> Dict[str, Any]:
        """The link in the diff."""
        return self.kind.shown(self.ends)


def find_made(interfaces: Interfaces, recorded: RecordedLink) -> Optional[Made]:
    """The link, of whatever kind; C(None) if the link is gone, or others use its name now."""
    kinds = ((kind, kind.made(interfaces, recorded)) for kind in KINDS)
    return next((Made(recorded.name, kind, ends) for kind, ends in kinds if ends), None)
