# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepare the machines of a storage benchmark, one command for all disks of a machine.

prepare.py throttle BYTES OPERATIONS DISK...   limits reads and writes of each disk, in each second; 0 and 0 remove the limits
prepare.py queue SETTINGS NAME...              writes the settings, a JSON object, into the queue of each disk, by its kernel name
prepare.py rescan NAME...                      lets the kernel read size and kind of each disk again
prepare.py create MEBIBYTES VOLUME GROUP...    creates the logical volume in each group
prepare.py remove VOLUME GROUP...              removes the logical volume from each group that has it
prepare.py start UNIT ARGV...                  starts a program as a unit of systemd that ends after four hours, instead of a former one
prepare.py clean UNIT SUFFIX VOLUME FILE...    ends the unit, removes the files, and prints what is left of targets and volumes
prepare.py describe INTERFACE                  prints kernel, CPUs, MTU and release of the machine as JSON
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, List

ROOT = Path("/")
THROTTLE = "run/storage-benchmark"


def run(*argv: str) -> None:
    """Run a command.

    :raises CalledProcessError: its exit code is not 0.
    """
    subprocess.run(argv, check=True)


def throttle(bytes_per_s: str, iops: str, *disks: str) -> None:
    """Limit disks by the controller of cgroup v1, whose limits on the root group also apply to the kernel threads that serve iSCSI."""
    group = ROOT / THROTTLE
    group.mkdir(parents=True, exist_ok=True)
    if not group.is_mount():
        run("mount", "-t", "cgroup", "-o", "blkio", "none", str(group))
    for disk in disks:
        number = (ROOT / "sys/class/block" / os.path.basename(os.path.realpath(disk)) / "dev").read_text(encoding="ascii").strip()
        for way in ("read", "write"):
            for unit, limit in (("bps", bytes_per_s), ("iops", iops)):
                (group / f"blkio.throttle.{way}_{unit}_device").write_text(f"{number} {limit}\n", encoding="ascii")
    if (bytes_per_s, iops) == ("0", "0"):
        run("umount", str(group))
        group.rmdir()


def queue(settings: str, *names: str) -> None:
    """Write settings into the queues of disks."""
    for name in names:
        for setting, value in sorted(json.loads(settings).items()):
            (ROOT / "sys/block" / name / "queue" / setting).write_text(f"{value}\n", encoding="ascii")


def rescan(*names: str) -> None:
    """Read disks again, and wait until udev knows them."""
    for name in names:
        (ROOT / "sys/block" / name / "device/rescan").write_text("1\n", encoding="ascii")
    run("udevadm", "settle")


def create(mebibytes: str, volume: str, *groups: str) -> None:
    """Create logical volumes. Old signatures are wiped, so that they do not show up as an array."""
    for group in groups:
        run("lvcreate", "--quiet", "--yes", "--wipesignatures", "y", "--size", f"{mebibytes}m", "--name", volume, group)


def remove(volume: str, *groups: str) -> None:
    """Remove logical volumes."""
    for group in groups:
        if (ROOT / "dev" / group / volume).exists():
            run("lvremove", "--quiet", "--yes", f"{group}/{volume}")


def start(unit: str, *argv: str) -> None:
    """Start a program that goes on when this one has ended."""
    stop(unit)
    run("systemd-run", "--quiet", "--collect", f"--unit={unit}", "--property=RuntimeMaxSec=4h", *argv)


def stop(unit: str) -> None:
    """End a unit, if there is one."""
    subprocess.run(["systemctl", "stop", unit], check=False, stderr=subprocess.DEVNULL)


def clean(unit: str, suffix: str, volume: str, *files: str) -> None:
    """Remove what a run keeps outside of its volumes, and look for its targets and volumes."""
    stop(unit)
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            (ROOT / file.lstrip("/")).unlink()
    left = [*ROOT.glob(f"sys/kernel/config/target/iscsi/*{suffix}"), *ROOT.glob(f"dev/*/{volume}")]
    print("\n".join(map(str, left)))


def describe(interface: str) -> None:
    """Print what a report says about the machine."""
    release = (ROOT / "etc/os-release").read_text(encoding="utf-8").splitlines()
    found = {
        "kernel": os.uname().release,
        "cpus": len(os.sched_getaffinity(0)),
        "mtu": int((ROOT / "sys/class/net" / interface / "mtu").read_text(encoding="ascii")),
        "release": next((line.partition("=")[2].strip("\"'") for line in release if line.startswith("PRETTY_NAME=")), "unknown"),
    }
    print(json.dumps(found))


COMMANDS: Dict[str, Callable[..., None]] = {one.__name__: one for one in (throttle, queue, rescan, create, remove, start, clean, describe)}


def main(argv: List[str]) -> int:
    """Carry out one command line."""
    if not argv or argv[0] not in COMMANDS:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        COMMANDS[argv[0]](*argv[1:])
    except (OSError, subprocess.CalledProcessError) as problem:
        print(f"prepare.py {argv[0]}: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
