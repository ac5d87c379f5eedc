#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build a package of the distribution with a patch, install it and hold it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: patched_package
short_description: A package of Debian with a patch, built once from the signed source, installed and held
version_added: 0.1.0
description:
  - With O(state=built), builds a package on a builder, in a root that is thrown away, without network, with its tests. The source is the
    newest one of the archive, checked against the archive's signature. A build of the same source with the same patches is not repeated.
  - With O(state=present), installs the files on a host, and holds the version.
  - The version is that of the distribution with C(+0fleetlab1) at its end. So it is newer than the version that was patched, and older than
    whatever the distribution makes of it later, such as C(+deb12u1) or C(+b1).
  - The version that was patched, and the patches, are fields of the package in dpkg's own database, and in no other file.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes
options:
  name:
    description: The name of the binary package.
    type: str
    required: true
  state:
    description:
      - V(built) builds on this host, and installs nothing.
      - V(present) installs O(debs), or O(version) from an archive.
      - V(absent) goes back to the distribution's newest version, without a hold, together with the other patched packages of the same
        source. It does nothing to a package without a patch.
    type: str
    choices: [built, present, absent]
    default: present
  patches:
    description:
      - Files on the builder, applied in this order with C(-p1), after the patches of the distribution.
      - A patch that does not apply without fuzz is refused by its name, also in check mode. So is one that the source has already, that is
        empty, or in which a binary file is only named.
      - Required with O(state=built).
    type: list
    elements: path
    default: []
  follow:
    description:
      - Whether a newer source in the archive is built with the same patches. Otherwise a build of these patches is kept, and a newer source
        is a warning.
    type: bool
    default: false
  suffix:
    description: The letters behind C(+0) in the version.
    type: str
    default: fleetlab
  suite:
    description: The code name of the release for which is built. By default that of the builder.
    type: str
  sources:
    description:
      - Archives for the build, as lines of C(sources.list). By default those of the builder for the suite and its updates.
      - Passwords of archives belong into C(/etc/apt/auth.conf.d) of the builder, where the build finds them too.
    type: list
    elements: str
    default: []
  directory:
    description: The directory of the builder for builds and package lists.
    type: path
    default: /var/lib/fleetlab/patched-packages
  debs:
    description:
      - Files on the host, from RV(debs) of O(state=built). Of several packages of one source, O(name) is installed, and those that the
        host has already.
      - This or O(version) is required with O(state=present).
    type: list
    elements: path
    default: []
  version:
    description:
      - RV(version) of O(state=built), where M(fleetlab.linux.patched_package_archive) has published it in an archive that apt of the host
        knows. It takes the place of O(debs).
    type: str
  hold:
    description: Whether apt keeps the version until a newer build replaces it.
    type: bool
    default: true
  check:
    description: A command that has to succeed after the installation, before the version is held.
    type: list
    elements: str
    default: []
  allow_essential:
    description: Whether an essential package, without which a host may not start, may be replaced.
    type: bool
    default: false
  max_lists_age:
    description: Seconds for which the package lists of the builder are used without asking the archive again.
    type: int
    default: 3600
  timeout:
    description: Seconds that a build may take.
    type: int
    default: 3600
requirements:
  - mmdebstrap, dpkg-dev, patch and unshare on the builder
notes:
  - Runs as root.
  - In check mode O(state=built) fetches the source and tries the patches in a copy.
seealso:
  - module: fleetlab.linux.patched_package_info
  - module: fleetlab.linux.patched_package_archive
"""

EXAMPLES = r"""
- name: Build hostname with a patch
  fleetlab.linux.patched_package:
    name: hostname
    state: built
    patches: [/srv/patches/output.patch]
    allow_essential: true
  register: build

- name: Install and hold it
  fleetlab.linux.patched_package:
    name: hostname
    debs: "{{ build.debs }}"
    check: [hostname, --version]
    allow_essential: true

- name: Install it from a signed archive
  fleetlab.linux.patched_package:
    name: hostname
    version: "{{ build.version }}"
    allow_essential: true

- name: Go back to the package of the distribution
  fleetlab.linux.patched_package:
    name: hostname
    state: absent
"""

RETURN = r"""
commands:
  description: The steps that were carried out, or in check mode planned, each as a list of words.
  returned: success
  type: list
  elements: list
  sample:
    - [apt-mark, hold, "hostname:amd64"]
version:
  description: The version that was built, or that is installed; null if none is.
  returned: success
  type: str
  sample: 3.23+nmu1+0fleetlab1
base:
  description: The distribution's version that was patched.
  returned: success
  type: str
  sample: 3.23+nmu1
debs:
  description: The files of the build, without those of debug symbols. In check mode empty before the build.
  returned: O(state=built)
  type: list
  elements: str
  sample: [/var/lib/fleetlab/patched-packages/hostname/3.23+nmu1+0fleetlab1/hostname_3.23+nmu1+0fleetlab1_amd64.deb]
held:
  description: Whether apt keeps the version.
  returned: O(state=present) or O(state=absent)
  type: bool
  sample: true
packages:
  description: The packages of the build that the host has.
  returned: O(state=present) or O(state=absent)
  type: list
  elements: str
  sample: [hostname]
"""

import os
from dataclasses import replace
from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import Lock
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import Wing, require_root, run
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.apply import operations
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.observe.builder import observe_builder
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.observe.host import observe_host
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.options import MUTUALLY_EXCLUSIVE, REQUIRED_IF, SPEC, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.plan import plan_builder, plan_host
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.show import returned_builder, returned_host

LOCK = Lock("patched-packages", "packages with patches", timeout=600.0)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=SPEC, required_if=REQUIRED_IF, mutually_exclusive=MUTUALLY_EXCLUSIVE, supports_check_mode=True)
    # Nobody is there to answer the questions of a package, and the end of the input is no answer.
    os.environ.setdefault("DEBIAN_FRONTEND", "noninteractive")
    runner = host_runner()
    wing: Wing[Any, Any]
    if module.params["state"] == "built":
        wing = Wing(make_wanted, partial(observe_builder, runner=runner, files=Host()), plan_builder, returned_builder)
    else:
        wing = Wing(make_wanted, partial(observe_host, runner=runner, files=Host()), plan_host, returned_host)
    wing = replace(
        wing,
        operations=partial(operations, runner=runner),
        require=partial(require_root, "build and install packages"),
        lock=LOCK,
    )
    run(module, wing, runner)


if __name__ == "__main__":
    main()
