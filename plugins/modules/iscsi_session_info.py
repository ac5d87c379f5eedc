#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report the iSCSI sessions, node records and disks of an initiator."""

from __future__ import annotations

DOCUMENTATION = r"""
module: iscsi_session_info
short_description: Report iSCSI sessions, their disks and the node records
version_added: 0.1.0
description:
  - Reads the sessions and their disks from sysfs and the node records from open-iscsi's database. Starts no process and changes nothing.
  - CHAP secrets are never returned.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes.info_module
options: {}
notes:
  - Runs as root.
seealso:
  - module: fleetlab.linux.iscsi_session
"""

EXAMPLES = r"""
- name: Read the sessions
  fleetlab.linux.iscsi_session_info:
  register: iscsi

- name: Expect every session to work
  ansible.builtin.assert:
    that: iscsi.problems | length == 0
    fail_msg: "{{ iscsi.problems | join('. ') }}"

- name: Show which disk is LUN 0 of every server
  ansible.builtin.debug:
    msg: "{{ iscsi.devices | selectattr('lun', 'equalto', 0) | map(attribute='by_path') }}"
"""

RETURN = r"""
initiator_name:
  description: This host's iSCSI name, or null.
  returned: success
  type: str
  sample: iqn.2026-01.com.example:client
sessions:
  description: The sessions of the kernel, ordered by portal.
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
      description: The kernel's word for the state of the session, such as V(LOGGED_IN) or V(FAILED).
      type: str
    session_id:
      description: The kernel's number of the session.
      type: int
    auth_method:
      description: V(CHAP) or V(None).
      type: str
    mutual:
      description: Whether the target had to authenticate too.
      type: bool
    timeouts:
      description: The values in force of C(replacement_timeout), C(noop_out_interval) and C(noop_out_timeout), in seconds.
      type: dict
      contains:
        replacement_timeout:
          description: Seconds that a lost session may take to come back before its commands fail.
          type: int
        noop_out_interval:
          description: Seconds between two pings of the target.
          type: int
        noop_out_timeout:
          description: Seconds that the target may take to answer one.
          type: int
    devices:
      description: The disks, as in RV(devices).
      type: list
      elements: dict
      contains:
        portal:
          description: The portal of the session.
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
          description: The world wide name that the target gives the LUN.
          type: str
        by_path:
          description: udev's name made of portal, target and LUN, or null.
          type: str
        device:
          description: The kernel's present name for the disk.
          type: str
        size:
          description: Size in bytes.
          type: int
        rotational:
          description: Whether the kernel treats the disk as a rotating one.
          type: bool
  sample:
    - portal: {host: 192.0.2.11, port: 3260}
      target: iqn.2026-01.com.example:server1
      state: LOGGED_IN
      session_id: 1
      auth_method: CHAP
      mutual: false
      timeouts: {replacement_timeout: 30, noop_out_interval: 5, noop_out_timeout: 5}
      devices: []
devices:
  description: The disks of all sessions, ordered by portal and LUN.
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
      description: The world wide name that the target gives the LUN.
      type: str
    by_path:
      description: udev's name made of portal, target and LUN, or null.
      type: str
    device:
      description: The kernel's present name for the disk.
      type: str
    size:
      description: Size in bytes.
      type: int
    rotational:
      description: Whether the kernel treats the disk as a rotating one.
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
logins:
  description: Portal and target of every session, in the form that O(fleetlab.linux.iscsi_session#module:sessions) takes.
  returned: success
  type: list
  elements: dict
  contains:
    portal:
      description: The portal.
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
  sample:
    - portal: {host: 192.0.2.11, port: 3260}
      target: iqn.2026-01.com.example:server1
problems:
  description:
    - A sentence for each problem, with the session or record and the remedy. Empty if all is well.
    - Problems are sessions that are not logged in or have no disks, records for boot without a session, damaged records, a host with
      records and without an initiator name, and the lock of a killed iscsiadm.
  returned: success
  type: list
  elements: str
  sample: []
records:
  description: The node records, ordered by target and portal.
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
    startup:
      description: Whether this host logs in to the target at boot, C(node.startup).
      type: str
    auth_method:
      description: V(CHAP) or V(None).
      type: str
    username:
      description: The CHAP name of this host, or null.
      type: str
    mutual_username:
      description: The CHAP name of the target, or null.
      type: str
    timeouts:
      description: The timeouts that a login will use, in seconds.
      type: dict
      contains:
        replacement_timeout:
          description: Seconds that a lost session may take to come back before its commands fail.
          type: int
        noop_out_interval:
          description: Seconds between two pings of the target.
          type: int
        noop_out_timeout:
          description: Seconds that the target may take to answer one.
          type: int
    damaged:
      description: Whether the record is incomplete because a write to it was interrupted.
      type: bool
  sample:
    - portal: {host: 192.0.2.11, port: 3260}
      target: iqn.2026-01.com.example:server1
      startup: automatic
      auth_method: CHAP
      username: client1
      mutual_username: null
      timeouts: {replacement_timeout: 30, noop_out_interval: 5, noop_out_timeout: 5}
      damaged: false
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import fail, require_root
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.observe import read_state
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.show import info


def main() -> None:
    """Read and report."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    try:
        require_root("read iSCSI sessions and their records")
    except FleetlabError as error:
        fail(module, error)
    module.exit_json(changed=False, **info(read_state(Host())))


if __name__ == "__main__":
    main()
