# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""netns on a real kernel for several namespaces: in one task, and in many tasks on one host."""

from __future__ import annotations

from typing import Any

import pytest

FIRST = 20000


def entries(count: int, **options: Any) -> list[dict[str, Any]]:
    """A number of namespaces, each with a forward."""
    return [{"name": f"n{number}", "forwards": [{"port": str(FIRST + number)}], **options} for number in range(count)]


def gone(count: int) -> list[dict[str, Any]]:
    """The same namespaces, absent."""
    return [{"name": f"n{number}", "state": "absent"} for number in range(count)]


def test_a_hundred_in_one_task(host: Any) -> None:
    before = host.snapshot()
    done = host.make_all(entries(100))
    assert [one["name"] for one in done["namespaces"]] == [f"n{number}" for number in range(100)]
    assert len({one["links"][1]["addresses"][0] for one in done["namespaces"]}) == 100
    assert len([argv for argv in done["commands"] if argv[0] == "nft"]) == 1
    assert sorted(done["diff"]["after"]) == sorted(f"n{number}" for number in range(100))
    for number in (0, 57, 99):
        host.serve(f"n{number}", FIRST + number)
        assert host.connect("client", "192.0.2.1", FIRST + number) == "192.0.2.2"
        assert host.connect("client", "192.0.2.1", FIRST + number + 1) == ""
    for service in host.services:
        service.kill()
        service.wait()
    # What a task for one does is the same.
    assert host.netns("n57", check=True, forwards=[{"port": str(FIRST + 57)}])["commands"] == []
    removed = host.make_all(gone(100))
    assert removed["namespaces"] == []
    assert len([argv for argv in removed["commands"] if argv[0] == "nft"]) == 1
    assert host.snapshot() == before


def test_a_task_for_each_of_a_hundred(host: Any) -> None:
    before = host.snapshot()
    for entry in entries(100):
        assert host.netns(**entry)["changed"]
    found = {one["name"]: one for one in host.info()}
    assert {*(entry["name"] for entry in entries(100)), "client"} == set(found)
    assert len({found[entry["name"]]["links"][1]["addresses"][0] for entry in entries(100)}) == 100
    for entry in entries(100):
        assert not host.netns(**entry)["changed"]
    # A task for all has nothing to add.
    assert host.netns_all(entries(100))["commands"] == []
    for entry in gone(100):
        assert host.netns(**entry)["changed"]
    assert host.snapshot() == before


@pytest.mark.parametrize("firewall", ["nftables", "iptables"])
@pytest.mark.parametrize(
    "drop",
    [
        "iptables -P FORWARD DROP; ip6tables -P FORWARD DROP",
        "nft add table inet theirs; nft add chain inet theirs forward '{ type filter hook forward priority 0; policy drop; }'",
    ],
)
def test_they_pass_where_the_host_drops_what_it_forwards(host: Any, firewall: str, drop: str) -> None:
    host.sh(drop)
    foreign = host.everything()
    host.make_all(entries(3, firewall=firewall))
    for number in range(3):
        host.serve(f"n{number}", FIRST + number)
        assert host.connect("client", "192.0.2.1", FIRST + number) == "192.0.2.2"
        host.services[-1].kill()
        host.services[-1].wait()
    # Some go, some come and some stay.
    mixed = [gone(3)[0], entries(3, firewall=firewall)[1], entries(4, firewall=firewall)[3], gone(3)[2]]
    assert [one["name"] for one in host.make_all(mixed)["namespaces"]] == ["n1", "n3"]
    host.serve("n3", FIRST + 3)
    assert host.connect("client", "192.0.2.1", FIRST + 3) == "192.0.2.2"
    host.services[-1].kill()
    host.services[-1].wait()
    host.make_all(gone(4))
    assert rules(foreign) <= rules(host.everything())
    assert [line for line in rules(host.everything()) - rules(foreign) if "fleetlab" in line or "v-n" in line] == []


def rules(text: str) -> set[str]:
    """The rules of other programs, without the time in comments of iptables and without the empty tables that its reading creates."""
    return {line.strip() for line in text.splitlines() if not line.startswith("#")}


def test_a_run_that_was_killed_is_completed_by_the_next(host: Any) -> None:
    before = host.snapshot()
    wanted = [*entries(2, dns=["192.0.2.53"]), {"name": "plain", "links": []}]
    commands = host.netns_all(wanted, check=True)["commands"]
    for step in range(len(commands)):
        host.netns_all(wanted, kill_before=step)
        done = host.netns_all(wanted)
        assert "failed" not in done, done
        assert host.netns_all(wanted, check=True)["commands"] == []
        removal = [*gone(2), {"name": "plain", "state": "absent"}]
        host.netns_all(removal, kill_before=step)
        assert "failed" not in host.netns_all(removal)
        assert host.snapshot() == before


def test_what_is_refused_of_one_changes_nothing_of_any(host: Any) -> None:
    before = host.snapshot()
    port = {"forwards": [{"port": str(FIRST)}]}
    for second, problem in (
        ({"name": "two", **port}, f"namespaces[1] (two): forward tcp {FIRST}: refused: it is forwarded to the namespace n0."),
        ({"name": "client", "state": "absent"}, "namespaces[1] (client): namespace client: refused: it was not made by this module."),
        ({"name": "two", "links": [{"name": "eth0"}]}, "namespaces[1] (two): links[0].name: refused: eth0 already exists on this host"),
        ({"name": "n0"}, "namespaces[1]: n0 is named twice: namespaces[0] has it already"),
        ({"name": "two", "nat": {"masquerade": "eth7"}}, "namespaces[1].nat.masquerade: this host has no interface eth7"),
        ({"name": "two", "nat": {}, **port}, "mutually exclusive: nat|forwards found in namespaces"),
        ({"state": "absent"}, "missing required arguments: name found in namespaces"),
    ):
        for check in (True, False):
            answer = host.netns_all([*entries(1), second], check=check)
            assert answer["failed"]
            assert problem in answer["msg"]
    for option, value in (("links", []), ("persist", True), ("force", False), ("state", "present"), ("name", "n0")):
        answer = host.ask(module="netns", options={"namespaces": entries(1), option: value})
        assert f"mutually exclusive: namespaces|{option}" in answer["msg"]
    assert "one of the following is required: name, namespaces" in host.ask(module="netns", options={})["msg"]
    assert host.netns_all([])["namespaces"] == []
    assert host.snapshot() == before
