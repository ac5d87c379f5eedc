#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the memory facts of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: meminfo_facts
short_description: Reads how much memory is available, where this figure comes from, and what uses the rest
version_added: 0.1.0
description:
  - Reads C(/proc/meminfo) and the files that explain it, and returns every counter, the memory available on any kernel since 2.6, the
    columns of a C(free) that does not count tmpfs as free, and three sums of counters that account for all memory.
  - Runs one shell command on the host, and computes everything else on the controller. The host needs a POSIX shell and C(grep), but not
    Python.
  - On kernels before 3.14, and where C(MemAvailable) is implausible, a formula computes the available memory;
    RV(ansible_facts.meminfo.available.source) names the formula, and RV(ansible_facts.meminfo.available.reason) gives the reason.
  - Where a control group limits a host, this limit is the memory of the host, and its own figures are returned in
    RV(ansible_facts.meminfo.available) and RV(ansible_facts.meminfo.free), with the figures of the machine beside them.
  - A value that cannot be known is null, and the reason is returned with it. A line that cannot be understood costs its counter. A reading
    that is incomplete, or without C(MemTotal) and C(MemFree), fails the task.
extends_documentation_fragment:
  - fleetlab.linux._attributes.info_module
attributes:
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: full
    details: With C(async) the module runs on the host itself, which then needs Python.
  facts:
    description: Action returns an C(ansible_facts) dictionary that will update existing host facts.
    support: full
options:
  method:
    description:
      - How the host is read. V(raw) sends one shell command. V(module) runs this module on the host, which then needs Python, and is for
        connections that run no shell commands. The results are the same.
      - With C(async), and when facts are gathered (C(ansible_facts_modules), M(ansible.builtin.gather_facts)), the method is always
        V(module).
    type: str
    choices: [raw, module]
    default: raw
  zfs_arc:
    description:
      - Count the part of the ZFS cache above its minimum as available. The kernel counts the whole cache as used.
      - RV(ansible_facts.meminfo.available.source) then ends in V(+zfs_arc). The results of the formulas do not change.
    type: bool
    default: false
  cacheable:
    description:
      - Return the result as a fact, which stays with the host and goes into the fact cache, if one is configured.
      - With V(false) the result is returned as RV(meminfo), for C(register) only.
    type: bool
    default: true
  processes_below:
    description:
      - If less than this percentage is available, also return the ten largest processes of the host. V(0) never does.
      - To read them, the kernel walks through the memory of every process, which takes a second or more on a host with much memory in use.
      - Without root, the proportional set size of the processes of other users is unknown, and their resident set size decides.
    type: float
    default: 0
seealso:
  - plugin: fleetlab.linux.free_table
    plugin_type: filter
  - plugin: fleetlab.linux.meminfo_fleet
    plugin_type: filter
author:
  - fleetlab.linux contributors (@fleetlab)
"""

EXAMPLES = r"""
- name: Read the memory of all hosts
  fleetlab.linux.meminfo_facts:

- name: Print the memory like free
  ansible.builtin.debug:
    msg: "{{ (ansible_facts.meminfo | fleetlab.linux.free_table(extended=true)).splitlines() }}"

- name: Fail if less than a tenth of the memory is available
  ansible.builtin.assert:
    that: ansible_facts.meminfo.available.percent >= 10
    fail_msg: "{{ ansible_facts.meminfo.available.percent }} % available, according to {{ ansible_facts.meminfo.available.source }}"

- name: Group the hosts by the source of the figure
  ansible.builtin.group_by:
    key: meminfo_{{ ansible_facts.meminfo.available.source }}

- name: The memory of a storage server with ZFS
  fleetlab.linux.meminfo_facts:
    zfs_arc: true
