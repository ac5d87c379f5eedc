#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log in to iSCSI targets, keep their node records, and return their disks."""

from __future__ import annotations

DOCUMENTATION = r"""
module: iscsi_session
short_description: Log in to iSCSI targets and keep their node records
version_added: 0.1.0
description:
  - Logs in to exactly the target and portal that are named, through open-iscsi.
  - Returns the disks by LUN and WWN once udev has named them.
  - Nothing else that a portal offers is recorded or logged in to, and the records of other targets keep their C(node.startup).
  - A portal that answers as another target is refused before anything changes, in check mode too.
  - A portal that refuses the connection or does not answer in time does not stop the other sessions from being created or repaired. The
    task then fails with the name of this portal after everything else, in check mode too, and returns RV(devices) and RV(sessions) as if
    it had succeeded.
  - A login that fails leaves the node records as they were before the task.
  - One task can handle several sessions, of one server or many, with O(sessions).
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes
  - fleetlab.linux._attributes.group_initiator
  - fleetlab.linux._iscsi_session
requirements:
  - open-iscsi (C(iscsiadm), C(iscsid)) on the managed host
notes:
  - Runs as root. Two runs on one host wait for each other.
  - Does not enable C(iscsid) and the logins at boot; both are services of the distribution.
  - To rotate credentials, change them on the target, run this module, and run it with O(relogin) once the disks are not in use.
    Disks of an array have to leave the array first, one server at a time; the role P(fleetlab.linux.storage_client#role) does so.
seealso:
  - module: fleetlab.linux.iscsi_session_info
  - module: fleetlab.linux.iscsi_target
"""

EXAMPLES = r"""
- name: Log in to one target and wait for its five LUNs
  fleetlab.linux.iscsi_session:
    portal:
      host: 192.0.2.11
    target: iqn.2026-01.com.example:server1
    chap:
      username: client1
      password: "{{ chap_password }}"
    timeouts:
      preset: md
    wait_for_luns: 5
  register: session

- name: Log in to three servers in one task
  fleetlab.linux.iscsi_session:
    sessions:
      - portal:
          host: 192.0.2.11
        target: iqn.2026-01.com.example:server1
        wait_for_luns: [0, 1, 2, 3, 4]
      - portal:
          host: 192.0.2.12
        target: iqn.2026-01.com.example:server2
        wait_for_luns: [0, 1, 2, 3, 4]
      - portal:
          host: 2001:db8::13
        target: iqn.2026-01.com.example:server3
        wait_for_luns: [0, 1, 2, 3, 4]

- name: Log in again with new credentials, once nothing uses the disks
  fleetlab.linux.iscsi_session:
    portal:
      host: 192.0.2.11
    target: iqn.2026-01.com.example:server1
    chap:
      username: client1
      password: "{{ new_chap_password }}"
    relogin: true

- name: Forget a target at one portal
  fleetlab.linux.iscsi_session:
    portal:
      host: 192.0.2.11
      port: 3261
    target: iqn.2026-01.com.example:server1
    state: absent

- name: Read all sessions
  fleetlab.linux.iscsi_session_info:
  register: iscsi

- name: Log out of all sessions
  fleetlab.linux.iscsi_session:
    sessions: "{{ iscsi.logins | map('combine', {'state': 'logged_out'}) }}"
"""

RETURN = r"""
commands:
  description: The steps that were carried out, or in check mode planned, each as a list of words. Secrets are masked.
  returned: success
  type: list
  elements: list
  sample:
    - [iscsiadm, -m, node, -o, new, -T, 'iqn.2026-01.com.example:server1', -p, '192.0.2.11:3260,1']
    - [log_in, 'target=iqn.2026-01.com.example:server1', 'portal=192.0.2.11:3260', created=True, limit=60]
devices:
  description: The disks of all sessions that the task names, ordered by portal and LUN.
  returned: success
  type: list
  elements: dict
  contains:
    portal:
      description: The portal of the session, with C(host) and C(port).
      type: dict
      contains:
        host:
          description: The address.
          type: str
        port:
          description: The port.
          type: int
    target:
      description: The target of the session.
      type: str
    lun:
      description: The LUN.
      type: int
    wwn:
      description: The world wide name that the target gives the LUN. It is the same through every portal.
      type: str
    by_path:
      description: udev's name made of portal, target and LUN, which survives reboots. Null until udev has named the disk.
      type: str
    device:
      description: The kernel's present name for the disk. It changes with the next login.
      type: str
    size:
      description: Size in bytes.
      type: int
    rotational:
      description: Whether the kernel treats the disk as a rotating one, which decides how md balances reads.
      type: bool
  sample:
    - portal: {host: 192.0.2.11, port: 3260}
      target: iqn.2026-01.com.example:server1
      lun: 0
      wwn: '0x6001405ad1b980a25c641e1aa3b03e00'
      by_path: /dev/disk/by-path/ip-192.0.2.11:3260-iscsi-iqn.2026-01.com.example:server1-lun-0
      device: /dev/sda
      size: 16106127360
      rotational: true
sessions:
  description: The sessions that the task names, in its order.
  returned: success
  type: list
  elements: dict
  contains:
    portal:
      description: The portal, with C(host) and C(port).
      type: dict
      contains:
        host:
          description: The address.
          type: str
        port:
          description: The port.
          type: int
    target:
      description: The target.
      type: str
    state:
      description: The kernel's word for the state of the session, such as V(LOGGED_IN) or V(FAILED), or null without a session.
      type: str
    session_id:
      description: The kernel's number of the session, or null.
      type: int
    relogin_needed:
      description: The options that take effect only at a new login. Empty if all options are in force.
      type: list
      elements: str
  sample:
    - portal: {host: 192.0.2.11, port: 3260}
      target: iqn.2026-01.com.example:server1
      state: LOGGED_IN
      session_id: 1
      relogin_needed: []
relogin_needed:
  description:
    - Whether a running session has other CHAP credentials or NOP-Out timeouts than the options ask for.
    - These take effect only after the session has logged out and in again.
  returned: success
  type: bool
  sample: false
initiator_name:
  description: This host's iSCSI name.
  returned: success
  type: str
  sample: iqn.2026-01.com.example:client
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import Lock
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import Wing, require_root, run
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session import show
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.apply import operations
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.observe import observe, read_state
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.options import ENTRIES, argument_spec, make_wanted, secrets_of
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.plan import plan

LOCK = Lock("iscsi_session", "iSCSI sessions")


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        mutually_exclusive=ENTRIES.mutually_exclusive(),
        required_together=[("target", "portal")],
        required_one_of=[("target", "sessions", "initiator_name")],
        supports_check_mode=True,
    )
    host, runner = Host(), host_runner()
    wing = Wing(
        make_wanted=make_wanted,
        require=lambda: require_root("read and change iSCSI sessions"),
        lock=LOCK,
        observe=lambda wanted: observe(wanted, runner, host),
        observe_again=lambda _wanted: read_state(host),
        plan=plan,
        operations=lambda wanted: operations(wanted, runner, host),
        returned=show.returned,
        secrets=secrets_of,
    )
    run(module, wing, runner)


if __name__ == "__main__":
    main()
