# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host after the plan of one namespace, for the plans of later namespaces in the same task. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator, Mapping, Set

from .addresses import FAMILIES
from .links import Link, made_links
from .network import settings_of_links, wanted_sysctls
from .resolve import Resolved
from .state import FoundRoute, Record, State


def beside(state: State, host: State) -> State:
    """The state of one namespace, on the host after the plans before it."""
    sysctls = {key: host.sysctls.get(key, value) for key, value in state.sysctls.items()}
    return replace(state, links=host.links, routes=host.routes, records=host.records, sysctls=sysctls)


def with_namespace(state: State, resolved: Resolved, new: Record, restored: Mapping[str, str]) -> State:
    """The host when the namespace is as wanted; C(restored) are settings of the host that get their former values."""
    wanted = {link.name: link for link in resolved.wanted.host_links}
    gone = {own for own in _made(state, new.name) if own not in wanted}
    kept = [link for link in state.links if link.name not in wanted]
    there = [link.later(state)[0] for link in wanted.values()]
    routes = [route for link in wanted.values() for route in _direct(link)]
    left = _without(replace(state, links=(*kept, *there)), gone)
    return replace(
        left,
        routes=(*(route for route in left.routes if route.link not in wanted), *routes),
        records={**state.records, new.name: new},
        sysctls={**settings_of_links(state, resolved), **restored, **wanted_sysctls(state, resolved)},
    )


def without_namespace(state: State, name: str, restored: Mapping[str, str]) -> State:
    """The host after the removal of the namespace."""
    return replace(
        _without(state, _made(state, name)),
        records={other: record for other, record in state.records.items() if other != name},
        sysctls={**state.sysctls, **restored},
    )


def _made(state: State, name: str) -> Set[str]:
    """The ends on the host that earlier runs made."""
    return {made.end.name for made in made_links(state, name).values() if not made.end.inside}


def _without(state: State, gone: Set[str]) -> State:
    links = tuple(link for link in state.links if link.name not in gone)
    return replace(state, links=links, routes=tuple(route for route in state.routes if route.link not in gone))


def _direct(link: Link) -> Iterator[FoundRoute]:
    """The kernel's own routes to the subnets of a link."""
    for family in FAMILIES:
        for network in dict.fromkeys(one.network for one in link.addresses if one.version == family):
            yield FoundRoute(str(network), family, link.name, protocol="kernel")
