# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules from their options to their JSON, on a host without namespaces."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.module_utils._core import lock as locks
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import DEFAULT_TIMEOUT, CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.addresses import Forward
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.names import record_path
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.record import render
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.state import Record
from ansible_collections.fleetlab.linux.plugins.modules import netns, netns_info

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures"
ABSENT = {"name": "web", "state": "absent"}
Run = Callable[..., Dict[str, Any]]


class Bare:
    """Answers as a host with nftables, and nothing in any list."""

    def __init__(self) -> None:
        self.ran: List[Tuple[str, ...]] = []

    def run(
        self, argv: Sequence[str], stdin: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT, accept: Sequence[int] = (0,)
    ) -> CommandResult:
        self.ran.append(tuple(argv))
        return CommandResult(tuple(argv), 0, '{"nftables": []}' if argv[0] == "nft" else "[]", "")


class Recorded(Bare):
    """Answers as the host of the fixtures, which has the namespace both."""

    def run(
        self, argv: Sequence[str], stdin: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT, accept: Sequence[int] = (0,)
    ) -> CommandResult:
        bare = super().run(argv, stdin, timeout, accept)
        inside = "-n" in argv
        files = {
            "-batch": "ip/6.1.0/inside.json",
            "address": f"ip/6.1.0/address-{'inside' if inside else 'host'}.json",
            "-6": "ip/6.1.0/route-inside-6.json" if inside else None,
            "table": "nft/1.0.6/table.json",
            "/proc/net/tcp": "proc_net/6.18/tcp",
        }
        file = next((path for word, path in files.items() if word in argv and path is not None and argv[-2:] != ("table", "main")), None)
        file = files["-6"] if "-6" in argv else file
        return bare if file is None else replace(bare, stdout=(FIXTURES / file).read_text(encoding="utf-8"))


@pytest.fixture
def runner() -> Bare:
    return Bare()


