#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that copiers copy every byte, with files that lie on the disk as errors need it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: copy_check
short_description: Check that copiers copy every byte, with files that lie on the disk as errors need it
version_added: 0.1.0
description:
  - Makes files in layouts in which copiers are known to lose data, copies them with any command, compares each copy byte by byte, and
    removes everything, also if the module is killed.
  - Proves each layout by FIEMAP or SEEK_DATA. A layout that the file system does not give is V(inconclusive), and no good result.
  - Says which C(cp), C(mv) and C(install) have the error of coreutils 8.11 to 8.19 (U(https://bugs.gnu.org/12656)). Copies with that error
    are nearly always equal, so the copies alone do not decide. Valgrind or Electric Fence show it at once, if one of them is installed.
  - Never says that a copier is right, only that no damage was seen.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes.info_module
options:
  paths:
    description: A directory on each file system on which files are to be copied. The files are in a hidden directory of their own below it.
    type: list
    elements: path
    required: true
  target:
    description: The directory for the copies, such as one on another file system for C(mv). By default the copies are beside the files.
    type: path
  commands:
    description:
      - The copiers, each a text or a list of words. No shell reads them.
      - C({source}) stands for the file and C({target}) for its copy. Both are added at the end of a command that names neither.
      - C({folder}), C({target_folder}) and C({name}) are their directories and the name that both have, for copiers such as C(tar).
    type: list
    elements: raw
    default: [cp]
  layouts:
    description:
      - V(adjacent) is a file with 150 holes and with extents that are neighbours in the file and not on the disk.
      - V(adjacent_odd) is the same, and the 72nd extent has such a neighbour, so that a copier that reads 72 at once ends between them.
      - V(holes) is a file with holes of different lengths.
      - V(just_written) are four files that are copied at the same time, while their data is not on the disk yet.
      - V(holes_over_data) is a file as in V(holes), and a longer copy of other data exists already, which the copier has to replace. It is
        for copiers that update copies, and not among the defaults, because not every copier may write over a file.
    type: list
    elements: str
    choices: [adjacent, adjacent_odd, holes, just_written, holes_over_data]
    default: [adjacent, adjacent_odd, holes, just_written]
  rounds:
    description: How many times each layout is made and copied, 1 to 1000.
    type: int
    default: 3
  guard:
    description:
      - V(auto) copies one file of each command and path under valgrind or Electric Fence, if the host has one of them.
      - V(require) does so for each layout, and fails on a host that has neither.
    type: str
    choices: [auto, require, never]
    default: auto
  size_limit:
    description: The most MiB that the files and copies of one layout take, 8 to 1024. Twice as much has to be free.
    type: int
    default: 32
  timeout:
    description: Seconds that one copy may take; ten times as long under a guard.
    type: int
    default: 60
notes:
  - Needs no root, only directories in which files can be made.
  - Refuses a directory to root that another user can put a link in the place of. Set C(become_user) to its owner there.
  - Runs the commands also in check mode, because it changes nothing but the files that it makes and removes.
seealso:
  - module: fleetlab.linux.patched_package
"""

EXAMPLES = r"""
- name: Check cp on two file systems
  fleetlab.linux.copy_check:
    paths: [/srv, /var/tmp]
  register: copies

- name: Fail if a copy was damaged, or would be with other memory
  ansible.builtin.assert:
    that: copies.verdict not in ['corrupts', 'reads_freed_memory']
    fail_msg: "{{ copies.problems | join('; ') }}"

- name: Check other copiers
  fleetlab.linux.copy_check:
    paths: [/srv]
    commands:
      - cp --reflink=always
      - install
      - rsync --sparse
      - [sh, -c, "tar -C {folder} -cSf - {name} | tar -C {target_folder} -xf -"]
      - [python3, -c, "import shutil, sys; shutil.copyfile(*sys.argv[1:])", "{source}", "{target}"]

- name: Check a backup that updates its copies
  fleetlab.linux.copy_check:
    paths: [/srv]
    commands: [rsync --sparse --inplace]
    layouts: [holes, holes_over_data]

- name: Check mv from one file system to another
  fleetlab.linux.copy_check:
    paths: [/srv]
    target: /var/tmp
    commands: [mv]
"""

RETURN = r"""
verdict:
  description: The worst verdict of all results.
  returned: success
  type: str
  sample: not_seen
problems:
  description: A sentence for each result with damage or with freed memory that was read. Empty when none was seen.
  returned: success
  type: list
  elements: str
  sample:
    - "cp {source} {target} on /srv (ext4), layout adjacent: under valgrind it reads memory that it had freed, so its copies are right only
      by chance"
results:
  description: What was seen of each layout, command and path.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The directory, from O(paths).
      type: str
      sample: /srv
    filesystem:
      description: The type of its file system.
      type: str
      sample: ext4
    command:
      description: The words of the command.
      type: list
      elements: str
      sample: [cp, "{source}", "{target}"]
    version:
      description: The first line of its C(--version). Empty where it has none.
      type: str
      sample: cp (GNU coreutils) 9.1
    affected_by_version:
      description:
        - Whether coreutils had the error in this version. V(patched) for such a version in a package with
          the field C(Fleetlab-Patches). Null for other programs.
      type: raw
      sample: false
    layout:
      description: The layout, from O(layouts).
      type: str
      sample: adjacent
    proved:
      description: Whether all files were seen to have the layout.
      type: bool
      sample: true
    verdict:
      description:
        - V(corrupts) if a copier that reported no error made a copy that differs.
        - V(reads_freed_memory) if a guard saw that.
        - V(inconclusive) if the layout is not proved, if the copier failed, or if its version has the error and no guard looked.
        - V(not_seen) otherwise.
      type: str
      sample: not_seen
    reason:
      description: The reason of the verdict.
      type: str
      sample: 3 copies are equal
    copies:
      description: The number of copies.
      type: int
      sample: 3
    damaged:
      description: The number of copies that differ, also those of which the copier reported an error.
      type: int
      sample: 0
    equal:
      description: Whether none differs.
      type: bool
      sample: true
    first_difference:
      description: The first damaged range of the first damaged copy; null if there is none.
      type: dict
      contains:
        offset:
          description: The first byte of the range.
          type: int
        length:
          description: Its length in bytes.
          type: int
        what:
          description: V(zeros), V(garbage), V(missing) where the copy ends too early, or V(surplus) where it is too long.
          type: str
        total:
          description: All bytes of the copy that differ.
          type: int
      sample: {offset: 8192, length: 4096, what: zeros, total: 4096}
    guard:
      description: The guard under which one more file was copied, V(valgrind) or V(libefence); null for none.
      type: str
      sample: valgrind
    memory_errors:
      description: The kinds of memory errors that it saw.
      type: list
      elements: str
      sample: []
    seconds:
      description: How long it took.
      type: float
      sample: 0.31
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._copies.observe.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._copies.options import SPEC, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._copies.show import returned
from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import fail
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner


def main() -> None:
    """Copy, compare and report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    try:
        wanted = make_wanted(module.params)
        found = returned(observe(wanted, host_runner()))
    except FleetlabError as error:
        fail(module, error)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
