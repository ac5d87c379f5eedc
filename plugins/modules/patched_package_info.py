#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watch packages that were built with a patch."""

from __future__ import annotations

DOCUMENTATION = r"""
module: patched_package_info
short_description: Whether packages with a local patch are still installed, held, and up to date with the distribution
version_added: 0.1.0
description:
  - Reads from dpkg's database which packages M(fleetlab.linux.patched_package) built, from which version and with which patches, and from
    the package lists of the host what the distribution has made of them since.
  - Fetches nothing. That there is no newer version is worth what the age of the lists is worth, which is returned.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes.info_module
options:
  names:
    description:
      - The packages to look at. By default all that are installed with a patch.
      - A package that was replaced by another version is noticed only if it is named.
    type: list
    elements: str
    default: []
  max_lists_age:
    description: Seconds after which package lists are stale.
    type: int
    default: 86400
  fail_when:
    description: The findings with which the module fails, with the same return values.
    type: list
    elements: str
    choices: [security, newer, masked, lost, unheld, stale, files_changed]
    default: []
  verify:
    description: Whether the files of the packages are compared with their checksums.
    type: bool
    default: true
seealso:
  - module: fleetlab.linux.patched_package
"""

EXAMPLES = r"""
- name: Fail if a package with a patch lacks a security update
  fleetlab.linux.patched_package_info:
    names: [hostname]
    fail_when: [security, lost, masked]
"""

RETURN = r"""
packages:
  description: The packages.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the package.
      type: str
      sample: hostname
    version:
      description: The installed version; null if the package is not installed.
      type: str
      sample: 3.23+nmu1+0fleetlab1
    base:
      description: The distribution's version from which it was built; null for a package without a patch.
      type: str
      sample: 3.23+nmu1
    patches:
      description: Each patch with the beginning of its SHA-256.
      type: list
      elements: str
      sample: ["output.patch=5891b5b522d5"]
    held:
      description: Whether apt keeps the version.
      type: bool
      sample: true
    lost:
      description: Whether the installed version is not a patched one.
      type: bool
      sample: false
    newer:
      description: The distribution's versions that are newer than RV(packages[].base), security updates first.
      type: list
      elements: dict
      contains:
        version:
          description: The version.
          type: str
        origin:
          description: The label of its archive.
          type: str
        security:
          description: Whether the archive is one of security updates.
          type: bool
      sample: [{version: 3.23+nmu1+deb12u1, origin: Debian-Security, security: true}]
    masked:
      description: Whether one of them sorts below the installed version, so that apt will never offer it.
      type: bool
      sample: false
    files_changed:
      description: The files that differ from the package, without configuration files.
      type: list
      elements: str
      sample: []
lists_age:
  description: Seconds since the package lists were fetched; null if they never were.
  returned: success
  type: int
  sample: 5000
findings:
  description: The kinds of problems, with the names of O(fail_when).
  returned: success
  type: list
  elements: str
  sample: [security]
problems:
  description: A sentence for each problem.
  returned: success
  type: list
  elements: str
  sample: ["hostname: the security update 3.23+nmu1+deb12u1 is newer than 3.23+nmu1: build it again"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import fail
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.observe.host import observe_info
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.options import INFO_SPEC, make_wanted_info
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.show import failing, returned_info


def main() -> None:
    """Look and report."""
    module = AnsibleModule(argument_spec=INFO_SPEC, supports_check_mode=True)
    try:
        wanted = make_wanted_info(module.params)
        found = returned_info(observe_info(wanted, host_runner(), Host()), wanted)
    except FleetlabError as error:
        fail(module, error)
    if failing(found, wanted):
        fail(module, FleetlabError("; ".join(found["problems"])), result=found)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
