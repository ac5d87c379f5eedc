#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: iscsi_target
short_description: Export block devices and files over iSCSI
version_added: 0.1.0
author:
  - fleetlab.linux contributors (@fleetlab)
description:
  - Manages one iSCSI target of LIO, the target of the Linux kernel, with its portals, LUNs and initiators, as one declaration.
  - A new target is built while it is disabled and is enabled last. A running target is never disabled, and its sessions stay when
    something is added or repaired.
  - Attributes, portals, ACLs, mapped LUNs and credentials that differ from the declaration are repaired, in the kernel and in the saved
    configuration that is restored at boot.
  - Only this target's entries in the saved configuration are replaced. The entries of other targets stay, also of a target that could not
    be restored.
  - A disk keeps its serial and its WWN, by which initiators know the disk, across reboots and when the target is created again.
options:
  iqn:
    description:
      - Name of the target, in lower case, such as V(iqn.2026-01.com.example:server1).
    type: str
    required: true
  state:
    description:
      - V(present) creates or repairs the target.
      - V(absent) removes the target, with the backstores that only this target used. The devices and files behind the backstores stay.
    type: str
    choices: [present, absent]
    default: present
  portals:
    description:
      - Where the target listens, each a string such as V(192.0.2.1), V(192.0.2.1:3260) or V([2001:db8::1]:3260), or a dictionary
        with the keys C(host) and, optionally, C(port).
      - Only addresses, no names. Several targets may share a portal.
      - If omitted, a running target keeps its portals, and a new target gets V(0.0.0.0:3260).
    type: list
    elements: raw
  luns:
    description:
      - The disks. If omitted, LUNs stay as they are; an empty list declares that the target has none.
      - A LUN that exists keeps its number, its name and its disk; to exchange its disk, remove the LUN first.
    type: list
    elements: dict
    suboptions:
      lun:
        description: Number of the LUN, 0 to 65535. Initiators see the same number.
        type: int
        required: true
      name:
        description: Name of the backstore, unique on the host.
        type: str
        required: true
      path:
        description:
          - The block device to export, by a path that stays the same across reboots, such as one of LVM or of C(/dev/disk/by-id).
          - A device that is mounted, held by another device, read-only, or exported already, is refused.
        type: path
      file:
        description:
          - The file to export instead of a block device.
        type: path
      size:
        description:
          - Size of O(luns[].file), such as V(512M) or V(10G). A missing file is created, and its space is reserved.
          - An existing file must have this size; without this option it may have any size.
        type: str
      serial:
        description:
          - Unit serial of the disk, at least 25 hexadecimal digits such as a UUID, unique everywhere.
          - If omitted, the disk keeps its running or saved serial; a new disk gets a serial made of O(iqn) and O(luns[].name).
        type: str
      attributes:
        description:
          - Attributes of the backstore by their kernel names, such as C(emulate_tpu), C(is_nonrot) or C(max_write_same_len).
          - C(is_nonrot) of a block device follows the device unless it is given here. By this attribute the md driver of an initiator
            decides how to balance reads.
          - C(emulate_write_cache) of a file decides, when the LUN is made, whether writes are acknowledged before they are stored.
        type: dict
        default: {}
  acls:
    description:
      - The initiators that may log in. Others that have an ACL keep it, unless O(exclusive) is set. If omitted, ACLs stay as they are.
    type: list
    elements: dict
    suboptions:
      initiator:
        description: Name of the initiator.
        type: str
        required: true
      chap:
        description:
          - Credentials, required with O(authentication).
          - Each secret has 12 to 16 printable ASCII characters without white space, C(#), quotes, backslash or backquote.
        type: dict
        suboptions:
          username:
            description: Name that the initiator gives.
            type: str
            required: true
          password:
            description: Secret of the initiator.
            type: str
            required: true
          mutual_username:
            description: Name that the target gives in turn.
            type: str
          mutual_password:
            description: Secret of the target. It may not equal O(acls[].chap.password).
            type: str
      luns:
        description:
          - The only LUNs that this initiator sees. If omitted, it sees every declared LUN, or, if O(luns) is omitted too, every LUN
            of the target.
        type: list
        elements: int
      attributes:
        description:
          - Attributes of the ACL by their kernel names, such as C(nopin_timeout), the seconds after which the target asks the initiator
            whether it is alive. V(0) switches the question off. An initiator takes the question for a sign that the target lives, even
            if its own answers do not reach the target.
        type: dict
        default: {}
  authentication:
    description:
      - Whether initiators have to authenticate with CHAP. This is enforced, not only stored - the target's attribute
        C(authentication) is set and no ACL overrides it.
      - If omitted, a running target keeps what it has, and a new target requires CHAP.
      - In either case only initiators in O(acls) can log in. A running target for which neither option is given keeps that too.
    type: bool
  attributes:
    description:
      - Attributes of the target portal group, such as C(login_timeout), and iSCSI parameters, such as C(MaxBurstLength), by their
        kernel names.
    type: dict
    default: {}
  exclusive:
    description:
      - Remove the portals, LUNs and ACLs of this target that are not declared. An omitted list removes nothing.
      - Other targets are never touched.
    type: bool
    default: false
  force:
    description:
      - Remove the target, LUNs, ACLs or mapped LUNs although an initiator that uses them is logged in.
    type: bool
    default: false
  lost_initiators:
    description:
      - Names of initiators that are lost for good. Their ACLs are removed, so that they cannot log in any more, and a session that one of
        them has left is ended and keeps nothing from being removed.
      - A host that was switched off without a logout leaves its session. The target ends such a session only if it asks the initiator
        whether it is alive, see C(nopin_timeout) in O(acls[].attributes).
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - fleetlab.linux._attributes
requirements:
  - Linux with LIO (C(target_core_mod), C(iscsi_target_mod))
  - The Python library rtslib and the service that restores targets at boot; a host that lacks them is refused with the names of its
    packages.
notes:
  - Runs as root. Two runs on one host wait for each other.
  - LUNs, ACLs and portals of the target that the task does not declare stay as they are unless O(exclusive) is set.
  - Where mdadm is installed on the target's host too, it assembles the arrays that initiators have built on the exported disks at the next
    boot, before the disks can be exported again. C(AUTO -all) in a file of C(/etc/mdadm/mdadm.conf.d) makes mdadm assemble only the
    arrays that are listed.
  - Writes a drop-in for the unit that restores targets at boot, so that the unit waits for all devices of the target, declared in this
    task or not, and, for portals with an address of their own, for the network. Where C(targetctl clear), by which the unit stops, ends
    with a TypeError as in rtslib 2.2, the drop-in stops the targets through the library itself. Otherwise the initiators of a host that
    shuts down would wait for their timeouts.
  - Makes the folder C(pr) below the folder of LIO, without which LIO refuses persistent reservations, see
    M(fleetlab.linux.disk_reservation).
seealso:
  - module: fleetlab.linux.iscsi_target_info
  - module: fleetlab.linux.iscsi_session
"""

EXAMPLES = r"""
- name: Export two logical volumes to one client
  fleetlab.linux.iscsi_target:
    iqn: iqn.2026-01.com.example:server1
    luns:
      - lun: 0
        name: server1-vol1
        path: /dev/vg0/vol1
      - lun: 1
        name: server1-vol2
        path: /dev/vg0/vol2
    acls:
      - initiator: iqn.2026-01.com.example:client
        chap:
          username: client
          password: "{{ vault_chap_password }}"
          mutual_username: server1
          mutual_password: "{{ vault_chap_mutual_password }}"

- name: Two clients, each with its own file, on one address, and nothing else in the target
  fleetlab.linux.iscsi_target:
    iqn: iqn.2026-01.com.example:files
    portals:
      - host: 192.0.2.1
        port: 3261
    luns:
      - lun: 0
        name: alice
        file: /srv/iscsi/alice.img
        size: 10G
      - lun: 1
        name: bob
        file: /srv/iscsi/bob.img
        size: 10G
    acls:
      - initiator: iqn.2026-01.com.example:alice
        luns: [0]
        chap:
          username: alice
          password: "{{ vault_alice }}"
      - initiator: iqn.2026-01.com.example:bob
        luns: [1]
        chap:
          username: bob
          password: "{{ vault_bob }}"
    exclusive: true

- name: Remove a target to which no initiator is logged in
  fleetlab.linux.iscsi_target:
    iqn: iqn.2026-01.com.example:files
    state: absent
"""

RETURN = r"""
commands:
  description: The steps that were planned, each as a list of words, secrets masked.
  type: list
  elements: list
  returned: success
  sample:
    - [add_lun, "iqn=iqn.2026-01.com.example:server1", "lun=1", "plugin=block", "name=server1-vol2"]
target:
  description: The target as it is after the module ran; in check mode, as it is. Null for no target.
  type: dict
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
    iqn: iqn.2026-01.com.example:server1
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
        mutual_chap: true
        luns:
          - {lun: 0, target_lun: 0, write_protect: false}
        attributes: {nopin_timeout: "15"}
    sessions: []
    saved: true
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import Lock
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import Wing, require_root, run
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target import show
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.apply import operations, require_library
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.options import argument_spec, make_wanted, secrets_of
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.plan import plan

LOCK = Lock("iscsi_target", "iSCSI targets")


def require() -> None:
    """Refuse to run without root, or without the library."""
    require_root("read and change LIO's configuration")
    require_library()


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    wing = Wing(
        make_wanted=make_wanted,
        require=require,
        lock=LOCK,
        observe=lambda wanted: observe(wanted, Host()),
        plan=plan,
        operations=lambda _wanted: operations(),
        returned=show.returned,
        secrets=secrets_of,
    )
    run(module, wing, host_runner())


if __name__ == "__main__":
    main()
