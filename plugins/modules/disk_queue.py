#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set the queues of disks, now and by a udev rule."""

from __future__ import annotations

DOCUMENTATION = r"""
module: disk_queue
short_description: Settings of the queues of disks, such as the I/O scheduler, now and by a udev rule
version_added: 0.1.0
description:
  - Writes a udev rule that sets files in C(queue) of the disks in sysfs whenever a disk appears, also at boot.
  - Triggers udev for each existing disk until the disk follows the rule. A disk that does not follow the rule fails the task by its name,
    because udev does not report a value that the kernel refuses.
  - A disk that does not answer is skipped and returned in RV(skipped). It follows the rule when it appears again.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes
options:
  path:
    description: The file of the udev rule, whose name ends in C(.rules), such as V(/etc/udev/rules.d/60-queues.rules).
    type: path
    required: true
  transport:
    description: The disks to which the rule applies. V(iscsi) stands for all disks of iSCSI sessions.
    type: str
    choices: [iscsi]
    default: iscsi
  settings:
    description:
      - Names of files in C(/sys/block/DISK/queue) with their values, such as C(scheduler), C(nr_requests) or C(read_ahead_kb).
      - Give each value as the kernel shows it afterwards.
      - Required with O(state=present).
    type: dict
  state:
    description: V(absent) removes the rule. Disks that are attached keep their settings.
    type: str
    choices: [present, absent]
    default: present
  timeout:
    description: The number of seconds within which the disks have to follow the rule.
    type: int
    default: 10
requirements:
  - udev
notes:
  - Runs as root.
seealso:
  - module: fleetlab.linux.iscsi_session
  - module: fleetlab.linux.disk_reservation
"""

EXAMPLES = r"""
- name: Switch off the I/O scheduler of iSCSI disks, because their servers order the requests
  fleetlab.linux.disk_queue:
    path: /etc/udev/rules.d/60-queues.rules
    settings:
      scheduler: none
      nr_requests: 256

- name: Remove the rule
  fleetlab.linux.disk_queue:
    path: /etc/udev/rules.d/60-queues.rules
    state: absent
"""

RETURN = r"""
commands:
  description: The steps that were carried out, or in check mode planned, each as a list of words.
  returned: success
  type: list
  elements: list
  sample:
    - [write-file, /etc/udev/rules.d/60-queues.rules, '0644']
    - [udevadm, control, --reload]
    - [follow-rule, "disks=sda sdb"]
disks:
  description: The disks to which the rule applies and that answer.
  returned: success
  type: list
  elements: str
  sample: [sda, sdb]
skipped:
  description: The disks to which the rule applies and that do not answer.
  returned: success
  type: list
  elements: str
  sample: [sdc]
differing:
  description: The settings that differ from the rule, in check mode before the steps, otherwise after them.
  returned: success
  type: list
  elements: dict
  contains:
    disk:
      description: The kernel's name of the disk.
      type: str
    setting:
      description: The setting.
      type: str
    value:
      description: The value of the setting, or V(not there) where the kernel has no such setting for the disk.
      type: str
    wanted:
      description: The value of the rule.
      type: str
  sample:
    - {disk: sda, setting: scheduler, value: mq-deadline, wanted: none}
"""

from functools import partial

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import Lock
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import Wing, run
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.plugins.module_utils._queue import show
from ansible_collections.fleetlab.linux.plugins.module_utils._queue.apply import operations
from ansible_collections.fleetlab.linux.plugins.module_utils._queue.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._queue.options import ARGUMENT_SPEC, REQUIRED_IF, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._queue.plan import plan

LOCK = Lock("disk-queue", "the queues of disks")


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, required_if=REQUIRED_IF, supports_check_mode=True)
    host, runner = Host(), host_runner()
    wing = Wing(
        make_wanted=make_wanted,
        observe=partial(observe, host=host),
        plan=plan,
        returned=show.returned,
        operations=partial(operations, runner=runner, host=host),
        lock=LOCK,
    )
    run(module, wing, runner)


if __name__ == "__main__":
    main()
