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
  - Where all members of a mirror were lost while it was written to, their superblocks do not tell which of them have the last
    writes. The kernel knows until the array is stopped. With O(state=stopped) this is noted in
    C(/var/lib/fleetlab-md_array.json), and the array is assembled from the members that took every write. If there is none, it starts
    from the one that md held on to, and gets the blocks which that one lacks from others. This holds for raid1, and for raid10 with
    a copy on each member, whose disks have a WWN or another name of their own, as those of SCSI, NVMe and device-mapper have.
  - A task gives either O(name) and the options of one array, or O(arrays). A list is planned as one, so that an array can
    be a member of a later one that does not exist yet.
extends_documentation_fragment:
  - fleetlab.linux._attributes
  - fleetlab.linux._md_array
requirements:
  - mdadm 4.1 or later, and util-linux 2.33 or later, on the managed host
notes:
  - Runs as root.
  - Runs wait for one another on a host, up to five minutes; O(wait) and O(check) keep no other run waiting. Check mode waits for none.
attributes:
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: none
    details: O(wait=sync) waits from the controller and shows how far the arrays are.
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

- name: Replace a failed member by an empty disk, keep a spare, and wait until the mirror is whole
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
  failed_when: md1 is failed or md1.array.mismatch_cnt > 0

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
        events:
          description: The event count of its superblock, if it was read. One that is behind the others' has been away.
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
      description:
        - V(healthy), V(syncing), V(recovering), V(degraded), V(broken) or V(inactive).
        - V(broken) is an array without members that it cannot do without, so that what is written to it fails. Linux tells since 5.4.
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
    sync_speed:
      description: Bytes in a second at which RV(arrays[].sync_action) goes on; none if nothing runs.
      type: int
    sync_seconds_left:
      description: How long it still takes at that speed; none if nothing runs.
      type: int
    bitmap_dirty:
      description: Bytes that the write-intent bitmap says may differ between members; none if there is no bitmap, or it was not read.
      type: int
    mismatch_cnt:
      description:
        - How many sectors the last check found to differ between copies; md counts in steps of what it compares at once.
        - None for a level without redundancy. 0 also if there was no check since the array was started.
      type: int
      sample: 0
healed:
  description: Members that were brought back or replaced with O(replace_failed), or in check mode would be.
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
      description: V(re-add) if only what changed is copied, as the write-intent bitmap says, and V(rebuild) if everything is.
      type: str
      sample: re-add
    resync_bytes:
      description: How many bytes are copied to it at most; none if that is not known.
      type: int
      sample: 67108864
commands:
  description: The planned steps as argument lists, in order.
  type: list
  elements: list
  returned: success
  sample: [[mdadm, --stop, /dev/md1]]
"""

from contextlib import nullcontext
from typing import Any, Dict, List, Sequence

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import exclusive
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import fail, finish, require_root
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import apply
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import SystemRunner
from ansible_collections.fleetlab.linux.plugins.module_utils._md.host import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe import look_again, observe
from ansible_collections.fleetlab.linux.plugins.module_utils._md.operations import MdOperations
from ansible_collections.fleetlab.linux.plugins.module_utils._md.plan import plan_arrays
from ansible_collections.fleetlab.linux.plugins.module_utils._md.report import report, report_healed, report_work
from ansible_collections.fleetlab.linux.plugins.module_utils._md.spec import argument_spec, declared, exclusive_options
from ansible_collections.fleetlab.linux.plugins.module_utils._md.system import LOCK, LOCK_TIMEOUT
from ansible_collections.fleetlab.linux.plugins.module_utils._md.wanted import Wanted, check_together, make_wanted


def checked(module: AnsibleModule, host: Host) -> List[Wanted]:
    """What the task asks for, as far as it can be checked without looking at the host."""
    wanted = [make_wanted(option, entry, host.hostname()) for option, entry in declared(module.params)]
    check_together(wanted)
    require_root("read and change md arrays")
    return wanted


def carry_out(module: AnsibleModule, host: Host, wanted: Sequence[Wanted]) -> None:
    """Observe, plan, and finish."""
    runner = SystemRunner()
    outcome = plan_arrays(observe(wanted, host, runner), wanted)
    postponed = list(outcome.postponed)

    def plan_again(names: Sequence[str]) -> None:
        rest: List[Wanted] = [one for one in wanted if one.name in names]
        again = plan_arrays(observe(rest, host, runner), rest)
        apply(again.plan, runner, operations)
        postponed.extend(again.postponed)

    def describe() -> Dict[str, Any]:
        state, deferred = outcome.state, outcome.deferred
        work: Dict[str, Any] = {}
        if not module.check_mode:
            state, deferred = look_again(wanted, host), ()
            work = report_work(state, wanted, postponed)
        arrays = report(state, wanted, deferred)
        shown = {"arrays": arrays, "healed": report_healed(outcome.healed, own.rebuilt), **work}
        return {**shown, "array": arrays[0]} if module.params["arrays"] is None else shown

    own = MdOperations(host, runner, plan_again)
    operations = own.all()
    finish(module, outcome.plan, runner, describe, operations)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        mutually_exclusive=exclusive_options(),
        required_one_of=[["name", "arrays"]],
        supports_check_mode=True,
    )
    try:
        host = Host()
        wanted = checked(module, host)
        # What a killed run left noted is read, and written anew: another run must not do so in between.
        with nullcontext() if module.check_mode else exclusive(LOCK, "md arrays", LOCK_TIMEOUT):
            carry_out(module, host, wanted)
    except FleetlabError as error:
        fail(module, error)


if __name__ == "__main__":
    main()
