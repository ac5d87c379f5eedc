# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replace the defaults that depend on the host: a free subnet, and the uplink. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from typing import Dict, Iterator, Optional, Tuple

from .._core.errors import InputError
from .addresses import DEFAULT, FAMILIES, Interface, Network, interface, network, overlap
from .firewall.inside import POOL, Rule, outside, rules
from .firewall.policy import Peer, Policy, Uplinks, make_policy
from .links import Link
from .state import State
from .wanted import AUTO, NONE, Wanted

_POOL_PREFIX = 24
_POOL: Tuple[Network, ...] = (*POOL.subnets(new_prefix=_POOL_PREFIX),)[1:-1]


@dataclass(frozen=True)
class Resolved:
    """A declaration without open defaults. C(policy) is None if no link has an end on the host. C(inside) is the namespace's own filter."""

    wanted: Wanted
    uplinks: Uplinks = field(default_factory=dict)
    policy: Optional[Policy] = None
    inside: Tuple[Rule, ...] = ()


def resolve_defaults(state: State, wanted: Wanted) -> Resolved:
    """The declaration with the defaults of this host.

    :raises InputError: no subnet is free, or the default subnet does not fit the uplink.
    """
    if wanted.default_subnet:
        wanted = replace(wanted, links=(_with_subnet(state, wanted.name, wanted.links[0]),))
    defaults = _default_uplinks(state, wanted)
    uplinks = _uplinks(wanted, defaults)
    policy = make_policy(wanted, uplinks, tuple(_peer(state, name) for name in wanted.peers), defaults)
    beyond = outside(state, wanted, sorted({one for some in uplinks.values() for one in some}))
    return Resolved(wanted, uplinks, policy, rules(wanted, policy, beyond))


def _peer(state: State, name: str) -> Peer:
    found = state.records.get(name)
    if found is None:
        known = ", ".join(sorted(state.records)) or "none"
        raise InputError("peers", f"there is no namespace {name} that this module made, only: {known}. Declare it first")
    return Peer(found.names, found.forwards)


def _with_subnet(state: State, name: str, link: Link) -> Link:
    former = state.former(name)
    if former.default_subnet:
        kept = [interface(address) for own, address in former.addresses if own == link.name]
        if kept:
            return _both_ends(link, kept[0])
    taken = {net for net in taken_networks(state, name) if net.version == 4}
    # Networks that are not larger than a subnet of the pool are looked up, because a host with many namespaces has many of these.
    inside = {net.supernet(new_prefix=_POOL_PREFIX) for net in taken if net.prefixlen >= _POOL_PREFIX}
    around = [net for net in taken if net.prefixlen < _POOL_PREFIX]
    for net in _POOL:
        if net not in inside and not any(overlap(net, other) for other in around):
            return _both_ends(link, ipaddress.ip_interface(f"{net.network_address + 1}/{net.prefixlen}"))
    raise InputError("links", f"no subnet of {_POOL[0]} to {_POOL[-1]} is free on this host: name the addresses of both ends")


def _both_ends(link: Link, own: Interface) -> Link:
    return replace(link, addresses=(own,), peer_addresses=(ipaddress.ip_interface(f"{own.ip + 1}/{own.network.prefixlen}"),))


def taken_networks(state: State, name: str) -> Iterator[Network]:
    """The subnets in which this host has a route or an address, or that belong to other namespaces."""
    own = state.former(name).names
    for route in state.routes:
        if route.to != DEFAULT and route.link not in own:
            yield network(route.to)
    for link in state.links:
        if link.name not in own:
            for address in link.addresses:
                yield interface(address).network
    for other in state.records.values():
        if other.name != name:
            for _link, address in other.addresses:
                yield interface(address).network


def _default_uplinks(state: State, wanted: Wanted) -> Uplinks:
    """The interfaces of the default routes with the lowest metric; such a route may have several next hops."""
    own = [link.name for link in wanted.host_links]
    found: Dict[int, Tuple[str, ...]] = {}
    for family in FAMILIES:
        ways = [one for one in state.routes if one.family == family and one.to == DEFAULT and one.link not in ("", *own)]
        if ways:
            least = min(one.metric or 0 for one in ways)
            found[family] = tuple(dict.fromkeys(one.link for one in ways if (one.metric or 0) == least))
    return found


def _uplinks(wanted: Wanted, defaults: Uplinks) -> Uplinks:
    if wanted.nat is None or wanted.nat.masquerade == (NONE,):
        return {}
    if wanted.nat.masquerade != (AUTO,):
        return dict.fromkeys(FAMILIES, wanted.nat.masquerade)
    if list(defaults) == [6] and wanted.default_subnet:
        raise InputError(
            "links",
            "this host has a default route for IPv6 only, and the default subnet is one of IPv4: name IPv6 addresses of both ends in links,"
            " or an interface or none in nat.masquerade",
        )
    # Without a default route nothing leaves, as with none: the room checks warns of it.
    return {family: defaults.get(family) or next(iter(defaults.values())) for family in FAMILIES} if defaults else {}