@pytest.fixture
def recorded(runner: Bare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The namespace both with its record, and another one of somebody else."""
    monkeypatch.setattr(runner, "run", Recorded().run)
    (tmp_path / "run" / "netns").mkdir(parents=True)
    for name in ("both", "theirs"):
        (tmp_path / "run" / "netns" / name).symlink_to("/proc/self/ns/net")
    (tmp_path / "run" / "netns" / "stale").write_text("", encoding="ascii")
    (tmp_path / "proc" / "sys" / "net" / "ipv6").mkdir(parents=True)
    path = tmp_path / record_path("both", True)[1:]
    path.parent.mkdir(parents=True)
    made = Record("both", True, "nftables", (("v-both", "eth0"), ("v-more", "eth1")), forwards=(Forward("tcp", 80, 80, 8080),))
    path.write_text(render(made), encoding="utf-8")


@pytest.fixture
def run(tmp_path: Path, runner: Bare, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a module's main() with options, and return what it printed."""
    status = tmp_path / "proc" / "self" / "status"
    status.parent.mkdir(parents=True)
    status.write_text("CapEff:\t000001ffffffffff\n", encoding="ascii")
    monkeypatch.setattr(locks, "_FOLDER", str(tmp_path / "locks"))
    monkeypatch.setattr(netns, "LOCK", replace(netns.LOCK, timeout=0.2))
    for module in (netns, netns_info):
        monkeypatch.setattr(module, "host_runner", lambda: runner)
        monkeypatch.setattr(module, "Host", lambda: Host(str(tmp_path)))

    def call(module: Any, options: Dict[str, Any], **flags: bool) -> Dict[str, Any]:
        with patch_module_args({**options, **{f"_ansible_{name}": value for name, value in flags.items()}}), pytest.raises(SystemExit):
            module.main()
        result: Dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return call


@pytest.mark.parametrize("options", [ABSENT, {"namespaces": [ABSENT]}])
def test_of_two_runs_at_once_the_second_waits_and_is_refused_by_name(run: Run, runner: Bare, options: Dict[str, Any]) -> None:
    with netns.LOCK.held():
        refused = run(netns, options)
        assert refused["msg"].startswith("network namespaces: another run works on this host, and had not ended after 0.2 s")
        # Nor has it looked: what it found would not be true any more when it is its turn.
        assert (refused["failed"], runner.ran) == (True, [])
        assert "failed" not in run(netns, options, check_mode=True)
    assert "failed" not in run(netns, options)


def test_one_namespace_is_returned_as_one_and_many_as_a_list(run: Run) -> None:
    assert run(netns, ABSENT) == {**run(netns, ABSENT), "changed": False, "commands": [], "namespace": None}
    assert run(netns, {"namespaces": [ABSENT]})["namespaces"] == []
    assert run(netns, {"namespaces": []})["namespaces"] == []
    assert run(netns_info, {})["namespaces"] == []


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"name": "../web"}, "name: '../web' is not a name"),
        ({"namespaces": [ABSENT, {"name": "../web"}]}, "namespaces[1].name: '../web' is not a name"),
        (
            {"namespaces": [ABSENT, {"name": "b", "nat": {"masquerade": "eth5"}}]},
            "namespaces[1].nat.masquerade: this host has no interface",
        ),
        ({"namespaces": [ABSENT, {"name": "b", "links": [{"name": "lo"}]}]}, "namespaces[1].links[0].name: 'lo' has a special meaning"),
        ({"namespaces": [], "name": "web"}, "mutually exclusive: namespaces|name"),
        ({}, "one of the following is required: name, namespaces"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_refusal_names_the_namespace_and_the_option(run: Run, options: Dict[str, Any], problem: str, check_mode: bool) -> None:
    result = run(netns, options, check_mode=check_mode)
    assert result["failed"]
    assert problem in result["msg"]


@pytest.mark.usefixtures("recorded")
def test_everything_of_a_namespace_is_reported(run: Run) -> None:
    both, theirs = run(netns_info, {})["namespaces"]
    assert {key: both[key] for key in ("name", "managed", "persist", "processes", "forwards")} == {
        "name": "both",
        "managed": True,
        "persist": True,
        "processes": [],
        "forwards": [{"protocol": "tcp", "port": "80", "to_port": "8080", "address": None, "sources": []}],
    }
    assert both["links"][1] == {
        "name": "eth0",
        "kind": "veth",
        "up": True,
        "mtu": 1400,
        "addresses": ["10.201.0.2/30", "fd00:201::2/64"],
        "host_link": "v-both",
        "host_addresses": ["10.201.0.1/30", "fd00:201::1/64"],
    }
    default = {"to": "default", "via": "fd00:201::1", "link": "eth0", "metric": 1024, "family": "ipv6", "protocol": "boot"}
    assert default in both["routes"]
    assert both["listening"] == [{"protocol": "tcp", "address": "0.0.0.0", "port": 8080}]
    assert {rule["chain"] for rule in both["rules"]} == {"prerouting", "gate", "output", "postrouting", "input", "forward"}
    assert (theirs["name"], theirs["managed"], theirs["persist"], theirs["rules"]) == ("theirs", False, False, [])
    assert [one["name"] for one in run(netns_info, {"name": "theirs"})["namespaces"]] == ["theirs"]
    assert run(netns_info, {"name": "stale"})["namespaces"] == run(netns_info, {"name": "gone"})["namespaces"] == []


@pytest.mark.usefixtures("recorded")
def test_check_mode_returns_the_namespace_as_it_is(run: Run) -> None:
    (both, _theirs) = run(netns_info, {})["namespaces"]
    found = run(netns, {"name": "both", "state": "absent"}, check_mode=True, diff=True)
    assert found["changed"]
    assert found["namespace"] == {key: both[key] for key in ("name", "managed", "persist", "links", "routes", "forwards")}
    assert found["diff"]["before"]["links"]["v-both"]["peer"]["name"] == "eth0"
    assert (found["diff"]["after"]["links"], found["diff"]["after"]["namespace"]) == ({}, "absent")
    assert ["ip", "netns", "delete", "both"] in found["commands"]
