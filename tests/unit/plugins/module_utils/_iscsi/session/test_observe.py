# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of a host, on a recorded sysfs, and what a portal is asked before a login, on real sockets."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import CommandError, RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.mounts import read_mount_table
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Portal
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.observe import (
    ask,
    disk_users,
    initiator_name,
    observe,
    parse_discovery,
    read_state,
    stale_lock,
    with_answers,
    with_users,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.plan import plan as plan_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.show import info
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.state import Luns, State, Wanted, WantedSession
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._iscsi.session.recorded_host import (
    S3,
    S3_PORTAL,
    A,
    B,
    Machine,
    plan,
    put,
    silent,
    tree,
)


def test_the_recorded_sessions_are_read(host: Host) -> None:
    state = read_state(host)
    assert state.name is not None
    assert state.name.startswith("iqn.")
    assert [(str(one.portal), one.target, one.state) for one in state.sessions] == [
        ("127.0.0.3:3260", B, "LOGGED_IN"),
        ("127.0.0.4:3260", "iqn.2026-01.com.example:c", "LOGGED_IN"),
        ("127.0.1.3:3260", S3, "LOGGED_IN"),
        ("127.0.7.7:3260", S3, "FAILED"),
        ("[fd00:99::41]:3260", A, "LOGGED_IN"),
    ]
    s3 = state.sessions_of(S3, S3_PORTAL)[0]
    assert s3.timeouts == {"replacement_timeout": 15, "noop_out_interval": 5, "noop_out_timeout": 5}
    assert (s3.credentials.username, s3.credentials.password, s3.credentials.mutual_username) == ("user-s3", "secret-ssss-03", None)
    assert [device.lun for device in s3.devices] == [0, 1, 2, 3, 4]
    first = s3.devices[0]
    assert (first.device, first.size, first.rotational) == ("/dev/sda", 64 * 1024 * 1024, True)
    assert first.wwn == "0x60014057e748fb0348b4347960a81bf0"
    assert first.by_path == f"/dev/disk/by-path/ip-127.0.1.3:3260-iscsi-{S3}-lun-0"
    assert "secret" not in repr(state)
    assert "secret-" not in repr(info(state))


def test_a_session_still_logging_in_has_no_peer_and_no_scan(host: Host) -> None:
    (hanging,) = read_state(host).sessions_of(S3, Portal("127.0.7.7"))
    assert hanging.peer is None
    assert not hanging.scanned
    assert hanging.devices == ()


def test_an_ipv6_portal_with_a_cached_node_is_found_in_any_spelling(host: Host) -> None:
    state = read_state(host)
    (record,) = state.records_of(A, Portal("fd00:99::41"))
    assert record.address == "FD00:99:0::41"
    (session,) = state.sessions_of(A, Portal("fd00:99::41"))
    assert session.peer == Portal("fd00:99::41")
    assert not plan(state, [WantedSession(A, Portal("fd00:99::41"), startup="automatic", luns=Luns(count=3))]).changed


def test_flat_and_foldered_records_are_read_and_other_files_are_not(host: Host) -> None:
    assert sorted((one.target, str(one.portal)) for one in read_state(host).records) == [
        (A, "[fd00:99::41]:3260"),
        (B, "127.0.0.3:3260"),
    ]


def test_the_database_of_rhel_is_read_too(host: Host) -> None:
    put(tree(host, "var/lib/iscsi") / "nodes" / S3 / "127.0.1.3,3260,1" / "default", "# BEGIN RECORD\n# END RECORD\n")
    assert read_state(host).records_of(S3, S3_PORTAL)


def test_a_host_without_iscsi_has_nothing(tmp_path: Path) -> None:
    state = read_state(Host(str(tmp_path)))
    assert (state.name, state.records, state.sessions, state.stale_lock) == (None, (), (), None)


def test_the_name_is_the_one_line_that_is_no_comment() -> None:
    assert initiator_name("# InitiatorName=iqn.x\nGenerateName=yes\n InitiatorName = iqn.y \n") == "iqn.y"
    assert initiator_name("GenerateName=yes\n") is None


def test_iscsid_runs_if_there_is_such_a_process(host: Host) -> None:
    assert read_state(host).daemon
    put(tree(host, "proc/77/comm"), "iscsiuio\n")
    assert not read_state(host).daemon


def test_a_lock_is_stale_when_old_and_no_iscsiadm_runs(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = put(tree(host, "run/lock/iscsi/lock.write"), "")
    assert stale_lock(host) is None
    changed = os.lstat(lock).st_ctime
    monkeypatch.setattr(time, "time", lambda: changed + 10)
    assert stale_lock(host) == "/run/lock/iscsi/lock.write"
    put(tree(host, "proc") / "17" / "comm", "iscsiadm\n")
    assert stale_lock(host) is None


def add_disk(host: Host, name: str, number: str, parts: Sequence[str] = ()) -> None:
    """A disk with partitions, whose minor numbers follow the disk's."""
    major, _colon, minor = number.partition(":")
    for offset, part in enumerate((name, *parts)):
        folder = tree(host, "sys/devices") / (name if part == name else f"{name}/{part}")
        put(folder / "dev", f"{major}:{int(minor) + offset}\n")
        if part != name:
            put(folder / "partition", f"{offset}\n")
        link = tree(host, "sys/class/block") / part
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(folder)


def users_of(host: Host, device: str) -> tuple[str, ...]:
    return disk_users(host, device, read_mount_table(host))


def test_users_of_a_disk_are_named(host: Host) -> None:
    add_disk(host, "sda", "8:0", ("sda1", "sda2"))
    add_disk(host, "dm-0", "253:0")
    put(tree(host, "sys/devices/sda/holders/md1"), "")
    put(tree(host, "sys/devices/sda/sda1/holders/dm-0"), "")
    put(tree(host, "sys/devices/dm-0/dm/name"), "vg-lv\n")
    put(tree(host, "proc/self/mountinfo"), "22 1 8:2 / /srv/a rw shared:1 - ext4 /dev/sda2 rw\n")
    put(tree(host, "proc/swaps"), "Filename Type Size Used Priority\n/dev/sda2 partition 100 0 -2\n")
    assert users_of(host, "/dev/sda") == (
        "sda is held by md1",
        "sda1 is held by vg-lv (dm-0)",
        "sda2 is mounted on /srv/a",
        "sda2 is swap space in use",
    )
    assert users_of(host, "/dev/sdb") == ()


def test_a_disk_somebody_claimed_is_in_use(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    error = 16

    def busy(path: str, flags: int) -> int:
        raise OSError(error, "busy")

    monkeypatch.setattr(os, "open", busy)
    assert users_of(host, "/dev/sdb") == ("sdb is in exclusive use",)
    # A disk of a lost session: nobody has it.
    error = 6
    assert users_of(host, "/dev/sdb") == ()


MOUNTS = """\
30 22 0:45 /sub /data rw - btrfs /dev/sda rw
31 22 8:16 / /srv/my\\040disk rw - xfs /dev/sdb rw
"""
SWAPS = "Filename Type Size Used Priority\n/dev/disk/by-label/swap partition 100 0 -2\n"


@pytest.mark.parametrize("state", ["logged_out", "absent"])
@pytest.mark.parametrize(
    ("disk", "user"),
    [
        ("sda", "sda is mounted on /data"),
        ("sdb", "sdb is mounted on /srv/my disk"),
        ("sdc", "sdc1 is swap space in use"),
        ("sdd", "sdd is held by vg-lv (dm-0)"),
    ],
)
def test_a_logout_under_a_user_of_any_kind_is_refused_by_name(host: Host, disk: str, user: str, state: str) -> None:
    """btrfs, whose mounts have a device number of their own; a mount point with a blank; swap by a link; LVM."""
    add_disk(host, disk, {"sda": "8:0", "sdb": "8:16"}.get(disk, "8:32"), ("sdc1",) if disk == "sdc" else ())
    if disk == "sdd":
        put(tree(host, "sys/devices/sdd/holders/dm-0"), "")
        put(tree(host, "sys/class/block/dm-0/dm/name"), "vg-lv\n")
    if disk == "sdc":
        put(tree(host, "dev/disk/by-label/.keep"), "")
        tree(host, "dev/disk/by-label/swap").symlink_to("../../sdc1")
        put(tree(host, "proc/swaps"), SWAPS)
    put(tree(host, "proc/self/mountinfo"), "".join(line for line in MOUNTS.splitlines(keepends=True) if f" /dev/{disk} " in line))
    wanted = Wanted((WantedSession(S3, S3_PORTAL, state=state),))
    with pytest.raises(RefusedError) as caught:
        plan_wanted(observe(wanted, Machine(silent), host), wanted)
    problem = f"{S3} at {S3_PORTAL}: refused: its disks are in use: {user}"
    assert str(caught.value) == f"{problem}. Nothing was changed; unmount or stop these first"


def test_users_are_looked_up_for_the_named_sessions_only(host: Host) -> None:
    for disk in ("sda", "sdg"):
        put(tree(host, f"sys/class/block/{disk}/holders/md1"), "")
    state = with_users(read_state(host), [(S3, S3_PORTAL)], host)
    assert [device.users for session in state.sessions for device in session.devices if device.users] == [("sda is held by md1",)]


@pytest.fixture
def listener() -> Iterator[Portal]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield Portal("127.0.0.1", server.getsockname()[1])


def test_a_portal_is_asked_without_leaving_a_record(listener: Portal) -> None:
    machine = Machine(lambda argv: (0, f"127.0.0.1:{listener.port},1 {A}\n", ""))
    answer = ask(listener, machine)
    assert answer.offers == ((A, listener, 1),)
    assert answer.peer == listener
    assert machine.ran == [f"iscsiadm -m discovery -t sendtargets -p 127.0.0.1:{listener.port} -o nonpersistent"]


def test_a_portal_of_several_targets_is_asked_once(listener: Portal) -> None:
    machine = Machine(silent)
    state = with_answers(State(None, "", (), ()), [(A, listener), (B, listener)], machine)
    assert len(machine.ran) == 1
    assert set(state.answers) == {(A, listener), (B, listener)}


def test_a_refusing_portal_and_an_unknown_host_are_reported(listener: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert "refuses" in (ask(Portal("127.0.0.1", closed.getsockname()[1]), Machine(silent)).problem or "")
    for error, found in (
        (socket.gaierror(-3, "Temporary failure"), "resolved: Temporary failure"),
        (socket.timeout(), "within 5 s"),
        (OSError(113, "No route to host"), "cannot be reached: No route to host"),
    ):

        def fail(*_args: object, error: OSError = error, **_named: object) -> None:
            raise error

        monkeypatch.setattr(socket, "create_connection", fail)
        assert found in (ask(listener, Machine(silent)).problem or "")


@pytest.mark.parametrize(("code", "problem"), [(11, "not as an iSCSI target"), (-1, "not as an iSCSI target"), (24, None), (5, None)])
def test_something_else_that_answers_is_told_from_a_portal_that_keeps_quiet(listener: Portal, code: int, problem: str | None) -> None:
    answer = ask(listener, Machine(lambda argv: (code, "", "")))
    assert (problem is None) == (answer.problem is None)
    assert answer.offers is None
    assert problem is None or problem in str(answer.problem)


def test_an_iscsid_that_does_not_run_is_not_blamed_on_the_portal(listener: Portal) -> None:
    with pytest.raises(CommandError, match=r"start iscsid\.socket"):
        ask(listener, Machine(lambda argv: (20, "", "")))


def test_a_discovery_answer_is_read(records: Path) -> None:
    offers = parse_discovery((records / "discovery_six_targets.txt").read_text(encoding="utf-8"))
    assert ("iqn.2026-01.com.example:a", Portal("fd00:99::41"), 1) in offers
    assert ("iqn.2026-01.com.example:a", Portal("::1"), 1) in offers
    assert ("iqn.2026-01.com.example:s3", Portal("127.0.1.3"), 1) in offers
    assert len(offers) == 9


def test_a_target_that_is_offered_without_an_address_has_no_tag() -> None:
    assert parse_discovery("192.0.2.1:3260,-1 iqn.2026-01.com.example:a\n") == (("iqn.2026-01.com.example:a", Portal("192.0.2.1"), None),)


def test_other_lines_in_a_discovery_answer_are_left_out() -> None:
    assert parse_discovery("\niscsiadm: No portals found\n127.0.0.1 iqn.2026-01.com.example:a\n") == ()
