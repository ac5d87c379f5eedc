# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps that are not commands, on files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import DEFAULT_TIMEOUT, CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.apply import operations


class Tables:
    """Prints a chain of iptables, and notes what it is asked."""

    def __init__(self, rules: str) -> None:
        self.rules = rules
        self.asked: List[Tuple[str, ...]] = []

    def run(
        self, argv: Sequence[str], stdin: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT, accept: Sequence[int] = (0,)
    ) -> CommandResult:
        self.asked.append(tuple(argv))
        return CommandResult(tuple(argv), 0, self.rules, "")


RUNNER = Tables("-P FORWARD ACCEPT\n-A FORWARD -s 192.0.2.9/32 -j DROP\n-A FORWARD -j REJECT\n")


def test_a_rule_is_inserted_where_the_other_one_is_now() -> None:
    insert = operations((), RUNNER)["insert_before"]
    insert(tool="iptables", chain="FORWARD", rule="-i v-web -j ACCEPT", before="-A FORWARD -j REJECT")
    assert RUNNER.asked[-1] == ("iptables", "-w", "60", "-I", "FORWARD", "2", "-i", "v-web", "-j", "ACCEPT")
    with pytest.raises(ObservationError, match="'-A FORWARD -j DROP' has vanished from the chain FORWARD meanwhile: run the task again"):
        insert(tool="iptables", chain="FORWARD", rule="-i v-web -j ACCEPT", before="-A FORWARD -j DROP")


def test_a_file_goes_with_the_folders_that_become_empty(tmp_path: Path) -> None:
    remove = operations((), RUNNER)["remove_with_empty_folders"]
    folder = tmp_path / "kept" / "a" / "b"
    folder.mkdir(parents=True)
    (tmp_path / "kept" / "of others").touch()
    (folder / "one").touch()
    (folder / "two").touch()
    remove(path=str(folder / "one"))
    assert [path.name for path in folder.iterdir()] == ["two"]
    for _time in range(2):
        remove(path=str(folder / "two"))
        assert [path.name for path in (tmp_path / "kept").iterdir()] == ["of others"]


def test_a_setting_that_the_kernel_does_not_have_is_named() -> None:
    with pytest.raises(ObservationError, match=r"^sysctl net\.ipv4\.no_such_setting cannot be set to 1: "):
        operations((), RUNNER)["set_sysctl"](key="net/ipv4/no_such_setting", value="1")


class Links:
    """A host with links and their groups. C(knows_groups): its kernel deletes all links of a group at once."""

    def __init__(self, knows_groups: bool = True, **links: str) -> None:
        self.links = links
        self.knows_groups = knows_groups
        self.asked: List[str] = []

    def run(
        self, argv: Sequence[str], stdin: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT, accept: Sequence[int] = (0,)
    ) -> CommandResult:
        self.asked.append(" ".join(argv))
        for words in (line.split() for line in (stdin or "").splitlines()):
            if words[:3] == ["link", "set", "dev"] and words[3] in self.links:
                self.links[words[3]] = words[5]
            elif words[:3] == ["link", "delete", "group"] and self.knows_groups:
                self.links = {name: group for name, group in self.links.items() if group != words[3]}
        if argv[:4] == ("ip", "link", "delete", "dev"):
            assert 1 in accept
            self.links.pop(argv[4], None)
        shown = json.dumps([{"ifname": name, "group": group} for name, group in self.links.items()])
        return CommandResult(tuple(argv), 0, shown if "-json" in argv else "", "")


def test_links_are_deleted_together() -> None:
    host = Links(eth0="default", one="default", two="default")
    # Another one has gone meanwhile.
    operations((), host)["delete_links"](links=("one", "two", "three"))
    assert host.links == {"eth0": "default"}
    assert [line for line in host.asked if "link show" not in line] == ["ip -force -batch -"]


def test_a_link_of_others_that_is_in_the_group_stays() -> None:
    host = Links(one="default", killed="1718379877", two="default")
    operations((), host)["delete_links"](links=("one", "two"))
    assert host.links == {"killed": "1718379877"}


def test_a_kernel_without_groups_deletes_link_after_link() -> None:
    host = Links(knows_groups=False, one="default", eth0="default", two="default")
    operations((), host)["delete_links"](links=("one", "two"))
    assert host.links == {"eth0": "default"}
