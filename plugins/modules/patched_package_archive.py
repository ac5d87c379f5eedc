#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publish builds of patched_package in a signed archive."""

from __future__ import annotations

DOCUMENTATION = r"""
module: patched_package_archive
short_description: A signed archive of apt with the packages that patched_package has built
version_added: 0.1.0
description:
  - Publishes, on the builder, its builds as an archive of apt, made by C(apt-ftparchive) and signed by a key of the builder. A folder that
    any web server, or a shared file system, gives to the hosts.
  - An index is made beside the old one and takes its place at once; hosts fetch it by its digest. A version that is published is never
    replaced by other content, and nothing is removed.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes
options:
  path:
    description: The folder of the archive. An existing one has to be empty, or an archive of this module.
    type: path
    default: /var/lib/fleetlab/patched-archive
  names:
    description: The packages whose builds are published, as O(fleetlab.linux.patched_package#module:name). By default all.
    type: list
    elements: str
    default: []
  directory:
    description: The directory of the builds. The secret key lies in its folder C(.keys), which only root can read.
    type: path
    default: /var/lib/fleetlab/patched-packages
  origin:
    description: The origin in the index, by which hosts pin.
    type: str
    default: fleetlab-patched
  signing_key:
    description:
      - A file on the builder with a secret key without a passphrase, which only root can read. It is imported once.
      - By default the first run makes a key.
    type: path
requirements:
  - apt-utils, gpg and gpg-agent on the builder
notes:
  - Runs as root.
  - The index does not expire, because nothing would sign it again between runs.
seealso:
  - module: fleetlab.linux.patched_package
"""

EXAMPLES = r"""
- name: Publish all builds
  fleetlab.linux.patched_package_archive:
    path: /srv/www/patched
  register: archive
"""

RETURN = r"""
commands:
  description: The steps that were carried out, or in check mode planned, each as a list of words.
  returned: success
  type: list
  elements: list
  sample:
    - [publish, suite=bookworm, architectures=amd64]
archive:
  description: The folder of the archive.
  returned: success
  type: str
  sample: /srv/www/patched
public_key:
  description: The file with the public key, for C(Signed-By) on the hosts.
  returned: success
  type: str
  sample: /srv/www/patched/archive-key.asc
fingerprint:
  description: The fingerprint of the key; null in check mode if there is none yet.
  returned: success
  type: str
  sample: 0C5B9A3F1D7E4B2A8C6D5E4F3A2B1C0D9E8F7A6B
packages:
  description: The packages of the builds, each with its place in the archive.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the package.
      type: str
    version:
      description: Its version.
      type: str
    architecture:
      description: Its architecture.
      type: str
    suite:
      description: The suite of the archive.
      type: str
    file:
      description: Its place in the archive.
      type: str
  sample:
    - name: hostname
      version: 3.23+nmu1+0fleetlab1
      architecture: amd64
      suite: bookworm
      file: pool/bookworm/hostname/hostname_3.23+nmu1+0fleetlab1_amd64.deb
"""

from functools import partial

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import Lock
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import Wing, require_root, run
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.archive.apply import operations
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.archive.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.archive.options import SPEC, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.archive.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.archive.show import returned

LOCK = Lock("patched-packages", "packages with patches", timeout=600.0)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    runner = host_runner()
    wing = Wing(
        make_wanted,
        partial(observe, runner=runner),
        plan,
        returned,
        operations=partial(operations, runner=runner),
        require=partial(require_root, "read the key that signs"),
        lock=LOCK,
    )
    run(module, wing, runner)


if __name__ == "__main__":
    main()
