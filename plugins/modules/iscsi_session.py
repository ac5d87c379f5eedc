#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log in to iSCSI targets, with node records that last, and return the disks they brought."""

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
  - A portal that refuses the connection or does not answer in time keeps no other session from being made or mended. The task fails
    with its name when all else is done, in check mode too, and returns RV(devices) and RV(sessions) as if it had succeeded.
  - A login that fails leaves the node records as they were before the task.
  - Several sessions, of one server or many, are handled in one call by O(sessions).
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes
  - fleetlab.linux._iscsi_session
requirements:
  - open-iscsi (C(iscsiadm), C(iscsid)) on the managed host
notes:
  - Runs as root.
  - Whether C(iscsid) and the logins at boot are enabled is not looked after here; that is a matter of the services of the distribution.
  - When credentials are rotated, change them on the target, run this module, and run it with O(relogin) when the disks can be spared.
    Disks of an array are spared by taking them out of it, one server at a time; the role P(fleetlab.linux.storage_client#role) does so.
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

- name: Log in to three servers in one call
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

- name: Bring new credentials in force, once nothing uses the disks
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

- name: Find out which sessions there are
  fleetlab.linux.iscsi_session_info:
  register: iscsi

- name: Log out of all of them
  fleetlab.linux.iscsi_session:
    sessions: "{{ iscsi.logins | map('combine', {'state': 'logged_out'}) }}"
"""

RETURN = r"""
commands:
  description: The steps, done or in check mode planned, each as a list of words. Secrets are masked.
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
    target:
      description: The target of the session.
      type: str
    lun:
      description: The LUN.
      type: int
    wwn:
      description: The world wide name that the target gives the LUN. The same through every portal.
      type: str
    by_path:
      description: udev's name made of portal, target and LUN. It survives reboots. Null until udev has given it.
      type: str
    device:
      description: The kernel's name now. Another one after the next login.
      type: str
    size:
      description: Bytes.
      type: int
    rotational:
      description: Whether the kernel takes the disk for a rotating one, which decides how md balances reads.
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
    target:
      description: The target.
      type: str
    state:
      description: The kernel's word for its state, such as V(LOGGED_IN) or V(FAILED), or null when there is no session.
      type: str
    session_id:
      description: The kernel's number of the session, or null.
      type: int
    relogin_needed:
      description: What of the options only a new login will bring in force. Empty when all is.
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
    - Whether a running session has other CHAP credentials or NOP-Out timeouts than asked for.
    - It has to be logged out and in to take them.
  returned: success
  type: bool
initiator_name:
  description: This host's iSCSI name.
  returned: success
  type: str
"""

from typing import Any, Dict, Tuple

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import fail, finish, require_root
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import SystemRunner
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session_apply import Actions
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session_observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session_options import (
    OPTION_NAMES,
    Wanted,
    check_initiator_name,
    make_wanted,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session_plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session_portals import needs_login
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session_probe import with_answers
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session_report import report
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session_users import with_users


def session_spec(entry: bool) -> Dict[str, Any]:
    """The options of one session, at the top level or in an entry of sessions.

    Only an entry has defaults: at the top level they would hide whether a task gives both.
    """
    number = {"type": "int"}
    portal = {"host": {"type": "str", "required": True}, "port": {"type": "int", "default": 3260}}
    return {
        "portal": {"type": "dict", "required": entry, "options": portal},
        "target": {"type": "str", "required": entry},
        "state": {"type": "str", "choices": ["logged_in", "logged_out", "absent"], **({"default": "logged_in"} if entry else {})},
        "chap": {
            "type": "dict",
            "options": {
                "username": {"type": "str", "required": True},
                "password": {"type": "str", "required": True, "no_log": True},
                "mutual_username": {"type": "str"},
                "mutual_password": {"type": "str", "no_log": True},
            },
        },
        "startup": {"type": "str", "choices": ["automatic", "manual", "onboot"]},
        "parameters": {"type": "dict", "options": {"cmds_max": number, "queue_depth": number}},
        "timeouts": {
            "type": "dict",
            "options": {
                "preset": {"type": "str", "choices": ["default", "md"]},
                "replacement_timeout": number,
                "noop_out_interval": number,
                "noop_out_timeout": number,
                "login_timeout": number,
                "logout_timeout": number,
            },
        },
        "relogin": {"type": "bool", **({"default": False} if entry else {})},
        "wait_for_luns": {"type": "raw"},
        "wait_timeout": {"type": "int", **({"default": 60} if entry else {})},
    }


def main() -> None:
    """Observe, ask the portals that have no session yet, plan, apply."""
    module = AnsibleModule(
        argument_spec={
            **session_spec(False),
            "sessions": {"type": "list", "elements": "dict", "options": session_spec(True)},
            "initiator_name": {"type": "str"},
        },
        mutually_exclusive=[("sessions", name) for name in OPTION_NAMES],
        required_together=[("target", "portal")],
        required_one_of=[("target", "sessions", "initiator_name")],
        supports_check_mode=True,
    )
    runner = SystemRunner()
    # Empty until the input has been checked; what the checks themselves say holds no secret.
    wanted: Tuple[Wanted, ...] = ()
    try:
        name = check_initiator_name(module.params["initiator_name"])
        wanted = make_wanted(module.params)
        require_root("read and change iSCSI sessions")
        state = observe()
        logins = [one.key for one in wanted if needs_login(state, one)]
        state = with_users(state, logins + [one.key for one in wanted if one.state != "logged_in"])
        state = with_answers(state, logins, runner)
        changes = plan(state, wanted, name)
        unchanged = module.check_mode or not changes.changed
        finish(
            module,
            changes,
            runner,
            lambda: report(state if unchanged else observe(), wanted),
            Actions(wanted, runner).operations(),
        )
    except FleetlabError as error:
        fail(module, error, [secret for one in wanted if one.chap for secret in one.chap.secrets])


if __name__ == "__main__":
    main()