"""

RETURN = r"""
ansible_facts:
  description: The facts, unless O(cacheable) is false.
  type: dict
  returned: when O(cacheable) is true
  contains:
    meminfo:
      description: The memory of the host. Sizes are in bytes.
      type: dict
      returned: success
      contains: &meminfo
        bytes:
          description: Every counter of C(/proc/meminfo) that has a unit, by the kernel's name; also counters of future kernels.
          type: dict
          returned: success
          sample: {MemTotal: 25276502016, MemFree: 21493403648, Active(anon): 1634304}
        counts:
          description: The counters without a unit.
          type: dict
          returned: success
          sample: {HugePages_Total: 0}
        problems:
          description:
            - Counters without a plausible value, with the reason, such as a part above its whole, more file pages than page cache, or more
              free swap than swap. They are not in RV(ansible_facts.meminfo.bytes), and nothing is computed from them.
          type: dict
          returned: success
          sample: {}
        available:
          description: The memory that programs can still get without swapping.
          type: dict
          returned: success
          contains: &available
            bytes:
              description: The available memory.
              type: int
              returned: success
            percent:
              description: The available memory in percent of the total.
              type: float
              returned: success
            total:
              description: The memory of the host, C(MemTotal), or the limit of the control group that limits the host.
              type: int
              returned: success
            source:
              description:
                - V(cgroup) is the limit of a control group without the memory in use, as in RV(ansible_facts.meminfo.cgroup).
                - V(kernel) is the kernel's own C(MemAvailable).
                - V(linux_3_14), V(linux_4_5) and V(linux_4_20) are the formulas of kernels since that version; V(procps_3_3_10) is the
                  formula of C(free) of procps-ng 3.3.10 to 3.3.17; V(memfree) is C(MemFree), the last resort, which is too low.
                - The source ends in V(+zfs_arc) if the cache of ZFS was added.
              type: str
              returned: success
            reason:
              description: Why neither the kernel's own value nor a better formula was used; null for the kernel's own value.
              type: str
              returned: success
            formulas:
              description: The result of each formula, null for a formula that needs a counter which this kernel does not have.
              type: dict
              returned: success
            missing:
              description: The reason for each null.
              type: dict
              returned: success
          sample:
            bytes: 24322748416
            percent: 96.23
            total: 25276502016
            source: kernel
            reason: null
            formulas:
              {kernel: 24322748416, linux_4_20: 24322748416, linux_4_5: 24322748416, linux_3_14: 24382750720, procps_3_3_10: 24382996480,
               memfree: 21493403648}
            missing: {}
        free:
          description:
            - The columns that P(fleetlab.linux.free_table#filter) prints. C(used) is C(total) less C(free); C(anonymous) is the memory of
              programs, with tmpfs; C(kernel) is memory of the kernel that cannot be reclaimed; C(caches) can be reclaimed; C(others) is
              the rest. A column is null if the kernel lacks a counter for it, or if the counter belongs to another machine; C(reason) then
              says so.
            - Of a host that a control group limits, the columns are those of the group, as far as its C(memory.stat) tells them.
            - C(minus_caches) counts the caches as free; C(minus_available) uses RV(ansible_facts.meminfo.available.bytes).
          type: dict
          returned: success
          contains: &free
            total:
              description: The memory of the host, or the limit of its control group.
              type: int
            used:
              description: RV(ansible_facts.meminfo.free.total) without what is free.
              type: int
            free:
              description: Memory without any use.
              type: int
            anonymous:
              description: The memory of programs, with tmpfs.
              type: int
            kernel:
              description: Memory of the kernel that cannot be reclaimed.
              type: int
            caches:
              description: Memory that can be reclaimed.
              type: int
            others:
              description: The rest.
              type: int
            minus_caches:
              description: Two columns with the caches counted as free.
              type: dict
              contains:
                used:
                  description: Used memory.
                  type: int
                free:
                  description: Free memory.
                  type: int
            minus_available:
              description: Two columns with the available memory counted as free.
              type: dict
              contains:
                used:
                  description: Used memory.
                  type: int
                free:
                  description: Available memory.
                  type: int
            swap:
              description: The swap space.
              type: dict
              contains:
                total:
                  description: All of it.
                  type: int
                used:
                  description: Used swap.
                  type: int
                free:
                  description: Free swap.
                  type: int
                reason:
                  description: Why it is unknown, else null.
                  type: str
            extended:
              description: The values of the further rows, by their label.
              type: dict
            reason:
              description: Why a column is null, else null.
              type: str
        accounting:
          description:
            - Sums of counters that should equal C(MemTotal), and their differences from it. They are always those of the machine.
            - Everything is null, with the reason, if counters belong to another machine, as in a container with lxcfs.
          type: dict
          returned: success
          contains:
            a:
              description: MemFree, Buffers, Cached, SwapCached, AnonPages, Slab, PageTables, KernelStack.
              type: dict
              returned: success
              contains:
                terms:
                  description: The counters that were added, by name.
                  type: dict
                unexplained:
                  description: C(MemTotal) less the sum; below zero if something was counted twice.
                  type: int
                percent:
                  description: The unexplained memory in percent of C(MemTotal).
                  type: float
                reason:
                  description: Why there is no sum, else null.
                  type: str
              sample: &account {terms: {MemFree: 21493403648}, unexplained: 79691776, percent: 0.315, reason: null}
            b:
              description: MemFree, Active, Inactive, Slab, PageTables, KernelStack.
              type: dict
              returned: success
              contains:
                terms:
                  description: The counters that were added, by name.
                  type: dict
                unexplained:
                  description: C(MemTotal) less the sum; below zero if something was counted twice.
                  type: int
                percent:
                  description: The unexplained memory in percent of C(MemTotal).
                  type: float
                reason:
                  description: Why there is no sum, else null.
                  type: str
              sample: *account
            extended:
              description:
                - The counters of RV(ansible_facts.meminfo.accounting.b), or of RV(ansible_facts.meminfo.accounting.a) if the kernel's lists
                  of pages are not plausible, and all other counters of today's kernels, with the cache of ZFS.
                - A balloon is counted if its pages are still part of C(MemTotal).
                - RV(ansible_facts.meminfo.accounting.extended.unexplained) is the memory that no counter explains.
              type: dict
              returned: success
              contains:
                terms:
                  description: The counters that were added.
                  type: dict
                  returned: success
                unexplained:
                  description: C(MemTotal) less the sum; below zero if something was counted twice.
                  type: int
                  returned: success
                percent:
                  description: The unexplained memory in percent of C(MemTotal).
                  type: float
                  returned: success
                reason:
                  description: Why there is no sum, else null.
                  type: str
                  returned: success
            identities:
              description: Whether C(Active), C(Inactive) and C(Slab) are the sums of their two parts, and the difference.
              type: dict
              returned: success
              sample: {Slab: {holds: true, difference: 0, reason: null}}
            statistical_only:
              description: Counters of this host that repeat memory of other counters, and must not be added.
              type: list
              elements: str
              returned: success
            unknown:
              description: Counters of this host that no formula knows. Unexplained memory may be theirs.
              type: list
              elements: str
              returned: success
            huge_pages:
              description:
                - The huge pages of all sizes in bytes, C(used) and C(free). Only programs that ask for huge pages can use the free ones.
                - C(reason) is given if the free pages of some size are unknown and therefore count as used.
              type: dict
              returned: success
              contains:
                total:
                  description: All huge pages.
                  type: int
                used:
                  description: The used ones.
                  type: int
                free:
                  description: The free ones.
                  type: int
                reason:
                  description: What is not known, else null.
                  type: str
              sample: {total: 4294967296, used: 1073741824, free: 3221225472, reason: null}
            cached_reclaimable:
              description: C(Cached) without tmpfs, which is part of it and cannot be reclaimed.
              type: int
              returned: success
            tmpfs:
              description: Memory in tmpfs and shared memory (C(Shmem)).
              type: int
              returned: success
        cgroup:
          description:
            - The lowest memory limit on the control groups of the host, which are the group of process 1 and the groups above it, and in a
              container the group that it sees as the root. A limit on other groups of the process that read the memory, such as
              C(user.slice), does not limit the host; C(reason) names it.
            - C(limit) is null, with the C(reason), if no limit is at or below C(MemTotal). C(path), C(usage) and C(tmpfs) belong to the
              group with the lowest limit.
            - C(available) is the limit of a group less its working set, in the group where this is least. The working set is the usage
              without inactive file pages and reclaimable slab. This group can be another one than that of C(limit), with a higher limit
              that it shares with other processes.
          type: dict
          returned: success
          contains:
            version:
              description: V(1) or V(2), null without a group.
              type: int
            path:
              description: The group with the lowest limit.
              type: str
            limit:
              description: The limit.
              type: int
            usage:
              description: The memory in use by the group.
              type: int
            available:
              description: The memory that it can still get.
              type: int
            tmpfs:
              description: Its memory in tmpfs.
              type: int
            reason:
              description: Why there is no limit, else null.
              type: str
          sample: {version: 2, path: /, limit: 536870912, usage: 301989888, available: 402653184, tmpfs: 0, reason: null}
        machine:
          description:
            - The figures of the machine beside those of a host that a control group limits, else null. Both have the form of
              RV(ansible_facts.meminfo.available) and RV(ansible_facts.meminfo.free).
          type: dict
          returned: success
          contains:
            available:
              description: As RV(ansible_facts.meminfo.available).
              type: dict
              contains: *available
            free:
              description: As RV(ansible_facts.meminfo.free).
              type: dict
              contains: *free
        pressure:
          description:
            - How much programs waited for memory (pressure stall information). C(some) is the time in which at least one program waited,
              C(full) the time in which all did, in percent of the last 10, 60 and 300 seconds, and C(total) in microseconds since boot.
            - Both are null, with the C(reason), on a kernel without the file C(/proc/pressure/memory).
            - In a container the figures are those of the whole machine.
          type: dict
          returned: success
          contains:
            some:
              description: The time in which at least one program waited.
              type: dict
              contains:
                avg10:
                  description: Percent of the last 10 seconds.
                  type: float
                avg60:
                  description: Percent of the last 60 seconds.
                  type: float
                avg300:
                  description: Percent of the last 300 seconds.
                  type: float
                total:
                  description: Microseconds since boot.
                  type: int
            full:
              description: The time in which all programs waited.
              type: dict
              contains:
                avg10:
                  description: Percent of the last 10 seconds.
                  type: float
                avg60:
                  description: Percent of the last 60 seconds.
                  type: float
                avg300:
                  description: Percent of the last 300 seconds.
                  type: float
                total:
                  description: Microseconds since boot.
                  type: int
            reason:
              description: Why both are null, else null.
              type: str
          sample:
            some: {avg10: 0.0, avg60: 0.12, avg300: 0.05, total: 1520441}
            full: {avg10: 0.0, avg60: 0.08, avg300: 0.03, total: 901203}
            reason: null
        oom_kills:
          description: How many programs the kernel has killed since boot for lack of memory; null before Linux 4.13.
          type: int
          returned: success
          sample: 0
        kernel:
          description: The release of the kernel, its version as numbers, and the page size.
          type: dict
          returned: success
          contains:
            release:
              description: The release of the kernel.
              type: str
            version:
              description: Its version as numbers.
              type: list
              elements: int
            page_size:
              description: The page size in bytes.
              type: int
          sample: {release: 6.1.0-18-amd64, version: [6, 1, 0], page_size: 4096}
        read_at:
          description:
            - The time of the reading in seconds since 1970, by the clock of the controller, or by the clock of the host if the module ran
              there.
            - A report takes the newer of two readings, one in a fact cache and one of P(fleetlab.linux.meminfo#inventory).
          type: float
          returned: success
          sample: 1764172800.123
        zfs_arc:
          description:
            - The cache of ZFS. Without a cache all values are null, with the reason. It is added to the available memory only with
              O(zfs_arc).
            - In a container C(size) and C(minimum) belong to its host; C(reclaimable) is then null, and nothing is added.
          type: dict
          returned: success
          contains:
            size:
              description: The cache.
              type: int
            minimum:
              description: The size below which it does not shrink.
              type: int
            reclaimable:
              description: What can be reclaimed of it.
              type: int
            reason:
              description: Why values are null, else null.
              type: str
          sample: {size: 4294967296, minimum: 268435456, reclaimable: 4026531840, reason: null}
        processes:
          description:
            - The ten largest processes, largest first, by C(pss), where shared memory is divided among its users, or by C(rss) if C(pss) is
              null. C(command) is the name of the program without its arguments, which may contain secrets.
          type: list
          elements: dict
          returned: when less than O(processes_below) percent is available
          contains:
            pid:
              description: The number of the process.
              type: int
            command:
              description: The name of its program.
              type: str
            pss:
              description: Its memory, shared memory divided among its users.
              type: int
            rss:
              description: Its memory with all that it shares.
              type: int
            swap:
              description: Its memory in swap.
              type: int
          sample: [{pid: 812, command: postgres, pss: 1610612736, rss: 2147483648, swap: 0}]
meminfo:
  description: The same as RV(ansible_facts.meminfo).
  type: dict
  returned: when O(cacheable) is false
  contains: *meminfo
  sample: {available: {bytes: 3253850112, percent: 78.52, source: kernel}}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.facts import ARGUMENTS, as_result, is_low, make_facts
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.observe import now, read_host, read_processes
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.processes import largest


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        facts = make_facts(read_host(Host()), module.params["zfs_arc"])
        if is_low(facts, module.params["processes_below"]):
            facts["processes"] = largest(read_processes(Host()))
    except FleetlabError as error:
        # Without _core.module: this module plans nothing, and to compile the modules of a plan takes longer than to read the host.
        module.fail_json(msg=str(error))
    module.exit_json(**as_result(facts, module.params["cacheable"], now()))


if __name__ == "__main__":
    main()
