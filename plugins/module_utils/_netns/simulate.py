# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan of one namespace changes for those that the same task plans after it. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator, Mapping, Optional, Set

from .network import is_made_anew, settings_of_links, wanted_sysctls
from .resolve import Resolved
from .state import FoundLink, FoundRoute, Record, State
from .wanted import FAMILIES, Link

_OWN, _PEER = -1, -2
"""Numbers of the ends of a pair that the kernel has not numbered yet: none of those that are there has them."""


def beside(state: State, host: State) -> State:
    """What was read for one namespace, on the host as the plans before it leave it."""
    sysctls = {key: host.sysctls.get(key, value) for key, value in state.sysctls.items()}
    return replace(state, links=host.links, routes=host.routes, records=host.records, sysctls=sysctls)


def following(host: State, former: Optional[State]) -> State:
    """The host after one more plan, with the settings that earlier ones looked at too."""
    return host if former is None else replace(host, sysctls={**former.sysctls, **host.sysctls})


def with_namespace(state: State, resolved: Resolved, new: Record, restored: Mapping[str, str]) -> State:
    """The host when the namespace is as it is wanted; C(restored) are settings of the host that get their former values."""
    wanted = {link.name: link for link in resolved.wanted.links}
    gone = {own for own in _made(state, new.name) if own not in wanted}
    kept = [link for link in state.links if link.name not in wanted]
    there = [_found(state, link) for link in wanted.values()]
    routes = [route for link in wanted.values() for route in _direct(link)]
    left = _without(replace(state, links=(*kept, *there)), gone)
    return replace(
        left,
        routes=(*(route for route in left.routes if route.link not in wanted), *routes),
        records={**state.records, new.name: new},
        sysctls={**settings_of_links(state, resolved), **restored, **wanted_sysctls(state, resolved)},
    )


def without_namespace(state: State, name: str, restored: Mapping[str, str]) -> State:
    """The host when nothing of it is left."""
    return replace(
        _without(state, set(_made(state, name))),
        records={other: record for other, record in state.records.items() if other != name},
        sysctls={**state.sysctls, **restored},
    )


def _made(state: State, name: str) -> Iterator[str]:
    former = state.records.get(name)
    return (own for own in (former.ends if former is not None else ()) if state.made(former, own) is not None)


def _without(state: State, gone: Set[str]) -> State:
    links = tuple(link for link in state.links if link.name not in gone)
    return replace(state, links=links, routes=tuple(route for route in state.routes if route.link not in gone))


def _found(state: State, link: Link) -> FoundLink:
    """The end on the host as it will be found."""
    found = state.link(link.name)
    if found is None or is_made_anew(state, link):
        found = FoundLink(_OWN, link.name, "veth", peer_index=_PEER)
    return replace(found, up=True, addresses=tuple(str(one) for one in link.addresses), mtu=link.mtu or found.mtu)


def _direct(link: Link) -> Iterator[FoundRoute]:
    """The kernel's own routes to its subnets."""
    for family in FAMILIES:
        for network in dict.fromkeys(one.network for one in link.addresses if one.version == family):
            yield FoundRoute(str(network), family, link.name, protocol="kernel")
