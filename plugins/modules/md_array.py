#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The md_array module."""

from __future__ import annotations

DOCUMENTATION = r"""
module: md_array
short_description: Linux software RAID arrays, created, assembled and kept by name
version_added: 0.1.0
description:
  - Makes sure that md arrays exist and run under their names, are stopped, or are gone.
  - An array is recognised by its UUID, its name and its members, never by the number of a device node or the name of a disk.
    An array that exists is assembled and not created again. One whose creation was cut short is completed.
  - Members must be blank. Whatever else is found on a device is named and refused, in check mode too.
  - Every array gets one C(ARRAY) line in C(mdadm.conf), so that it has the same name after a reboot. The initramfs is made again
    only when such a line changed.
  - A task gives either O(name) and the options of one array, or O(arrays). A list is planned as one, so that an array can
    be a member of a later one that does not exist yet.
extends_documentation_fragment:
  - fleetlab.linux._attributes
options:
  name:
    description:
      - Name of the array. V(md0) to V(md511) give C(/dev/mdN), any other name gives C(/dev/md/NAME).
      - Needed unless O(arrays) is given.
    type: str
  arrays:
    description:
      - Several arrays, in the order in which they are built. Those that go are removed in the opposite order.
      - Options beside this one have no effect on the entries.
    type: list
    elements: dict
    suboptions:
      name:
        description: See O(name).
        type: str
        required: true
      state:
        description: See O(state).
        type: str
        choices: [present, absent, stopped]
        default: present
      level:
        description: See O(level).
        type: str
        choices: [raid0, raid1, raid1e, raid4, raid5, raid6, raid10]
      layout:
        description: See O(layout).
        type: str
      devices:
        description: See O(devices).
        type: list
        elements: str
      spares:
        description: See O(spares).
        type: list
        elements: str
      chunk:
        description: See O(chunk).
        type: int
      bitmap:
        description: See O(bitmap).
        type: str
        choices: [internal, none]
      metadata:
        description: See O(metadata).
        type: str
        choices: ['1.0', '1.1', '1.2']
        default: '1.2'
      homehost:
        description: See O(homehost).
        type: str
      assume_clean:
        description: See O(assume_clean).
        type: bool
        default: false
      persist:
        description: See O(persist).
        type: bool
        default: true
      overwrite:
        description: See O(overwrite).
        type: bool
        default: false
      run_degraded:
        description: See O(run_degraded).
        type: bool
        default: false
      size_tolerance:
        description: See O(size_tolerance).
        type: float
        default: 1.0
      failure_domains:
        description: See O(failure_domains).
        type: dict
      wait:
        description: See O(wait).
        type: str
        choices: [none, sync]
        default: none
      wait_timeout:
        description: See O(wait_timeout).
        type: int
        default: 3600
  state:
    description:
      - V(present) creates or assembles the array. One that runs degraded is left alone, with a warning.
      - V(stopped) stops it and keeps its superblocks and its line in C(mdadm.conf).
      - V(absent) stops it, erases the md superblocks of exactly its members, and removes its line.
        It is refused while the array is mounted or otherwise in use.
    type: str
    choices: [present, absent, stopped]
    default: present
  level:
    description:
      - RAID level; needed for O(state=present).
      - V(raid1e) is md's raid10 with offset copies, as many as there are devices.
    type: str
    choices: [raid0, raid1, raid1e, raid4, raid5, raid6, raid10]
  layout:
    description:
      - For V(raid10) and V(raid1e) the letter n, f or o (near, far or offset copies) and the number of copies, such as V(o3).
      - For V(raid5) and V(raid6) one of V(left-symmetric), V(left-asymmetric), V(right-symmetric), V(right-asymmetric),
        V(parity-first) and V(parity-last).
      - Left out, V(raid1e) has offset copies on all devices; the other levels take mdadm's default, and an existing array may have any.
    type: str
  devices:
    description:
      - Members, in order; needed for O(state=present).
      - Absolute paths of block devices. Use C(/dev/disk/by-path) or C(/dev/disk/by-id), or the node of another array.
    type: list
    elements: str
  spares:
    description: Spare devices that the array is created with.
    type: list
    elements: str
  chunk:
    description: Chunk size in KiB, a power of two from 4 to 65536; not for V(raid1). Left out, it is mdadm's default at creation.
    type: int
  bitmap:
    description:
      - Write-intent bitmap. Left out, a new array has an V(internal) one if its level has redundancy, and an existing one may have either.
    type: str
    choices: [internal, none]
  metadata:
    description: Version of the superblocks.
    type: str
    choices: ['1.0', '1.1', '1.2']
    default: '1.2'
  homehost:
    description: Host name recorded in the array. Left out, it is the name of the host.
    type: str
  assume_clean:
    description:
      - Create the array without its first resync, and keep what the members hold. Only for members that are known to be all zero,
        or to put an array together again.
    type: bool
    default: false
  persist:
    description: Keep the array's line in C(mdadm.conf). With V(false) that file is left alone.
    type: bool
    default: true
  overwrite:
    description:
      - Create the array also on devices that carry file systems, partition tables, LVM or superblocks of other arrays, and destroy those.
      - Devices that are mounted or held are refused all the same, and an array of this very name is never made anew.
      - Also replaces a line of C(mdadm.conf) that gives the name to an array which is found on no device.
    type: bool
    default: false
  run_degraded:
    description: Start an existing array also if members are missing or out of date. Without it that is refused.
    type: bool
    default: false
  size_tolerance:
    description: How many percent the sizes of members may differ.
    type: float
    default: 1.0
  failure_domains:
    description:
      - Which failure domain (a server, a rack) each entry of O(devices) is in.
      - An array that would lose data with one domain is refused.
    type: dict
  wait:
    description:
      - With V(sync) the task ends when the array's first resync, or a recovery that runs, has ended. Arrays can be used before that.
    type: str
    choices: [none, sync]
    default: none
  wait_timeout:
    description: For how many seconds O(wait=sync) waits.
    type: int
    default: 3600
requirements:
  - mdadm 4.1 or later, and util-linux 2.33 or later, on the managed host
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

- name: Two mirrors and a stripe over them, planned as one
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

- name: Remove an array and erase its superblocks
  fleetlab.linux.md_array:
    name: md1
    state: absent
"""

