#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report which disk of a machine is which EBS volume."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ebs_device_info
short_description: Report which disk is which EBS volume
version_added: 0.1.0
description:
  - Finds the disk of an EBS volume by a property of the disk that survives reboots, because C(/dev/nvme1n1) can be another volume after a
    reboot. For NVMe disks this property is the serial number. For the Xen disks of older machines it is the name under which the volume
    was attached.
  - Reads sysfs, starts no process and needs no credentials.
  - Never returns a disk that the machine runs from, and refuses a volume whose disk is one of these.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes.info_module
options:
  volumes:
    description:
      - The volumes to find. The module fails if a volume is missing, or if its disk has no name that survives reboots.
      - If omitted, all volumes on NVMe disks, whose serial number is the id of the volume.
    type: list
    elements: dict
    suboptions:
      volume_id:
        description: Id of the volume, with or without the hyphen.
        type: str
        required: true
      attached_as:
        description: The name under which the volume was attached, such as C(/dev/sdf). Needed for Xen disks, which have no serial number.
        type: str
      name:
        description: A name for messages and for the result.
        type: str
  wait:
    description:
      - Seconds to wait for volumes that have not appeared yet, or whose disk does not have its lasting name yet.
    type: int
    default: 0
notes:
  - Any NVMe disk with the serial number of the volume counts as this volume, also a disk of a virtual machine to which someone gave the
    number.
seealso:
  - module: fleetlab.linux.md_array
"""

EXAMPLES = r"""
- name: Find two volumes that were just attached
  fleetlab.linux.ebs_device_info:
    volumes:
      - volume_id: vol-0123456789abcdef0
        attached_as: /dev/sdf
      - volume_id: vol-0fedcba9876543210
        attached_as: /dev/sdg
    wait: 60
  register: ebs

- name: Export these volumes
  ansible.builtin.include_role:
    name: fleetlab.linux.storage_server
  vars:
    storage_server_devices: "{{ ebs.devices | map(attribute='path') }}"
"""

RETURN = r"""
devices:
  description: The volumes in the order of O(volumes), or else ordered by id.
  returned: success
  type: list
  elements: dict
  contains:
    volume_id:
      description: Id of the volume.
      type: str
      sample: vol-0123456789abcdef0
    name:
      description: The name of the entry in O(volumes), or null.
      type: str
    path:
      description: A path that is the same after a reboot.
      type: str
      sample: /dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0
    device:
      description: The kernel's present name for the disk.
      type: str
      sample: /dev/nvme1n1
    size:
      description: Size in bytes.
      type: int
    found_by:
      description: V(serial), or V(name) for Xen disks.
      type: str
system_devices:
  description: The NVMe and Xen disks that the machine runs from.
  returned: success
  type: list
  elements: str
  sample: [/dev/nvme0n1]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import fail
from ansible_collections.fleetlab.linux.plugins.module_utils._ebs.identify import all_volumes, identify
from ansible_collections.fleetlab.linux.plugins.module_utils._ebs.observe import wait_for
from ansible_collections.fleetlab.linux.plugins.module_utils._ebs.options import ARGUMENT_SPEC, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._ebs.show import returned
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host


def main() -> None:
    """Read and report."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        volumes = make_wanted(module.params)
        disks = wait_for(volumes, module.params["wait"], Host())
        found = identify(disks, all_volumes(disks) if volumes is None else volumes)
    except FleetlabError as error:
        fail(module, error)
    module.exit_json(changed=False, **returned(disks, found))


if __name__ == "__main__":
    main()
