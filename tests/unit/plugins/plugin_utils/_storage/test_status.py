# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a cluster: everything is on it once, what is not well is marked where it is, and nothing comes from outside."""

from __future__ import annotations

import html.parser
import json
import re
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ansible_collections.fleetlab.linux.plugins.filter.storage import status
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check.arrays import Array, Member
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check.facts import Facts
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check.history import update
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check.judge import find_problems
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check.main import view
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check.mounts import Mount
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check.sessions import Disk, Session
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check.targets import Lun, Target
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check.textfile import render
from ansible_collections.fleetlab.linux.plugins.plugin_utils._storage.status import duration

NOW = 1_800_000_000
SERVERS = ["server1", "server2", "server3"]
IQN = "iqn.2026-01.com.example.storage:"


def server(name: str) -> Facts:
    luns = [Lun(number, f"/dev/storage{number + 1}/volume", True) for number in range(2)]
    return Facts(targets=[Target(f"{IQN}{name}", True, ["0.0.0.0:3260"], luns, {f"{IQN}client1": "LOGGED_IN"})])


def client() -> Facts:
    """Two mirrors over three servers, a stripe over them, and a file system."""
    sessions: list[Session] = []
    members: dict[int, list[Member]] = {0: [], 1: []}
    for number, name in enumerate(SERVERS):
        disks = [Disk(f"sd{'abcdef'[2 * number + lun]}", lun, 1 << 30, "running") for lun in range(2)]
        sessions.append(Session(f"{IQN}{name}", f"192.0.2.{number + 11}:3260", "LOGGED_IN", "session1 1", 15, disks))
        for disk in disks:
            members[disk.lun].append(Member(disk.device, number, "in_sync", True))
    mirrors = [Array(f"md{n + 1}", f"md{n + 1}", f"{n}" * 32, "raid10", "clean", 1 << 30, 3, members=members[n]) for n in range(2)]
    stripe = Array("md99", "md99", "9" * 32, "raid0", "clean", 2 << 30, 2)
    stripe.members = [Member("md1", 0, "in_sync", True), Member("md2", 1, "in_sync", True)]
    return Facts(arrays=[*mirrors, stripe], sessions=sessions, mounts=[Mount("/dev/md99", "/srv/md99", "mounted")])


def answer(facts: Facts, known: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"stdout": json.dumps(view(facts, find_problems(facts), known or {}, NOW)), "rc": 0}


@pytest.fixture
def answers() -> dict[str, dict[str, Any]]:
    return {**{name: answer(server(name)) for name in SERVERS}, "client1": answer(client())}


def degraded() -> dict[str, Any]:
    facts = client()
    facts.arrays[0].degraded = 1
    facts.arrays[0].members[1].state = "faulty"
    facts.arrays[0].members[1].slot = None
    return answer(facts, {"problems": {"array md1: degraded": NOW - 7500}})


