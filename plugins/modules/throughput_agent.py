#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of one host in measurements of throughput."""

from __future__ import annotations

DOCUMENTATION = r"""
module: throughput_agent
short_description: The part of one host in measurements of throughput
version_added: 0.1.0
description:
  - Measurements have two halves, one of which listens and the other connects. This module is one half, or one host's half in each of
    several measurements, one after the other. M(fleetlab.linux.throughput) runs it on both hosts of a pair,
    and the role P(fleetlab.linux.throughput#role) on all hosts of a matrix. Use these two.
  - Both halves end by themselves at their time limit, also if the controller is gone.
extends_documentation_fragment:
  - fleetlab.linux._attributes.info_module
  - fleetlab.linux._attributes.group_throughput
  - fleetlab.linux._throughput
attributes:
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
options:
  part:
    description:
      - V(check) refuses what cannot be measured, and returns what would be sent. So does check mode.
      - V(start) takes the turns in a process that goes on after the module.
      - V(run) takes the turns, and returns their results.
      - V(collect) waits for the results of a process that V(start) has left in O(folder), and shows a line for each.
    type: str
    choices: [check, start, run, collect]
    default: check
  turns:
    description: The measurements in which the host takes part, in the order of their numbers.
    type: list
    elements: dict
    default: []
    suboptions:
      number:
        description: The number of the measurement, the same on both hosts.
        type: int
        default: 0
      peer:
        description: The name of the other host, for messages.
        type: str
        required: true
      act:
        description: Which half the host is.
        type: str
        choices: [connect, listen]
        required: true
      address:
        description: The IP address of the half that listens.
        type: str
        required: true
      port:
        description: The port of the half that listens. V(0) is any free port, for the half that listens.
        type: int
        default: 0
  token:
    description: A word that both halves know. Connections without it are sent away.
    type: str
    default: ""
  folder:
    description: The folder that V(start) has returned, for V(collect).
    type: path
  limit:
    description: The number of seconds that V(collect) waits for all results.
    type: int
    default: 120
author:
  - fleetlab.linux contributors (@fleetlab)
seealso:
  - module: fleetlab.linux.throughput
  - module: fleetlab.linux.throughput_report
"""

EXAMPLES = r"""
- name: See whether this host can measure the way to another
  fleetlab.linux.throughput_agent:
    turns:
      - {peer: server2, act: connect, address: 192.0.2.2}
"""

RETURN = r"""
plan:
  description: Each turn of this host with its bounds.
  returned: success
  type: list
  elements: dict
  contains:
    turn:
      description: Its number.
      type: int
    peer:
      description: The other host.
      type: str
    act:
      description: V(connect) or V(listen).
      type: str
    address:
      description: The address of the host that listens.
      type: str
    port:
      description: Its port, V(0) for any.
      type: int
    interface:
      description: The interface of this host.
      type: str
    mtu:
      description: The MTU of the path or the interface.
      type: int
    directions:
      description: V(to), V(from) or both.
      type: list
      elements: str
    streams:
      description: The number of connections.
      type: int
    seconds:
      description: How long it sends.
      type: float
    bytes:
      description: The most bytes that it sends, null if only the time bounds them.
      type: int
    bounds:
      description: The same as a sentence.
      type: str
  sample:
    - act: connect
      address: 192.0.2.2
      bounds: "1 x 6.2 s, 1 streams, at full speed: at most 7.75 GB"
      bytes: 7750000000
      directions: [to]
      interface: eth0
      mtu: 9000
      peer: server2
      port: 0
      seconds: 6.2
      streams: 1
      turn: 0
links:
  description: The interfaces of the turns. C(speed) is in bit/s, and null if the driver has none or makes it up.
  returned: success
  type: dict
  sample: {eth0: {driver: ixgbe, kind: "", mtu: 9000, offloads: [gro, gso, tso], qdisc: mq, speed: 10000000000}}
addresses:
  description: The addresses of the host.
  returned: success
  type: list
  elements: str
  sample: [192.0.2.1]
limit:
  description: The number of seconds that all turns together may take.
  returned: success
  type: int
  sample: 26
ports:
  description: With O(part=start) the port of each turn in which the host listens.
  returned: success
  type: dict
  sample: {"0": 40123}
folder:
  description: With O(part=start) the folder of the results; empty if this host only listens.
  returned: success
  type: str
  sample: ""
results:
  description: With O(part=run) and O(part=collect) the result of each turn in which the host connects, or the reason of its failure.
  returned: success
  type: list
  elements: dict
  contains:
    turn:
      description: The number of the turn.
      type: int
    peer:
      description: The other host.
      type: str
    failure:
      description: Why it has no result.
      type: str
    measured:
      description: The values of each direction, as M(fleetlab.linux.throughput) returns them.
      type: dict
    path:
      description: The MTU of the path.
      type: dict
      contains:
        mtu:
          description: The MTU that packets were found to have.
          type: int
        negotiated_mtu:
          description: The MTU that both ends have agreed on.
          type: int
        black_hole:
          description: Whether larger packets get lost.
          type: bool
        advice:
          description: What to do about it.
          type: str
        tries:
          description: The number of sizes that were tried.
          type: int
        seconds:
          description: How long that took.
          type: float
  sample:
    - {turn: 0, peer: server2, failure: "server2: it did not answer within 10 s"}
"""

from typing import Any, Callable, Dict, List, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import fail
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput import show
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.apply.agent import Agent, detach
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.checks import check
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.observe.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.options import AGENT_SPEC, make_wanted


def measure(params: Dict[str, Any], check_mode: bool) -> Dict[str, Any]:
    """The return values."""
    host, runner = Host(), host_runner()
    wanted = make_wanted(params)
    state = observe(wanted, runner, host)
    check(state, wanted)
    shown = show.returned(state, wanted)
    if check_mode or params["part"] not in ("start", "run"):
        return shown
    agent = Agent(host, runner, state, wanted)
    if params["part"] == "start":
        return show.with_process(shown, agent.ports, detach(agent))
    results: List[Dict[str, Any]] = []
    agent.take_turns(results.append)
    return show.with_results(shown, results)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=AGENT_SPEC, supports_check_mode=True)
    end: Callable[..., NoReturn] = module.exit_json
    try:
        end(**measure(module.params, module.check_mode))
    except FleetlabError as error:
        fail(module, error)


if __name__ == "__main__":
    main()
