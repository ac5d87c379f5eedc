# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of services that are about to move inside, and of links that are about to go."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import List, Optional, Sequence

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import DEFAULT_TIMEOUT, CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.observe import links_without_leaving, observe_joined, staying
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.state import Listener, Record
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._netns.machine import want

SOCKET = Listener("tcp", "0.0.0.0", 80, 7)


class Systemd:
    """Answers C(systemctl show)."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def run(
        self, argv: Sequence[str], stdin: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT, accept: Sequence[int] = (0,)
    ) -> CommandResult:
        assert argv[:2] == ("systemctl", "show")
        return CommandResult(tuple(argv), 0, self.answer, "")


def test_a_service_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    wanted = want(forwards=[{"port": "80"}], services=["nginxx"])
    with pytest.raises(InputError, match=r"services: there is no unit nginxx\.service on this host"):
        staying(Systemd("LoadState=not-found\nControlGroup=\n"), Host(str(tmp_path)), [SOCKET], wanted)
    assert staying(Systemd("LoadState=loaded\nControlGroup=\n"), Host(str(tmp_path)), [SOCKET], wanted) == (SOCKET,)


@pytest.mark.parametrize(("resolv_conf", "current"), [("nameserver 192.0.2.53\n", True), ("nameserver 127.0.0.53\n", False)])
def test_a_process_in_a_chroot_says_nothing_about_the_files_of_dns(tmp_path: Path, resolv_conf: str, current: bool) -> None:
    for path, content in (
        ("sys/fs/cgroup/web.service/cgroup.procs", "41\n42\n"),
        ("run/netns/web", ""),
        ("etc/netns/web/resolv.conf", "nameserver 192.0.2.53\n"),
        ("proc/41/root/etc/resolv.conf", resolv_conf),
        ("var/empty/nothing", ""),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content, encoding="ascii")
    (tmp_path / "proc/42").mkdir()
    (tmp_path / "proc/42/root").symlink_to(tmp_path / "var/empty")
    for pid in ("41", "42"):
        (tmp_path / "proc" / pid / "ns").mkdir()
        os.link(str(tmp_path / "run/netns/web"), str(tmp_path / "proc" / pid / "ns/net"))
    joined = observe_joined(Systemd("LoadState=loaded\nControlGroup=/web.service\nMainPID=41\n"), Host(str(tmp_path)), "web", "web.service")
    assert (joined.network, joined.dns_current) == ("in", current)


class Leaving:
    """Answers C(ip address show) with a link that has lost its addresses, so many times, and without it from then on."""

    def __init__(self, times: int, kind: str = "veth") -> None:
        self.times = times
        link = {"ifindex": 7, "ifname": "v-web", "mtu": 1500, "linkinfo": {"info_kind": kind}, "addr_info": []}
        self.answer = json.dumps([link])
        self.looks = 0

    def run(
        self, argv: Sequence[str], stdin: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT, accept: Sequence[int] = (0,)
    ) -> CommandResult:
        assert "address" in argv
        self.looks += 1
        return CommandResult(tuple(argv), 0, self.answer if self.looks <= self.times else "[]", "")


RECORD = Record("web", True, "nftables", links=(("v-web", "v-peer1"),))


@pytest.mark.parametrize(
    ("runner", "record", "found", "looks"),
    [
        (Leaving(3), RECORD, 0, 4),
        (Leaving(1000), RECORD, 1, 51),
        (Leaving(3), None, 1, 1),
        (Leaving(3, "dummy"), RECORD, 1, 1),
        (Leaving(0), RECORD, 0, 1),
    ],
    ids=["leaves", "stays", "never ours", "another kind", "gone"],
)
def test_the_link_of_a_namespace_that_was_just_deleted_is_waited_out(
    runner: Leaving, record: Optional[Record], found: int, looks: int
) -> None:
    slept: List[float] = []
    assert len(links_without_leaving(runner, [record] if record is not None else [], slept.append)) == found
    assert runner.looks == looks
    assert sum(slept) <= 1.01