RETURN = r"""
array:
  description: The array, as RV(arrays[]). In check mode as it would be.
  type: dict
  returned: when O(name) is given
arrays:
  description:
    - The declared arrays, in their order. In check mode as they would be.
    - Of an array that does not run there are only its name, device, state and (no) members.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name of the array.
      type: str
      sample: md1
    device:
      description: Its device node.
      type: str
      sample: /dev/md1
    state:
      description: V(running), V(inactive), V(stopped) (its superblocks are there) or V(absent).
      type: str
      sample: running
    members:
      description: Its members, by slot, spares last.
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
          description: Its slot; none for a spare.
          type: int
        state:
          description: V(in_sync), V(rebuilding), V(spare) or V(faulty).
          type: str
    label:
      description: Homehost and name as the superblocks have them.
      type: str
      sample: client:md1
    kernel_name:
      description: The kernel's name of the md device.
      type: str
      sample: md1
    uuid:
      description: UUID as mdadm writes it. In check mode a made-up one for an array that does not exist yet.
      type: str
      sample: 9a13cdde:d60e77ad:e843d30f:7a138702
    level:
      description: Level as the kernel names it.
      type: str
    layout:
      description: Layout by name, none for levels that have none.
      type: str
      sample: o3
    layout_word:
      description: The kernel's number for the layout.
      type: int
      sample: 66305
    chunk:
      description: Chunk size in KiB, none where there are no chunks.
      type: int
      sample: 512
    metadata:
      description: Version of the superblocks.
      type: str
    bitmap:
      description: V(internal), V(file) or V(none).
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
      description: V(healthy), V(syncing), V(recovering), V(degraded) or V(inactive).
      type: str
    degraded:
      description: Number of members without current data.
      type: int
    sync_action:
      description: What the kernel is doing, such as V(idle), V(resync), V(recover) or V(check).
      type: str
      sample: idle
    sync_percent:
      description: How far RV(arrays[].sync_action) has come; none if nothing runs.
      type: float
commands:
  description: The planned steps as argument lists, in order.
  type: list
  elements: list
  returned: success
  sample: [[mdadm, --stop, /dev/md1]]
"""

from typing import Any, Dict, List, Sequence

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import fail, finish
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import apply
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import SystemRunner
from ansible_collections.fleetlab.linux.plugins.module_utils._md.host import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe import look_again, observe
from ansible_collections.fleetlab.linux.plugins.module_utils._md.operations import MdOperations
from ansible_collections.fleetlab.linux.plugins.module_utils._md.plan import plan_arrays
from ansible_collections.fleetlab.linux.plugins.module_utils._md.report import report
from ansible_collections.fleetlab.linux.plugins.module_utils._md.spec import argument_spec
from ansible_collections.fleetlab.linux.plugins.module_utils._md.wanted import Wanted, make_wanted


def carry_out(module: AnsibleModule, host: Host) -> None:
    """Check, observe, plan, and finish."""
    single = module.params["arrays"] is None
    entries: List[Dict[str, Any]] = [module.params] if single else module.params["arrays"]
    wanted = [make_wanted("" if single else f"arrays[{number}]", entry, host.hostname()) for number, entry in enumerate(entries)]
    runner = SystemRunner()
    outcome = plan_arrays(observe(wanted, host, runner), wanted)

    def plan_again(names: Sequence[str]) -> None:
        rest: List[Wanted] = [one for one in wanted if one.name in names]
        apply(plan_arrays(observe(rest, host, runner), rest).plan, runner, operations)

    def describe() -> Dict[str, Any]:
        state, deferred = outcome.state, outcome.deferred
        if not module.check_mode:
            for step in outcome.waits:
                operations[step.name](**step.arguments)
            state, deferred = look_again(wanted, host), ()
        arrays = report(state, wanted, deferred)
        return {"arrays": arrays, "array": arrays[0]} if single else {"arrays": arrays}

    operations = MdOperations(host, runner, plan_again).all()
    finish(module, outcome.plan, runner, describe, operations)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        mutually_exclusive=[["name", "arrays"]],
        required_one_of=[["name", "arrays"]],
        supports_check_mode=True,
    )
    try:
        carry_out(module, Host())
    except FleetlabError as error:
        fail(module, error)


if __name__ == "__main__":
    main()
