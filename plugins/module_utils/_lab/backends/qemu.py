# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests under QEMU, with KVM if the CPU has it. Pure text."""

from __future__ import annotations

import shlex
from typing import List

from ..render import boot_options
from ..state import Backend, Disk, Guest, Wanted


def _prepare(lab: Wanted) -> str:
    image = shlex.quote(lab.image.root)
    return f"""[ -e root.cow ] || {{
  qemu-img create -q -f qcow2 -F raw -b {image} root.cow.new && mv root.cow.new root.cow
}} || exit
accel=tcg cpu=max
if [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then accel=kvm cpu=host; fi
"""


def _command(lab: Wanted, guest: Guest) -> List[str]:
    append = ["root=LABEL=lab-root", "rw", "console=ttyS0", "net.ifnames=0", *boot_options(lab, guest, "$key")]
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


def _device(_number: int, disk: Disk) -> str:
    return f"/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_{_nvme_serial(disk)}" if disk.volume_id else f"/dev/disk/by-id/virtio-{disk.name}"


def _nvme_serial(disk: Disk) -> str:
    """The serial number in the form of EBS: the volume id without its dash."""
    return (disk.volume_id or "").replace("-", "")


QEMU = Backend(
    name="qemu",
    label="QEMU",
    interface="eth0",
    prepare=_prepare,
    command=_command,
    device=_device,
    has_nvme=True,
)
