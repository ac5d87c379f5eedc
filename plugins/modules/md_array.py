#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create, assemble, change and remove md arrays."""

from __future__ import annotations

DOCUMENTATION = r"""
module: md_array
short_description: Linux software RAID arrays, created, assembled and kept by name
version_added: 0.1.0
description:
  - Makes sure that md arrays exist and run under their names, are stopped, are forgotten by this host, or are removed.
  - An array is recognised by its UUID, its name and its members, never by the number of a device node or the name of a disk.
    An existing array is assembled and not created again. An array whose creation was interrupted is completed.
  - Members must be blank. A device with any other content is refused, and the message names the content, in check mode too.
  - Every array gets one C(ARRAY) line in C(mdadm.conf), so that it has the same name after a reboot. The initramfs is rebuilt only if
    such a line changed.
  - If all members of a mirror were lost during writes, their superblocks do not tell which members have the last writes. The kernel knows
    this until the array is stopped. O(state=stopped) therefore notes these members in C(/var/lib/fleetlab-md_array.json), and the array
    is assembled from the members that took every write. If no member took every write, the array starts from the member that md kept to
    the end, and the blocks that this member lacks are copied from other members. This holds for raid1, and for raid10 with a copy on each
    member, whose disks have a WWN or another lasting name, as disks of SCSI, NVMe and device-mapper have.
  - A task gives either O(name) and the options of one array, or O(arrays). All arrays of a list are planned together, so that an array
    can be a member of a later array before it exists. With O(release) instead of both, arrays release members.
extends_documentation_fragment:
  - fleetlab.linux._attributes
  - fleetlab.linux._md_array
requirements:
  - mdadm 4.1 or later, and util-linux 2.33 or later, on the managed host
notes:
  - Runs as root.
  - Two runs on one host wait for each other, up to five minutes. While a run waits because of O(wait) or O(check), other runs go on.
    Check mode does not wait.
attributes:
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: none
    details: O(wait=sync) waits on the controller and shows the progress of the arrays.
seealso:
  - module: fleetlab.linux.md_array_info
author:
  - fleetlab.linux contributors (@fleetlab)
"""

EXAMPLES = r"""
- name: A three-way mirror over disks of three servers
  fleetlab.linux.md_array:
    name: md1
    level: raid1e
    devices:
      - /dev/disk/by-path/ip-192.0.2.1:3260-iscsi-iqn.2026-01.com.example:server1-lun-0
      - /dev/disk/by-path/ip-192.0.2.2:3260-iscsi-iqn.2026-01.com.example:server2-lun-0
      - /dev/disk/by-path/ip-192.0.2.3:3260-iscsi-iqn.2026-01.com.example:server3-lun-0

- name: Two mirrors and a stripe over them, planned together
  fleetlab.linux.md_array:
    arrays:
      - name: md1
        level: raid1
        devices: [/dev/disk/by-id/wwn-0x6001405a0000001, /dev/disk/by-id/wwn-0x6001405b0000001]
      - name: md2
        level: raid1
        devices: [/dev/disk/by-id/wwn-0x6001405a0000002, /dev/disk/by-id/wwn-0x6001405b0000002]
      - name: md99
        level: raid0
        chunk: 64
        devices: [/dev/md1, /dev/md2]

- name: Replace a failed member with an empty disk, keep a spare, and wait until the mirror is whole
  fleetlab.linux.md_array:
    name: md1
    level: raid1
    devices: [/dev/disk/by-id/wwn-0x6001405a0000001, /dev/disk/by-id/wwn-0x6001405c0000001]
    spares: [/dev/disk/by-id/wwn-0x6001405d0000001]
    replace_failed: true
    wait: sync

- name: Compare all copies of all data
  fleetlab.linux.md_array:
    name: md1
    level: raid1
    devices: [/dev/disk/by-id/wwn-0x6001405a0000001, /dev/disk/by-id/wwn-0x6001405c0000001]
    check: true
  register: md1

- name: Expect all copies to be equal
  ansible.builtin.assert:
    that: md1.array.mismatch_cnt == 0
    fail_msg: "{{ md1.array.mismatch_cnt }} sectors of md1 differ between its copies"

- name: Take the disks of one server out of all mirrors, before its session is logged out
  fleetlab.linux.md_array:
    release:
      - /dev/disk/by-path/ip-192.0.2.1:3260-iscsi-iqn.2026-01.com.example:server1-lun-0
      - /dev/disk/by-path/ip-192.0.2.1:3260-iscsi-iqn.2026-01.com.example:server1-lun-1

- name: Remove an array and erase its superblocks
  fleetlab.linux.md_array:
    name: md1
    state: absent
"""

