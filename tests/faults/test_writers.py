# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One writer: another host with the right secret and an ACL of its own reads the LUNs, and its writes are refused."""

from __future__ import annotations

import contextlib
from typing import Any, Iterator

from .lab import PREFIX, Lab

GROUP = f"/sys/kernel/config/target/iscsi/{PREFIX}server1/tpgt_1"
ACL = f"{GROUP}/acls/{PREFIX}other"
DISK = f"$(readlink -f /dev/disk/by-path/*-iscsi-{PREFIX}server1-lun-0)"


@contextlib.contextmanager
def other_host(lab: Lab) -> Iterator[str]:
    """A host that is logged in to server1 under another initiator name, with the secret of the lab; it is server2."""
    secret = (lab.directory / "chap_secret").read_text(encoding="utf-8").strip()
    record = f"-m node -T {PREFIX}server1 -p {lab.addresses['server1']}:3260 -I other"
    try:
        lab.run("server1", f"mkdir {ACL} && mkdir {ACL}/lun_0 && ln -s {GROUP}/lun/lun_0 {ACL}/lun_0/disk")
        lab.run("server1", f"echo 0 > {ACL}/lun_0/write_protect")
        lab.run("server1", f"printf storage > {ACL}/auth/userid && cat > {ACL}/auth/password", secret)
        lab.run("server2", "iscsiadm -m iface -I other -o new")
        lab.run("server2", f"iscsiadm -m iface -I other -o update -n iface.initiatorname -v {PREFIX}other")
        lab.run("server2", f"cat > /run/chap && iscsiadm {record} -o new", secret)
        for name, value in (("authmethod", "CHAP"), ("username", "storage"), ("password", '"$(cat /run/chap)"')):
            lab.run("server2", f"iscsiadm {record} -o update -n node.session.auth.{name} -v {value}")
        lab.run("server2", f"iscsiadm {record} --login && udevadm settle", limit=120)
        yield "server2"
    finally:
        lab.try_run("server2", f"rm -f /run/chap; iscsiadm {record} --logout; iscsiadm {record} -o delete")
        lab.try_run("server2", "iscsiadm -m iface -I other -o delete")
        lab.try_run("server1", f"rm {ACL}/lun_0/disk; rmdir {ACL}/lun_0 {ACL}")


def test_a_second_host_with_an_acl_reads_and_cannot_write(lab: Lab, fault: Any) -> None:
    with fault("32", "a second host with the right secret and an ACL of its own writes to a LUN") as scene, other_host(lab) as other:
        lab.run(other, f"dd if={DISK} of=/dev/null bs=64k count=1 iflag=direct")
        written = lab.try_run(other, f"dd if=/dev/zero of={DISK} bs=4k count=1 seek=1 oflag=direct conv=notrunc")
        assert written.returncode == 1, f"the write was not refused: {written.stdout} {written.stderr}"
        assert "reservation conflict" in lab.run(other, "dmesg | tail -20")
        scene.traffic.flows()
        scene.note("reads; the write is refused with a reservation conflict")