class Cells(html.parser.HTMLParser):
    """The texts of the cells of a page, each with its class; and everything that would be fetched."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.cells: list[tuple[str, str]] = []
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.fetched += [str(given[name]) for name in ("src", "href", "srcset", "action") if name in given]
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag in ("td", "th", "li", "p", "h2"):
            self.cells.append((given.get("class") or "", ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.cells and self.open and self.open[-1] not in ("table", "tr", "ul", "body"):
            kind, text = self.cells[-1]
            self.cells[-1] = (kind, f"{text} {data.strip()}".strip())


def texts(found: dict[str, Any], kind: str) -> list[str]:
    return [text for one, text in Cells(found["page"]).cells if kind in one.split()]


def test_a_whole_cluster_has_nothing_red_and_all_its_parts(answers: dict[str, dict[str, Any]]) -> None:
    found = status(answers, SERVERS, NOW + 0.7)
    assert (found["level"], found["problems"]) == (0, [])
    assert texts(found, "bad") == texts(found, "work") == []
    good = texts(found, "good")
    assert good[:5] == ["All is well.", "/srv/md99", "md99 raid0, 2.0 GiB, ok", "md1 raid10, 1.0 GiB ok", "md2 raid10, 1.0 GiB ok"]
    assert [text for text in good if text.startswith("LUN")] == [
        f"LUN {lun} sd{'abcdef'[2 * number + lun]} /dev/storage{lun + 1}/volume in sync" for number in range(3) for lun in range(2)
    ]
    assert found["lines"] == [
        "All is well, 2027-01-15 08:00 UTC",
        "client1: /srv/md99 on md99 (raid0) ok over md1 ok, md2 ok",
        "server1: 2 LUNs, ok",
        "server2: 2 LUNs, ok",
        "server3: 2 LUNs, ok",
    ]


def test_a_degraded_mirror_is_red_with_its_leg_and_the_time(answers: dict[str, dict[str, Any]]) -> None:
    answers["client1"] = degraded()
    found = status(answers, SERVERS, NOW)
    assert found["level"] == 2
    assert texts(found, "bad") == [
        "1 problem",
        ("client1 : md1 (/dev/md1) is degraded: 2 of 3 members hold current data; failed: sdc since 2027-01-15 05:55 UTC (2 h 5 min)"),
        "md1 raid10, 1.0 GiB degraded since 2027-01-15 05:55 UTC (2 h 5 min)",
        "LUN 0 sdc /dev/storage1/volume faulty",
    ]
    assert "md1 degraded, md2 ok" in found["lines"][2]


def test_a_rebuild_is_marked_apart_with_its_progress(answers: dict[str, dict[str, Any]]) -> None:
    facts = client()
    facts.arrays[0].degraded, facts.arrays[0].action, facts.arrays[0].done, facts.arrays[0].total = 1, "recover", 1, 4
    facts.arrays[0].members[1].state = "rebuilding"
    answers["client1"] = answer(facts)
    found = status(answers, SERVERS, NOW)
    assert (found["level"], texts(found, "bad")) == (1, [])
    assert texts(found, "work")[-2:] == [
        "md1 raid10, 1.0 GiB degraded, recover 25 % since 2027-01-15 08:00 UTC (0 s)",
        "LUN 0 sdc /dev/storage1/volume rebuilding",
    ]


def test_the_place_of_a_missing_member_is_red(answers: dict[str, dict[str, Any]]) -> None:
    facts = client()
    facts.arrays[0].degraded = 1
    del facts.arrays[0].members[1]
    answers["client1"] = answer(facts)
    assert "no member" in texts(status(answers, SERVERS, NOW), "bad")


def test_a_server_that_does_not_answer_stays_in_the_picture(answers: dict[str, dict[str, Any]]) -> None:
    answers["server2"] = {"unreachable": True, "msg": "timeout"}
    found = status(answers, SERVERS, NOW)
    assert found["problems"] == ["server2: does not answer"]
    assert "server2 does not answer" in texts(found, "bad")
    # Its legs are still assigned to it, by the name of its target.
    assert [text for text in texts(found, "good") if "sdc" in text] == ["LUN 0 sdc in sync"]


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ({"rc": 2, "msg": "No such file"}, "has no storage-check: run the role storage_monitor on it"),
        ({"stdout": "Killed"}, "has no storage-check: run the role storage_monitor on it"),
        ({"stdout": "{}"}, "has a storage-check of another version"),
        ({}, "has no storage-check: run the role storage_monitor on it"),
    ],
)
def test_a_host_without_an_answer_is_a_problem(answers: dict[str, dict[str, Any]], result: dict[str, Any], text: str) -> None:
    answers["client1"] = result
    found = status(answers, SERVERS, NOW)
    assert (found["level"], found["problems"]) == (2, [f"client1: {text}"])


def test_a_lost_lun_and_a_file_system_that_is_away_are_red(answers: dict[str, dict[str, Any]]) -> None:
    lost, away = server("server1"), client()
    lost.targets[0].luns[1].active = False
    away.mounts[0].state = "missing"
    answers.update(server1=answer(lost), client1=answer(away))
    bad = texts(status(answers, SERVERS, NOW), "bad")
    assert "/srv/md99: missing" in bad
    assert any("LUN 1 /dev/storage2/volume (lost)" in text for text in bad)


def test_arrays_without_a_stripe_and_of_local_disks_have_a_picture_each(answers: dict[str, dict[str, Any]]) -> None:
    facts = Facts(arrays=[Array("data", "md127", "1" * 32, "raid1", "clean", 1 << 40, 2, members=[Member("sda", 0, "in_sync", True)])])
    found = status({"client1": answer(facts)}, [], NOW)
    assert texts(found, "good")[1:] == ["data raid1, 1.0 TiB ok", "local sda in sync"]


def test_names_of_hosts_and_devices_cannot_break_the_page(answers: dict[str, dict[str, Any]]) -> None:
    facts = client()
    facts.arrays[0].name = '<script src="https://evil.example">'
    found = status({**answers, "<b>client2": answer(facts)}, SERVERS, NOW)
    assert "<script" not in found["page"]
    assert "<b>client2" not in found["page"]


def test_nothing_comes_from_outside_and_dark_is_thought_of(answers: dict[str, dict[str, Any]]) -> None:
    answers["client1"] = degraded()
    page = status(answers, SERVERS, NOW)["page"]
    assert Cells(page).fetched == []
    assert not re.search(r"https?:|url\(|@import", page)
    assert "prefers-color-scheme: dark" in page


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h 0 min"), (90000, "1 d 1 h"), (10**6, "11 d 13 h")]
)
def test_durations_have_two_units(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_the_metrics_of_a_client_are_what_prometheus_reads() -> None:
    facts = client()
    facts.arrays[0].name = 'quoted "name" \\ of\nmd'
    problems = find_problems(facts)
    text = render(facts, problems, update({}, facts, problems, NOW), {"0" * 32: {"finished": NOW}})
    families = {family.name: family for family in text_string_to_metric_families(text)}
    missing = families["fleetlab_storage_array_missing_members"]
    assert [(sample.labels["array"], sample.value) for sample in missing.samples] == [(one.name, 0) for one in facts.arrays]
    assert families["fleetlab_storage_session_reconnects"].type == "counter"
    assert families["fleetlab_storage_array_last_scrub_timestamp_seconds"].samples[0].value == NOW
    assert all(family.documentation for family in families.values())
