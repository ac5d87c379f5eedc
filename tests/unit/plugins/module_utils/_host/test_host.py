# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One answer to what a Linux host is: on trees of files as kernels have them, and on this machine's own /proc and /sys."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError
from ansible_collections.fleetlab.linux.plugins.module_utils._host import block, distribution, mounts, process, sockets, systemd
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host

LATER = """\
249 248 254:0 / / rw,relatime - ext4 /dev/vda rw,discard,resv_strict,resuid=65534,resgid=65534
283 249 0:48 / /tmp rw,relatime master:5 - tmpfs host rw
284 283 0:48 /early /tmp/early rw,relatime master:5 - tmpfs host rw
287 283 0:50 / /tmp rw,relatime - tmpfs own rw
288 287 0:48 /early /tmp/early rw,relatime master:5 - tmpfs host rw
290 283 0:51 / /tmp/late rw,relatime master:6 - tmpfs late rw
"""
MOUNTINFO = """\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,discard
40 22 0:35 /@srv /srv rw shared:20 master:3 - btrfs /dev/mapper/vg-pool rw,subvol=/@srv
41 22 254:17 / /srv/my\\040disk\\011x rw - xfs /dev/vdb1 rw
42 22 254:17 /sub /other rw - xfs /dev/vdb1 rw
43 22 0:5 / /proc rw - proc proc rw
44 43 0:44 / /proc rw - tmpfs none rw,size=1024k
a line of a kernel that is not made yet
"""

SWAPS = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/vdc\tpartition\t1048572\t0\t-2\n/swap\\040file file 4 0 -3\n"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A machine with a disk in two parts, a volume group, and swap."""

    def write(path: str, text: str) -> None:
        file = tmp_path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    for name, number in (("vdb", "254:16"), ("vdb/vdb1", "254:17"), ("vdb/vdb2", "254:18"), ("vdc", "254:32"), ("dm-0", "253:0")):
        folder = f"/sys/devices/{name}"
        write(f"{folder}/dev", f"{number}\n")
        write(f"{folder}/size", "2048\n")
        (tmp_path / "sys/class/block").mkdir(parents=True, exist_ok=True)
        (tmp_path / "sys/class/block" / name.rpartition("/")[2]).symlink_to(f"../../devices/{name}")
        (tmp_path / "sys/dev/block").mkdir(parents=True, exist_ok=True)
        (tmp_path / "sys/dev/block" / number).symlink_to(f"../../devices/{name}")
    for part in ("vdb1", "vdb2"):
        write(f"/sys/devices/vdb/{part}/partition", "1\n")
    write("/sys/devices/vdb/vdb2/holders/dm-0/dev", "253:0\n")
    write("/sys/devices/dm-0/slaves/vdb2/dev", "254:18\n")
    write("/sys/devices/dm-0/dm/name", "vg-pool\n")
    write("/proc/self/mountinfo", MOUNTINFO)
    write("/proc/swaps", SWAPS)
    for node in ("vdb", "vdb1", "vdb2", "vdc", "dm-0"):
        write(f"/dev/{node}", "")
    write("/dev/mapper/.keep", "")
    (tmp_path / "dev/mapper/vg-pool").symlink_to("../dm-0")
    return Host(str(tmp_path))


def test_a_process_is_known_by_its_start(tmp_path: Path) -> None:
    (tmp_path / "proc" / "7").mkdir(parents=True)
    (tmp_path / "proc" / "8").mkdir()
    rest = " ".join(str(number) for number in range(4, 30))
    (tmp_path / "proc" / "7" / "stat").write_text(f"7 (a) b) (c) S {rest}\n", encoding="utf-8")
    (tmp_path / "proc" / "8" / "stat").write_text(f"8 (zombie) Z {rest}\n", encoding="utf-8")
    assert [process.start_time(Host(str(tmp_path)), pid) for pid in (7, 8, 9)] == [22, None, None]
    assert process.start_time(Host(), os.getpid())


