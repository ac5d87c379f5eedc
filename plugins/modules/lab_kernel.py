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
  - Chooses the kernel for the guests of a lab, brings it into a cache, and boots it once up to its first program, which takes a second.
    The machine's own packages do not change.
  - The cache keeps a kernel under a name that contains its version, with its modules. A kernel of another release is kept with the C
    library for which it was built.
  - On CPUs with AMX, which Intel's servers have since 2023, kernels before 7 cannot write back the vector registers of their processes.
    Such a kernel gets a library of forty lines, compiled on this machine, that hands over all registers.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes
options:
  kernel:
    description:
      - V(newest) is the packaged kernel of the release O(suite), run with that release's own C library. Programs start about five times
        faster on it than on the kernel of Debian 12.
      - V(build) is compiled on this machine from the source package of O(suite), with C(kernel.config), in about twelve minutes of one
        CPU. Only this kernel has all of nftables.
      - V(host) is a copy of the kernel in this machine's package C(user-mode-linux).
      - V(auto) is V(newest). If that kernel is not available or does not boot, V(auto) is V(host), with a warning. A lab keeps the kernel
        with which it was created.
    type: str
    choices: [auto, host, newest, build]
    default: auto
  suite:
    description: Debian release of the kernel for V(newest) and V(build). Its packages are checked by the archive's signature.
    type: str
    default: forky
  cache:
    description: Folder in which kernels are kept. It is created if it is missing.
    type: path
    required: true
  directory:
    description: Directory of the lab for which the kernel is chosen, see M(fleetlab.linux.lab_guests). It need not exist.
    type: path
  files:
    description: >-
      Folder with C(xstate.c), which is compiled if the CPU needs it, and C(kernel.config). It is the folder C(files) of the role
      P(fleetlab.linux.lab_hosts#role).
    type: path
    required: true
notes:
  - The download needs the commands C(mmdebstrap) and C(apt-get), and the archive's keys, which Debian and Ubuntu have as packages.
  - Works as root, and as an ordinary user where user namespaces are allowed.
seealso:
  - module: fleetlab.linux.lab_guests
"""

EXAMPLES = r"""
- name: The fastest kernel that boots on this machine
  fleetlab.linux.lab_kernel:
    cache: /var/cache/lab
    files: "{{ role_path }}/files"
  register: kernel

- name: A machine that boots this kernel
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
  description: The kernel. Null in check mode if it would have to be downloaded first.
  returned: success
  type: dict
  contains:
    origin:
      description: V(host), V(build), or the release of the kernel.
      type: str
      sample: forky
    version:
      description: The version that the kernel reports.
      type: str
      sample: 7.2.7
    program:
      description: The program that starts the kernel. It takes the arguments of User-mode Linux.
      type: str
      sample: /var/cache/lab/kernel-forky-7.2.7/linux
    modules:
      description: Folder with the kernel's modules, in a folder named after the version.
      type: str
      sample: /var/cache/lab/kernel-forky-7.2.7/modules
    xstate:
      description: Whether the kernel runs with the library for CPUs with AMX.
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
        # _core.module.run does not fit: each kernel that is tried has its own plan.
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
