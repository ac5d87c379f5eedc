# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenes of memory on the kernel that Debian installs on real machines, in QEMU, with a balloon.

Runs in a root of a release. The guest has that root as its own, and leaves the recordings in it.
"""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

from ansible_collections.fleetlab.linux.tests.record.memory_scenes import KIND
from ansible_collections.fleetlab.linux.tests.record.recording import run

MEMORY, LEFT = 1024, 768
"""MiB of the guest, and what the balloon leaves it."""
_BALLOONS = {"-qemu": "", "-qemu-balloon": ",deflate-on-oom=on"}
"""A balloon takes its pages out of MemTotal, but not one that gives them back when memory is short."""
_WITHIN = 900.0
"""Seconds; without KVM every instruction is emulated."""
_MODULES = ("9p", "9pnet_virtio", "virtio_pci")
# The initramfs has mounted proc, sys, dev and run.
_INIT = """#!/bin/sh
mount -t cgroup2 none /sys/fs/cgroup
cd {work} && {kind}={word} PYTHONPATH=. python3 -m {package} {output} memory && touch {done}
sync
echo o >/proc/sysrq-trigger
sleep 60
"""


def record(output: Path) -> None:
    """The newest kernel of this root."""
    kernel = sorted(Path("/boot").glob("vmlinuz-*"))[-1]
    initrd = Path("/boot/fleetlab-record.img")
    Path("/etc/initramfs-tools/modules").write_text("\n".join(_MODULES) + "\n", encoding="ascii")
    Path("/etc/initramfs-tools/conf.d/fleetlab").write_text("MODULES=list\n", encoding="ascii")
    run("mkinitramfs", "-o", str(initrd), kernel.name.partition("-")[2])
    for word, options in _BALLOONS.items():
        _boot(kernel, initrd, output.absolute(), word, options)


def _boot(kernel: Path, initrd: Path, output: Path, word: str, balloon: str) -> None:
    """Start the guest, and wait until it is off.

    :raises SystemExit: it did not record what it should.
    """
    init, done, log, control = (Path("/srv", f"record{word}.{name}") for name in ("init", "done", "log", "qmp"))
    names = {"work": shlex.quote(str(Path.cwd())), "package": __package__, "output": shlex.quote(str(output))}
    init.write_text(_INIT.format(kind=KIND, word=word, done=done, **names), encoding="utf-8")
    init.chmod(0o755)
    processor = Path("/proc/cpuinfo").read_text(encoding="ascii")
    # The device alone does not say that KVM works.
    speed = "kvm" if Path("/dev/kvm").exists() and re.search(r"\b(vmx|svm)\b", processor) else "tcg"
    argv = [
        *(
            "qemu-system-x86_64",
            "-machine",
            f"accel={speed}",
            "-cpu",
            "max",
            "-m",
            str(MEMORY),
            "-nodefaults",
            "-no-reboot",
            "-display",
            "none",
        ),
        *("-kernel", str(kernel), "-initrd", str(initrd), "-serial", f"file:{log}", "-qmp", f"unix:{control},server=on,wait=off"),
        *("-append", f"root=fleetlab rootfstype=9p rootflags=trans=virtio,cache=loose rw console=ttyS0 panic=-1 init={init}"),
        *("-virtfs", "local,path=/,mount_tag=fleetlab,security_model=none,multidevs=remap"),
        *("-device", f"virtio-balloon-pci{balloon}"),
    ]
    with subprocess.Popen(argv) as guest:
        try:
            _ask_for_memory(control)
            guest.wait(_WITHIN)
        except subprocess.TimeoutExpired:
            print(f"record: the guest was not off after {_WITHIN:g} s", file=sys.stderr)
        finally:
            guest.kill()
    if not done.exists():
        raise SystemExit(f"record: the guest recorded nothing:\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}")


def _ask_for_memory(control: Path) -> None:
    """Tell QEMU what the balloon leaves to the guest."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        deadline = time.monotonic() + 60
        while True:
            try:
                client.connect(str(control))
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        lines = client.makefile("r", encoding="utf-8")
        lines.readline()
        for command, arguments in (("qmp_capabilities", {}), ("balloon", {"value": LEFT << 20})):
            client.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
            answer = next(found for found in map(json.loads, lines) if "event" not in found)
            if "error" in answer:
                raise SystemExit(f"record: QEMU refuses {command}: {answer['error']['desc']}")
