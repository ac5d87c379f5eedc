# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that name several namespaces: they do what a task for each would do, with fewer commands."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError, InputError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Command, Operation
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.batching import bundled, ip_batch, nft
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.names import IP_FORWARD
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.options import ENTRIES, make_wanted
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._netns.machine import empty, want
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._netns.machines import Machines

NAMES = ("a", "b", "c")


@st.composite
def tasks(draw: st.DrawFn) -> Dict[str, Dict[str, Any]]:
    """The options of some namespaces, in some order, which do not get in each other's way."""
    found: Dict[str, Dict[str, Any]] = {}
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True)):
        number = NAMES.index(name)
        links = draw(st.sampled_from([None, [], [f"10.9.{number}.1/24"], [f"10.9.{number}.1/24", f"fd00:{number}::1/64"]]))
        options: Dict[str, Any] = {"state": draw(st.sampled_from(["present", "present", "absent"]))}
        if links is not None:
            inner = [address.replace("1/", "2/") for address in links]
            own = f"v-{name}{draw(st.integers(0, 1))}"
            options["links"] = [{"name": own, "addresses": links, "peer_addresses": inner}] if links else []
        if links != []:
            options["forwards"] = draw(st.sampled_from([None, [], [{"port": str(8000 + number)}]]))
        options["dns"] = draw(st.sampled_from([None, ["192.0.2.53"]]))
        options["persist"] = draw(st.booleans())
        options["firewall"] = draw(st.sampled_from(["auto", "nftables", "iptables"]))
        found[name] = options
    return found


HOSTS = st.builds(
    lambda chains, kind, systemd: lambda: Machines(empty(*chains, kind=kind, systemd=systemd), NAMES),
    st.lists(st.sampled_from(["iptables", "nft"]), unique=True),
    st.sampled_from(["nftables", "iptables"]),
    st.booleans(),
)


def wanted_of(options: Dict[str, Dict[str, Any]]) -> List[Any]:
    return [want(name, **{key: _copy(value) for key, value in one.items()}) for name, one in options.items()]


def _copy(value: Any) -> Any:
    return [dict(one) if isinstance(one, dict) else one for one in value] if isinstance(value, list) else value


@settings(max_examples=100)
@given(HOSTS, tasks(), tasks())
def test_one_task_for_all_does_what_a_task_for_each_does(make: Any, first: Dict[str, Any], second: Dict[str, Any]) -> None:
    together, each = make(), make()
    for options in (first, second):
        wanted = wanted_of(options)
        done = together.plan(wanted)
        together.apply(done.steps)
        each.one_by_one(wanted)
        assert together.state() == each.state()
        again = together.plan(wanted)
        assert again.steps == ()
        assert again.before == again.after == done.after


@settings(max_examples=60)
@given(HOSTS, tasks(), tasks(), st.integers(0, 80))
def test_a_run_that_was_killed_is_completed_by_the_next(make: Any, first: Dict[str, Any], second: Dict[str, Any], steps: int) -> None:
    machines, undisturbed = make(), make()
    for options in (first, second):
        wanted = wanted_of(options)
        machines.apply(machines.plan(wanted).steps[:steps])
        machines.apply(machines.plan(wanted).steps)
        assert machines.plan(wanted).steps == ()
        undisturbed.one_by_one(wanted)
        # Which of the free subnets one has got may depend on whether another was there still.
        assert machines.state()[:2] == undisturbed.state()[:2]
    everything = [want(name, state="absent") for name in NAMES]
    machines.apply(machines.plan(everything).steps[:steps])
    machines.apply(machines.plan(everything).steps)
    assert machines.files == {}
    assert machines.state() == make().state()


