# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for throughput: rates at the layers of a network, and the rounds of a matrix."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Sequence

from ansible.errors import AnsibleFilterError

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.layers import LAYERS, Layers
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.layers import as_iftop as show_as_iftop
from ansible_collections.fleetlab.linux.plugins.plugin_utils._throughput.report import RENDERERS
from ansible_collections.fleetlab.linux.plugins.plugin_utils._throughput.schedule import check_speed, plan_rounds, turns_of


def _number(name: str, rate: Any) -> float:
    try:
        return float(rate)
    except (TypeError, ValueError):
        raise AnsibleFilterError(f"{name}: {rate!r} is not a rate in bit/s, such as 9.4e9") from None


def _layers(name: str, mtu: int, timestamps: bool, ipv6: bool, vlan: bool) -> Layers:
    layers = Layers(int(mtu), timestamps, ipv6, vlan)
    if not layers.headers < layers.mtu <= 65536:
        raise AnsibleFilterError(f"{name}: mtu: {mtu!r} is not the MTU of an interface, such as 1500 or 9000")
    return layers


def _layer(name: str, layer: str) -> str:
    if layer not in LAYERS:
        raise AnsibleFilterError(f"{name}: layer: {layer!r} is unknown; use one of {', '.join(LAYERS)}")
    return layer


def payload_rate(rate: Any, mtu: int = 1500, layer: str = "wire", timestamps: bool = True, ipv6: bool = False, vlan: bool = False) -> float:
    """The payload of TCP in a rate at another layer."""
    layers = _layers("payload_rate", mtu, timestamps, ipv6, vlan)
    return layers.convert(_number("payload_rate", rate), _layer("payload_rate", layer), "payload")


def wire_rate(rate: Any, mtu: int = 1500, layer: str = "payload", timestamps: bool = True, ipv6: bool = False, vlan: bool = False) -> float:
    """The rate of the wire for a rate at another layer."""
    layers = _layers("wire_rate", mtu, timestamps, ipv6, vlan)
    return layers.convert(_number("wire_rate", rate), _layer("wire_rate", layer), "wire")


def as_iftop(rate: Any, mtu: int = 1500, layer: str = "payload", timestamps: bool = True, ipv6: bool = False, vlan: bool = False) -> str:
    """A rate as iftop shows it."""
    layers = _layers("as_iftop", mtu, timestamps, ipv6, vlan)
    return show_as_iftop(layers.convert(_number("as_iftop", rate), _layer("as_iftop", layer), "ip"))


def throughput_rounds(hosts: Sequence[str], one: str = "", rate: str = "", full_speed: bool = True) -> List[List[List[str]]]:
    """Rounds of disjoint pairs."""
    if isinstance(hosts, str):
        raise AnsibleFilterError(f"throughput_rounds: expected a list of names, got the text {hosts!r}; put it in brackets")
    try:
        rounds = plan_rounds(hosts, one)
        check_speed(hosts, one, rate, full_speed)
    except FleetlabError as error:
        raise AnsibleFilterError(str(error)) from error
    return [[list(pair) for pair in pairs] for pairs in rounds]


def throughput_turns(
    rounds: Sequence[Sequence[Sequence[str]]], hostvars: Mapping[str, Any], host: str, port: int, checked: bool = False
) -> List[Dict[str, Any]]:
    """See L(turns_of)."""
    try:
        return turns_of(host, [[(pair[0], pair[1]) for pair in pairs] for pairs in rounds], hostvars, int(port), checked)
    except FleetlabError as error:
        raise AnsibleFilterError(str(error)) from error


def throughput_report(matrix: Mapping[str, Any], form: str = "table") -> str:
    """A matrix as text in one of several forms."""
    if form not in RENDERERS:
        raise AnsibleFilterError(f"throughput_report: form: {form!r} is unknown; use one of {', '.join(RENDERERS)}")
    return RENDERERS[form](matrix)


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> Dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {
            "as_iftop": as_iftop,
            "payload_rate": payload_rate,
            "throughput_report": throughput_report,
            "throughput_rounds": throughput_rounds,
            "throughput_turns": throughput_turns,
            "wire_rate": wire_rate,
        }
