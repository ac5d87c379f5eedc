# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the action of fleetlab.linux.throughput joins the two halves: in which order, with what, and what becomes of their answers."""

from __future__ import annotations

from typing import Any, Mapping

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.playbook.task import Task
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.fleetlab.linux.plugins.action import throughput
from ansible_collections.fleetlab.linux.plugins.plugin_utils._throughput.peer import Peer

AGENT = "fleetlab.linux.throughput_agent"
PLAN = {"interface": "eth0", "bounds": "1 x 6 s", "address": "192.0.2.2"}
LINK = {"driver": "veth", "speed": None}
MEASURED = {"rate": {"payload": 8e9, "wire": 8.5e9}, "limited_by": "network", "reason": "", "trusted": True}
RESULT = {"turn": 0, "peer": "b", "path": {"mtu": 1500}, "measured": {"to": MEASURED}}
HOSTS: dict[str, dict[str, Any]] = {"a": {"ansible_host": "192.0.2.1"}, "b": {"ansible_host": "192.0.2.2"}, "c": {}}


class Scripted(throughput.ActionModule):
    """The action on the host a, whose agents answer as the test says."""

    def __init__(self, options: dict[str, Any], check_mode: bool, result: Mapping[str, Any]) -> None:
        self._task = Task()
        self._task.args = options
        self._task.check_mode = check_mode
        self.result = result
        self.calls: list[tuple[str, str]] = []
        self.sent: list[dict[str, Any]] = []

    def answer(self, where: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append((where, arguments["part"]))
        self.sent.append(dict(arguments))
        return {"plan": [PLAN], "links": {"eth0": LINK}, "ports": {"0": 40123}, "results": [self.result]}

    def _execute_module(self, module_name: str = "", module_args: Any = None, **_options: Any) -> dict[str, Any]:
        assert module_name == AGENT
        return self.answer("a", module_args)

    def validate_argument_spec(self, argument_spec: Any = None, **_options: Any) -> tuple[None, dict[str, Any]]:
        return None, {name: self._task.args.get(name, spec.get("default")) for name, spec in argument_spec.items()}


class FakePeer:
    def __init__(self, action: Scripted, host: str) -> None:
        self.action, self.host = action, host

    def module(self, name: str, arguments: Mapping[str, Any], _variables: Any) -> dict[str, Any]:
        assert name == AGENT
        return self.action.answer(self.host, arguments)


@pytest.fixture(autouse=True)
def cut_off(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The action is cut off from a real play, and what it displays is kept."""
    lines: list[str] = []
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments, **_options: {})
    monkeypatch.setattr(throughput, "connect", lambda action, host, _variables: FakePeer(action, host))
    monkeypatch.setattr(Display, "display", lambda _self, text, **_options: lines.append(text))
    return lines


def run(check_mode: bool = False, result: Mapping[str, Any] | None = None, **options: Any) -> tuple[Scripted, dict[str, Any]]:
    action = Scripted({"to": "b", **options}, check_mode, result or RESULT)
    return action, action.run(task_vars={"inventory_hostname": "a", "hostvars": HOSTS})


def test_the_host_is_checked_before_the_peer_listens_and_then_it_sends(cut_off: list[str]) -> None:
    action, result = run()
    assert action.calls == [("a", "check"), ("b", "start"), ("a", "run")]
    turns = [sent["turns"][0] for sent in action.sent]
    assert [turn["act"] for turn in turns] == ["connect", "listen", "connect"]
    assert turns[2]["port"] == 40123
    assert len({sent["token"] for sent in action.sent}) == 1
    assert result["rate"] == MEASURED["rate"]
    assert (result["changed"], result["direction"], result["path"]) == (False, "to", {"mtu": 1500})
    assert cut_off == ["a -> b: 1 x 6 s"], "what is sent is said before"


def test_check_mode_asks_both_and_sends_nothing() -> None:
    action, result = run(check_mode=True)
    assert action.calls == [("a", "check"), ("b", "check")]
    assert result == {"changed": False, "plan": PLAN, "bounds": "1 x 6 s"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fail_below": "9Gi"}, "fail_below"),
        ({"seconds": 61}, "outside 1 to 60"),
        ({"to": "nobody"}, "nobody is not a host of the inventory"),
        ({"to": "c"}, "'c', by which Ansible reaches c, is no IP address"),
    ],
)
def test_bad_input_reaches_no_host(options: dict[str, Any], words: str) -> None:
    action = Scripted({"to": "b", **options}, False, RESULT)
    result = action.run(task_vars={"inventory_hostname": "a", "hostvars": HOSTS})
    assert result["failed"]
    assert words in result["msg"]
    assert action.calls == []


def test_a_percentage_of_a_speed_that_is_made_up_is_refused_before_the_peer_listens() -> None:
    action = Scripted({"to": "b", "fail_below_percent": 90.0}, False, RESULT)
    assert "no real speed" in action.run(task_vars={"inventory_hostname": "a", "hostvars": HOSTS})["msg"]
    assert action.calls == [("a", "check")]


def test_a_threshold_that_is_missed_fails_with_all_values() -> None:
    _action, result = run(fail_below="9G")
    assert result["failed"]
    assert result["msg"].startswith("a -> b: 8 Gbit/s of payload is less than 9 Gbit/s")
    assert result["rate"] == MEASURED["rate"]


def test_both_directions_are_judged_and_returned() -> None:
    slow = {**MEASURED, "rate": {"payload": 1e9, "wire": 1.1e9}}
    _action, result = run(result={**RESULT, "measured": {"to": MEASURED, "from": slow}}, direction="both", fail_below="2G")
    assert result["msg"].startswith("b -> a: 1 Gbit/s")
    assert result["reverse"]["rate"] == slow["rate"]


def test_a_failure_of_the_measurement_keeps_its_path() -> None:
    _action, result = run(result={"turn": 0, "peer": "b", "failure": "b: black hole", "path": {"mtu": 1500, "black_hole": True}})
    assert (result["failed"], result["msg"], result["path"]["mtu"]) == (True, "b: black hole", 1500)


class Unreachable(Peer):
    def __init__(self) -> None:
        """Connected to nothing."""

    def _execute_module(self, **_options: Any) -> dict[str, Any]:
        raise AnsibleConnectionFailure("Data could not be sent to remote host")


def test_a_peer_that_cannot_be_reached_is_named_and_the_own_host_stays_in_the_play(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throughput, "connect", lambda *_arguments: Unreachable())
    _action, result = run()
    assert result == {"failed": True, "changed": False, "msg": "b cannot be reached: Data could not be sent to remote host"}
