#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: iscsi_target_info
short_description: List the iSCSI targets of a host
version_added: 0.1.0
author:
  - fleetlab.linux contributors (@fleetlab)
description:
  - Lists the iSCSI targets of LIO, the target of the Linux kernel, with their portals, LUNs, ACLs, attributes and sessions, and says
    whether a restart would restore them as they are.
  - Says whether an ACL has credentials, but never returns the credentials.
options:
  iqn:
    description:
      - Only this target.
    type: str
extends_documentation_fragment:
  - fleetlab.linux._attributes.info_module
notes:
  - Runs as root.
  - Needs neither the Python library of LIO nor its kernel modules; where nothing is exported the list is empty.
seealso:
  - module: fleetlab.linux.iscsi_target
"""

EXAMPLES = r"""
- name: Read all targets
  fleetlab.linux.iscsi_target_info:
  register: exported

- name: Expect every target to work, and to survive a reboot
  ansible.builtin.assert:
    that: exported.problems | length == 0
    fail_msg: "{{ exported.problems | join('. ') }}"
"""

RETURN = r"""
targets:
  description: The targets that run, each as RV(fleetlab.linux.iscsi_target#module:target) of M(fleetlab.linux.iscsi_target).
  type: list
  elements: dict
  returned: success
  contains:
    iqn:
      description: Name of the target.
      type: str
    enabled:
      description: Whether initiators can log in.
      type: bool
    authentication:
      description: Whether CHAP is enforced.
      type: bool
    attributes:
      description: Attributes and parameters of the target portal group.
      type: dict
    portals:
      description: The portals, each with C(host) and C(port).
      type: list
      elements: dict
      contains:
        host:
          description: The address.
          type: str
        port:
          description: The port.
          type: int
    luns:
      description: The disks.
      type: list
      elements: dict
      contains:
        lun:
          description: Number of the LUN.
          type: int
        name:
          description: Name of the backstore.
          type: str
        type:
          description: Kind of the backstore, such as V(block) or V(fileio).
          type: str
        path:
          description: The block device or file behind the LUN.
          type: str
        size:
          description: Size in bytes.
          type: int
        serial:
          description: Unit serial.
          type: str
        wwn:
          description: The name by which initiators know the disk, as in C(/sys/block/sdX/device/wwid).
          type: str
        attributes:
          description: Attributes of the backstore.
          type: dict
    acls:
      description: The initiators that may log in, each with C(initiator), C(chap), C(mutual_chap), the mapped C(luns) and C(attributes).
      type: list
      elements: dict
      contains:
        initiator:
          description: The name of the initiator.
          type: str
        chap:
          description: Whether it has to authenticate.
          type: bool
        mutual_chap:
          description: Whether the target authenticates too.
          type: bool
        luns:
          description: The LUNs that are mapped to it.
          type: list
          elements: dict
          contains:
            lun:
              description: The number that the initiator sees.
              type: int
            target_lun:
              description: The number of the target.
              type: int
            write_protect:
              description: Whether the initiator may only read.
              type: bool
        attributes:
          description: Attributes and parameters of the ACL, by name.
          type: dict
    sessions:
      description: The initiators that are logged in, each with C(initiator), C(state) and C(addresses).
      type: list
      elements: dict
      contains:
        initiator:
          description: The name of the initiator.
          type: str
        state:
          description: The kernel's word for the state of the session.
          type: str
        addresses:
          description: The addresses that it comes from.
          type: list
          elements: str
    saved:
      description: Whether a restart would restore the target as it is now.
      type: bool
  sample:
    - iqn: iqn.2026-01.com.example:server1
      enabled: true
      authentication: true
      attributes: {login_timeout: "15"}
      portals:
        - {host: 0.0.0.0, port: 3260}
      luns:
        - lun: 0
          name: server1-vol1
          type: block
          path: /dev/vg0/vol1
          size: 16106127360
          serial: 2ce3e23d-54b9-429d-9a80-e3a5863d1221
          wwn: naa.60014052ce3e23d54b9429d9a80e3a58
          attributes: {is_nonrot: "1"}
      acls:
        - initiator: iqn.2026-01.com.example:client
          chap: true
          mutual_chap: false
          luns:
            - {lun: 0, target_lun: 0, write_protect: false}
          attributes: {nopin_timeout: "15"}
      sessions:
        - initiator: iqn.2026-01.com.example:client
          state: LOGGED_IN
          addresses: [192.0.2.7]
      saved: true
problems:
  description:
    - A sentence for each problem, with the target and the remedy. Empty if all is well.
    - Problems are a target that is disabled or has no portal, a LUN without its storage, a target that would not come back at boot as it
      is, and a target that is saved and does not run. An initiator that is not logged in is no problem of a target.
  returned: success
  type: list
  elements: str
  sample: []
saved_only:
  description: Names of targets that are saved but do not run.
  type: list
  elements: str
  returned: success
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import fail, require_root
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import check_iqn
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.observe import observe_all
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.show import info


def main() -> None:
    """Observe and describe."""
    module = AnsibleModule(argument_spec={"iqn": {"type": "str"}}, supports_check_mode=True)
    only = module.params["iqn"]
    try:
        if only is not None:
            check_iqn("iqn", only)
        require_root("read LIO's configuration")
        module.exit_json(changed=False, **info(observe_all(Host()), only))
    except FleetlabError as error:
        fail(module, error)


if __name__ == "__main__":
    main()
