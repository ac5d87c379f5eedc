# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""md arrays over five disks of 512 MiB and over files: created, killed, degraded, healed, stopped, and disks in other use."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.fleetlab.linux.plugins.module_utils._md.progress import progress_command
from ansible_collections.fleetlab.linux.tests.record.killed import IOCTL, WRITES, Call, run_until
from ansible_collections.fleetlab.linux.tests.record.recording import Folder, run
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.recorded_host import record_host

DISKS = tuple(f"/dev/ubd{letter}" for letter in "bcdef")
ASKED = ("/dev/disk/by-path/platform-uml-blkdev.1", *DISKS[1:], "/etc/passwd")
LOOPS = tuple(f"/dev/loop{number}" for number in range(5))
IMAGES = Path("/var/tmp/record-md")
CONF = Path("/etc/mdadm/mdadm.conf")
RUN_ARRAY = 0x400C0930
HOST = "b1"

MD1 = ("--level=raid10", "--layout=o3", "--chunk=64", "--bitmap=internal", "--raid-devices=3")
MD2 = ("--level=raid1", "--bitmap=internal", "--raid-devices=2")
MD99 = ("--level=raid0", "--chunk=64", "--raid-devices=2")


class Scenes:
    """Records a scene as the room observe, mdadm and the kernel report it."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def save(self, name: str, asked: Sequence[str] = ASKED, examined: Sequence[str] = (*DISKS, "/dev/md1"), mdstat: bool = True) -> None:
        """One scene; C(examined) are the devices whose superblocks mdadm shows."""
        run("udevadm", "settle")
        answers = record_host(asked)
        kept = {key: value for key, value in answers.items() if not key.startswith("device_number /proc/")}
        self._folder.save(f"{name}.json", json.dumps(kept, indent=1, sort_keys=True) + "\n")
        prose = "".join(f"### {node}\n{run('mdadm', '--examine', node, accept=(0, 1))}" for node in examined if Path(node).exists())
        if examined:
            self._folder.save(f"{name}.examine", prose)
        if mdstat:
            self._folder.save(f"{name}.mdstat", Path("/proc/mdstat").read_text(encoding="utf-8"))

    def save_progress(self, name: str) -> None:
        """The files from which the progress of md1 is read."""
        self._folder.save(f"{name}.progress", run("sh", "-c", progress_command(["md1"]), accept=(0, 1, 2)))


def create(
    node: str, name: str, options: Sequence[str], members: Sequence[str], *, metadata: str = "1.2", homehost: str = HOST
) -> list[str]:
    """The command that creates an array."""
    fixed = ["--run", f"--homehost={homehost}", f"--name={name}", f"--metadata={metadata}"]
    return ["mdadm", "--create", node, *fixed, *options, *members]


def limit(kib_per_s: int) -> None:
    """Set the speed at which md copies."""
    for name in ("speed_limit_min", "speed_limit_max"):
        Path("/proc/sys/dev/raid", name).write_text(f"{kib_per_s}\n", encoding="utf-8")


def wait_for_sync() -> None:
    """Wait until md copies nothing."""
    limit(1000000)
    while re.search("resync|recovery|check", Path("/proc/mdstat").read_text(encoding="utf-8")):
        time.sleep(0.2)


def start_over(disks: Sequence[str] = DISKS) -> None:
    """Remove all arrays, and wipe the disks."""
    for node in sorted(re.findall(r"^(md\d+) :", Path("/proc/mdstat").read_text(encoding="utf-8"), re.MULTILINE), reverse=True):
        run("mdadm", "--stop", f"/dev/{node}")
    for marker in Path("/run/mdadm").glob("creating-*"):
        marker.unlink()
    for disk in disks:
        with open(disk, "r+b") as stream:
            stream.write(bytes(4 << 20))
            stream.seek(-(1 << 20), 2)
            stream.write(bytes(1 << 20))
    run("udevadm", "trigger", "--settle", "--subsystem-match=block")


def record(output: Path) -> None:
    """All scenes."""
    version = run("sh", "-c", "mdadm --version 2>&1").split()[2].lstrip("v")
    scenes = Scenes(Folder(output / "mdadm" / version))
    before, conf = socket.gethostname(), CONF.read_text(encoding="utf-8")
    socket.sethostname(HOST)
    try:
        run("modprobe", "--all", "md_mod", "loop")
        start_over()
        scenes.save("blank", examined=(), mdstat=False)
        _record_stripe(scenes)
        CONF.write_text(conf, encoding="utf-8")
        _record_killed(scenes)
        _record_syncing(scenes)
        _record_other_metadata(scenes)
        _record_foreign(scenes)
        _record_loops(scenes)
    finally:
        CONF.write_text(conf, encoding="utf-8")
        socket.sethostname(before)


def _record_stripe(scenes: Scenes) -> None:
    run(*create("/dev/md1", "md1", MD1, DISKS[:3]))
    run(*create("/dev/md2", "md2", MD2, DISKS[3:]))
    wait_for_sync()
    run(*create("/dev/md99", "md99", MD99, ("/dev/md1", "/dev/md2")))
    with CONF.open("a", encoding="utf-8") as stream:
        stream.write(run("mdadm", "--detail", "--scan"))
    scenes.save("stripe")
    run("mdadm", "--manage", "/dev/md1", "--fail", DISKS[1], "--remove", DISKS[1])
    # A write, after which the member that is gone is out of date.
    run("dd", "if=/dev/zero", "of=/dev/md99", "bs=64k", "count=4", "seek=64", "conv=fsync", "status=none")
    scenes.save("degraded")
    for node in ("/dev/md99", "/dev/md2", "/dev/md1"):
        run("mdadm", "--stop", node)
    scenes.save("stopped", mdstat=False)
    start_over()


def _record_killed(scenes: Scenes) -> None:
    def at_third_superblock(pid: int, call: Call) -> bool:
        return call[0] in WRITES and Path(f"/proc/{pid}/fd/{call[1]}").resolve() == Path(DISKS[2])

    def at_start(_pid: int, call: Call) -> bool:
        return call[0] == IOCTL and call[2] == RUN_ARRAY

    for name, reached, mdstat in (("killed-between-members", at_third_superblock, False), ("killed", at_start, True)):
        if not run_until(create("/dev/md1", "md1", MD1, DISKS[:3]), reached):
            raise SystemExit(f"record: mdadm never came to where {name} was to kill it")
        scenes.save(name, mdstat=mdstat)
        start_over()


def _record_syncing(scenes: Scenes) -> None:
    limit(1000)
    run(*create("/dev/md1", "md1", MD1, DISKS[:3]))
    time.sleep(3)
    scenes.save("syncing")
    start_over()


def _record_other_metadata(scenes: Scenes) -> None:
    run(*create("/dev/md2", "md2", MD2, DISKS[3:], metadata="1.0"))
    wait_for_sync()
    run(*create("/dev/md99", "md99", MD99, ("/dev/md2", DISKS[0])))
    scenes.save("metadata-1.0")
    start_over()


def _record_foreign(scenes: Scenes) -> None:
    run("mkfs.ext4", "-q", DISKS[0])
    run("mount", DISKS[0], "/mnt")
    run("mkswap", DISKS[1])
    run("swapon", DISKS[1])
    run("pvcreate", DISKS[2])
    run("vgcreate", "vg0", DISKS[2])
    run("lvcreate", "--yes", "--size=64M", "--name=lv0", "vg0")
    options = ("--level=raid1", "--bitmap=none", "--assume-clean", "--raid-devices=2")
    run(*create("/dev/md5", "data", options, DISKS[3:], metadata="1.1", homehost="other"))
    scenes.save("in-use", examined=())
    run("umount", "/mnt")
    run("swapoff", DISKS[1])
    run("vgchange", "--activate=n", "vg0")
    run("mdadm", "--stop", "/dev/md5")
    scenes.save("foreign", mdstat=False)
    start_over()


def _make_loops(megabytes: int) -> None:
    IMAGES.mkdir(exist_ok=True)
    for loop in LOOPS:
        image = IMAGES / Path(loop).name
        with image.open("wb") as stream:
            stream.truncate(megabytes << 20)
        run("losetup", loop, str(image))


def _drop_loops() -> None:
    start_over(LOOPS)
    for loop in LOOPS:
        run("losetup", "--detach", loop)


def _record_loops(scenes: Scenes) -> None:
    _make_loops(64)
    options = ("--level=5", "--chunk=64", "--bitmap=internal", "--raid-devices=3", "--spare-devices=1")
    run(*create("/dev/md/data", "data", options, LOOPS[1:5]))
    wait_for_sync()
    scenes.save("raid5-spare", examined=())
    run("mdadm", "--manage", "/dev/md/data", "--fail", LOOPS[2])
    time.sleep(1)
    wait_for_sync()
    scenes.save("raid5-spare-used", examined=())
    run("mdadm", "--stop", "/dev/md/data")
    scenes.save("raid5-stopped", examined=(), mdstat=False)
    _drop_loops()

    _make_loops(512)
    asked = LOOPS[:3]
    run(*create("/dev/md1", "md1", MD1, asked))
    wait_for_sync()
    run("mdadm", "--manage", "/dev/md1", "--fail", LOOPS[1])
    time.sleep(1)
    scenes.save("lost", asked, asked)
    scenes.save_progress("lost")
    run("mdadm", "--manage", "/dev/md1", "--remove", LOOPS[1])
    run("mdadm", "--zero-superblock", LOOPS[1])
    limit(8192)
    run("mdadm", "--manage", "/dev/md1", "--add", LOOPS[1])
    time.sleep(2)
    scenes.save("healing", asked, asked)
    scenes.save_progress("healing")
    wait_for_sync()
    limit(1000)
    Path("/sys/block/md1/md/sync_action").write_text("check\n", encoding="utf-8")
    time.sleep(3)
    scenes.save("checking", asked, asked)
    scenes.save_progress("checking")
    wait_for_sync()
    _drop_loops()
