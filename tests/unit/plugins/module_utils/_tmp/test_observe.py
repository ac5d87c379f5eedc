# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is observed of a service, on what every version of systemd and the kernel have said."""

from __future__ import annotations

import os
import socket
import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.mounts import parse_mountinfo, top_mounts
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp import render
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.observe.launcher import observe_launcher
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.observe.service import observe, require
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.observe.shared import find_shared, parse_peers, parse_unix, peers
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.options import Wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.render import drop_in_path
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.show import proof
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.state import PLACES, Process, State
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.verify import leftovers, problems, uses_folder

FOLDERS = sorted((Path(__file__).resolve().parents[4] / "fixtures" / "systemd").iterdir())
TMPFS = Wanted("demo.service", size="16M")
DISK = Wanted("demo.service", backing="disk")


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    """What was recorded with one version of systemd."""
    found: Path = request.param
    return found


class Recorded:
    """Answers what systemctl show had said."""

    def __init__(self, folder: Path, case: str) -> None:
        self.text = (folder / f"show_{case}.txt").read_text(encoding="utf-8")
        self.asked: list[tuple[str, ...]] = []

    def run(self, argv: Sequence[str], stdin: str | None = None, timeout: float = 60, accept: Sequence[int] = (0,)) -> CommandResult:
        self.asked.append(tuple(argv))
        return CommandResult(tuple(argv), 0, self.text, "")


def host(recorded: Path, top: Path, case: str, group: str = "0::/system.slice/demo.service\n") -> Host:
    """A host whose service has the mounts of a recording, in its main process and in a child, beside a process of somebody else."""
    (top / "run/systemd/system").mkdir(parents=True)
    (top / "var/tmp").mkdir(parents=True)
    (top / "tmp").mkdir()
    for pid, cgroup, mounts in (
        ("1", "0::/init.scope\n", "host"),
        ("50", group, case),
        ("51", group, case),
        ("60", "0::/user.slice\n", "host"),
    ):
        folder = top / "proc" / pid
        (folder / "root/tmp").mkdir(parents=True)
        (folder / "root/tmp").chmod(0o1777)
        (folder / "root/var/tmp").mkdir(parents=True)
        (folder / "root/var/tmp").chmod(0o1777)
        (folder / "cgroup").write_text(cgroup, encoding="utf-8")
        (folder / "comm").write_text("demo\n", encoding="utf-8")
        (folder / "mountinfo").write_text((recorded / f"mountinfo_{mounts}.txt").read_text(encoding="utf-8"), encoding="utf-8")
    if case in ("tmpfs", "disk"):
        drop_in = Path(f"{top}{drop_in_path('demo.service')}")
        drop_in.parent.mkdir(parents=True)
        drop_in.write_text(render.drop_in(TMPFS if case == "tmpfs" else DISK, PLACES, 33), encoding="utf-8")
    (top / "proc/meminfo").write_text("MemTotal:  1048576 kB\n", encoding="utf-8")
    return Host(str(top))


def seen(folder: Path, top: Path, case: str, mounts: str | None = None) -> State:
    state = observe("demo.service", Recorded(folder, case), host(folder, top, mounts or case))
    # The recording's group is another one on this host, or none.
    return State(**{**vars(state), "gid": 33, "processes": tuple(_of_group_33(state))})


def _of_group_33(state: State) -> list[Process]:
    return [Process(one.pid, one.name, one.namespace, one.mounts, dict.fromkeys(one.modes, (0o1777, 33))) for one in state.processes]


@pytest.mark.parametrize(("case", "wanted"), [("tmpfs", TMPFS), ("disk", DISK)])
def test_a_recorded_service_proves_what_it_has(folder: Path, tmp_path: Path, case: str, wanted: Wanted) -> None:
    state = seen(folder, tmp_path, case)
    assert [process.pid for process in state.processes] == [50, 51]
    assert problems(state, wanted) == ()
    assert len(leftovers(state)) == 4
    assert uses_folder(state) == (case == "disk")
    assert {(line["path"], line["private"]) for line in proof(state)} == {("/tmp", True), ("/var/tmp", True)}


