# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of disks: bad sectors, dead and slow disks, flipped bits, replaced disks, and disks with other contents."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator

from . import oracle
from .lab import PREFIX, Lab, wait_until
from .scene import Scene

_NAME = "storage1-volume"
"""The device-mapper name of the servers' first volume, which is a member of md1."""


def sectors(lab: Lab, server: str) -> int:
    """The size of the volume."""
    return int(lab.run(server, f"dmsetup table {_NAME}").split()[1])


def load(lab: Lab, server: str, table: str) -> None:
    """Replace the device-mapper table of a volume in use."""
    lab.run(server, f"dmsetup load {_NAME} && dmsetup suspend --noflush --nolockfs {_NAME} && dmsetup resume {_NAME}", f"{table}\n")


@contextmanager
def below(lab: Lab, server: str, table: str) -> Iterator[None]:
    """A faulty target under the first volume of a server; C({disk}) and C({size}) stand for what is below it and its sectors.

    What was there is put back at the end, as a repaired disk.
    """
    original = lab.run(server, f"dmsetup table {_NAME}")
    lab.run(server, "modprobe -a dm-dust dm-delay && dmsetup create faults-below", f"{original}\n")
    try:
        load(lab, server, table.format(disk="/dev/mapper/faults-below", size=original.split()[1]))
        yield
    finally:
        load(lab, server, original)
        lab.run(server, "dmsetup remove --retry faults-below")


def disk_of(lab: Lab, server: str, lun: int = 0) -> str:
    """The client's name of a server's LUN, such as sda."""
    return lab.run(lab.client, f"basename $(readlink -f /dev/disk/by-path/*-iscsi-{PREFIX}{server}-lun-{lun})")


def others_are_whole(lab: Lab) -> bool:
    """Whether every mirror but the first has all its members."""
    return not any(mirror.degraded for mirror in oracle.mirrors(lab)[1:])


def test_disks_lie_are_slow_and_go_bad(lab: Lab, fault: Any) -> None:
    with fault("17", "a bit of a member flipped on the server's disk", quiet=True) as scene:
        lie(lab, scene)
        scene.then("16", "a disk that takes 2 s for everything (dm-delay)")
        with below(lab, "server3", "0 {size} delay {disk} 0 2000"):
            scene.traffic.flows(120)
        oracle.none_ejected(lab)
        scene.note("slow, not ejected")
        scene.then("15", "bad sectors on one volume (dm-dust)")
        with below(lab, "server1", "0 {size} dust {disk} 0 512"):
            go_bad(lab, scene)


def lie(lab: Lab, scene: Scene) -> None:
    """Flip a bit on one of three copies, see md find it and leave it alone, and flip it back."""
    lab.run(lab.client, "sync; echo 3 > /proc/sys/vm/drop_caches")
    # In the middle of the data.
    offset = sectors(lab, "server1") // 2 * 512
    flip = (
        "import os, mmap; d = os.open('/dev/storage1/volume', os.O_RDWR | os.O_DIRECT); b = mmap.mmap(-1, 4096); "
        f"os.preadv(d, [b], {offset}); b[0] = b[0] ^ 1; os.pwrite(d, b, {offset})"
    )
    lab.run("server1", f'python3 -c "{flip}"')
    found = oracle.mismatches(lab)
    assert found["md1"] > 0, "md's check did not find it"
    assert not any(count for name, count in found.items() if name != "md1")
    again = oracle.mismatches(lab)
    assert again["md1"] > 0, "the check has repaired it without being asked"
    scene.note(f"check of md1 finds {found['md1']} sectors and repairs nothing by itself; put back by hand")
    lab.run("server1", f'python3 -c "{flip}"')


def go_bad(lab: Lab, scene: Scene) -> None:
    """Give the first volume of a server bad sectors with dm-dust, and read all data."""
    # All over the data area: wherever the client reads from this disk it comes upon one.
    blocks = sectors(lab, "server1")
    lab.run("server1", f"for block in $(seq 20000 {blocks // 40} {blocks - 1000}); do dmsetup message {_NAME} 0 addbadblock $block; done")
    lab.run("server1", f"dmsetup message {_NAME} 0 enable")
    scene.end_traffic()
    # Reads through the array, of everything: md reads the copy of another disk, and writes the bad one anew.
    lab.run(lab.client, "dd if=/dev/md1 of=/dev/null bs=1M iflag=direct status=none", limit=180)
    left = lab.run("server1", f"dmsetup message {_NAME} 0 countbadblocks").split()[1]
    assert others_are_whole(lab)
    ejected = oracle.mirrors(lab)[0].degraded
    scene.note(f"{'member ejected' if ejected else 'read from another copy and written anew'}; {left} of 40 left")
    scene.begin_traffic()


def test_volumes_are_gone_and_replaced(lab: Lab, fault: Any) -> None:
    with fault("15b", "one volume gone (dm-error) and back") as scene:
        fail(lab, "server2", 1)
        scene.traffic.flows()
        assert others_are_whole(lab), "members of other mirrors were ejected as well"
        scene.note("only this member ejected")
        scene.then("24", "a volume replaced by an empty one")
        # The superblock and all data are gone, as with a new disk; the session sees errors first, as with a broken one.
        fail(lab, "server1", 2)
        # It ends with the end of the disk.
        lab.run("server1", "dd if=/dev/zero of=/dev/storage1/volume bs=1M oflag=direct status=none; true", limit=180)
        scene.note("ejected; the playbook takes the empty disk and rebuilds all of it")


def fail(lab: Lab, server: str, lacking: int) -> None:
    """Let a server's first volume give errors until md1 lacks that many members."""
    with below(lab, server, "0 {size} error"):
        wait_until(lambda: oracle.mirrors(lab)[0].degraded == lacking, 60, "the member of md1 ejected")


def content(lab: Lab, server: str) -> str:
    """The SHA-256 of a server's whole first volume."""
    # The client writes past what the server may still have in memory of the volume.
    return lab.run(server, "blockdev --flushbufs /dev/storage1/volume && sha256sum /dev/storage1/volume", limit=180)


def test_a_disk_carries_another_array(lab: Lab, fault: Any) -> None:
    with fault("23", "a volume carries the superblock of another array") as scene:
        fail(lab, "server1", 1)
        scene.end_traffic()
        disk = disk_of(lab, "server1")
        make = "mdadm --create /dev/md/foreign --run --assume-clean --level=1 --raid-devices=2 --metadata=1.2 --homehost=elsewhere"
        lab.run(
            lab.client,
            f"mdadm /dev/md1 --remove {disk}; wipefs -aq /dev/{disk} && {make} /dev/{disk} missing && mdadm --stop /dev/md/foreign",
        )
        before = content(lab, "server1")
        run = lab.playbook()
        assert run.exit_code == 2, f"the run took a disk of another array: {run.end}"
        assert "refused" in run.output.lower(), run.end
        assert content(lab, "server1") == before, "the volume was written to"
        scene.note("refused by name, SHA-256 of the whole volume as before; cleared by hand")
        # udev may have begun to assemble what it found.
        lab.run(
            lab.client,
            f"for md in /sys/block/{disk}/holders/md*; do [ ! -e $md ] || mdadm --stop /dev/${{md##*/}} || exit; done; "
            f"mdadm --zero-superblock /dev/{disk}",
        )
