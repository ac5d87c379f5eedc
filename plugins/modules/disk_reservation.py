#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold the disks of iSCSI targets for this host alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: disk_reservation
short_description: Hold the disks of iSCSI targets for one writing host
version_added: 0.1.0
description:
  - Holds every disk of the named targets by a SCSI-3 persistent reservation of the type "write exclusive, registrants only". The target
    then refuses all writes of other hosts, also of hosts that know the CHAP secret and have an ACL of their own. Reading stays possible.
  - Writes a udev rule, and the program that the rule calls, so that the disks are held whenever they appear, also at boot and after a new
    login. The rule also hides disks and their partitions from md and LVM that another host holds, and members of md arrays that the
    configuration of mdadm does not name, also where a disk cannot be held; arrays on other disks of this host are assembled as before.
  - Disks that do not answer are skipped. They are held when they appear again.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes
  - fleetlab.linux._attributes.group_initiator
options:
  targets:
    description: Names (IQNs) of the targets whose disks this host holds. The disks are those of the sessions that are logged in.
    type: list
    elements: str
    required: true
  luns:
    description:
      - Numbers of the LUNs of these targets that this host holds or releases. If omitted, these are all LUNs that the targets show. Name
        them where other hosts use LUNs of the same targets.
      - LUNs of an earlier task stay held until they are released. A rule for all LUNs of a target becomes one for the named LUNs; the disks
        that are held already stay held until they are released.
    type: list
    elements: int
  state:
    description:
      - V(released) takes the targets out of the rule and gives up the reservations of this host. Reservations of other hosts stay. Without
        any target the rule and the program are removed.
    type: str
    choices: [held, released]
    default: held
  take_over:
    description:
      - Whether to take disks from another host that is lost for good. It loses its registration, its commands are aborted, and it cannot
        write any more, also when it comes back.
      - A target cannot tell two hosts with one initiator name apart. If the other host has the name of this one, the module warns, and
        the other one has to be switched off for good before.
      - With V(false) a disk that another host holds is refused by the name of that host.
    type: bool
    default: false
  key:
    description:
      - Key of this host, 1 to 16 hexadecimal digits, which no other host may have. If omitted, it is made of the initiator name and
        C(/etc/machine-id), so that a clone with the same initiator name, but another machine id, is another host.
    type: str
  initiator_name:
    description: Initiator name of which the key is made, if this host is about to get another than C(/etc/iscsi/initiatorname.iscsi) has.
    type: str
  path:
    description:
      - The file of the udev rule. Its name has to sort after C(60-persistent-storage.rules) and before C(64-md-raid-assembly.rules).
    type: path
    default: /etc/udev/rules.d/62-fleetlab-disk_reservation.rules
requirements:
  - a target that offers persistent reservations, as LIO does
  - udev
notes:
  - Runs as root.
  - LIO keeps the reservations over a restart of the target in the folder C(pr) that M(fleetlab.linux.iscsi_target) makes, and refuses every
    reservation without that folder.
seealso:
  - module: fleetlab.linux.iscsi_session
  - module: fleetlab.linux.md_array
"""

EXAMPLES = r"""
- name: Hold the disks of two servers
  fleetlab.linux.disk_reservation:
    targets:
      - iqn.2026-01.com.example.storage:server1
      - iqn.2026-01.com.example.storage:server2

- name: Hold two LUNs of a target of which another client uses LUN 2 and 3
  fleetlab.linux.disk_reservation:
    targets: [iqn.2026-01.com.example.storage:server1]
    luns: [0, 1]

- name: Take the disks over from a client that is lost for good
  fleetlab.linux.disk_reservation:
    targets: [iqn.2026-01.com.example.storage:server1]
    take_over: true

- name: Release the disks, before the sessions are logged out for good
  fleetlab.linux.disk_reservation:
    targets: [iqn.2026-01.com.example.storage:server1]
    state: released
"""

RETURN = r"""
commands:
  description: The steps that were carried out, or in check mode planned, each as a list of words.
  returned: success
  type: list
  elements: list
  sample:
    - [write-file, /etc/udev/rules.d/62-fleetlab-disk_reservation.rules, '0644']
    - [udevadm, control, --reload]
    - [hold, device=/dev/sda, key=0x8bad0c0ffee0cafe]
key:
  description: The key of this host.
  returned: success
  type: str
  sample: '0x8bad0c0ffee0cafe'
disks:
  description: The disks of the targets that answer, in check mode before the steps, otherwise after them.
  returned: success
  type: list
  elements: dict
  contains:
    device:
      description: The device node.
      type: str
    target:
      description: The name of the target.
      type: str
    lun:
      description: The number of the LUN.
      type: int
    held:
      description: Whether this host holds the disk and is registered at it.
      type: bool
    holder:
      description: The key of the host that holds the disk, null for none.
      type: str
    initiators:
      description: Names of all registered initiators.
      type: list
      elements: str
    writable:
      description: Whether the target accepts writes of this host now.
      type: bool
  sample:
    - device: /dev/sda
      target: iqn.2026-01.com.example.storage:server1
      lun: 0
      held: true
      holder: '0x8bad0c0ffee0cafe'
      initiators: ['iqn.2026-01.com.example.storage:client1']
      writable: true
"""

from functools import partial

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import Lock
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import Wing, require_root, run
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.plugins.module_utils._reservation import show
from ansible_collections.fleetlab.linux.plugins.module_utils._reservation.apply import operations
from ansible_collections.fleetlab.linux.plugins.module_utils._reservation.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._reservation.options import ARGUMENT_SPEC, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._reservation.plan import plan

LOCK = Lock("disk-reservation", "the reservations of disks")


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    wing = Wing(
        make_wanted=make_wanted,
        require=partial(require_root, "read and change the reservations of disks"),
        observe=partial(observe, host=Host()),
        plan=plan,
        returned=show.returned,
        operations=lambda _wanted: operations(),
        lock=LOCK,
    )
    run(module, wing, host_runner())


if __name__ == "__main__":
    main()
