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
      - Several arrays, in the order in which they are built. Those that go are removed in the opposite order.
      - Excludes all other options. Those of arrays stand in the entries.
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
      - Members to fail and remove from the arrays that have them, so that their disks can go, as when an iSCSI session is logged out.
        Absolute paths of block devices; of a disk, its partitions go too. Excludes all other options.
      - A member that answers and has current data is only let go by an array that runs, is idle, keeps all its data without that
        member, and whose other members all have current data and answer. One that does not answer, as SCSI and NVMe disks tell, is let
        go where the data are complete without it. A member that has failed is always let go.
      - If one array cannot let go of its members, the task fails, names each such array with the reason, and changes nothing.
      - A path that leads to nothing, or to a device in no array, is done already. An empty list is nothing to do.
      - O(replace_failed) takes the devices back, with a write-intent bitmap by copying only what changed.
    type: list
    elements: str
  state:
    description:
      - V(present) creates or assembles the array. One that runs degraded is left alone, with a warning.
      - V(stopped) stops it and keeps its superblocks and its line in C(mdadm.conf).
      - V(absent) stops it, erases the md superblocks of exactly its members, and removes its line.
        It is refused while the array is mounted or otherwise in use.
      - When left out, it is V(present).
    type: str
    choices: [present, absent, stopped]
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
    description:
      - Spare devices. Those that a running array lacks are added, and those that are no longer declared are removed and their
        superblocks erased. An empty list removes all; left out, the array may have any.
        One that C(mdadm --monitor) has moved to another array of the same O(spare_group) is left there, with a warning.
    type: list
    elements: str
  spare_group:
    description:
      - Name of a group of arrays between which C(mdadm --monitor) moves spares, for the array's line in C(mdadm.conf).
      - An empty one takes the array out of its group; left out, it stays as it is.
    type: str
  chunk:
    description: Chunk size in KiB, a power of two from 4 to 65536; not for V(raid1). Left out, it is mdadm's default at creation.
    type: int
  bitmap:
    description:
      - Write-intent bitmap. Left out, a new array has an V(internal) one if its level has redundancy, and an existing one may have either.
    type: str
    choices: [internal, none]
  metadata:
    description: Version of the superblocks. When left out, it is V(1.2).
    type: str
    choices: ['1.0', '1.1', '1.2']
  homehost:
    description: Host name recorded in the array. Left out, it is the name of the host.
    type: str
  assume_clean:
    description:
      - Create the array without its first resync, and keep what the members hold. Only for members that are known to be all zero,
        or to put an array together again.
      - When left out, it is V(false).
    type: bool
  persist:
    description: Keep the array's line in C(mdadm.conf). With V(false) that file is left alone. When left out, it is V(true).
    type: bool
  overwrite:
    description:
      - Create the array also on devices that carry file systems, partition tables, LVM or superblocks of other arrays, and destroy those.
      - Devices that are mounted or held are refused all the same, and an array of this very name is never made anew.
      - Also replaces a line of C(mdadm.conf) that gives the name to an array which is found on no device.
      - When left out, it is V(false).
    type: bool
  run_degraded:
    description:
      - Start an existing array also if members are missing or out of date. Without it that is refused.
      - When left out, it is V(false).
    type: bool
  replace_failed:
    description:
      - Give a running array its lost members back. Failed members are removed, also those whose disk is gone or has another name now.
        A declared device that was a member before is taken back; with a write-intent bitmap only what changed is copied to it.
        Where md refuses that, and for an empty device, everything is copied.
      - One that the boot gave back waits for the first write to the array before md brings it up to date; it is not left waiting.
      - A device that was away is never a source. One that ran without the members that are current now is refused,
        unless O(overwrite) is set.
      - A device that carries anything else is refused as at creation.
      - An array that has lost more members than its level can do without is refused.
      - With it an array is also assembled without members that are out of date, if all its devices are there.
      - When left out, it is V(false).
    type: bool
  size_tolerance:
    description: How many percent the sizes of members may differ. When left out, it is V(1).
    type: float
  failure_domains:
    description:
      - Which failure domain (a server, a rack) each entry of O(devices) is in.
      - An array with two copies of the same data in one domain is refused, and so is one of V(raid4), V(raid5) or V(raid6)
        with more members in one domain than it can lose. Of an array that is there, its own layout and the real places of its
        members count.
    type: dict
  grow:
    description:
      - Change an array that is there where it differs, instead of refusing it; it has to be in sync and without failed members.
      - B(Size.) Members that have grown are used, but by V(raid0), by V(raid10) with far copies, and with metadata 1.0, whose superblocks
        lie at the end of the members; there they are refused with the reason. Without O(grow), larger members are no difference.
      - B(Devices.) V(raid1) gets more copies. V(raid4), V(raid5), V(raid6), and V(raid10) with near or offset copies get more room,
        which is there when the reshape is done. V(raid10) is reshaped without a bitmap only, since with one the kernel does not make
        the copies in the new room alike; set O(bitmap=none) with it, and O(bitmap=internal) after that.
      - B(Chunk.) V(raid10) with near copies and without a bitmap takes another one. Elsewhere it is refused, because in tests on Linux
        6.1 data were lost - with offset copies always, with parity after a power cut in the middle.
      - A reshape that is interrupted, by a power cut as well, is gone on with by the kernel when the array is assembled and written to,
        or waited for with O(wait=sync). It needs room before the data of the members, which arrays made by mdadm 3.3 and later have; where
        it is missing, mdadm refuses before anything is moved.
      - B(Bitmap.) Every level with redundancy takes or drops one.
      - Another layout or level, fewer devices, and less size are refused.
      - With O(wait=sync) an array that is being rebuilt, or that O(replace_failed) heals, is grown after that by the same task.
        Devices, chunk, a new bitmap and size are taken one after the other, so that two of them at once need it too.
      - When left out, it is V(false).
    type: bool
  check:
    description:
      - When everything else is done, let md read all copies of all data and compare them, and return RV(arrays[].mismatch_cnt).
        Nothing is repaired, and it is no change. Nothing is checked in check mode.
      - It is refused for an array that is degraded, broken or read-only, or not in sync yet unless O(wait=sync).
      - When left out, it is V(false).
    type: bool
  wait:
    description:
      - With V(sync) the task ends when a resync, a rebuild or a reshape of the array has ended. The array can be used before that.
      - While it waits the task prints how far it is, how fast it goes and how long it still takes.
      - When left out, it is V(none).
    type: str
    choices: [none, sync]
  wait_timeout:
    description:
      - For how many seconds O(wait=sync) waits, and O(check) lasts, at most. What runs then goes on.
      - When left out, it is V(3600).
    type: int
"""
