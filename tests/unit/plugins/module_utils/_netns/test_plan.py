# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans of namespaces: planning again after apply gives nothing, also after a kill at any step, and removal leaves nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Dict, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError, InputError, RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Command, Plan
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.names import is_of_link, script_path
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.state import FoundLink, FoundRoute, Inside, Listener
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.wanted import Wanted
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._netns.machine import Machine, empty, want

FORWARDS = [
    {"port": "10105"},
    {"port": "80", "to_port": "8080"},
    {"port": "5000-5009", "protocol": "udp"},
    {"port": "7000-7009", "to_port": "70"},
]

LINK: Dict[str, Any] = {"addresses": ["10.9.0.1/24"], "peer_addresses": ["10.9.0.2/24"]}


@st.composite
def declarations(draw: st.DrawFn) -> Dict[str, Any]:
    """Options of a task."""
    links: List[Dict[str, Any]] = []
    for number in range(draw(st.integers(0, 3))):
        prefix = draw(st.sampled_from([24, 30]))
        families = draw(st.sampled_from([(4,), (6,), (4, 6), ()]))
        pool = draw(st.integers(0, 1))
        own = [f"10.{201 + number}.{pool}.1/{prefix}"] if 4 in families else []
        inner = [f"10.{201 + number}.{pool}.2/{prefix}"] if 4 in families else []
        own += [f"fd00:{number}:{pool}::1/64"] if 6 in families else []
        inner += [f"fd00:{number}:{pool}::2/64"] if 6 in families else []
        name = draw(st.sampled_from([f"v-{number}", f"w-{number}"]))
        peer = draw(st.sampled_from([f"eth{number}", f"net{number}"]))
        links.append(
            {"name": name, "peer": peer, "addresses": own, "peer_addresses": inner, "mtu": draw(st.sampled_from([None, 1400, 9000]))}
        )
    options: Dict[str, Any] = {"links": draw(st.sampled_from([links, None]))}
    if links == [] and options["links"] is not None:
        return options
    forwards = [dict(one) for one in draw(st.lists(st.sampled_from(FORWARDS), unique_by=lambda one: one["port"]))]
    if options["links"] is None or any(link["addresses"] for link in links):
        options["nat"] = draw(
            st.sampled_from([None, {"masquerade": draw(st.sampled_from(["auto", "none", "eth0"])), "forwards": forwards}])
        )
    options["dns"] = draw(st.sampled_from([None, ["192.0.2.53"]]))
    options["persist"] = draw(st.booleans())
    options["host_access"] = draw(st.booleans())
    options["firewall"] = draw(st.sampled_from(["auto", "nftables", "iptables"]))
    if draw(st.booleans()):
        options["routes"] = [
            {"to": "default", "via": address.split("/")[0], "metric": metric}
            for address in [link["addresses"][0] for link in (options["links"] or []) if link["addresses"]][:1]
            for metric in draw(st.lists(st.sampled_from([None, 100, 200]), min_size=1, unique=True))
        ]
    return options


def run(machine: Machine, wanted: Wanted) -> Plan:
    done = machine.plan(wanted)
    machine.apply(done.steps)
    return done


HOSTS = st.builds(
    lambda chains, kind, systemd: Machine(empty(*chains, kind=kind, systemd=systemd)),
    st.lists(st.sampled_from(["iptables", "nft"]), unique=True),
    st.sampled_from(["nftables", "iptables"]),
    st.booleans(),
)


@settings(max_examples=60)
@given(HOSTS, declarations(), declarations())
def test_planning_again_gives_nothing_and_removal_leaves_nothing(machine: Machine, first: Dict[str, Any], second: Dict[str, Any]) -> None:
    before = machine.system
    for options in (first, second, first):
        done = run(machine, want(**options))
        again = machine.plan(want(**options))
        assert again.steps == ()
        assert again.before == again.after
        if done.steps:
            assert list(done.after) == list(done.before)
            assert done.after == again.before
    run(machine, want(state="absent"))
    assert machine.plan(want(state="absent")).steps == ()
    assert machine.files == {}
    settings_left = {key: value for key, value in machine.system.sysctls.items() if not is_of_link(key)}
    assert settings_left == before.sysctls
    assert (machine.system.links, machine.system.firewall, machine.system.exists) == (before.links, before.firewall, False)


