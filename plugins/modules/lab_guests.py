#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the guests of a lab on one machine, in a private network."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_guests
version_added: 0.1.0
short_description: Run the guests of a lab on one machine, in a private network
description:
  - Declares a lab, which is a private network namespace with a bridge, and virtual machines attached to the bridge. The host's own network
    does not change, and everything the lab needs on disk lies in one directory.
  - Guests are User-mode Linux processes (V(uml)) or QEMU machines (V(qemu), with KVM where the CPU has it). Each guest has a
    copy-on-write overlay over a common image, and its own data disks, which start as zeros.
  - Running guests are not touched. A guest that died is started again with the disks that it had.
  - A guest that cannot be created or started does not stop the other guests. The task fails with its name once the other guests run, and
    returns RV(guests) as if it had succeeded.
  - Works as root, and as an ordinary user where user namespaces are allowed and C(/dev/net/tun) can be opened.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes
options:
  name:
    description: The lab's name, 1 to 16 lower case letters, digits and C(-).
    type: str
    default: lab
  directory:
    description:
      - A folder that belongs to this lab alone. It is created if it is missing, and refused if it holds anything else.
      - With O(state=absent) the whole folder is removed, except for the folders of other labs inside it.
    type: path
    required: true
  state:
    description:
      - V(present) creates missing guests and the network, and starts guests that do not run.
      - V(absent) ends all processes of the lab, by which its network disappears, and removes the directory.
    type: str
    choices: [present, absent]
    default: present
  exclusive_to:
    description:
      - Id of a process on this machine, such as C(ansible-playbook), to which the lab belongs until this process ends. A task that names
        another process is refused meanwhile. The claim of a process that is killed ends with the process.
      - If omitted, the lab belongs to this task until it ends.
      - Check mode does not claim the lab, but refuses a lab that another process has claimed.
    type: int
  backend:
    description: How the guests run.
    type: str
    choices: [uml, qemu]
    default: uml
  gateway:
    description: Address and prefix length of the bridge, in the lab's own network only.
    type: str
    default: 10.99.0.1/24
  mtu:
    description: MTU of the bridge and of every link.
    type: int
    default: 9000
  image:
    description: The files from which guests boot. Required with O(state=present).
    type: dict
    suboptions:
      root:
        description: File with the common root file system. It is never written to.
        type: path
        required: true
      kernel:
        description:
          - The kernel. For V(uml) this is the program that starts the kernel, as M(fleetlab.linux.lab_kernel) returns it, and by default
            C(linux.uml). Required with V(qemu).
        type: path
      initrd:
        description: Initial RAM disk for V(qemu).
        type: path
  guests:
    description: The machines. Required with O(state=present).
    type: list
    elements: dict
    suboptions:
      name:
        description: Host name.
        type: str
        required: true
      address:
        description: Address and prefix length, in the network of O(gateway).
        type: str
        required: true
      memory:
        description: Memory in MiB, at least 192.
        type: int
        default: 512
      cpus:
        description: Number of CPUs. User-mode Linux guests always have one.
        type: int
        default: 1
      disks:
        description: Data disks.
        type: list
        elements: dict
        suboptions:
          name:
            description: Name of the disk, up to 19 lower case letters, digits and C(-).
            type: str
            required: true
          size_mb:
            description: Size in MiB. The file is sparse.
            type: int
            required: true
          volume_id:
            description: >-
              Makes the disk an NVMe disk with the serial number of the EBS volume with this id, C(vol-) and 17 hexadecimal digits. With
              O(backend=qemu) only.
            type: str
notes:
  - A directory that was moved or renamed no longer counts as a lab.
seealso:
  - name: User-mode Linux
    description: The kernel's own guide.
    link: https://docs.kernel.org/virt/uml/user_mode_linux_howto_v2.html
"""

EXAMPLES = r"""
- name: Two machines with a data disk each
  fleetlab.linux.lab_guests:
    directory: /srv/lab
    image:
      root: /srv/images/debian-12.ext4
    guests:
      - name: server1
        address: 10.99.0.11/24
        disks:
          - name: volume1
            size_mb: 512
      - name: client1
        address: 10.99.0.21/24

- name: Remove the lab with all its guests and files
  fleetlab.linux.lab_guests:
    directory: /srv/lab
    state: absent
"""

RETURN = r"""
commands:
  description: The steps that were planned, as argv lists.
  returned: always
  type: list
  elements: list
  sample: [["start-guest", "name=server1"]]
enter:
  description: A command that runs another command, given as its arguments, inside the lab's network.
  returned: when O(state=present)
  type: str
  sample: /srv/lab/enter
private_key:
  description: The SSH key that the guests' root accepts.
  returned: when O(state=present)
  type: str
  sample: /srv/lab/id_ed25519
interface:
  description: The name of the network interface inside the guests.
  returned: when O(state=present)
  type: str
  sample: vec0
guests:
  description: The guests, in the order of O(guests).
  returned: when O(state=present)
  type: list
  elements: dict
  contains:
    name:
      description: Host name.
      type: str
    address:
      description: Address without prefix length.
      type: str
    running:
      description: Whether the guest runs; in check mode whether it ran before the task.
      type: bool
    disks:
      description: The data disks as the guest sees them.
      type: list
      elements: dict
      contains:
        name:
          description: The name of the volume.
          type: str
        device:
          description: The device node in the guest.
          type: str
        size:
          description: Size in bytes.
          type: int
      sample: [{"name": "volume1", "device": "/dev/ubdb", "size": 536870912}]
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import Wing, run
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.apply.claim import claim
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.apply.operations import operations
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.backends.qemu import QEMU
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.backends.uml import UML
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.observe.lab import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.options import argument_spec, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.show import returned
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.state import State, Wanted

BACKENDS = (UML, QEMU)
"""The default first."""


def observe_claimed(lab: Wanted, host: Host, check_mode: bool) -> State:
    """The lab, after it was claimed for the run of the task, or for the task alone."""
    state = observe(lab, host)
    # The plan refuses a directory that is not a lab's, before the claim would be written into it.
    if plan(state, lab).changed or lab.present:
        claim(lab, os.getpid() if lab.exclusive_to is None else lab.exclusive_to, check_mode, host)
        state = observe(lab, host)
    return state


def main() -> None:
    """Observe, plan, apply."""
    module = AnsibleModule(
        argument_spec=argument_spec(BACKENDS),
        required_if=[("state", "present", ("image", "guests"))],
        supports_check_mode=True,
    )
    runner, host = host_runner(), Host()
    wing = Wing(
        make_wanted=lambda params: make_wanted(params, os.geteuid() != 0, BACKENDS),
        observe=lambda lab: observe_claimed(lab, host, module.check_mode),
        observe_again=lambda lab: observe(lab, host),
        plan=plan,
        operations=lambda lab: operations(lab, runner, host),
        returned=returned,
    )
    run(module, wing, runner)


if __name__ == "__main__":
    main()
