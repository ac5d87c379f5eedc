# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An MTU that the interface cannot have is refused before anything is written for the next boot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import play_tasks, programs

# The keys that the role reads, of ip -json -details link, iproute2 6.1: a veth, an ifb, and a kernel before 4.19.
VETH = {"ifname": "veth0", "mtu": 1500, "min_mtu": 68, "max_mtu": 65535}
IFB = {"ifname": "ifb0", "mtu": 1500, "min_mtu": 0, "max_mtu": 0}
OLD = {"ifname": "eth0", "mtu": 1500}


@pytest.mark.parametrize("options", [(), ("--check",)])
@pytest.mark.parametrize(("link", "mtu", "refused"), [(VETH, 65535, False), (VETH, 65536, True), (IFB, 65536, False), (OLD, 9000, False)])
def test_the_largest_mtu_is_that_of_the_interface(
    tmp_path: Path, link: dict[str, object], mtu: int, refused: bool, options: tuple[str, ...]
) -> None:
    (tmp_path / "link").write_text(json.dumps([link]), encoding="utf-8")
    path = programs(tmp_path, ip=f'case "$*" in "-json -details link show dev "*) exec cat {tmp_path}/link;; esac; exit 1')
    variables = {"jumbo_frames_interface": str(link["ifname"]), "jumbo_frames_mtu": mtu, "jumbo_frames_hosts": ["here"]}
    # Nothing but the tasks that look is played.
    played = play_tasks(tmp_path, {"here": variables}, "--tags", "verify", *options, path=path, name="fleetlab.linux.jumbo_frames")
    failed = [one["hosts"]["here"]["msg"] for one in played if one["hosts"].get("here", {}).get("failed")]
    begin = f"here: {link['ifname']} carries an MTU of at most 65535, and jumbo_frames_mtu is {mtu}. Nothing was changed"
    assert [message[: len(begin)] for message in failed] == ([begin] if refused else [])