def test_processes_of_containers_are_not_those_of_the_host(tmp_path: Path) -> None:
    for pid, name, namespace in (("self", "python3", "1"), ("7", "cron", "1"), ("8", "cron", "2"), ("9", "crond", "1"), ("10", "sh", "1")):
        (tmp_path / "proc" / pid / "ns").mkdir(parents=True)
        (tmp_path / "proc" / pid / "comm").write_text(f"{name}\n", encoding="utf-8")
        (tmp_path / "proc" / pid / "ns" / "pid").symlink_to(f"pid:[{namespace}]")
    assert list(process.own_processes(Host(str(tmp_path)), ("cron", "crond"))) == [7, 9]


def test_sockets_of_a_process_and_its_table() -> None:
    """Both families, as this machine's kernel writes them."""
    with socket.create_server(("127.0.0.1", 0)) as four, socket.create_server(("::1", 0), family=socket.AF_INET6) as six:
        opened = set(sockets.open_sockets(Host(), os.getpid()))
        assert {os.fstat(one.fileno()).st_ino for one in (four, six)} <= opened
        tables = [Host().read(f"/proc/net/{table}") or "" for table in ("tcp", "tcp6")]
        found = {one.local for text in tables for one in sockets.parse_table(text, sockets.LISTENING) if one.inode in opened}
        assert found >= {four.getsockname()[:2], six.getsockname()[:2]}


class TestMounts:
    def test_escapes_options_and_lines_of_another_form(self) -> None:
        found = mounts.parse_mountinfo(MOUNTINFO)
        assert len(found) == 6
        assert found[2].point == "/srv/my disk\tx"
        assert found[1].identity == ("0:35", "/@srv")
        assert found[1].parameters == {"rw": "", "subvol": "/@srv"}
        assert found[1].propagation == ("shared:20", "master:3")

    def test_names_of_any_bytes(self, tmp_path: Path) -> None:
        """The kernel escapes neither the line separator of Unicode nor bytes that are not UTF-8."""
        (tmp_path / "proc/7").mkdir(parents=True)
        (tmp_path / "proc/7/mountinfo").write_bytes(b"1 0 8:1 / /a\xe2\x80\xa8b rw - ext4 x rw\n2 0 8:2 / /c\xff rw - ext4 x rw\n")
        host = Host(str(tmp_path))
        assert [mount.point for mount in mounts.read_mounts(host, "7")] == ["/a\u2028b", "/c\ufffd"]
        assert os.fsencode(mounts.read_mounts(host, "7", "surrogateescape")[1].point) == b"/c\xff"
        assert mounts.read_mounts(host, "8") == ()

    def test_the_last_mount_on_a_point_is_on_top(self) -> None:
        assert mounts.top_mounts(mounts.parse_mountinfo(MOUNTINFO))["/proc"].kind == "tmpfs"

    def test_a_mount_that_comes_later_below_another_is_not_seen(self) -> None:
        """Recorded with Linux 6.18 in a process with a /tmp of its own, in which a folder of the host is bound."""
        found = mounts.parse_mountinfo(LATER)
        assert list(mounts.visible_points(found)) == ["/", "/tmp", "/tmp/early"]
        assert list(mounts.visible_points(found[1:3])) == ["/tmp", "/tmp/early"]

    def test_a_file_system_with_a_number_of_its_own_is_found_by_its_source(self, host: Host) -> None:
        table = mounts.read_mount_table(host)
        assert table.points("253:0", "dm-0") == ["/srv"]
        assert table.points("254:17", "vdb1") == ["/srv/my disk\tx", "/other"]
        assert (table.swap_names, table.swap_files) == (("vdc",), ("/dev/vdc", "/swap file"))

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        mounts.parse_mountinfo(text)

    def test_this_machine(self) -> None:
        assert [mount for mount in mounts.read_mounts(Host()) if mount.point == "/"]


