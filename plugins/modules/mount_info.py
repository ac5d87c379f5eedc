#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report a mounted file system and signs of damage."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mount_info
short_description: Report whether a file system is mounted, and signs of damage
version_added: 0.1.0
description:
  - Reads the mounts of the host, the size of the file system, and the errors that ext4 counted.
  - With O(probe) it also creates a file on the file system and removes it at once. This finds a file system with an aborted journal, which
    the kernel may still report as writable.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes.info_module
options:
  path:
    description:
      - The mount point.
      - Exactly one of O(path) and O(device) is needed.
    type: path
  device:
    description: The block device with the file system, at any mount point. Of several mount points the first one is reported.
    type: path
  probe:
    description:
      - Whether to create a file on the file system and remove it. Check mode creates no file.
      - A full file system and an exceeded quota are no signs of damage.
    type: bool
    default: false
notes:
  - Runs as root.
seealso:
  - module: fleetlab.linux.md_array_info
  - module: fleetlab.linux.storage_monitor
"""

EXAMPLES = r"""
- name: Read the state of a file system
  fleetlab.linux.mount_info:
    path: /srv/data
    probe: true
  register: data

- name: Fail if the file system is damaged or not mounted
  ansible.builtin.assert:
    that:
      - data.mounted
      - data.problems | length == 0
    fail_msg: "{{ data.problems | join('; ') or '/srv/data is not mounted' }}"
"""

RETURN = r"""
mounted:
  description: Whether there is such a mount.
  returned: success
  type: bool
  sample: true
mount_point:
  description: The mount point. Null where O(device) is not mounted.
  returned: success
  type: str
  sample: /srv/data
source:
  description: The mounted device or source, or null.
  returned: success
  type: str
  sample: /dev/md99
fstype:
  description: The kind of the file system, or null.
  returned: success
  type: str
  sample: ext4
options:
  description: The options of the mount.
  returned: success
  type: list
  elements: str
  sample: [rw, noatime]
size:
  description: Size of the file system in bytes, or null.
  returned: success
  type: int
  sample: 1283457024
errors:
  description: Number of errors that ext4 has counted since the last check of the file system; null for other kinds of file systems.
  returned: success
  type: int
  sample: 0
problems:
  description: A sentence for each sign of damage.
  returned: success
  type: list
  elements: str
  sample: ["the file system of /dev/md99 on /srv/data has met 3 errors"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._mount.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._mount.state import returned


def main() -> None:
    """Read and report."""
    module = AnsibleModule(
        argument_spec={"path": {"type": "path"}, "device": {"type": "path"}, "probe": {"type": "bool", "default": False}},
        mutually_exclusive=[("path", "device")],
        required_one_of=[("path", "device")],
        supports_check_mode=True,
    )
    path, device, probe = (module.params[name] for name in ("path", "device", "probe"))
    found = observe(Host(), path, device, probe and not module.check_mode)
    module.exit_json(changed=False, **returned(path, found))


if __name__ == "__main__":
    main()
