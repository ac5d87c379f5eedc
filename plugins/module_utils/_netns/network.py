# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps that build a namespace, or bring one that is there to what is wanted. Pure.

From nothing they are also what its service does at boot.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .._core.plan import Command, Operation, Step
from .firewall.plan import opening_steps, own_steps
from .observe import IP6_FORWARD, IP_FORWARD, route_localnet
from .resolve import Resolved
from .state import FoundLink, FoundRoute, State
from .wanted import KERNEL_METRIC, Interface, Link, Route


def network_steps(state: State, resolved: Resolved) -> Tuple[Step, ...]:
    """Everything but the files."""
    return tuple(step for stage in network_stages(state, resolved) for step in stage)


def network_stages(state: State, resolved: Resolved) -> Tuple[Tuple[Step, ...], ...]:
    """The same by stages. The rules come before the links that they are for: nothing passes unfiltered in between."""
    name, firewall = resolved.wanted.name, state.firewall
    return (
        tuple(_namespace_steps(state, name)),
        tuple(own_steps(firewall, name, resolved.policy)),
        tuple(opening_steps(firewall, name, resolved.policy)),
        tuple(_links_and_routes(state, resolved)),
    )


def _namespace_steps(state: State, name: str) -> Iterator[Step]:
    if not state.exists:
        yield Command(("ip", "netns", "add", name))
    lo = state.peer("lo")
    if lo is None or not lo.up:
        yield Command(("ip", "-n", name, "link", "set", "dev", "lo", "up"))


def _links_and_routes(state: State, resolved: Resolved) -> List[Step]:
    name = resolved.wanted.name
    steps: List[Step] = [*_outdated_routes(state, resolved), *_outdated_links(state, resolved)]
    changed: List[str] = []
    for link in resolved.wanted.links:
        steps += _link_steps(state, name, link)
        changed += [link.peer] if _loses_routes(state, link) else []
    steps += _route_steps(state, resolved, changed)
    steps += [Operation("set_sysctl", {"key": key, "value": value}) for key, value in _sysctls_to_set(state, resolved)]
    return steps


def _outdated_links(state: State, resolved: Resolved) -> Iterator[Step]:
    """Links that an earlier task asked for and this one does not, and those that do not lead where they should."""
    name = resolved.wanted.name
    former = state.records.get(name)
    kept = {link.name: link for link in resolved.wanted.links}
    for own in former.ends if former is not None else ():
        if state.made(former, own) is not None and (own not in kept or is_made_anew(state, kept[own])):
            yield link_deletion(own)
    for link in resolved.wanted.links:
        stray = state.peer(link.peer)
        # An end whose other one is on the host goes with that.
        if stray is not None and not any(stray.is_end_of(one) for one in state.links):
            yield Command(("ip", "-n", name, "link", "delete", "dev", link.peer))


def link_deletion(own: str) -> Command:
    """Remove a pair by its end on the host.

    One that ip does not find any more, which is exit code 1, went with its namespace: that takes the kernel a while.
    """
    return Command(("ip", "link", "delete", "dev", own), accept=(0, 1))


def _link_steps(state: State, name: str, link: Link) -> Iterator[Step]:
    own = state.link(link.name)
    inner = state.inner_end(own) if own is not None else None
    if is_made_anew(state, link):
        # Both ends in one step: there is never a pair with an end in the wrong place.
        yield Command(("ip", "link", "add", "name", link.name, "type", "veth", "peer", "name", link.peer, "netns", name))
        own, inner = None, None
    for way, device, found, addresses in (
        ((), link.name, own, link.addresses),
        (("-n", name), link.peer, inner, link.peer_addresses),
    ):
        if link.mtu is not None and (found is None or found.mtu != link.mtu):
            yield Command(("ip", *way, "link", "set", "dev", device, "mtu", str(link.mtu)))
        yield from _address_steps(way, device, found, addresses)
        if found is None or not found.up:
            yield Command(("ip", *way, "link", "set", "dev", device, "up"))


def is_made_anew(state: State, link: Link) -> bool:
    """Whether the pair is not there as it is wanted, from this host's end to the one inside."""
    own = state.link(link.name)
    inner = state.inner_end(own) if own is not None else None
    return inner is None or inner.name != link.peer


def _loses_routes(state: State, link: Link) -> bool:
    """Whether the routes over the end inside go with what is done to it."""
    own = state.link(link.name)
    inner = state.inner_end(own) if own is not None else None
    asked = [str(one) for one in link.peer_addresses]
    return inner is None or is_made_anew(state, link) or not inner.up or any(address not in asked for address in inner.addresses)