@settings(max_examples=40)
@given(HOSTS, declarations(), declarations(), st.integers(0, 60))
def test_after_a_kill_at_any_step_the_next_run_completes_it(
    machine: Machine, first: Dict[str, Any], second: Dict[str, Any], steps: int
) -> None:
    before = machine.system
    run(machine, want(**first))
    machine.apply(machine.plan(want(**second)).steps[:steps])
    run(machine, want(**second))
    assert machine.plan(want(**second)).steps == ()
    machine.apply(machine.plan(want(state="absent")).steps[:steps])
    run(machine, want(state="absent"))
    assert machine.files == {}
    assert (machine.system.links, machine.system.firewall, machine.system.exists) == (before.links, before.firewall, False)


def test_a_forward_more_is_one_step_of_each_filter() -> None:
    machine = Machine(empty())
    run(machine, want(forwards=[{"port": "10105"}]))
    steps = run(machine, want(forwards=[{"port": "10105"}, {"port": "81"}])).steps
    commands = [step.argv for step in steps if isinstance(step, Command)]
    assert commands == [("nft", "-j", "-f", "-"), ("nsenter", "--net=/run/netns/web", "nft", "-j", "-f", "-")]


def test_nothing_is_deleted_where_there_was_no_table() -> None:
    machine = Machine(empty())
    steps = machine.plan(want()).steps
    made = [json.loads(step.stdin)["nftables"][0] for step in steps if isinstance(step, Command) and step.stdin and "nft" in step.argv]
    assert [list(first) for first in made] == [["create"], ["create"]]
    machine.apply(steps)
    # The script for the boot runs again at each reload of the host's firewall.
    script = machine.files[script_path("web")]
    assert (script.count('{"delete": {"table"'), script.count('{"create": ')) == (2, 0)
    more = machine.plan(want(forwards=[{"port": "80"}])).steps
    changed = [step.stdin for step in more if isinstance(step, Command) and step.stdin and "nft" in step.argv]
    assert [text.count('{"delete": {"table"') for text in changed] == [1, 1]


def test_every_namespace_has_a_subnet_of_its_own_and_keeps_it() -> None:
    machine = Machine(empty())
    machine.change(routes=(*machine.system.routes, FoundRoute("10.200.2.0/23", 4, "eth0")))
    run(machine, want("one"))
    other = Machine(replace(machine.system, exists=False, inside=Inside()))
    other.files = machine.files
    assert other.plan(want("two")).after["links"]["v-two"]["addresses"] == ["10.200.4.1/24"]
    machine.change(routes=empty().routes)
    assert machine.plan(want("one")).after["links"]["v-one"]["addresses"] == ["10.200.1.1/24"]


def test_an_interface_of_somebody_else_is_refused() -> None:
    machine = Machine(empty())
    machine.change(links=(*machine.system.links, FoundLink(9, "v-web", "veth", peer_index=3)))
    with pytest.raises(RefusedError, match="v-web already exists on this host"):
        machine.plan(want())


def test_a_link_of_somebody_else_inside_is_refused_as_well() -> None:
    machine = Machine(empty())
    foreign = FoundLink(9, "v-web", "veth", peer_index=10)
    inside = Inside((FoundLink(1, "lo"), FoundLink(10, "theirs", "veth", peer_index=9)))
    machine.change(exists=True, inside=inside, links=(*machine.system.links, foreign))
    with pytest.raises(RefusedError, match="v-web already exists on this host"):
        machine.plan(want())


