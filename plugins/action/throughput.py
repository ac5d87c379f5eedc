# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of throughput: it joins the two halves of a measurement, which run on two hosts."""

from __future__ import annotations

import secrets
from typing import Any, Dict, Mapping, Optional

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError, ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.options import MEASURE_SPEC, PAIR_SPEC, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.thresholds import Thresholds, check_speed, make_thresholds
from ansible_collections.fleetlab.linux.plugins.plugin_utils._throughput.pair import address_of, flatten, missed
from ansible_collections.fleetlab.linux.plugins.plugin_utils._throughput.peer import connect, variables_of

_AGENT = "fleetlab.linux.throughput_agent"


class ActionModule(ActionBase):  # type: ignore[misc]  # not typed by Ansible
    """Checks both hosts, has the peer listen, and measures from the host of the task."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """The result of the task."""
        variables = task_vars or {}
        result: Dict[str, Any] = super().run(tmp, variables)
        _validation, options = self.validate_argument_spec(PAIR_SPEC)
        try:
            # Bad input ends here, before any host is asked.
            make_wanted({**options, "turns": [], "token": ""})
            thresholds = make_thresholds(options["fail_below"], options["fail_below_percent"])
            result.update(self._measure(options, thresholds, variables))
        except FleetlabError as error:
            # Returned and not raised, so that failed_when can narrow it.
            result.update(failed=True, changed=False, msg=str(error))
        return result

    def _measure(self, options: Mapping[str, Any], thresholds: Thresholds, variables: Dict[str, Any]) -> Dict[str, Any]:
        host, to = str(variables["inventory_hostname"]), options["to"]
        peer_variables = variables_of(variables["hostvars"], to)
        address = address_of(to, peer_variables, options["address"])
        common = {name: options[name] for name in MEASURE_SPEC}
        common["token"] = secrets.token_hex(16)
        connects = {"peer": to, "act": "connect", "address": address, "port": options["port"]}
        listens = {"peer": host, "act": "listen", "address": address, "port": options["port"]}
        checked = self._agent(variables, {**common, "part": "check", "turns": [connects]})
        interface = checked["plan"][0]["interface"]
        link = checked["links"][interface]
        check_speed(thresholds, interface, link)
        peer = connect(self, to, peer_variables)
        part = "check" if self._task.check_mode else "start"
        started = _answer(to, peer.module(_AGENT, {**common, "part": part, "turns": [listens]}, peer_variables))
        plan = {"plan": checked["plan"][0], "bounds": checked["plan"][0]["bounds"]}
        if self._task.check_mode:
            return {"changed": False, **plan}
        Display().display(f"{host} -> {to}: {plan['bounds']}")
        turn = {**connects, "port": started["ports"]["0"]}
        outcome = self._agent(variables, {**common, "part": "run", "turns": [turn]})["results"][0]
        return {"changed": False, **plan, **_conclude(host, to, outcome, thresholds, link["speed"])}

    def _agent(self, variables: Dict[str, Any], arguments: Dict[str, Any]) -> Dict[str, Any]:
        return _answer("", self._execute_module(module_name=_AGENT, module_args=arguments, task_vars=variables))


def _conclude(host: str, to: str, outcome: Mapping[str, Any], thresholds: Thresholds, speed: Optional[int]) -> Dict[str, Any]:
    """The return values of a measurement, or its failure."""
    if "failure" in outcome:
        return {"failed": True, "msg": outcome["failure"], "path": outcome.get("path")}
    found = missed(host, to, outcome, thresholds, speed)
    failure = {"failed": True, "msg": "; ".join(found)} if found else {}
    return {**flatten(outcome), **failure}


def _answer(host: str, answer: Dict[str, Any]) -> Dict[str, Any]:
    """The return values of the module.

    :raises ObservationError: it failed.
    """
    if answer.get("failed") or answer.get("unreachable"):
        raise ObservationError(f"{host}: {answer['msg']}" if host else str(answer["msg"]))
    return answer
