# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules are shown as nft prints them, and what is not known stays whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._netns.rule_text import rule_text


def match(left: Any, right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ([match({"meta": {"key": "iifname"}}, "v-web"), {"accept": None}], "iifname v-web accept"),
        (
            [match({"meta": {"key": "oifname"}}, "v-web", "!="), {"counter": {"bytes": 5, "packets": 1}}, {"drop": None}],
            "oifname != v-web counter drop",
        ),
        ([match({"payload": {"protocol": "tcp", "field": "dport"}}, {"range": [80, 90]}), "counter"], "tcp dport 80-90 counter"),
        ([match({"ct": {"key": "state"}}, {"set": ["established", "related"]}, "in")], "ct state { established, related }"),
        ([match({"payload": {"protocol": "ip", "field": "daddr"}}, {"prefix": {"addr": "10.0.0.0", "len": 8}})], "ip daddr 10.0.0.0/8"),
        ([match({"fib": {"flags": "daddr", "result": "type"}}, "local")], "fib daddr type local"),
        ([match({"fib": {"flags": ["daddr", "iif"], "result": "type"}}, "local")], "fib daddr . iif type local"),
        ([{"dnat": {"addr": "fd00::2", "family": "ip6", "port": 80}}], "dnat ip6 to [fd00::2]:80"),
        ([{"mangle": {"key": {"meta": {"key": "pkttype"}}, "value": "host"}}], "meta pkttype set host"),
        ([{"dnat": {"addr": "10.0.0.2", "port": 80}}, {"jump": {"target": "web"}}], "dnat to 10.0.0.2:80 jump web"),
    ],
)
def test_what_the_module_writes_is_text(rule: list[Any], text: str) -> None:
    assert rule_text(rule) == text


@pytest.mark.parametrize("one", [{"limit": {"rate": 5}}, {"meta": 1, "x": 2}, {"log": {"prefix": "a"}}])
def test_what_is_not_known_stays_whole(one: dict[str, Any]) -> None:
    assert json.loads(rule_text([one])) == one
    left = {"osf": {"key": "name"}}
    assert json.dumps(left) in rule_text([match(left, "Linux")])
