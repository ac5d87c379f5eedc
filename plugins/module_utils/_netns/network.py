# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps that build a namespace, or change an existing namespace to the wanted one. Pure.

At boot, the service of the namespace carries out the steps of the plan for an empty host.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .._core.plan import Command, Operation, Step
from .addresses import KERNEL_METRIC
from .batching import ip_batch
from .firewall.plan import inside_steps, opening_steps, own_steps
from .links import End, Link, made_links
from .names import GATE, IP6_FORWARD, IP_FORWARD, is_of_link, only_unicast, route_localnet
from .resolve import Resolved
from .state import State


def network_stages(state: State, resolved: Resolved) -> Tuple[Tuple[Step, ...], ...]:
    """All steps except files, by stage. Rules are made before their links, so that no packet passes unfiltered."""
    name, firewall = resolved.wanted.name, state.firewall
    return (
        tuple(_namespace_steps(state, name)),
        tuple(own_steps(firewall, name, resolved.policy)),
        tuple(opening_steps(firewall, name, resolved.policy)),
        tuple(inside_steps(firewall, name, resolved.inside, resolved.policy.families if resolved.policy is not None else ())),
        tuple(_links_and_routes(state, resolved)),
    )


def _namespace_steps(state: State, name: str) -> Iterator[Step]:
    if not state.exists:
        yield ip_batch(Command(("ip", "netns", "add", name), unless=(("ip", "netns", "exec", name, "true"),)))


def _links_and_routes(state: State, resolved: Resolved) -> List[Step]:
    name = resolved.wanted.name
    steps: List[Step] = [*_outdated_routes(state, resolved), *dict.fromkeys(_outdated_links(state, resolved))]
    # Where nothing has to be removed first, ip carries out the commands of all namespaces together.
    fresh = not steps
    changed: List[str] = []
    for link in resolved.wanted.links:
        steps += _link_steps(state, name, link)
        changed += [link.peer] if _loses_routes(state, link) else []
    lo = state.peer("lo")
    if lo is None or not lo.up:
        steps.append(Command(("ip", "-n", name, "link", "set", "dev", "lo", "up")))
    steps += _neighbour_steps(state, resolved)
    steps += _route_steps(state, resolved, changed)
    if fresh:
        steps = [ip_batch(step) if isinstance(step, Command) else step for step in steps]
    now = settings_of_links(state, resolved)
    steps += setting_steps({key: value for key, value in wanted_sysctls(state, resolved).items() if now.get(key) != value})
    return steps


def setting_steps(settings: Mapping[str, str]) -> List[Operation]:
    """The steps that give settings of the host these values."""
    return [Operation("set_sysctl", {"key": key, "value": value}) for key, value in settings.items()]


def _outdated_links(state: State, resolved: Resolved) -> Iterator[Step]:
    """Remove links that only an earlier task declared, and links that do not connect the right places."""
    name = resolved.wanted.name
    kept = {link.name: link for link in resolved.wanted.links}
    for made in made_links(state, name).values():
        if made.name not in kept or not kept[made.name].found(state):
            yield made.end.deletion(name)
    for link in resolved.wanted.links:
        stray = state.peer(link.peer)
        # An end whose other end is on the host is removed with that end.
        if stray is not None and not link.found(state) and not any(stray.is_end_of(one) for one in state.links):
            yield link.ends[-1].deletion(name)


def _link_steps(state: State, name: str, link: Link) -> Iterator[Step]:
    there = link.found(state)
    if not there:
        yield Command(link.creation(name), unless=tuple(end.exists(name) for end in link.ends))
    for end, found in zip_longest(link.ends, there):
        way = end.where(name)
        if link.mtu is not None and (found is None or found.mtu != link.mtu):
            yield Command(("ip", *way, "link", "set", "dev", end.name, "mtu", str(link.mtu)))
        yield from _address_steps(way, end, found.addresses if found is not None else ())
        if found is None or not found.up:
            yield Command(("ip", *way, "link", "set", "dev", end.name, "up"))


def _loses_routes(state: State, link: Link) -> bool:
    """Whether the changes to the end in the namespace also remove the routes over that end."""
    asked = [str(one) for one in link.peer_addresses]
    inner = link.found(state)[-1:]
    return not inner or not inner[0].up or any(address not in asked for address in inner[0].addresses)


def _address_steps(way: Sequence[str], end: End, there: Sequence[str]) -> Iterator[Step]:
    asked = [str(one) for one in end.addresses]
    surplus = [address for address in there if address not in asked]
    for address in surplus:
        yield Command(("ip", *way, "address", "delete", address, "dev", end.name))
    for one in end.addresses:
        # With the first address of a subnet the kernel also removes the others.
        if str(one) not in there or surplus:
            # No address can be a duplicate, because no other host is on the link.
            options = ("nodad",) if one.version == 6 else ()
            yield Command(("ip", *way, "address", "replace", str(one), "dev", end.name, *options))


