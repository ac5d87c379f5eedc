# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of md_array, which each exist twice: for one array, and for every entry of a list."""

from __future__ import annotations


class ModuleDocFragment:
    """Used as C(fleetlab.linux._md_array)."""

    DOCUMENTATION = r"""
options:
  name:
    description:
      - Name of the array. V(md0) to V(md511) give C(/dev/mdN), any other name gives C(/dev/md/NAME).
      - Needed unless O(arrays) or O(release) is given.
    type: str
  arrays:
    description:
      - Several arrays, in the order in which they are built. Absent arrays are removed in the opposite order.
      - Excludes all other options. The options of each array are given in its entry.
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
        choices: [present, absent, stopped, forgotten]
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
      leaving:
        description: See O(leaving).
        type: list
        elements: str
      write_mostly:
        description: See O(write_mostly).
        type: list
        elements: str
      failfast:
        description: See O(failfast).
        type: list
        elements: str
      spare_group:
        description: See O(spare_group).
        type: str
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
      replace_failed:
        description: See O(replace_failed).
        type: bool
        default: false
      size_tolerance:
        description: See O(size_tolerance).
        type: float
        default: 1.0
      block_size:
        description: See O(block_size).
        type: int
        choices: [512, 4096]
      failure_domains:
        description: See O(failure_domains).
        type: dict
      grow:
        description: See O(grow).
        type: bool
        default: false
      check:
        description: See O(check).
        type: bool
        default: false
      wait:
        description: See O(wait).
        type: str
        choices: [none, sync]
        default: none
      wait_timeout:
        description: See O(wait_timeout).
        type: int
        default: 3600
  release:
    description:
      - Members to fail and remove from their arrays, so that their disks can be detached, for example by the logout of an iSCSI session.
        Absolute paths of block devices; the partitions of a disk are released too. Excludes all other options.
      - A member that answers and has current data is released only if its array runs, is idle, keeps all data without this member, and all
        other members of the array have current data and answer. A member that does not answer, as SCSI and NVMe disks report, is released
        if the data are complete without it. A failed member is always released.
      - If an array cannot release its members, the task fails, names each such array with the reason, and changes nothing.
      - A path that leads to no device, or to a device in no array, needs no step. Neither does an empty list.
      - O(replace_failed) takes the devices back; with a write-intent bitmap only the changed regions are copied.
    type: list
    elements: str
  state:
    description:
      - V(present) creates or assembles the array. A degraded array that runs stays as it is, with a warning.
      - V(stopped) stops the array and keeps its superblocks and its line in C(mdadm.conf).
      - V(forgotten) stops the array and removes its line in C(mdadm.conf), and keeps its superblocks with all data, for another host that
        adopts the array (O(homehost)). Run it before the disks are detached.
      - V(absent) stops the array, erases the md superblocks of exactly its members, and removes its line in C(mdadm.conf).
      - An array that is mounted or otherwise in use is refused.
      - If omitted, it is V(present).
    type: str
    choices: [present, absent, stopped, forgotten]
  level:
    description:
      - RAID level; required with O(state=present).
      - V(raid1e) is md's raid10 with offset copies, one copy on each device.
    type: str
    choices: [raid0, raid1, raid1e, raid4, raid5, raid6, raid10]
  layout:
    description:
      - For V(raid10) and V(raid1e) the letter n, f or o (near, far or offset copies) and the number of copies, such as V(o3).
      - For V(raid5) and V(raid6) one of V(left-symmetric), V(left-asymmetric), V(right-symmetric), V(right-asymmetric),
        V(parity-first) and V(parity-last).
      - If omitted, V(raid1e) has offset copies on all devices, the other levels get mdadm's default, and an existing array may have any
        layout.
    type: str
  devices:
    description:
      - Members, in order; required with O(state=present).
      - Absolute paths of block devices. Use C(/dev/disk/by-path) or C(/dev/disk/by-id), or the node of another array.
    type: list
    elements: str
  spares:
    description:
      - Spare devices. Spares that a running array lacks are added. Spares that are no longer declared are removed, and their superblocks
        erased. An empty list removes all spares; if omitted, the array may have any spares.
        A spare that C(mdadm --monitor) has moved to another array of the same O(spare_group) stays there, with a warning.
    type: list
    elements: str
  leaving:
    description:
      - Members of a V(raid1) that leave it for good, so that it has fewer devices. Their superblocks are erased, and failed members are
        removed with them. The members in O(devices) have to hold current data. Paths that do not exist need no step.
      - Other levels are refused, because the kernel changes the number of copies of V(raid1) only.
    type: list
    elements: str
  write_mostly:
    description:
      - Members of a V(raid1), as in O(devices), that are read only if the others cannot be, such as disks over a slow line.
      - An empty list clears the flag of all members; if omitted, flags stay as they are. Other levels do not have it.
    type: list
    elements: str
  failfast:
    description:
      - Members of a V(raid1), V(raid1e) or V(raid10), as in O(devices), whose errors are not retried by their driver, so that md goes on
        with the other copies at once. A short interruption then ejects a member that a retry would have kept.
      - An empty list clears the flag of all members; if omitted, flags stay as they are.
    type: list
    elements: str
  spare_group:
    description:
      - Name of a group of arrays between which C(mdadm --monitor) moves spares, for the array's line in C(mdadm.conf).
      - An empty name takes the array out of its group; if omitted, the group stays as it is.
    type: str
  chunk:
    description: Chunk size in KiB, a power of two from 4 to 65536; not for V(raid1). If omitted, it is mdadm's default at creation.
    type: int
  bitmap:
    description:
      - Write-intent bitmap. If omitted, a new array of a level with redundancy gets V(internal), and an existing array may have either.
    type: str
    choices: [internal, none]
  metadata:
    description: Version of the superblocks. If omitted, it is V(1.2).
    type: str
    choices: ['1.0', '1.1', '1.2']
  homehost:
    description: Host name recorded in the array. If omitted, it is the name of the host.
    type: str
  assume_clean:
    description:
      - Create the array without its first resync, and keep the data of the members. Only for members that are known to be all zero,
        or to restore an array from its members.
      - If omitted, it is V(false).
    type: bool
  persist:
    description: Keep the array's line in C(mdadm.conf). With V(false) this file is not changed. If omitted, it is V(true).
    type: bool
  overwrite:
    description:
      - Create the array also on devices with file systems, partition tables, LVM or superblocks of other arrays, and destroy this content.
      - Devices that are mounted or held are refused nevertheless, and an existing array of this name is never created again.
      - Also replaces a line of C(mdadm.conf) that gives the name to an array of which no device has a superblock.
      - If omitted, it is V(false).
    type: bool
  run_degraded:
    description:
      - Start an existing array also if members are missing or out of date. Without this option such an array is refused.
      - If omitted, it is V(false).
    type: bool
  replace_failed:
    description:
      - Restore the lost members of a running array. Failed members are removed, also if their disk is gone or has another name now.
        A declared device that was a member before is re-added; with a write-intent bitmap only the changed regions are copied to it.
        If md refuses to re-add a device, and for an empty device, everything is copied.
      - md copies data to a member that was re-added at boot only after the first write to the array. This option starts the copy at once.
      - Data are never copied from a device that was out of the array. A device that ran without the members that are current now is
        refused, unless O(overwrite) is set.
      - A device with any other content is refused as at creation.
      - An array that has lost more members than its level allows is refused.
      - An array whose devices are all present is also assembled without members that are out of date.
      - If omitted, it is V(false).
    type: bool
  size_tolerance:
    description: How many percent the sizes of members may differ. If omitted, it is V(1).
    type: float
  block_size:
    description:
      - The size in bytes of the logical blocks of the array, which is the largest of its members. If omitted, all members of a new array
        need blocks of one size.
      - A device whose blocks are larger than those of an existing array never becomes its member, because md would give the array the
        larger blocks, and a file system with smaller blocks could not be mounted any more.
    type: int
    choices: [512, 4096]
  failure_domains:
    description:
      - The failure domain (a server, a rack) of each entry of O(devices).
      - An array with two copies of the same data in one domain is refused, and so is an array of V(raid4), V(raid5) or V(raid6)
        with more members in one domain than it can lose. For an existing array, its own layout and the real slots of its members
        count.
    type: dict
  grow:
    description:
      - Change an existing array that differs from the options, instead of refusing it. The array has to be in sync and without failed
        members.
      - B(Size.) The new space of members that have grown is used, except by V(raid10) with far copies, by V(raid0) whose members differ in
        size, and with metadata 1.0, whose superblocks lie at the end of the members; these are refused with the reason. Without O(grow),
        larger members are no difference.
      - B(Devices.) V(raid1) gets more copies. V(raid4), V(raid5), V(raid6), and V(raid10) with near or offset copies get more space,
        which can be used when the reshape is done. V(raid10) is reshaped only without a bitmap, because with a bitmap the kernel does not
        make the copies in the new space equal; set O(bitmap=none) with O(grow), and O(bitmap=internal) afterwards.
      - V(raid0) grows while it is used. mdadm turns it into a V(raid4) without its parity member, changes that, and turns it back; the next
        run completes a killed one. For more devices all data move, and the new space can be used when the reshape is done. Each reshape
        takes a chunk for every device from the room before the data, so that no power cut can lose data that is being moved. A stripe
        without this room is refused; a stripe that is created with O(grow) gets it (64 MiB, at most 1/32 of a member).
      - B(Chunk.) V(raid10) with near copies and without a bitmap accepts another chunk. All other arrays are refused, because tests on
        Linux 6.1 lost data - with offset copies always, with parity after a power cut during the reshape.
      - A reshape that was interrupted, also by a power cut, is continued by the kernel when the array is assembled and written to, or with
        O(wait=sync). A reshape needs space before the data of the members, which arrays of mdadm 3.3 and later have; if this space is
        missing, mdadm refuses the reshape before any data are moved.
      - B(Bitmap.) A bitmap can be added to or removed from every level with redundancy.
      - Another layout or level, fewer devices, and a smaller size are refused.
      - With O(wait=sync) an array that is being rebuilt, or that O(replace_failed) heals, is grown afterwards by the same task.
        Devices, chunk, a new bitmap and size change one after the other, so that two of these changes at once need O(wait=sync) too.
      - If omitted, it is V(false).
    type: bool
  check:
    description:
      - After all other steps, let md read all copies of all data and compare them, and return RV(arrays[].mismatch_cnt).
        A check repairs nothing and does not count as a change. Check mode starts no check.
      - The check is refused for an array that is degraded, broken or read-only, and, without O(wait=sync), for an array that is not in sync
        yet.
      - If omitted, it is V(false).
    type: bool
  wait:
    description:
      - With V(sync) the task ends when the resync, rebuild or reshape of the array has ended. The array can be used meanwhile.
      - While the task waits, it prints the progress, the speed and the remaining time.
      - If omitted, it is V(none).
    type: str
    choices: [none, sync]
  wait_timeout:
    description:
      - The most seconds that O(wait=sync) waits, and that O(check) may take. A resync or check that takes longer goes on after the task.
      - If omitted, it is V(3600).
    type: int
"""