@pytest.mark.parametrize(
    ("mounts", "wanted", "found"),
    [
        ("host", TMPFS, "/tmp is that of the host"),
        ("host", DISK, "/var/tmp is that of the host"),
        ("disk", TMPFS, "/tmp is not a private tmpfs"),
        ("tmpfs", DISK, "/tmp is not the folder on disk"),
        ("private_tmp", TMPFS, "/tmp is mounted without {missing}"),
        ("tmpfs", Wanted("demo.service", size="32M"), "/tmp has the size 16384k, not 32M"),
        ("tmpfs", Wanted("demo.service", size="10%"), "/tmp has the size 16384k, not 10%"),
        ("tmpfs", Wanted("demo.service", size="16M", mode=0o770), "/tmp has the mode 1777, not 0770"),
        ("tmpfs", Wanted("demo.service", size="16M", options=("nosuid",)), "/tmp is mounted with noexec"),
        ("disk", Wanted("demo.service", backing="disk", mode=0o770), "/tmp has the mode 1777 and the group 33, not 0770 and 33"),
    ],
)
def test_what_a_service_does_not_have_is_said(folder: Path, tmp_path: Path, mounts: str, wanted: Wanted, found: str) -> None:
    said = problems(seen(folder, tmp_path, "tmpfs", mounts), wanted)
    # A private /tmp has the options of the host's, which is a tmpfs with some of its own on newer systems.
    options = top_mounts(parse_mountinfo((folder / "mountinfo_private_tmp.txt").read_text(encoding="utf-8")))["/tmp"].options
    missing = ", ".join(option for option in ("noexec", "nosuid", "nodev") if option not in options)
    assert any(f"process 50 (demo): {found.format(missing=missing)}" in text for text in said), said
    # A private /tmp in the children too.
    assert any("process 51" in text for text in said)


@pytest.mark.parametrize(
    ("case", "settings"),
    [
        ("private_tmp", {"NoExecPaths": ("/var/tmp",)}),
        # systemd 257 and later make a tmpfs, as for PrivateTmp=disconnected.
        ("dynamic_user", {}),
    ],
)
def test_systemds_own_private_tmp_is_nothing_of_ours(folder: Path, tmp_path: Path, case: str, settings: dict[str, tuple[str, ...]]) -> None:
    state = seen(folder, tmp_path, case)
    assert state.unit.private_tmp
    assert [process.mounts["/tmp"] is not None for process in state.processes] == [True, True]
    assert leftovers(state) == ()
    assert state.unit.path_settings == settings


def test_a_unit_that_is_missing(folder: Path, tmp_path: Path) -> None:
    state = observe("nope.service", Recorded(folder, "missing"), host(folder, tmp_path, "host"))
    assert (state.unit.loaded, state.unit.active, state.processes) == ("not-found", False, ())


def test_processes_are_found_in_both_kinds_of_cgroups(folder: Path, tmp_path: Path) -> None:
    roots = host(folder, tmp_path, "tmpfs", "4:memory:/other\n1:name=systemd:/system.slice/demo.service/child\n")
    assert len(observe("demo.service", Recorded(folder, "tmpfs"), roots).processes) == 2


def test_a_name_that_looks_like_an_option_would_not_be_one(folder: Path, tmp_path: Path) -> None:
    recorded = Recorded(folder, "tmpfs")
    observe("demo.service", recorded, host(folder, tmp_path, "tmpfs"))
    assert recorded.asked[0][-2:] == ("--", "demo.service")


def test_without_systemd_the_launcher_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="install the launcher"):
        observe("demo.service", Recorded(folder, "tmpfs"), Host(str(tmp_path)))


def test_without_mount_namespaces_nothing_is_done(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="no mount namespaces"):
        require(Host(str(tmp_path)))