def test_nft_and_systemd_are_called_once_for_all() -> None:
    machines = Machines(empty("nft"), NAMES)
    wanted = [want(name, forwards=[{"port": str(8000 + number)}]) for number, name in enumerate(NAMES)]
    made = machines.plan(wanted)
    machines.apply(made.steps)
    removal = machines.plan([want(name, state="absent") for name in NAMES])
    for plan, verbs in ((made, ["daemon-reload", "enable", "start"]), (removal, ["disable", "stop", "daemon-reload"])):
        commands = [step.argv for step in plan.steps if isinstance(step, Command)]
        assert [argv[1] for argv in commands if argv[0] == "systemctl"] == verbs
        # One for their own tables, one for the openings in the chain that drops.
        assert len([argv for argv in commands if argv[0] == "nft"]) == 2
    units = tuple(f"fleetlab-netns-{name}.service" for name in NAMES)
    assert ("systemctl", "enable", *units) in [step.argv for step in made.steps if isinstance(step, Command)]


def test_a_step_for_one_stays_as_it_is_and_others_keep_their_place() -> None:
    one, other = Command(("ip", "netns", "add", "a")), Operation("set_sysctl", {"key": "k", "value": "1"})
    first, second = nft("delete", "table", "inet", "x"), nft("delete", "table", "inet", "y")
    assert bundled([one, first, other, one]) == [one, first, other, one]
    assert bundled([one, first, other, second]) == [
        one,
        Command(("nft", "-f", "-"), stdin="delete table inet x\ndelete table inet y\n", timeout=first.timeout * 2),
        other,
    ]


def test_ip_is_called_for_each_namespace_once_and_for_the_host_as_few_times() -> None:
    machines = Machines(empty(), NAMES)
    made = machines.plan([want(name, forwards=[{"port": str(8000 + number)}]) for number, name in enumerate(NAMES)])
    batches = ["ip -batch -", "ip -batch -", *(f"ip -n {name} -batch -" for name in NAMES)]
    assert [" ".join(step.argv) for step in made.steps if isinstance(step, Command) and step.argv[0] == "ip"] == batches
    machines.apply(made.steps)
    removal = machines.plan([want(name, state="absent") for name in NAMES])
    assert ["delete_links", "links=v-a v-b v-c"] in removal.commands()
    assert [" ".join(step.argv) for step in removal.steps if isinstance(step, Command) and step.argv[0] == "ip"] == ["ip -batch -"]


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("ip -n a -4 route replace default via 10.9.0.1 dev eth0", "ip -n a"),
        ("ip -n a -6 route replace default via fd00::1 dev eth0", "ip -n a"),
        ("ip -n a -6 route replace fd00::/64 dev eth0", "ip -n a"),
        ("ip -n a -6 route replace default dev eth0", "ip -n a -6"),
    ],
)
def test_a_route_names_its_family_where_no_address_does(line: str, first: str) -> None:
    step = ip_batch(Command(tuple(line.split())))
    assert (" ".join(step.argv), step.group) == (line, (first,))


