# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan of one namespace changes for those that the same task plans after it. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator, Mapping, Optional, Set

from .network import is_made_anew, settings_of_links, wanted_sysctls
from .settle import Settled
from .state import FoundLink, FoundRoute, Record, System
from .wanted import FAMILIES, Link

_OWN, _PEER = -1, -2
"""Numbers of the ends of a pair that the kernel has not numbered yet: none of those that are there has them."""


def beside(system: System, host: System) -> System:
    """What was read for one namespace, on the host as the plans before it leave it."""
    sysctls = {key: host.sysctls.get(key, value) for key, value in system.sysctls.items()}
    return replace(system, links=host.links, routes=host.routes, records=host.records, sysctls=sysctls)


def following(host: System, former: Optional[System]) -> System:
    """The host after one more plan, with the settings that earlier ones looked at too."""
    return host if former is None else replace(host, sysctls={**former.sysctls, **host.sysctls})


def with_namespace(system: System, settled: Settled, new: Record, restored: Mapping[str, str]) -> System:
    """The host when the namespace is as it is wanted; C(restored) are settings of the host that get their former values."""
    wanted = {link.name: link for link in settled.wanted.links}
    gone = {own for own in _made(system, new.name) if own not in wanted}
    kept = [link for link in system.links if link.name not in wanted]
    there = [_found(system, link) for link in wanted.values()]
    routes = [route for link in wanted.values() for route in _direct(link)]
    left = _without(replace(system, links=(*kept, *there)), gone)
    return replace(
        left,
        routes=(*(route for route in left.routes if route.link not in wanted), *routes),
        records={**system.records, new.name: new},
        sysctls={**settings_of_links(system, settled), **restored, **wanted_sysctls(system, settled)},
    )


def without_namespace(system: System, name: str, restored: Mapping[str, str]) -> System:
    """The host when nothing of it is left."""
    return replace(
        _without(system, set(_made(system, name))),
        records={other: record for other, record in system.records.items() if other != name},
        sysctls={**system.sysctls, **restored},
    )


def _made(system: System, name: str) -> Iterator[str]:
    former = system.records.get(name)
    return (own for own in (former.ends if former is not None else ()) if system.made(former, own) is not None)


def _without(system: System, gone: Set[str]) -> System:
    links = tuple(link for link in system.links if link.name not in gone)
    return replace(system, links=links, routes=tuple(route for route in system.routes if route.link not in gone))


def _found(system: System, link: Link) -> FoundLink:
    """The end on the host as it will be found."""
    found = system.link(link.name)
    if found is None or is_made_anew(system, link):
        found = FoundLink(_OWN, link.name, "veth", peer_index=_PEER)
    return replace(found, up=True, addresses=tuple(str(one) for one in link.addresses), mtu=link.mtu or found.mtu)


def _direct(link: Link) -> Iterator[FoundRoute]:
    """The kernel's own routes to its subnets."""
    for family in FAMILIES:
        for network in dict.fromkeys(one.network for one in link.addresses if one.version == family):
            yield FoundRoute(str(network), family, link.name, protocol="kernel")
