# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wanted namespaces of a task. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, Sequence, Tuple

from .addresses import DEFAULT, FAMILIES, KERNEL_METRIC, Forward, RouteKey
from .links import Link

AUTO = "auto"
NONE = "none"


@dataclass(frozen=True)
class Route:
    """A route in the namespace; C(to) is C(default) or a network."""

    to: str
    via: Optional[str]
    link: str
    family: int
    metric: int

    @property
    def key(self) -> RouteKey:
        """Family, destination and metric."""
        return self.family, self.to, self.metric


@dataclass(frozen=True)
class Nat:
    """The address translation of a namespace. C(masquerade) are interfaces of the host, C(auto) or C(none)."""

    masquerade: Tuple[str, ...] = (AUTO,)
    forwards: Tuple[Forward, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """A wanted namespace; a part that is C(None) gets a default that depends on the host.

    C(prefix) is put before the names of options in errors, such as C(namespaces[0].).
    """

    name: str
    state: str = "present"
    links: Tuple[Link, ...] = ()
    routes: Optional[Tuple[Route, ...]] = None
    dns: Optional[Tuple[str, ...]] = None
    dns_search: Tuple[str, ...] = ()
    nat: Optional[Nat] = None
    host_access: bool = False
    host_ports: Tuple[Forward, ...] = ()
    peers: Tuple[str, ...] = ()
    persist: bool = True
    firewall: str = AUTO
    force: bool = False
    services: Tuple[str, ...] = ()
    default_subnet: bool = False
    prefix: str = field(default="", compare=False)

    @property
    def host_links(self) -> Tuple[Link, ...]:
        """The links that have an end on the host."""
        return tuple(link for link in self.links if link.on_host)

    @property
    def forwards(self) -> Tuple[Forward, ...]:
        """The ports that lead into the namespace."""
        return self.nat.forwards if self.nat is not None else ()

    def families(self) -> Tuple[int, ...]:
        """The address families of the links: a link has them at both ends."""
        return tuple(family for family in FAMILIES if self.link_of(family) is not None)

    def link_of(self, family: int) -> Optional[Link]:
        """The link by which packets of a family leave and enter the namespace."""
        return next((link for link in self.links if link.own(family) and link.inner(family)), None)

    def all_routes(self) -> Tuple[Route, ...]:
        """The routes in the namespace: the task's routes, or one default route for each family."""
        if self.routes is not None:
            return self.routes
        ways = ((family, link, link.own(family)) for family in FAMILIES for link in [self.link_of(family)] if link is not None)
        return tuple(Route(DEFAULT, str(own.ip), link.peer, family, KERNEL_METRIC[family]) for family, link, own in ways if own is not None)


def is_one(all_wanted: Sequence[Wanted]) -> bool:
    """Whether a task names a single namespace, at the top level and not in a list."""
    return [wanted.prefix for wanted in all_wanted] == [""]