def test_each_has_a_subnet_of_its_own_and_the_host_forwards_while_one_needs_it() -> None:
    machines = Machines(empty(), NAMES)
    done = machines.plan([want(name, forwards=[{"port": str(8000 + number)}]) for number, name in enumerate(NAMES)])
    assert [done.after[name]["links"][f"v-{name}"]["addresses"] for name in NAMES] == [[f"10.200.{number}.1/24"] for number in (1, 2, 3)]
    machines.apply(done.steps)
    # One that goes does not take with it what the one that comes needs.
    machines.apply(machines.plan([want("a", state="absent"), want("b", state="absent")]).steps)
    machines.apply(machines.plan([want("c", state="absent"), want("a", forwards=[{"port": "9000"}])]).steps)
    assert machines.host.sysctls[IP_FORWARD] == "1"
    machines.apply(machines.plan([want("b", forwards=[{"port": "9001"}]), want("a", state="absent")]).steps)
    assert machines.host.sysctls[IP_FORWARD] == "1"
    machines.apply(machines.plan([want("b", state="absent")]).steps)
    assert machines.host.sysctls[IP_FORWARD] == "0"


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_the_former_value_of_a_setting_is_handed_over_wherever_a_run_is_killed(order: Any) -> None:
    forwards = [{"port": "8000"}]
    task = {"a": want("a", state="absent"), "b": want("b", nat={"masquerade": "auto"})}
    wanted = [task[name] for name in order]
    step = 0
    while True:
        machines = Machines(empty(), NAMES)
        machines.apply(machines.plan([want("a", forwards=forwards)]).steps)
        steps = machines.plan(wanted).steps
        machines.apply(steps[:step])
        machines.apply(machines.plan(wanted).steps)
        assert machines.host.sysctls[IP_FORWARD] == "1"
        machines.apply(machines.plan([want("b", state="absent")]).steps)
        assert machines.host.sysctls[IP_FORWARD] == "0"
        if step > len(steps):
            break
        step += 1


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"forwards": [{"port": "8000"}]}, r"namespaces\[1\] \(b\): forward tcp 8000: refused: it is forwarded to the namespace a\."),
        ({"links": [{"name": "v-a"}]}, r"namespaces\[1\] \(b\): links\[0\]\.name: refused: v-a belongs to the namespace a\."),
        (
            {"links": [{"addresses": ["10.200.1.9/24"], "peer_addresses": ["10.200.1.10/24"]}]},
            r"namespaces\[1\] \(b\): links\[0\]\.addresses: refused: 10\.200\.1\.0/24 overlaps 10\.200\.1\.1/24 of v-a",
        ),
        ({"nat": {"masquerade": "v-a"}}, None),
        ({"nat": {"masquerade": "eth7"}}, r"namespaces\[1\]\.nat\.masquerade: this host has no interface eth7"),
    ],
)
def test_what_gets_in_the_way_of_one_before_it_is_refused(options: Dict[str, Any], problem: Any) -> None:
    machines = Machines(empty(), NAMES)
    wanted = [want("a", forwards=[{"port": "8000"}]), want("b", **options)]
    if problem is None:
        machines.apply(machines.plan(wanted).steps)
        assert machines.plan(wanted).steps == ()
        return
    with pytest.raises(FleetlabError, match=problem):
        machines.plan(wanted)


def params(*entries: Dict[str, Any]) -> Dict[str, Any]:
    none = dict.fromkeys(ENTRIES.argument_spec())
    return {**none, "namespaces": [{**dict.fromkeys(ENTRIES.options), **entry} for entry in entries]}


def test_the_options_of_an_entry_are_those_of_a_task() -> None:
    spec = ENTRIES.argument_spec()
    assert set(spec) == {*ENTRIES.options, "namespaces"}
    assert set(spec["namespaces"]["options"]) == set(ENTRIES.options)
    assert make_wanted(params({"name": "a"}, {"name": "b", "state": "absent", "force": True})) == (
        want("a"),
        want("b", state="absent", force=True),
    )
    assert make_wanted(params()) == ()


@pytest.mark.parametrize(
    ("entries", "option"),
    [
        (({"name": "a"}, {"name": "b"}, {"name": "a"}), "namespaces[2]"),
        (({"name": "a"}, {"name": "../b"}), "namespaces[1].name"),
        (({"name": "a", "links": [{"name": "x" * 16, "peer": None}]},), "namespaces[0].links[0].name"),
        (({"name": "a", "dns_search": ["example.com"]},), "namespaces[0].dns_search"),
    ],
)
def test_what_can_not_be_right_is_refused_by_its_option(entries: Any, option: str) -> None:
    with pytest.raises(InputError) as caught:
        make_wanted(params(*entries))
    assert caught.value.option == option


def test_a_namespace_that_is_named_twice_is_refused_with_both_entries() -> None:
    with pytest.raises(InputError, match=r"^namespaces\[2\]: a is named twice: namespaces\[0\] has it already$"):
        make_wanted(params({"name": "a"}, {"name": "b"}, {"name": "a"}))