def test_a_namespace_that_was_not_made_here_is_kept() -> None:
    machine = Machine(empty())
    machine.change(exists=True, inside=Inside((FoundLink(1, "lo"),)))
    with pytest.raises(RefusedError, match=r"not made by this module.*ip netns delete.*force"):
        machine.plan(want(state="absent"))
    run(machine, want())
    with pytest.raises(RefusedError, match="existed before"):
        machine.plan(want(state="absent"))
    # One that is gone since is made by the next run, and is removed with the rest.
    machine.ip(Command(("ip", "netns", "delete", "web")))
    run(machine, want())
    run(machine, want(state="absent"))
    assert not machine.system.exists


def test_a_link_of_ours_is_removed_once_when_a_run_was_killed_while_its_peer_was_renamed() -> None:
    machine = Machine(empty())
    run(machine, want(links=[{**LINK, "peer": "one"}]))
    machine.apply(machine.plan(want(links=[{**LINK, "peer": "two"}])).steps[:2])
    removal = machine.plan(want(state="absent"))
    assert [step.argv for step in removal.steps if isinstance(step, Command) and "link" in step.argv] == [
        ("ip", "link", "delete", "dev", "v-web")
    ]
    machine.apply(removal.steps)


def test_links_may_go_between_look_and_action() -> None:
    machine = Machine(empty())
    run(machine, want(links=[LINK]))
    (pair,) = [link for link in machine.system.links if link.name == "v-web"]
    for wanted in (want(links=[LINK]), want(state="absent")):
        # The kernel takes a while to remove the links of a namespace that somebody has deleted.
        machine.change(exists=False, inside=Inside(), links=(*empty().links, pair))
        planned = machine.plan(wanted)
        machine.change(links=empty().links)
        machine.apply(planned.steps)
        assert machine.plan(wanted).steps == ()


def test_only_links_that_have_what_was_recorded_are_ours() -> None:
    machine = Machine(empty())
    run(machine, want(links=[LINK]))
    # The namespace is gone, and processes in it keep the pair.
    machine.change(exists=False, inside=Inside())
    (kept,) = [link for link in machine.system.links if link.name == "v-web"]
    assert ("ip", "link", "delete", "dev", "v-web") in [
        step.argv for step in machine.plan(want(links=[LINK])).steps if isinstance(step, Command)
    ]
    for addresses in ((), ("10.9.0.9/24",)):
        machine.change(links=(*empty().links, replace(kept, addresses=addresses)))
        with pytest.raises(RefusedError, match="v-web already exists on this host"):
            machine.plan(want(links=[LINK]))
        removal = machine.plan(want(state="absent"))
        assert [step for step in removal.steps if isinstance(step, Command) and "link" in step.argv] == []


def test_gateways_have_to_be_beyond_their_link() -> None:
    for routes in (
        [{"to": "default", "via": "198.51.100.1", "link": "v-peer1"}],
        [{"to": "default", "via": "10.9.0.2"}],
        # In this order the kernel does not know the way to the gateway yet.
        [{"to": "default", "via": "198.51.100.1", "link": "v-peer1"}, {"to": "198.51.100.1/32", "link": "v-peer1"}],
    ):
        with pytest.raises(InputError, match=r"routes\[0\]\.via: .* is not beyond v-peer1"):
            Machine(empty()).plan(want(links=[LINK], routes=routes))
    run(
        Machine(empty()),
        want(links=[LINK], routes=[{"to": "198.51.100.0/24"}, {"to": "default", "via": "198.51.100.1", "link": "v-peer1"}]),
    )
    # The default subnet is known only when the host has been looked at.
    run(Machine(empty()), want(routes=[{"to": "default", "via": "10.200.1.1", "link": "v-peer1"}]))
    with pytest.raises(InputError, match="is not beyond v-peer1"):
        Machine(empty()).plan(want(routes=[{"to": "default", "via": "10.200.2.1", "link": "v-peer1"}]))


