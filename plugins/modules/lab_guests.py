#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests of a lab on one machine, in a network of their own."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_guests
version_added: 0.1.0
short_description: Run the guests of a lab on one machine, in a network of their own
description:
  - Declares a lab, which is a private network namespace with a bridge, and virtual machines attached to it. Nothing of the host's own
    network changes, and everything the lab needs on disk lies in one directory.
  - Guests are User-mode Linux processes (V(uml)) or QEMU machines (V(qemu), with KVM where the CPU has it). Each has a copy-on-write
    overlay over a common image and data disks of its own, which start as zeros.
  - Guests that run are left alone. A guest that died is started again with the disks it had.
  - A guest that cannot be made or started holds up no other. The task fails with its name when the others run, and returns
    RV(guests) as if it had succeeded.
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
      - A folder that belongs to this lab alone. It is made when it is missing, and refused when it holds anything else.
      - It is removed whole, except for labs that have folders inside it, with O(state=absent).
    type: path
    required: true
  state:
    description:
      - V(present) makes what is missing and starts what does not run.
      - V(absent) ends all processes of the lab, with which its network goes, and removes the directory.
    type: str
    choices: [present, absent]
    default: present
  exclusive_to:
    description:
      - Id of a process on this machine to which the lab belongs until that process ends, such as that of C(ansible-playbook). A task
        that names another one is refused meanwhile. Nothing is left behind by a process that is killed.
      - In check mode the lab is not claimed, and refused in the same way.
    type: int
  backend:
    description: What runs the guests.
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
    description: What guests boot. Required with O(state=present).
    type: dict
    suboptions:
      root:
        description: File with the common root file system, only ever read.
        type: path
        required: true
      kernel:
        description:
          - What is booted. For V(uml) the program that starts the kernel, as M(fleetlab.linux.lab_kernel) returns it, and C(linux.uml) by
            default. Required with V(qemu).
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
              Makes it an NVMe disk with the serial number that an EBS volume of this id has, C(vol-) and 17 hexadecimal digits. With
              O(backend=qemu) only.
            type: str
notes:
  - A directory that was moved or renamed is no longer a lab's.
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

- name: Remove the lab and everything it made
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
  description: A command that runs its arguments inside the lab's network.
  returned: when O(state=present)
  type: str
  sample: /srv/lab/enter
private_key:
  description: The SSH key that the guests' root accepts.
  returned: when O(state=present)
  type: str
  sample: /srv/lab/id_ed25519
interface:
  description: The name of the guests' network interface, in the guests.
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
      description: Whether it runs; in check mode whether it ran.
      type: bool
    disks:
      description: The data disks as the guest sees them.
      type: list
      elements: dict
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
    """The lab, after it was claimed for the run of the task."""
    state = observe(lab, host)
    # A directory of somebody else is refused by the plan, before the claim is written into it.
    if lab.exclusive_to is not None and (plan(state, lab).changed or lab.present):
        claim(lab, lab.exclusive_to, check_mode, host)
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
