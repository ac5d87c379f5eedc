#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kernel of User-mode Linux that boots on this machine."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_kernel
version_added: 0.1.0
short_description: Bring a kernel of User-mode Linux that boots on this machine into a cache
description:
  - Chooses the kernel that the guests of a lab boot, brings it into a cache, and boots it once to its first program, which takes a second.
    Nothing of the machine's own packages changes.
  - A kernel in the cache is kept under a name that carries its version, with its modules, and with the C library it was built for where
    it comes from another release.
  - On CPUs with AMX, which Intel's servers have since 2023, kernels before 7 cannot write back the vector registers of their processes.
    Such a kernel gets a library of forty lines, compiled here, that hands the registers over whole.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes
options:
  kernel:
    description:
      - V(newest) is the packaged kernel of the release O(suite), run with that release's own C library. Programs start about five times
        faster on it than on the kernel of Debian 12.
      - V(build) is compiled here from the source that O(suite) packages, with C(kernel.config), in about twelve minutes of one CPU. It
        is the only one with all of nftables.
      - V(host) is the package C(user-mode-linux) of this machine, copied.
      - V(auto) is V(newest), and V(host) with a warning where that cannot be had or does not boot. A lab keeps the kernel that it was made
        with.
    type: str
    choices: [auto, host, newest, build]
    default: auto
  suite:
    description: Debian release that V(newest) and V(build) take the kernel from. Its packages are checked by the archive's signature.
    type: str
    default: forky
  cache:
    description: Folder that kernels are kept in. It is made when it is missing.
    type: path
    required: true
  directory:
    description: Directory of the lab that the kernel is for, see M(fleetlab.linux.lab_guests). It need not exist.
    type: path
  files:
    description: >-
      Folder with C(xstate.c), which is compiled where the CPU needs it, and C(kernel.config). The role P(fleetlab.linux.lab_hosts#role)
      has it.
    type: path
    required: true
notes:
  - Downloading needs the commands C(mmdebstrap) and C(apt-get), and the archive's keys, which Debian and Ubuntu have as packages.
  - Works as root, and as an ordinary user where user namespaces are allowed.
seealso:
  - module: fleetlab.linux.lab_guests
"""

EXAMPLES = r"""
- name: The fastest kernel that boots here
  fleetlab.linux.lab_kernel:
    cache: /var/cache/lab
    files: "{{ role_path }}/files"
  register: kernel

- name: A machine that boots it
  fleetlab.linux.lab_guests:
    directory: /srv/lab
    image:
      root: /srv/images/debian-13.ext4
      kernel: "{{ kernel.kernel.program }}"
    guests:
      - name: server1
        address: 10.99.0.11/24
"""

RETURN = r"""
commands:
  description: The steps that were planned, as argv lists.
  returned: always
  type: list
  elements: list
  sample: [["copy-kernel", "program=/usr/bin/linux.uml", "version=6.1.176", "cache=/var/cache/lab"]]
kernel:
  description: The kernel. Null in check mode where it would have to be downloaded first.
  returned: success
  type: dict
  contains:
    origin:
      description: V(host), V(build), or the release it comes from.
      type: str
      sample: forky
    version:
      description: What it calls itself.
      type: str
      sample: 7.2.7
    program:
      description: What starts it, with the arguments of User-mode Linux.
      type: str
      sample: /var/cache/lab/kernel-forky-7.2.7/linux
    modules:
      description: Folder with a folder of modules named after the version.
      type: str
      sample: /var/cache/lab/kernel-forky-7.2.7/modules
    xstate:
      description: Whether it runs with the library for CPUs with AMX.
      type: bool
"""

import os
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import fail
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.kernel.choose import choose
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.kernel.options import ARGUMENT_SPEC, make_wanted


def main() -> None:
    """Take the first kernel that boots."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        # Not by _core.module.run: each kernel that is tried has a plan of its own.
        chosen = choose(make_wanted(module.params), host_runner(), os.geteuid() != 0, module.check_mode)
    except FleetlabError as error:
        fail(module, error)
    for warning in chosen.warnings:
        module.warn(warning)
    result: Dict[str, Any] = {"changed": chosen.plan.changed, "commands": chosen.plan.commands(), "kernel": chosen.returned()}
    if module._diff:
        result["diff"] = chosen.plan.diff()
    module.exit_json(**result)


if __name__ == "__main__":
    main()
