# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of ip, nft, iptables and /proc, on what they have printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._netns import record
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.addresses import Forward
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.firewall import foreign, iptables, nftables
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.names import GATE
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.observe import require_capabilities
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.parse import (
    controller_of,
    only_loopback_servers,
    parse_all_routes,
    parse_answers,
    parse_json,
    parse_links,
    parse_neighbours,
    parse_routes,
    parse_sockets,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.state import ForwardChain, FoundRoute, Listener, Record
from ansible_collections.fleetlab.linux.tests.record.netns_scenes import inside, policy

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures"


def read(name: str) -> str:
    return (FIXTURES / name).read_text(encoding="utf-8")


def every_version(tool: str) -> pytest.MarkDecorator:
    """Runs a test on what each recorded version of a tool has printed."""
    return pytest.mark.parametrize("folder", sorted(f"{tool}/{path.name}" for path in (FIXTURES / tool).iterdir()))


@every_version("ip")
def test_links_with_their_ends(folder: str) -> None:
    outside = {link.name: link for link in parse_links(read(f"{folder}/address-host.json"))}
    inside = {link.name: link for link in parse_links(read(f"{folder}/address-inside.json"))}
    assert (outside["v-both"].kind, outside["v-both"].mtu, outside["v-both"].up) == ("veth", 1400, True)
    assert outside["v-both"].addresses == ("10.201.0.1/30", "fd00:201::1/64")
    assert outside["v-both"].is_end_of(inside["eth0"])
    assert outside["v-more"].is_end_of(inside["eth1"])
    assert not outside["v-more"].is_end_of(inside["eth0"])
    assert inside["lo"].addresses == ()


@every_version("ip")
def test_one_answer_has_links_neighbours_and_routes(folder: str) -> None:
    links, neighbours, routes = parse_answers("ip", read(f"{folder}/inside.json"))
    assert [link.name for link in parse_links(links)] == ["lo", "eth0", "eth1"]
    assert sorted(parse_neighbours(neighbours)) == [("eth0", "10.201.0.1", GATE), ("eth0", "fd00:201::1", GATE)]
    found = parse_all_routes(routes)
    assert FoundRoute("default", 4, "eth0", "10.201.0.1", None, "boot") in found
    assert [one for one in found if one.family == 6] == list(parse_routes(read(f"{folder}/route-inside-6.json"), 6))
    with pytest.raises(ObservationError, match="not JSON"):
        parse_answers("ip", "[]\nCannot open network namespace")


@every_version("ip")
def test_routes_of_both_families_and_of_several_ways(folder: str) -> None:
    assert parse_routes(read(f"{folder}/route-host.json"), 4)[0] == FoundRoute("default", 4, "eth0", "192.0.2.2", None, "boot")
    inside = parse_routes(read(f"{folder}/route-inside-6.json"), 6)
    assert FoundRoute("default", 6, "eth0", "fd00:201::1", 1024, "boot") in inside
    several = json.dumps(
        [{"dst": "192.0.2.5", "nexthops": [{"gateway": "10.0.0.1", "dev": "a"}, {"via": {"host": "fe80::1"}, "dev": "b"}]}]
    )
    assert [(route.to, route.link, route.via) for route in parse_routes(several, 4)] == [
        ("192.0.2.5/32", "a", "10.0.0.1"),
        ("192.0.2.5/32", "b", "fe80::1"),
    ]
    assert parse_routes("", 4) == ()
    with pytest.raises(ObservationError, match="not JSON"):
        parse_json("ip", "Cannot open network namespace")


def test_listening_sockets() -> None:
    assert parse_sockets("tcp", read("proc_net/6.18/tcp")) == (Listener("tcp", "0.0.0.0", 8080),)
    assert parse_sockets("tcp", read("proc_net/6.18/tcp"))[0].inode == 3878393
    assert parse_sockets("udp", read("proc_net/6.18/udp")) == (Listener("udp", "0.0.0.0", 5001),)


def test_a_socket_of_ipv6_that_takes_connections_of_ipv4() -> None:
    """As inet_ntop writes the address, on whatever Python."""
    one = "0: 0000000000000000FFFF00000100007F:1F90 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 9 1"
    assert parse_sockets("tcp", f"head\n{one}\n") == (Listener("tcp", "::ffff:127.0.0.1", 8080),)


def test_an_interface_has_the_details_of_its_kind() -> None:
    vlan = {"ifindex": 3, "ifname": "v", "mtu": 1500, "link_index": 2, "linkinfo": {"info_kind": "vlan", "info_data": {"id": 7}}}
    (link,) = parse_links(json.dumps([vlan]))
    assert (link.kind, link.peer_index, link.details) == ("vlan", 2, {"id": 7})


@every_version("nft")
def test_the_table_that_nft_lists_is_the_one_that_was_asked_for(folder: str) -> None:
    listing: Any = json.loads(read(f"{folder}/table.json"))
    assert nftables.listed_table(listing) == nftables.wanted_table(policy())
    listing["nftables"][-1]["rule"]["expr"][-1] = {"accept": None}
    assert nftables.listed_table(listing) != nftables.wanted_table(policy())
    inner: Any = json.loads(read(f"{folder}/table-inside.json"))
    assert nftables.listed_table(inner) == nftables.wanted_inside(inside())


@every_version("nft")
def test_chains_of_others_that_drop(folder: str) -> None:
    listing = json.loads(read(f"{folder}/chains.json"))
    found = foreign.forward_chains(listing)
    assert sorted(found) == [("inet", "firewalld", "filter_FORWARD", False), ("ip", "filter", "FORWARD", True)]
    assert not foreign.other_nat(listing)
    firewalld = json.loads(read(f"{folder}/firewalld.json"))
    texts = foreign.texts_by_handle(read(f"{folder}/firewalld.txt"))
    chain = foreign.read_chain(firewalld, ("inet", "firewalld", "filter_FORWARD", False), "both", texts)
    assert chain.drops
    assert sorted(one.what for one in chain.ours) == ["iifname v-both", "iifname v-more", "oifname v-both", "oifname v-more"]
    # They stand directly before the rule that rejects everything, which is known by its handle and by its text.
    assert {one.place for one in chain.ours} == set(chain.ends)
    ((_handle, text),) = chain.texts
    assert text.startswith("reject with icmpx")


@every_version("iptables")
def test_chains_of_iptables(folder: str) -> None:
    chain = iptables.parse_forward(read(f"{folder}/forward.txt"), "iptables", 4, "both")
    assert chain.drops
    assert sorted(one.what for one in chain.ours) == ["iifname v-both", "iifname v-more", "oifname v-both", "oifname v-more"]
    assert {one.place for one in chain.ours} == {("FORWARD", None)} == set(chain.ends)
    other = iptables.parse_forward(read(f"{folder}/forward.txt"), "iptables", 4, "bot")
    assert other.ours == ()
    reject = iptables.parse_forward(
        "-P FORWARD ACCEPT\n-A FORWARD -i a -j ACCEPT\n-A FORWARD -j REJECT --reject-with x\n", "iptables", 4, "both"
    )
    assert reject.drops


@pytest.mark.parametrize(
    ("rules", "drops", "may_drop"),
    [
        ("-A FORWARD -i a -j DROP", False, True),
        ("-A FORWARD -m comment --comment why -j DROP", True, True),
        ("-N X\n-A X -j DROP\n-A FORWARD -j X", True, True),
        ("-N X\n-A X -j DROP\n-A FORWARD -j X\n-A FORWARD -j LOG", True, True),
        ("-N X\n-A X -j DROP\n-A FORWARD -i a -g X", False, True),
        ("-N X\n-A X -j RETURN\n-A X -j DROP\n-A FORWARD -j X", False, False),
        ("-N X\n-A X -p udp -j RETURN\n-A FORWARD -j X\n-A FORWARD -p tcp", False, False),
        ("-N X\n-N Y\n-A X -j Y\n-A Y -i a -j X\n-A FORWARD -j X", False, False),
        ("-A FORWARD -i v-both -m comment --comment fleetlab-netns-other -j DROP", False, False),
    ],
)
def test_where_jumps_lead_to(rules: str, drops: bool, may_drop: bool) -> None:
    chain = iptables.parse_forward(f"-P INPUT DROP\n-P FORWARD ACCEPT\n{rules}\n", "iptables", 4, "both")
    assert (chain.drops, chain.may_drop) == (drops, may_drop)
    assert chain.used == ("fleetlab" not in rules)


def test_where_verdict_maps_and_gotos_of_nftables_lead_to() -> None:
    """In the form of nft 1.0.6; a map that has a name says elsewhere what is in it."""
    state: Any = {"ct": {"key": "state"}}
    rules: Any = {
        "through": [
            [{"vmap": {"key": state, "data": {"set": [["established", {"accept": None}], ["invalid", {"drop": None}]]}}}],
            [{"vmap": {"key": state, "data": "@named"}}],
            [{"counter": {"packets": 0, "bytes": 0}}, {"goto": {"target": "rest"}}],
            [{"drop": None}],
        ],
        "rest": [[{"match": {"op": "in", "left": state, "right": "new"}}, {"jump": {"target": "deep"}}], [{"return": None}]],
        "deep": [[{"log": None}, {"reject": {"type": "icmpx", "expr": "admin-prohibited"}}]],
    }
    listing = {"nftables": [{"rule": {"chain": chain, "handle": 1, "expr": expr}} for chain, some in rules.items() for expr in some]}
    found = ("inet", "fw", "through", False)
    assert foreign.read_chain(listing, found, "web", {}) == ForwardChain("nft", "inet", "fw", "through", False, (), True, True)
    rules["rest"][0].pop(0)
    chain = foreign.read_chain(listing, found, "web", {})
    assert (chain.drops, chain.ends) == (True, (("rest", "1"),))
    assert foreign.read_chain({}, found, "web", {}) == ForwardChain("nft", "inet", "fw", "through", False)


def test_where_a_verdict_map_with_a_name_leads_to() -> None:
    """In the form of nft 1.1.3, where the listing of a chain does not have the map."""
    zone: Any = {"rule": {"chain": "zone", "handle": 8, "expr": [{"drop": None}]}}
    rule: Any = {"vmap": {"key": {"meta": {"key": "iifname"}}, "data": "@zones"}}
    through: Any = [{"rule": {"chain": "through", "handle": number, "expr": [one]}} for number, one in ((9, rule), (10, {"drop": None}))]
    elements = [["wg0", {"accept": None}], [{"elem": {"val": "eth0", "comment": "out"}}, {"jump": {"target": "zone"}}]]
    assert [one.to for one in foreign.foreign_chains({"nftables": through})["through"]] == ["@zones", None]
    listing = {"nftables": [{"map": {"name": "zones", "map": "verdict", "elem": elements}}, zone, *through]}
    chain = foreign.read_chain(listing, ("inet", "fw", "through", False), "web", {})
    # A chain that only drops gets the namespace's rules before the jump to it.
    assert (chain.drops, chain.ends) == (True, (("through", "9"), ("through", "10")))


@every_version("nft")
def test_a_table_that_is_dormant_is_not_the_one_that_was_asked_for(folder: str) -> None:
    listing: Any = json.loads(read(f"{folder}/table.json"))
    listing["nftables"][1]["table"]["flags"] = ["dormant"]
    assert nftables.listed_table(listing) != nftables.wanted_table(policy())


@every_version("iptables")
@pytest.mark.parametrize(("file", "family"), [("save.txt", 4), ("save-6.txt", 6)])
def test_the_rules_that_iptables_saves_are_those_that_were_asked_for(folder: str, file: str, family: int) -> None:
    text = read(f"{folder}/{file}")
    found = iptables.find_own(iptables.parse_save(text), "both")
    assert iptables.same(found, iptables.wanted_own(policy(), family))
    inner = iptables.find_own(iptables.parse_save(read(f"{folder}/{file.replace('save', 'save-inside')}")), "both", iptables.HOOKS_INSIDE)
    assert iptables.same(inner, iptables.wanted_inside("both", inside(), family))
    edited = iptables.find_own(iptables.parse_save(text.replace("-j DROP", "-j ACCEPT")), "both")
    assert not iptables.same(edited, iptables.wanted_own(policy(), family))


@every_version("iptables")
def test_counters_of_iptables(folder: str) -> None:
    rules = iptables.shown_rules(read(f"{folder}/save-counters.txt"), "both")
    assert {rule["chain"] for rule in rules} >= {"FORWARD", "PREROUTING"}
    assert all(isinstance(rule["packets"], int) for rule in rules)


def test_a_record_comes_back_as_it_was_written_and_damage_is_told() -> None:
    one = Record(
        "web",
        True,
        "nftables",
        (("v-web", "v-peer1"),),
        (("v-web", "10.9.0.1/24"),),
        ((4, "default", 0),),
        (Forward("tcp", 80, 89, 8080),),
        {"a": "0"},
    )
    assert record.parse("x.json", record.render(one)) == one
    for text in ("", "{}", record.render(one)[:-20], record.render(one).replace('"version": 1', '"version": 2')):
        with pytest.raises(ObservationError, match=r"x\.json"):
            record.parse("x.json", text)


def test_small_things() -> None:
    assert controller_of("A=b\0SSH_CONNECTION=192.0.2.9 50000 192.0.2.1 22\0C=d\0") == ("192.0.2.9", 22)
    assert controller_of("A=SSH_CONNECTION\0") is None
    assert only_loopback_servers("nameserver 127.0.0.53\noptions edns0\n")
    assert not only_loopback_servers("nameserver 127.0.0.1\nnameserver 192.0.2.53\n")


def test_a_user_without_capabilities_is_refused(tmp_path: Path) -> None:
    status = tmp_path / "proc" / "self" / "status"
    status.parent.mkdir(parents=True)
    status.write_text("CapEff:\t000001ffffffffff\n", encoding="ascii")
    require_capabilities(Host(str(tmp_path)))
    status.write_text("CapEff:\t0000000000000000\n", encoding="ascii")
    with pytest.raises(ObservationError, match=r"CAP_NET_ADMIN.*become"):
        require_capabilities(Host(str(tmp_path)))