def test_what_is_at_the_launchers_path(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "file").write_text("text", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    host = Host(str(tmp_path))
    assert [observe_launcher(f"/{name}", host).odd for name in ("link", "file", "none")] == ["a link", None, None]
    assert observe_launcher("/folder", host).odd == "a folder"
    assert observe_launcher("/file", host).text == "text"
    assert not observe_launcher("/missing/file", host).has_folder


def test_mounts_of_any_name_and_those_on_top_of_others() -> None:
    text = (
        "1 2 0:1 / /tmp rw shared:1 master:2 - ext4 /dev/a rw\n"
        "3 1 0:2 /with\\040space /tmp ro,noexec - tmpfs a\\040b rw,size=4k,mode=770\n"
        "cut short\n1 2 0:1 / /cut rw -\n"
    )
    found = top_mounts(parse_mountinfo(text))
    assert list(found) == ["/tmp"]
    assert (found["/tmp"].root, found["/tmp"].source, found["/tmp"].options) == ("/with space", "a b", ("ro", "noexec"))
    assert found["/tmp"].parameters == {"rw": "", "size": "4k", "mode": "770"}


def test_sockets_below_tmp() -> None:
    text = (
        "Num       RefCount Protocol Flags    Type St Inode Path\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 11 /tmp/listens\n"
        "0000000000000000: 00000003 00000000 00000000 0001 03 12 /tmp/connected with space\n"
        "0000000000000000: 00000002 00000000 00000000 0002 01 13 /var/tmp/datagrams\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 14 /tmpfoo/no\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 15 @/tmp/abstract\n"
        "0000000000000000: 00000002 00000000 00000000 0002 01 16\n"
    )
    found = parse_unix(text, ("/tmp", "/var/tmp"))
    assert found == {11: ("/tmp/listens", True), 12: ("/tmp/connected with space", False), 13: ("/var/tmp/datagrams", True)}


def test_the_kernels_answer_about_peers() -> None:
    message = struct.pack("=IHHII", 40, 20, 2, 1, 0) + struct.pack("=BBBBIII", 1, 1, 1, 0, 7, 0, 0) + struct.pack("=HHI", 8, 2, 9)
    found: dict[int, int] = {}
    assert parse_peers(message + message.replace(struct.pack("=I", 7), struct.pack("=I", 8)), found)
    assert found == {7: 9, 8: 9}
    assert not parse_peers(struct.pack("=IHHII", 20, 3, 2, 1, 0) + b"\0" * 4, found)
    assert not parse_peers(struct.pack("=IHHII", 0, 20, 2, 1, 0), found)


def test_shared_files_and_sockets_of_real_processes() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="fleetlab-shared-") as folder:
        path = os.path.join(folder, "socket")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(1)
        inode = os.fstat(listener.fileno()).st_ino
        reader, writer = os.pipe()
        with open(os.path.join(folder, "file"), "w", encoding="utf-8") as both:
            child = os.fork()
            if not child:
                # It has the file and the listening socket open as well.
                os.read(reader, 1)
                os._exit(0)
            other = os.fork()
            if not other:
                os.read(reader, 1)
                os._exit(0)
            found = {one.path: (one.kind, one.users) for one in find_shared([child], ("/tmp",), Host())}
            os.write(writer, b"xx")
            for pid in (child, other):
                os.waitpid(pid, 0)
            assert any(f"[{other}]" in user for user in found[both.name][1])
            assert found[path][0] == "socket"
            assert any(f"[{other}]" in user for user in found[path][1])
            assert inode
        listener.close()
        os.close(reader)
        os.close(writer)


def test_peers_of_real_sockets() -> None:
    one, two = socket.socketpair()
    known = peers()
    a, b = os.fstat(one.fileno()).st_ino, os.fstat(two.fileno()).st_ino
    one.close()
    two.close()
    assert known == {} or (known[a], known[b]) == (b, a)