class TestBlock:
    def test_who_uses_a_disk(self, host: Host) -> None:
        table = mounts.read_mount_table(host)
        assert [str(use) for use in block.uses_of(host, "vdb", table)] == [
            "vdb1 is mounted on /srv/my disk\tx",
            "vdb1 is mounted on /other",
            "vdb2 is held by vg-pool (dm-0)",
        ]
        assert [str(use) for use in block.uses_of(host, "vdc", table)] == ["vdc is swap space in use"]
        assert [str(use) for use in block.uses_of(host, "dm-0", table)] == ["dm-0 is mounted on /srv"]
        assert block.uses_of(host, "none", table) == ()

    def test_names_sizes_and_disks_below(self, host: Host) -> None:
        assert block.kernel_name(host, "254:17") == "vdb1"
        assert (block.size_of(host, "vdb"), block.size_of(host, "none")) == (1 << 20, None)
        assert block.partitions_of(host, "vdb") == ("vdb1", "vdb2")
        assert (block.disk_of(host, "vdb2"), block.disk_of(host, "vdb")) == ("vdb", "vdb")
        assert block.whole_disks_below(host, "dm-0") == ["vdb"]
        assert block.node_of("cciss!c0d0") == "/dev/cciss/c0d0"

    def test_files_that_are_used_as_disks(self, host: Host) -> None:
        loop = Path(host.root) / "sys/class/block/loop0/loop"
        loop.mkdir(parents=True)
        (loop / "backing_file").write_text("/srv/disk.img\n")
        table = mounts.read_mount_table(host)
        assert list(block.file_uses(host, "/srv/disk.img", table)) == ["it is attached to loop0"]
        assert list(block.file_uses(host, "/swap file", table)) == ["it is swap space in use"]

    def test_a_device_that_is_not_there_is_not_claimed(self, host: Host) -> None:
        assert not block.is_claimed(host, "/dev/none")
        assert (block.open_error(host, "/dev/none"), block.open_error(host, "/dev/vdb")) == (errno.ENOENT, 0)
        assert block.read_past_cache(host, "/dev/none", 0, 512) is None


class TestProcess:
    def test_this_process(self) -> None:
        host, pid = Host(), os.getpid()
        assert pid in process.process_ids(host)
        assert process.parent_of(host, pid) == os.getppid()
        assert len(process.arguments_of(host, pid)) > 1
        inode = os.stat("/proc/self/ns/net").st_ino
        assert (pid, process.name_of(host, pid)) in list(process.in_namespace(host, "net", inode))

    def test_one_that_has_ended(self, tmp_path: Path) -> None:
        host = Host(str(tmp_path))
        assert (process.name_of(host, 7), process.arguments_of(host, 7), process.parent_of(host, 7)) == ("?", (), 0)

    def test_control_groups_of_both_layouts(self, tmp_path: Path) -> None:
        host = Host(str(tmp_path))
        for pid, text in (
            (1, "0::/system.slice/a.service/sub\n"),
            (2, "4:name=systemd:/system.slice/a.service\n3:cpu:/\n"),
            (3, "0::/b\n"),
        ):
            (tmp_path / f"proc/{pid}").mkdir(parents=True)
            (tmp_path / f"proc/{pid}/cgroup").write_text(text)
        assert [process.is_in_cgroup(host, pid, "/system.slice/a.service") for pid in (1, 2, 3)] == [True, True, False]
        folder = tmp_path / "sys/fs/cgroup/system.slice/a.service/sub"
        folder.mkdir(parents=True)
        (folder / "cgroup.procs").write_text("1\n9\n")
        assert process.processes_of_cgroup(host, "/system.slice/a.service") == [1, 9]
        assert process.processes_of_cgroup(host, "") == []


class TestSystemd:
    @pytest.mark.parametrize(("given", "full"), [("nginx", "nginx.service"), ("a@b", "a@b.service"), ("x.y.service", "x.y.service")])
    def test_names_of_services(self, given: str, full: str) -> None:
        assert systemd.service_name("service", given) == full

    @pytest.mark.parametrize(
        ("given", "problem"),
        [
            ("-H", "not the name of a unit"),
            ("../x", "not the name of a unit"),
            ("nginx.socket", "is a socket"),
            ("a@", "is a template"),
            ("@b", "has no name before"),
            ("a" * 255, "longer than 255"),
        ],
    )
    def test_what_no_service_is_called(self, given: str, problem: str) -> None:
        with pytest.raises(InputError, match=problem):
            systemd.service_name("service", given)

    @pytest.mark.parametrize(("path", "escaped"), [("/dev/a-b", r"dev-a\x2db"), ("/.x", r"\x2ex"), ("/srv/ä", r"srv-\xc3\xa4"), ("/", "")])
    def test_paths_in_unit_names(self, path: str, escaped: str) -> None:
        # As systemd-escape --path of 252 prints them, but for the root, which no unit of ours is about.
        assert systemd.escaped_path(path) == escaped

    def test_properties(self) -> None:
        assert systemd.parse_properties("Id=a.service\nExec={ x=1 }\n\nEmpty=\n") == {"Id": "a.service", "Exec": "{ x=1 }", "Empty": ""}


