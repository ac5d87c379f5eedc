#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for the machines of a lab to boot, and say what stopped the machines that did not."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_boot_info
version_added: 0.1.0
short_description: Wait for the machines of a lab to boot, and say what stopped the machines that did not
description:
  - Asks all machines of a lab by ssh, at the same time, until each has booted or the time is up. Runs on the machine that carries the lab.
  - Stops waiting for a guest when its process ends, and returns the last lines of its console.
  - Fails if no machine booted, with one message for each cause. If only some machines booted, returns their names and what stopped the
    other machines.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes.info_module
options:
  name:
    description: The lab's name.
    type: str
    default: lab
  directory:
    description: The lab's directory, as in M(fleetlab.linux.lab_guests). The machines are reached with the C(ssh_config) in it.
    type: path
    required: true
  machines:
    description: The machines to wait for.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Host name, as in C(ssh_config).
        type: str
        required: true
      boot_log:
        description: Where a user finds the log of the machine's boot. By default the console of the guest.
        type: str
  guests:
    description: Whether the machines are guests of M(fleetlab.linux.lab_guests), whose processes can be watched.
    type: bool
    default: true
  timeout:
    description: Seconds within which all machines have to boot.
    type: int
    default: 240
  hint:
    description: A further possible cause of a machine that is not reached, for the message.
    type: str
seealso:
  - module: fleetlab.linux.lab_guests
  - module: fleetlab.linux.lab_kernel
"""

EXAMPLES = r"""
- name: Wait for the machines of a lab
  fleetlab.linux.lab_boot_info:
    directory: /srv/lab
    machines:
      - name: server1
      - name: client1
  register: boot

- name: Show which machines did not boot, and why
  ansible.builtin.debug:
    msg: "{{ boot.problems }}"
  when: boot.problems | length > 0
"""

RETURN = r"""
booted:
  description: Names of the machines that have booted, in the order of O(machines).
  returned: always
  type: list
  elements: str
  sample: [server1, client1]
problems:
  description: What stopped the other machines, a text for each cause, which begins with the names of the machines.
  returned: always
  type: list
  elements: str
  sample: ["server2: not reached by ssh and booted within 240 s: see /srv/lab/guests/server2/console.log"]
seconds:
  description: How long each machine took to boot, by its name.
  returned: always
  type: dict
  sample: {"server1": 7.5, "client1": 8.1}
"""

from typing import Any, Dict, Set

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.observe.boot import Machine, by_cause, wait_for_boot
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.observe.lab import read_console, running_words
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.state import console_path, guest_token, lab_token


def argument_spec() -> Dict[str, Any]:
    """The module's options; see DOCUMENTATION."""
    machine = {"name": {"type": "str", "required": True}, "boot_log": {"type": "str"}}
    return {
        "name": {"type": "str", "default": "lab"},
        "directory": {"type": "path", "required": True},
        "machines": {"type": "list", "elements": "dict", "options": machine, "required": True},
        "guests": {"type": "bool", "default": True},
        "timeout": {"type": "int", "default": 240},
        "hint": {"type": "str"},
    }


def make_machine(params: Dict[str, Any], item: Dict[str, Any]) -> Machine:
    """A machine from module parameters."""
    directory = params["directory"].rstrip("/")
    token = guest_token(lab_token(params["name"], directory), item["name"]) if params["guests"] else None
    return Machine(item["name"], item["boot_log"] or console_path(directory, item["name"]), token)


def main() -> None:
    """Wait, and report each machine."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    params, host = module.params, Host()
    directory = params["directory"].rstrip("/")
    machines = [make_machine(params, item) for item in params["machines"]]
    tokens = {machine.token for machine in machines if machine.token}

    def running() -> Set[str]:
        return tokens & running_words(host) if tokens else set()

    outcomes = wait_for_boot(
        machines,
        f"{directory}/ssh_config",
        params["timeout"],
        host_runner(),
        running,
        lambda machine: str(read_console(console_path(directory, machine.name), host)),
    )
    problems = by_cause(outcomes, params["hint"] or "")
    result = {
        "booted": [outcome.name for outcome in outcomes if not outcome.problem],
        "problems": problems,
        "seconds": {outcome.name: round(outcome.seconds, 1) for outcome in outcomes if not outcome.problem},
    }
    if machines and not result["booted"]:
        module.fail_json(msg="\n".join(problems), **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