def test_ipv6_on_a_host_without_it() -> None:
    machine = Machine(empty())
    machine.change(ipv6=False)
    with pytest.raises(InputError, match="IPv6 is disabled on this host"):
        machine.plan(want(links=[{"addresses": ["fd00::1/64"], "peer_addresses": ["fd00::2/64"]}]))
    run(machine, want())


def test_what_the_controller_needs_is_refused() -> None:
    machine = Machine(empty())
    machine.change(controller=("203.0.113.9", 22))
    for address, peer in (("203.0.113.1/24", "203.0.113.2/24"), ("192.0.2.253/31", "192.0.2.252/31"), ("192.0.2.250/28", "192.0.2.251/28")):
        with pytest.raises(RefusedError):
            machine.plan(want(links=[{"addresses": [address], "peer_addresses": [peer]}]))
    with pytest.raises(RefusedError, match="forward tcp 1-1024: refused: Ansible connects to port 22 of this host"):
        machine.plan(want(forwards=[{"port": "1-1024"}], services=["ssh"]))
    machine.plan(want(forwards=[{"port": "22", "protocol": "udp"}]))
    machine.change(listeners=(Listener("tcp", "0.0.0.0", 22),), controller=None)
    with pytest.raises(RefusedError, match=r"listens on 0\.0\.0\.0:22.*name it in services"):
        machine.plan(want(forwards=[{"port": "1-1024"}]))


def test_a_subnet_that_the_host_has_a_route_to_is_warned_of() -> None:
    machine = Machine(empty())
    machine.change(routes=(*machine.system.routes, FoundRoute("10.0.0.0/8", 4, "eth0")))
    done = machine.plan(want(links=[{"addresses": ["10.9.0.1/24"], "peer_addresses": ["10.9.0.2/24"]}]))
    assert "overlaps the route of this host to 10.0.0.0/8 (eth0)" in done.warnings[0]


def test_a_name_server_that_no_link_can_reach_is_warned_of() -> None:
    def warnings(*servers: str) -> List[str]:
        return list(Machine(empty()).plan(want(dns=list(servers))).warnings)

    assert any("no link has an address of IPv6" in text and "2001:db8::53" in text for text in warnings("192.0.2.53", "2001:db8::53"))
    assert not any("no link" in text for text in warnings("192.0.2.53", "::1"))


def test_a_host_without_systemd_is_told() -> None:
    assert any("/etc/fleetlab/netns/web.sh" in text for text in Machine(empty(systemd=False)).plan(want()).warnings)