def gateways(state: State, resolved: Resolved) -> List[Tuple[str, str]]:
    """The addresses of the host to which the namespace sends by L(names.GATE); none with iptables, which has no rule that takes packets."""
    if state.firewall.kind != "nftables" or resolved.policy is None:
        return []
    found = [(link.peer, str(one.ip)) for link in resolved.wanted.host_links for one in link.addresses]
    found += [(route.link, route.via) for route in resolved.wanted.all_routes() if route.via is not None]
    peers = [link.peer for link in resolved.wanted.host_links if link.addresses]
    return sorted({one for one in found if one[0] in peers})


def _neighbour_steps(state: State, resolved: Resolved) -> Iterator[Step]:
    wanted = gateways(state, resolved)
    changed = [link.peer for link in resolved.wanted.links if not link.found(state)]
    name = resolved.wanted.name
    there = [(link, address) for link, address, ether in state.inside.neighbours if ether == GATE]
    for link, address in there:
        if (link, address) not in wanted and link not in changed and any(one.peer == link for one in resolved.wanted.links):
            # Without the address that an earlier step removes from the link, the kernel forgets its neighbors itself.
            yield Command(("ip", "-n", name, "neighbor", "delete", address, "dev", link), accept=(0, 2))
    for link, address in wanted:
        if link in changed or (link, address) not in there:
            yield Command(("ip", "-n", name, "neighbor", "replace", address, "lladdr", GATE, "nud", "permanent", "dev", link))


def _outdated_routes(state: State, resolved: Resolved) -> Iterator[Step]:
    """Remove routes that only an earlier task declared."""
    name = resolved.wanted.name
    wanted = [route.key for route in resolved.wanted.all_routes()]
    there = [one.key for one in state.inside.routes if one.protocol != "kernel"]
    for key in state.former(name).routes:
        if key not in wanted and key in there:
            family, to, metric = key
            # Without a metric the kernel removes the route with the lowest metric.
            words = ("metric", str(metric)) if metric else ()
            yield Command(("ip", "-n", name, f"-{family}", "route", "delete", to, *words))


def _route_steps(state: State, resolved: Resolved, changed: Sequence[str]) -> Iterator[Step]:
    name = resolved.wanted.name
    there = [(one.key, one.link, one.via) for one in state.inside.routes]
    for route in resolved.wanted.all_routes():
        if route.link in changed or (route.key, route.link, route.via) not in there:
            via = ("via", route.via) if route.via is not None else ()
            metric = ("metric", str(route.metric)) if route.metric != KERNEL_METRIC[route.family] else ()
            yield Command(("ip", "-n", name, f"-{route.family}", "route", "replace", route.to, *via, "dev", route.link, *metric))


def wanted_sysctls(state: State, resolved: Resolved) -> Dict[str, str]:
    """The settings of the host that the namespace needs, in the order in which they are made."""
    wanted = resolved.wanted
    found: Dict[str, str] = {}
    inner = wanted.link_of(4)
    for link in dict.fromkeys(peer for peer, _address in gateways(state, resolved)):
        found.update((only_unicast(one.name), "1") for one in wanted.host_links if one.peer == link)
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
    """The settings that keep the host's own IPv6 routes: without them a host that forwards IPv6 drops the routers that it has learned."""
    # This namespace also needs a setting that another namespace has changed, even after that one is removed.
    known = {key for one in state.records.values() for key in one.sysctls}
    keys = sorted(key for key in state.sysctls if key.endswith("/accept_ra"))
    return {key: "2" for key in keys if state.sysctls[key] == "1" or key in known}


def settings_of_links(state: State, resolved: Resolved) -> Dict[str, Optional[str]]:
    """The settings of the host after the links are made: the settings of a new link begin with 0."""
    new = [setting(link.name) for link in resolved.wanted.host_links if not link.found(state) for setting in (route_localnet, only_unicast)]
    return {key: "0" if key in new else value for key, value in state.sysctls.items()}


def changed_sysctls(state: State, resolved: Resolved) -> Mapping[str, str]:
    """The settings for the record, with their values before the first namespace changed them."""
    found = {}
    for key, value in wanted_sysctls(state, resolved).items():
        if is_of_link(key):
            continue
        known = [one.sysctls[key] for one in state.records.values() if key in one.sysctls]
        now = state.sysctls.get(key)
        if known or (now is not None and now != value):
            found[key] = known[0] if known else str(now)
    return found
