# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tracked flows of UDP go a way that the rules of a namespace no longer give them? Pure.

The kernel translates only the first packet of a flow by the rules, and accepts the others as established. A client of UDP that keeps its
port, such as syslog, would go the old way for ever: to the host where a forward is new, and into the namespace where a forward is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from ..._host.conntrack import Flow
from ..addresses import Forward, interface, within
from ..state import State
from .policy import Policy, Target

_UDP = "udp"


@dataclass(frozen=True)
class Ways:
    """The ways of UDP from and to the namespace C(name). C(nets) are its subnets, now and before, C(policy) is C(None) if it is removed.

    C(local) are the addresses of the host, C(elsewhere) those of interfaces by which nothing of the namespace leaves.
    """

    name: str
    nets: Tuple[str, ...]
    policy: Optional[Policy]
    local: Tuple[str, ...]
    elsewhere: Tuple[str, ...]


def make_ways(state: State, name: str, policy: Optional[Policy]) -> Ways:
    """The ways of a namespace, whose former subnets are in its record."""
    former = [str(interface(address).network) for _link, address in state.former(name).addresses]
    sources = policy.sources if policy is not None else ()
    targets = policy.targets if policy is not None else ()
    uplinks = {one.uplink for one in sources}
    local = [(link.name, str(interface(one).ip)) for link in state.links for one in (*link.addresses, *link.learned)]
    return Ways(
        name=name,
        nets=tuple(dict.fromkeys([*former, *(one.network for one in sources), *(one.network for one in targets)])),
        policy=policy,
        local=tuple(dict.fromkeys([*(address for _link, address in local), "127.0.0.1"])),
        elsewhere=tuple(address for link, address in local if link not in uplinks),
    )


def is_stale(flow: Flow, ways: Ways) -> bool:
    """Whether a new flow with the same first packet would go another way, or none."""
    to_inside, from_inside, by_inside = (_inside(address, ways) for address in (flow.to, flow.source, flow.answers))
    if flow.translated and by_inside:
        return not any(_leads(target, flow) for target in _targets(ways))
    if from_inside:
        return _leaves_wrongly(flow, ways)
    if flow.to in ways.local and not flow.translated:
        return any(target.family == flow.family and _takes(target, flow) for target in _targets(ways))
    # Only the host itself reaches the namespace by its own address.
    return to_inside and flow.source not in ways.local


def concerns(flow: Flow, ways: Ways) -> bool:
    """Whether a flow goes from or to the namespace."""
    return any(_inside(address, ways) for address in (flow.source, flow.to, flow.answers))


def _inside(address: str, ways: Ways) -> bool:
    return address not in ways.local and any(within(address, net) for net in ways.nets)


def has_forwards(ways: Ways) -> bool:
    """Whether ports of UDP lead into the namespace."""
    return bool(_targets(ways))


def _targets(ways: Ways) -> Tuple[Target, ...]:
    return tuple(one for one in ways.policy.targets if one.forward.protocol == _UDP) if ways.policy is not None else ()


def _takes(target: Target, flow: Flow) -> bool:
    return target.forward.takes(flow.source, flow.to, flow.port) and (not target.source or within(flow.source, target.source))


def _leads(target: Target, flow: Flow) -> bool:
    if (target.family, target.address) != (flow.family, flow.answers) or not _takes(target, flow):
        return False
    return flow.answers_port == (flow.port if target.forward.to_port is None else target.forward.to_port)


def _leaves_wrongly(flow: Flow, ways: Ways) -> bool:
    """Whether a flow that the namespace began may not leave any more."""
    policy = ways.policy
    if policy is None:
        return True
    if flow.translated:
        return not any(_named(one, flow.port) for peer in policy.peers for one in peer.forwards)
    if flow.to in ways.local:
        servers = [server for _family, server in policy.name_servers]
        by_name = any(_named(one, flow.port) for one in policy.host_ports) or (flow.port == 53 and flow.to in servers)
        return not policy.host_access and not by_name
    masqueraded = any(one.family == flow.family and within(flow.source, one.network) for one in policy.sources)
    return not masqueraded or flow.returns in ways.elsewhere


def _named(one: Forward, port: int) -> bool:
    return one.protocol == _UDP and one.first <= port <= one.last