def _address_steps(way: Sequence[str], device: str, found: Optional[FoundLink], wanted: Sequence[Interface]) -> Iterator[Step]:
    there = found.addresses if found is not None else ()
    asked = [str(one) for one in wanted]
    surplus = [address for address in there if address not in asked]
    for address in surplus:
        yield Command(("ip", *way, "address", "delete", address, "dev", device))
    for one in wanted:
        # With the first address of a subnet the kernel takes away the others as well.
        if str(one) not in there or surplus:
            # Nobody else is on the link whom an address could be a duplicate of.
            options = ("nodad",) if one.version == 6 else ()
            yield Command(("ip", *way, "address", "replace", str(one), "dev", device, *options))


def _outdated_routes(state: State, resolved: Resolved) -> Iterator[Step]:
    """Routes that an earlier task asked for and this one does not."""
    name = resolved.wanted.name
    wanted = [route.key for route in resolved.wanted.all_routes()]
    there = [one.key for one in state.inside.routes if one.protocol != "kernel"]
    former = state.records.get(name)
    for key in former.routes if former is not None else ():
        if key not in wanted and key in there:
            family, to, metric = key
            # Of several the kernel takes the one with the lowest metric, unless it is told which.
            words = ("metric", str(metric)) if metric else ()
            yield Command(("ip", "-n", name, f"-{family}", "route", "delete", to, *words))


def _route_steps(state: State, resolved: Resolved, changed: Sequence[str]) -> Iterator[Step]:
    name = resolved.wanted.name
    for route in resolved.wanted.all_routes():
        if route.link in changed or not any(_is_same(route, one) for one in state.inside.routes):
            via = ("via", route.via) if route.via is not None else ()
            metric = ("metric", str(route.metric)) if route.metric != KERNEL_METRIC[route.family] else ()
            yield Command(("ip", "-n", name, f"-{route.family}", "route", "replace", route.to, *via, "dev", route.link, *metric))


def _is_same(route: Route, found: FoundRoute) -> bool:
    return (route.key, route.link, route.via) == (found.key, found.link, found.via)


def wanted_sysctls(state: State, resolved: Resolved) -> Dict[str, str]:
    """The settings of the host that the namespace needs, in the order in which they are made."""
    wanted = resolved.wanted
    found: Dict[str, str] = {}
    inner = wanted.link_of(4)
    if wanted.forwards and inner is not None:
        found[route_localnet(inner.name)] = "1"
    if wanted.nat is None:
        return found
    if 6 in wanted.families():
        found.update(_keep_listening(state))
        found[IP6_FORWARD] = "1"
    if 4 in wanted.families():
        found[IP_FORWARD] = "1"
    return found


def _keep_listening(state: State) -> Dict[str, str]:
    """A host that forwards IPv6 forgets the routers that it has heard of, and its own way out with them, unless it is told not to."""
    # One that another namespace has changed is needed by this one as well, also when the other goes.
    known = {key for one in state.records.values() for key in one.sysctls}
    keys = sorted(key for key in state.sysctls if key.endswith("/accept_ra"))
    return {key: "2" for key in keys if state.sysctls[key] == "1" or key in known}


def settings_of_links(state: State, resolved: Resolved) -> Dict[str, Optional[str]]:
    """The settings of the host when the links are there: those of a link that is made anew begin with 0."""
    new = [route_localnet(link.name) for link in resolved.wanted.links if is_made_anew(state, link)]
    return {key: "0" if key in new else value for key, value in state.sysctls.items()}


def _sysctls_to_set(state: State, resolved: Resolved) -> List[Tuple[str, str]]:
    found = settings_of_links(state, resolved)
    return [(key, value) for key, value in wanted_sysctls(state, resolved).items() if found.get(key) != value]


def changed_sysctls(state: State, resolved: Resolved) -> Mapping[str, str]:
    """The settings for the record, with what they were before the first of our namespaces that needs them changed them."""
    found = {}
    for key, value in wanted_sysctls(state, resolved).items():
        if key.endswith("/route_localnet"):
            continue
        known = [one.sysctls[key] for one in state.records.values() if key in one.sysctls]
        now = state.sysctls.get(key)
        if known or (now is not None and now != value):
            found[key] = known[0] if known else str(now)
    return found