BAD: List[Any] = [
    ("../x", {}),
    ("-x", {}),
    ("a/b", {}),
    ("", {}),
    (".", {}),
    ("x" * 114, {}),
    ("web", {"links": [{"name": "../x"}]}),
    ("web", {"links": [{"name": "-x"}]}),
    ("web", {"links": [{"name": "sixteen-letters-"}]}),
    ("web", {"links": [{"name": "all"}]}),
    ("web", {"links": [{"peer": "lo"}]}),
    ("web", {"links": [LINK, {**LINK, "name": "b"}]}),
    ("web", {"links": [LINK, {"name": "b", "peer": "v-peer1"}]}),
    ("web", {"links": [{"addresses": ["10.9.0.1/24"]}]}),
    ("web", {"links": [{"addresses": ["10.9.0.1/24"], "peer_addresses": ["fd00::2/64"]}]}),
    ("web", {"links": [{"addresses": ["10.9.0.1/24"], "peer_addresses": ["10.8.0.2/24"]}]}),
    ("web", {"links": [{"addresses": ["10.9.0.1/24"], "peer_addresses": ["10.9.0.1/24"]}]}),
    ("web", {"links": [{"addresses": ["10.9.0.1"], "peer_addresses": ["10.9.0.2/24"]}]}),
    ("web", {"links": [{"addresses": ["10.9.0.0/24"], "peer_addresses": ["10.9.0.2/24"]}]}),
    ("web", {"links": [{"addresses": ["10.9.0.255/24"], "peer_addresses": ["10.9.0.2/24"]}]}),
    ("web", {"links": [{"addresses": ["127.0.0.1/8"], "peer_addresses": ["127.0.0.2/8"]}]}),
    ("web", {"links": [{**LINK, "mtu": 20}]}),
    ("web", {"links": [], "forwards": [{"port": "80"}]}),
    *(("web", {"forwards": [{"port": port}]}) for port in ("0", "65536", "22;reboot", "80-79", "", "-1", "80-", "8O")),
    ("web", {"forwards": [{"port": "80"}, {"port": "70-90"}]}),
    ("web", {"forwards": [{"port": "80-89", "to_port": "90-98"}]}),
    ("web", {"nat": {"masquerade": "eth0;x"}}),
    ("web", {"dns": ["resolver"]}),
    ("web", {"dns_search": ["example.com"]}),
    ("web", {"dns": ["192.0.2.53"], "dns_search": ["a b\nnameserver 1.2.3.4"]}),
    ("web", {"links": [LINK], "routes": [{"to": "192.0.2.0/24", "via": "fd00::1"}]}),
    ("web", {"links": [LINK], "routes": [{"to": "192.0.2.9/24", "via": "10.9.0.1"}]}),
    ("web", {"links": [LINK], "routes": [{"to": "default", "via": "10.8.0.1"}]}),
    ("web", {"links": [LINK], "routes": [{"to": "default", "via": "10.9.0.1"}, {"to": "default", "via": "10.9.0.1"}]}),
    ("web", {"links": [LINK], "routes": [{"to": "default", "link": "eth7"}]}),
    ("web", {"links": [LINK], "routes": [{"to": "default", "via": "fe80::1%eth0", "link": "v-peer1"}]}),
    ("web", {"links": [LINK], "routes": [{"to": "fd00::/8", "link": "v-peer1"}, {"to": "fd00::/8", "link": "v-peer1", "metric": 1024}]}),
    ("web", {"links": [LINK], "dns": [], "dns_search": ["example.com"]}),
]


@pytest.mark.parametrize(("name", "options"), BAD)
def test_bad_input_is_refused_by_its_option(name: str, options: Dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        want(
            name,
            **{
                key: [dict(one) if isinstance(one, dict) else one for one in value] if isinstance(value, list) else value
                for key, value in options.items()
            },
        )
    assert caught.value.option.split("[")[0].split(".")[0] in {"name", "links", "forwards", "nat", "dns", "dns_search", "routes"}


def test_a_host_without_a_default_route_forwards_and_says_that_nothing_leaves() -> None:
    machine = Machine(empty())
    machine.change(routes=machine.system.routes[1:])
    done = run(machine, want(forwards=[{"port": "10105"}]))
    assert any("no default route, so no connection leaves the namespace" in text for text in done.warnings)
    rules = " ".join(done.after["rules"])
    assert "10105" in rules
    assert "eth0" not in rules
    assert machine.plan(want(forwards=[{"port": "10105"}])).steps == ()
    with pytest.raises(FleetlabError, match="no interface eth5"):
        machine.plan(want(nat={"masquerade": "eth5"}))


def test_a_host_with_a_way_out_by_ipv6_only() -> None:
    machine = Machine(empty())
    machine.change(routes=(*machine.system.routes[1:], FoundRoute("default", 6, "eth0", "2001:db8::2")))
    with pytest.raises(InputError, match=r"default route for IPv6 only.*name IPv6 addresses of both ends in links"):
        machine.plan(want(forwards=[{"port": "10107"}]))
    machine.plan(want(nat={"masquerade": "eth0", "forwards": [{"port": "10107"}]}))
    done = run(machine, want(nat={}, links=[{"addresses": ["fd00::1/64"], "peer_addresses": ["fd00::2/64"]}]))
    assert "eth0" in " ".join(done.after["rules"])
