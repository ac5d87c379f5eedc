#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report the md arrays of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: md_array_info
short_description: Linux software RAID arrays with their members, health and progress
version_added: 0.1.0
description:
  - Reports the md arrays of a host from sysfs and from the superblocks of their members, without starting a process.
extends_documentation_fragment:
  - fleetlab.linux._attributes.info_module
options:
  names:
    description: Report only arrays with these names (without the homehost) or kernel names.
    type: list
    elements: str
  examine:
    description: Also read the superblocks of all block devices, and return devices with a superblock that are in no array as RV(unused).
    type: bool
    default: false
notes:
  - Runs as root.
seealso:
  - module: fleetlab.linux.md_array
author:
  - fleetlab.linux contributors (@fleetlab)
"""

EXAMPLES = r"""
- name: All arrays
  fleetlab.linux.md_array_info:
  register: md

- name: Expect every array to be whole; a running resync is allowed
  ansible.builtin.assert:
    that: md.arrays | map(attribute='problems') | flatten | length == 0
    fail_msg: "{{ md.arrays | map(attribute='problems') | flatten | join('. ') }}"

- name: Stop the arrays that only a restart makes whole
  fleetlab.linux.md_array:
    name: "{{ item.name }}"
    state: stopped
  loop: "{{ md.arrays | selectattr('restart_needed') }}"
"""

RETURN = r"""
arrays:
  description: The arrays of the host, ordered by kernel name, each as in RV(fleetlab.linux.md_array#module:arrays) with its problems.
  type: list
  elements: dict
  returned: success
  contains:
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
    problems:
      description:
        - A sentence for each problem, with the array and the remedy. Empty for an array that is whole; a resync is no problem.
        - Problems are an array that does not run, an array that is broken or degraded, members that have failed or do not answer, and
          sectors that differed between copies at the last check.
      type: list
      elements: str
    restart_needed:
      description:
        - Whether the array becomes whole only after it was stopped and assembled again, with O(fleetlab.linux.md_array#module:state).
        - This holds for an array whose health is V(broken), and for a degraded and idle array with blocks marked as bad on all its
          remaining members, because md does not copy such blocks to members that come back.
      type: bool
  sample:
    - name: md1
      label: client:md1
      device: /dev/md1
      kernel_name: md1
      uuid: 9a13cdde:d60e77ad:e843d30f:7a138702
      level: raid10
      layout: o3
      layout_word: 66305
      chunk: 512
      metadata: "1.2"
      bitmap: internal
      size: 535756800
      raid_devices: 3
      members:
        - device: /dev/sda
          by_path: null
          role: 0
          state: in_sync
          events: 42
      state: running
      array_state: clean
      health: healthy
      degraded: 0
      sync_action: idle
      sync_percent: null
      sync_speed: null
      sync_seconds_left: null
      bitmap_dirty: 0
      mismatch_cnt: 0
      problems: []
      restart_needed: false
unused:
  description: Superblocks on devices that are in no array now.
  type: list
  elements: dict
  returned: when O(examine) is true
  contains:
    device:
      description: The kernel's device node.
      type: str
    by_path:
      description: Its C(/dev/disk/by-path) link, or null.
      type: str
    uuid:
      description: UUID of its array.
      type: str
    label:
      description: Homehost and name of its array.
      type: str
    level:
      description: Level as the kernel names it.
      type: str
    layout:
      description: Layout by name, null for levels without layouts.
      type: str
    role:
      description: Its slot, null for a spare.
      type: int
    raid_devices:
      description: Number of slots.
      type: int
    events:
      description: Its event count.
      type: int
    updated:
      description: When it was written, in seconds since 1970.
      type: int
    metadata:
      description: Version of the superblock.
      type: str
  sample:
    - device: /dev/sdb
      by_path: null
      uuid: 9a13cdde:d60e77ad:e843d30f:7a138702
      label: client:md1
      level: raid10
      layout: o3
      role: 1
      raid_devices: 3
      events: 42
      updated: 1767225600
      metadata: "1.2"
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import fail, require_root
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.observe import observe_all
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.probe import Probe
from ansible_collections.fleetlab.linux.plugins.module_utils._md.show import describe_with_problems, unused


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={"names": {"type": "list", "elements": "str"}, "examine": {"type": "bool", "default": False}},
        supports_check_mode=True,
    )
    names, examine = module.params["names"], module.params["examine"]
    try:
        require_root("read md arrays and their superblocks")
        state = observe_all(Probe(), examine)
    except FleetlabError as error:
        fail(module, error)
    arrays = [array for array in state.arrays if names is None or {array.name, array.kernel_name} & set(names)]
    result: Dict[str, Any] = {"arrays": [describe_with_problems(state, array) for array in arrays]}
    if examine:
        result["unused"] = unused(state)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