RETURN = r"""
arrays:
  description:
    - The declared arrays, in their order, or the arrays that released members. In check mode the arrays as they would be after the task.
    - An array that does not run has only its name, device, state and an empty list of members.
  type: list
  elements: dict
  returned: success
  contains: &array
    name:
      description: Name of the array.
      type: str
      sample: md1
    device:
      description: Its device node. This is the real node where an array runs under another number, such as C(/dev/md127).
      type: str
      sample: /dev/md1
    state:
      description:
        - V(running), V(inactive), V(stopped) (its superblocks exist) or V(absent).
        - V(container) is a group of disks with DDF or IMSM metadata.
      type: str
      sample: running
    members:
      description: The members, ordered by slot, with spares last.
      type: list
      elements: dict
      contains:
        device:
          description: The kernel's device node.
          type: str
          sample: /dev/sdb
        by_path:
          description: Its C(/dev/disk/by-path) link, if it has one.
          type: str
        role:
          description: The slot of the member; null for a spare.
          type: int
        state:
          description: V(in_sync), V(rebuilding), V(spare), V(journal) or V(faulty).
          type: str
        events:
          description: The event count of its superblock, if it was read. A member with a lower count than the others is out of date.
          type: int
    label:
      description: Homehost and name as the superblocks have them.
      type: str
      sample: client:md1
    kernel_name:
      description: The kernel's name of the md device.
      type: str
      sample: md1
    uuid:
      description: UUID as mdadm writes it. In check mode an invented UUID for an array that does not exist yet.
      type: str
      sample: 9a13cdde:d60e77ad:e843d30f:7a138702
    level:
      description: Level as the kernel names it.
      type: str
    layout:
      description: Layout by name, null for levels without layouts.
      type: str
      sample: o3
    layout_word:
      description: The kernel's number for the layout.
      type: int
      sample: 66305
    chunk:
      description: Chunk size in KiB, null for levels without chunks.
      type: int
      sample: 512
    metadata:
      description: Version of the superblocks.
      type: str
    bitmap:
      description: V(internal), V(lockless), V(file) or V(none).
      type: str
    size:
      description: Size in bytes. In check mode an estimate for an array that does not exist yet.
      type: int
      sample: 535756800
    raid_devices:
      description: Number of slots.
      type: int
    array_state:
      description: The kernel's word for the state.
      type: str
    health:
      description:
        - V(healthy), V(syncing), V(recovering), V(degraded), V(broken) or V(inactive). V(container) is a group of disks whose DDF or IMSM
          metadata mdadm manages for the arrays on them; it never runs itself.
        - V(broken) is an array that has lost more members than its level allows, so that writes to it fail. Linux reports this since 5.4.
      type: str
    degraded:
      description: Number of members without current data.
      type: int
    sync_action:
      description: The kernel's present action, such as V(idle), V(resync), V(recover) or V(check).
      type: str
      sample: idle
    sync_percent:
      description: Progress of RV(arrays[].sync_action) in percent; null if no action runs.
      type: float
    sync_speed:
      description: Speed of RV(arrays[].sync_action) in bytes per second; null if no action runs.
      type: int
    sync_seconds_left:
      description: Remaining seconds of RV(arrays[].sync_action) at that speed; null if no action runs.
      type: int
    bitmap_dirty:
      description: Bytes that may differ between members according to the write-intent bitmap; null without a bitmap, or if it was not read.
      type: int
    mismatch_cnt:
      description:
        - Number of sectors that differed between copies at the last check; md counts in steps of the size that it compares at once.
        - Null for a level without redundancy. 0 also if no check has run since the array was started.
      type: int
      sample: 0
array:
  description: The array, described as in RV(arrays). In check mode the array as it would be after the task.
  type: dict
  returned: when O(name) is given
  contains: *array
  sample: {name: md1, device: /dev/md1, state: running, level: raid10, layout: o3, health: healthy, degraded: 0, sync_action: idle}
healed:
  description: Members that O(replace_failed) has re-added or replaced, or in check mode would re-add or replace.
  type: list
  elements: dict
  returned: success
  contains:
    array:
      description: Name of the array.
      type: str
      sample: md1
    device:
      description: The kernel's device node of the member.
      type: str
      sample: /dev/sdb
    by_path:
      description: Its C(/dev/disk/by-path) link, if it has one.
      type: str
    method:
      description: V(re-add) if only the regions that the write-intent bitmap marks are copied, and V(rebuild) if everything is copied.
      type: str
      sample: re-add
    resync_bytes:
      description: Largest number of bytes that are copied to the member; null if unknown.
      type: int
      sample: 67108864
released:
  description: Members that were released from arrays, or in check mode would be. Devices that were in no array are not listed.
  type: list
  elements: dict
  returned: when O(release) is given
  contains:
    array:
      description: Name of the array.
      type: str
      sample: md1
    device:
      description: The kernel's device node of the member.
      type: str
      sample: /dev/sdb
    by_path:
      description: Its C(/dev/disk/by-path) link, if it has one.
      type: str
commands:
  description: The planned steps as argument lists, in order.
  type: list
  elements: list
  returned: success
  sample: [[mdadm, --stop, /dev/md1]]
"""

from typing import Any, Mapping, cast

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import Lock
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import Wing, require_root, run
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Plan
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.plugins.module_utils._md import show
from ansible_collections.fleetlab.linux.plugins.module_utils._md.apply import MdOperations
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.array_plan import ArrayPlan
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.state import State
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.wanted import Wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.observe import look_again, observe
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.probe import Probe
from ansible_collections.fleetlab.linux.plugins.module_utils._md.options import argument_spec, exclusive_options, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._md.planning.plan import plan

# A run that also rebuilds the initramfs can take minutes. A run that waits for a resync does not hold the lock.
LOCK = Lock("md_array", "md arrays", 300.0)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        mutually_exclusive=exclusive_options(),
        required_one_of=[["name", "arrays", "release"]],
        supports_check_mode=True,
    )
    probe, runner = Probe(), host_runner()
    own = MdOperations(probe, runner)

    def returned(state: State, wanted: Wanted, planned: Plan) -> Mapping[str, Any]:
        return show.returned(state, wanted, cast(ArrayPlan, planned), module.check_mode, own.rebuilt, own.postponed)

    wing = Wing(
        make_wanted=lambda params: make_wanted(params, probe.host.hostname()),
        require=lambda: require_root("read and change md arrays"),
        lock=LOCK,
        observe=lambda wanted: observe(wanted, probe, runner),
        plan=plan,
        operations=own.all,
        observe_again=lambda wanted: look_again(wanted, probe),
        returned=returned,
    )
    run(module, wing, runner)


if __name__ == "__main__":
    main()
