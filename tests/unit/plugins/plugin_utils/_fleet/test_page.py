# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page: whole, safe, as small as it should be, and with the figures of the table."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.fleet import Limits, make_fleet
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.history import Run
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.page import render_page
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.parts import PARTS
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.readings import KERNELS, facts

EVIL = "</script><!--<script>alert('$x')&amp;"
KIB = 1024


def fleet_of(count: int) -> dict[str, Any]:
    """A fleet of hosts with all kernels in turn, in two groups, one of them with a hostile name, and one that failed."""
    known = {kernel: {**facts(kernel), "read_at": 1764172800.5} for kernel in KERNELS}
    hosts: dict[str, Any] = {
        f"host{number:04}.example.net": {"meminfo": known[KERNELS[number % len(KERNELS)]], "group_names": ["all", f"dc{number % 2}"]}
        for number in range(count)
    }
    hosts[EVIL] = {"meminfo": known["6.1"]}
    hosts["dead"] = {"meminfo_error": f"no {EVIL}"}
    return make_fleet(hosts, limits=Limits(low_below=80))


class Page(HTMLParser):
    """The elements of a page, and the data in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.texts: dict[str, str] = {}
        self.inside = ""
        self.feed(text)
        self.data = json.loads(self.texts["script data"])
        self.hosts = [dict(zip(self.data["columns"], values)) for values in self.data["hosts"]]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append(tag)
        self.inside = f"{tag} {dict(attrs).get('id') or ''}".strip()
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts[self.inside] = self.texts.get(self.inside, "") + data


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    found = fleet_of(30)
    text = render_page(found)
    page = Page(text)
    assert page.tags.count("script") == 2
    assert page.links == []
    assert "http://" not in text
    assert "https://" not in text
    assert render_page(found) == text


def test_names_and_reasons_of_hosts_stay_text() -> None:
    text = render_page(fleet_of(3))
    page = Page(text)
    assert EVIL in [host["host"] for host in page.hosts]
    assert "no &lt;/script&gt;&lt;!--" in text
    assert "alert" not in "".join(text for name, text in page.texts.items() if name == "script")


def test_the_bars_are_those_of_the_table() -> None:
    found = fleet_of(30)
    for row, host in zip(found["hosts"], Page(render_page(found)).hosts):
        assert host["host"] == row["host"]
        assert host["available_percent"] == row["available_percent"]
        lengths = dict(zip(PARTS, host["lengths"]))
        assert abs(sum(lengths.values()) - row["total"] // KIB) <= len(PARTS)
        if row["extended_percent"] is not None:
            assert abs(100 * lengths["unexplained"] * KIB / row["total"] - row["extended_percent"]) < 0.1


def test_low_hosts_groups_and_reasons_are_there() -> None:
    found = fleet_of(30)
    page = Page(render_page(found))
    assert [host["low"] for host in page.hosts] == [int(row["low"]) for row in found["hosts"]]
    assert {0, 1} == {host["low"] for host in page.hosts}
    assert sorted(page.data["groups"]) == ["all", "dc0", "dc1"]
    notes = [page.data["names"][number] for host in page.hosts for number in host["notes"]]
    assert any(note.startswith("Available: no MemAvailable") for note in notes)


def test_earlier_runs_are_a_time_axis() -> None:
    found = fleet_of(3)
    names = [row["host"] for row in found["hosts"]]
    found["history"] = [Run(100.0, {names[0]: 12.34}), Run(200.4, dict.fromkeys(names, 50.0))]
    assert Page(render_page(found)).data["history"] == {"times": [100, 200], "hosts": [[12.3, 50.0], *[[None, 50.0]] * 3]}
    assert Page(render_page(fleet_of(3))).data["history"] is None


def test_five_thousand_hosts_with_their_history_stay_below_five_megabytes() -> None:
    found = fleet_of(5000)
    runs = {row["host"]: 99.9 for row in found["hosts"]}
    found["history"] = [Run(float(number), runs) for number in range(48)]
    assert len(render_page(found)) < 5_000_000


def test_no_hosts_at_all() -> None:
    assert Page(render_page(make_fleet({}))).hosts == []
