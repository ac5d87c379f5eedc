# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small shell scripts of a lab: how to enter its namespaces, and how each backend starts a guest. Pure text."""

from __future__ import annotations

import shlex
import uuid
from typing import List

from .state import Disk, Guest, Lab

REBOOT_EXIT_CODE = 42
"""What a user-mode Linux guest leaves through /proc/exitcode when it wants to be started again."""


def enter_script(lab: Lab) -> str:
    """Runs its arguments inside the lab's namespaces; the ProxyCommand of ssh and every step of the plan use it."""
    # Not --user as root: root has all it needs, and many hosts forbid new user namespaces altogether.
    user = "--user --preserve-credentials " if lab.rootless else ""
    return f"""#!/bin/sh
# Runs a command inside the network of this lab: enter COMMAND [ARGUMENT...]
exec nsenter --target "$(cat {shlex.quote(lab.directory + "/holder.pid")})" {user}--net --pid -- "$@"
"""


def start_script(lab: Lab, guest: Guest) -> str:
    """Starts a guest and stays with it until it is off. To be run inside the namespaces, with the guest's token."""
    words = _uml(lab, guest) if lab.backend == "uml" else _qemu(lab, guest)
    command = " \\\n    ".join(words)
    prepare = "" if lab.backend == "uml" else _qemu_overlay(lab)
    return f"""#!/bin/sh
# Starts {guest.name}; ends with it. Run by ansible through ../../enter.
cd {shlex.quote(lab.guest_directory(guest))} || exit
key=$(cut -d ' ' -f 2 ../../id_ed25519.pub)
{prepare}# A rebooting guest ends with {REBOOT_EXIT_CODE} and is started anew: by itself it would keep its tap busy and come back deaf.
while
  rm -rf uml
  {command}
  [ $? -eq {REBOOT_EXIT_CODE} ]
do :; done
"""


def disk_device(lab: Lab, index: int, disk: Disk) -> str:
    """How the guest sees its data disk number C(index), counted from 0."""
    if lab.backend == "uml":
        return f"/dev/ubd{chr(ord('b') + index)}"
    return f"/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_{_nvme_serial(disk)}" if disk.volume_id else f"/dev/disk/by-id/virtio-{disk.name}"


def _nvme_serial(disk: Disk) -> str:
    """As EBS has it: the id without its dash."""
    return (disk.volume_id or "").replace("-", "")


def _guest_options(lab: Lab, guest: Guest) -> List[str]:
    machine_id = uuid.uuid5(uuid.NAMESPACE_URL, lab.guest_token(guest)).hex
    return [
        f"systemd.hostname={guest.name}",
        f"systemd.machine_id={machine_id}",
        f"lab.address={guest.address}",
        f"lab.mtu={lab.mtu}",
        'lab.key="$key"' if lab.backend == "uml" else "lab.key=$key",
        "selinux=0",
        "apparmor=0",
        "quiet",
        "systemd.show_status=0",
    ]


def _uml(lab: Lab, guest: Guest) -> List[str]:
    return [
        shlex.quote(lab.image.kernel),
        "noreboot",
        f"umid={lab.guest_token(guest)}",
        "uml_dir=uml",
        f"mem={guest.memory}M",
        "root=/dev/ubda",
        "rw",
        f"ubd0={shlex.quote('root.cow,' + lab.image.root)}",
        *[f"ubd{number}d={disk.name}.disk" for number, disk in enumerate(guest.disks, 1)],
        f"vec0:transport=tap,ifname={guest.tap},depth=128,gro=1,mtu={lab.mtu},mac={guest.mac}",
        "con=null",
        "con0=null,fd:1",
        *_guest_options(lab, guest),
    ]


def _qemu_overlay(lab: Lab) -> str:
    image = shlex.quote(lab.image.root)
    return f"""[ -e root.cow ] || {{
  qemu-img create -q -f qcow2 -F raw -b {image} root.cow.new && mv root.cow.new root.cow
}} || exit
accel=tcg cpu=max
if [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then accel=kvm cpu=host; fi
"""


def _qemu(lab: Lab, guest: Guest) -> List[str]:
    append = ["root=LABEL=lab-root", "rw", "console=ttyS0", "net.ifnames=0", *_guest_options(lab, guest)]
    words = [
        "qemu-system-x86_64",
        f"-name guest={lab.guest_token(guest)}",
        "-nodefaults -no-user-config -display none -serial stdio",
        '-machine "q35,accel=$accel" -cpu "$cpu"',
        f"-m {guest.memory} -smp {guest.cpus}",
        f"-kernel {shlex.quote(lab.image.kernel)} -initrd {shlex.quote(lab.image.initrd or '')}",
        f'-append "{" ".join(append)}"',
        "-drive if=none,id=root,format=qcow2,file=root.cow -device virtio-blk-pci,drive=root",
    ]
    for disk in guest.disks:
        device, serial = ("nvme", _nvme_serial(disk)) if disk.volume_id else ("virtio-blk-pci", disk.name)
        words.append(f"-drive if=none,id={disk.name},format=raw,file={disk.name}.disk -device {device},drive={disk.name},serial={serial}")
    words.append(f"-netdev tap,id=net,ifname={guest.tap},script=no,downscript=no")
    words.append(f"-device virtio-net-pci,netdev=net,mac={guest.mac},host_mtu={lab.mtu}")
    return words