class TestDistribution:
    @pytest.mark.parametrize(
        ("release", "family"),
        [
            ('ID=debian\nVERSION_ID="13"\n', "Debian, Ubuntu"),
            ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "Debian, Ubuntu"),
            ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "RHEL, Fedora"),
            ("ID=void\n", "RHEL, Fedora"),
            ("", "RHEL, Fedora"),
        ],
    )
    def test_family(self, release: str, family: str, tmp_path: Path) -> None:
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc/os-release").write_text(release)
        assert distribution.family_of(Host(str(tmp_path))).name == family

    def test_packages_in_messages(self) -> None:
        assert distribution.packages_for("mdadm") == "mdadm"
        assert distribution.packages_for("iscsiadm").startswith("open-iscsi (Debian, Ubuntu) or iscsi-initiator-utils (RHEL, Fedora)")
        assert "target-restore (RHEL, Fedora)" in distribution.packages_for("rtslib")
        assert distribution.packages_for("dpkg-query") == "dpkg of Debian, Ubuntu; on other distributions this cannot be done"
        assert distribution.packages_for("no-such") == ""

    def test_programs_and_units(self, tmp_path: Path) -> None:
        host = Host(str(tmp_path))
        assert (distribution.initramfs_command(host), distribution.target_family(host)) == ((), ())
        program = tmp_path / "usr/sbin/dracut"
        program.parent.mkdir(parents=True)
        program.touch(mode=0o755)
        unit = tmp_path / "usr/lib/systemd/system/target.service"
        unit.parent.mkdir(parents=True)
        unit.touch()
        assert distribution.initramfs_command(host) == ("dracut", "--force", "--mdadmconf")
        assert [family.name for family in distribution.target_family(host)] == ["RHEL, Fedora"]


class TestFiles:
    def test_what_is_not_there(self, tmp_path: Path) -> None:
        host = Host(str(tmp_path))
        assert (host.read("/a"), host.value("/a"), host.number("/a"), host.content("/a")) == (None, None, None, None)
        assert (host.names("/a"), host.link("/a"), host.exists("/a"), host.device_number("/a")) == ([], "", False, (None, ""))

    def test_the_kernel_is_the_one_that_runs(self) -> None:
        assert Host().kernel() == Host().value("/proc/sys/kernel/osrelease")

    def test_values(self, tmp_path: Path) -> None:
        (tmp_path / "n").write_bytes(b" -12\n")
        (tmp_path / "b").write_bytes(b"\xff\n")
        (tmp_path / "s").symlink_to("n")
        host = Host(str(tmp_path))
        assert (host.size("/n"), host.size("/s"), host.size("/"), host.size("/none")) == (5, 5, None, None)
        assert (host.number("/n"), host.number("/b"), host.value("/b"), host.link("/s")) == (-12, None, "\ufffd", "n")
        assert (host.resolve("/s"), host.base_name("/s"), host.device_number("/n")) == ("/n", "n", (None, "a regular file"))
        with pytest.raises(UnicodeDecodeError):
            host.content("/b")

    def test_a_file_that_cannot_be_read_is_not_taken_for_a_missing_one(self, tmp_path: Path) -> None:
        host = Host(str(tmp_path))
        (tmp_path / "folder").mkdir()
        (tmp_path / "file").write_bytes(b"\xff\n")
        assert (host.text("/none"), host.text("/file"), host.read("/folder")) == (None, "\ufffd\n", None)
        with pytest.raises(IsADirectoryError):
            host.text("/folder")
