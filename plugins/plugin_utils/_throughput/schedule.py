# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who measures whom and when, in a matrix of hosts. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError, RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.rounds import Pair, from_one, make_rounds
from ansible_collections.fleetlab.linux.plugins.plugin_utils._throughput.matrix import CHECKED
from ansible_collections.fleetlab.linux.plugins.plugin_utils._throughput.pair import address_of

MOST_AT_FULL_SPEED = 8
ADDRESS = "throughput_own_address"
"""The fact in which the role keeps the address of each host."""


def plan_rounds(hosts: Sequence[str], one: str = "") -> List[List[Pair]]:
    """All pairs of the hosts, or those of one host with each of the others.

    :raises InputError: there are no two hosts, or the one is none of them.
    """
    if len(set(hosts)) < 2 or len(set(hosts)) != len(hosts):
        raise InputError("throughput_hosts", f"{', '.join(hosts) or 'no host'}: name two hosts or more, each once. Nothing was sent")
    if one and one not in hosts:
        raise InputError("throughput_from", f"{one} is none of {', '.join(hosts)}. Nothing was sent")
    return from_one(one, [host for host in hosts if host != one]) if one else make_rounds(hosts)


def check_speed(hosts: Sequence[str], one: str, rate: str, full_speed: bool) -> None:
    """Refuse to fill the network of many hosts without being asked to by name.

    :raises RefusedError: many hosts, and no cap.
    """
    if len(hosts) > MOST_AT_FULL_SPEED and not one and not rate and not full_speed:
        raise RefusedError(
            f"throughput of {len(hosts)} hosts",
            f"up to {len(hosts) // 2} pairs at once would send as fast as they can",
            "Nothing was sent; set throughput_rate, such as 200M, or set throughput_full_speed to true if the network is free for it",
        )


def turns_of(
    host: str, rounds: Sequence[Sequence[Pair]], hostvars: Mapping[str, Mapping[str, Any]], port: int, checked: bool = False
) -> List[Dict[str, Any]]:
    """The turns of one host. The number of a turn is that of its round, so both hosts of a pair know it.

    :arg checked: whether to leave out the pairs of hosts that failed the check, for which their partners would only wait.
    """
    turns: List[Dict[str, Any]] = []
    for number, pairs in enumerate(rounds):
        for connecting, listening in pairs:
            peer = listening if host == connecting else connecting
            if host not in (connecting, listening) or (checked and "plan" not in hostvars[peer].get(CHECKED, {})):
                continue
            variables = hostvars[listening]
            turns.append(
                {
                    "number": number,
                    "peer": peer,
                    "act": "connect" if host == connecting else "listen",
                    "address": address_of(listening, variables, variables.get(ADDRESS)),
                    "port": port,
                }
            )
    return turns
