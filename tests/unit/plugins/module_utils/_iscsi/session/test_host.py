# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of a host, and the operations of a plan, on a recorded sysfs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import CommandError, ObservationError, RefusedError, StepError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Plan, apply
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import DEFAULT_TIMEOUT, CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.mounts import read_mount_table
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Chap, Portal
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.apply import Actions, operations
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.observe import (
    disk_users,
    initiator_name,
    observe,
    read_state,
    stale_lock,
    with_users,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.plan import plan as plan_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.show import info
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.state import Luns, State, Wanted, WantedSession

FIXTURES = Path(__file__).resolve().parents[5] / "fixtures"
A, B, S3 = (f"iqn.2026-01.com.example:{name}" for name in ("a", "b", "s3"))
CHAP = Chap("user-s3", "secret-ssss-03")
S3_PORTAL = Portal("127.0.1.3")


def plan(state: State, wanted: Sequence[WantedSession]) -> Plan:
    return plan_wanted(state, Wanted(tuple(wanted)))


def tree(host: Host, path: str) -> Path:
    return Path(host.root) / path


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def host(tmp_path: Path, records: Path) -> Host:
    """A host with the recorded sessions, and two records."""
    for line in (FIXTURES / "sysfs_iscsi" / "6.1" / "five_sessions.txt").read_text(encoding="utf-8").splitlines():
        path, arrow, link = line.partition(" -> ")
        name, _tab, value = path.partition("\t")
        target = tmp_path / name.lstrip("/")
        if arrow:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(link)
        else:
            put(target, value + "\n")
    nodes = tmp_path / "etc" / "iscsi" / "nodes"
    put(nodes / A / "FD00:99:0::41,3260,1" / "default", (records / "record_ipv6_chap.txt").read_text(encoding="utf-8"))
    put(nodes / B / "127.0.0.3,3260", (records / "record_new_without_tag.txt").read_text(encoding="utf-8"))
    put(nodes / B / "leftover", "")
    put(tmp_path / "etc" / "iscsi" / "initiatorname.iscsi", (records / "initiatorname.txt").read_text(encoding="utf-8"))
    return Host(str(tmp_path))


class Machine:
    """A runner that answers as told and carries out nothing."""

    def __init__(self, answer: Callable[[Sequence[str]], tuple[int, str, str]]) -> None:
        self.answer = answer
        self.ran: list[str] = []

    def run(
        self, argv: Sequence[str], stdin: str | None = None, timeout: float = DEFAULT_TIMEOUT, accept: Sequence[int] = (0,)
    ) -> CommandResult:
        self.ran.append(" ".join(argv))
        exit_code, stdout, stderr = self.answer(argv)
        if exit_code not in accept:
            raise CommandError(argv, f"exit code {exit_code}: {stderr}", exit_code, stderr)
        return CommandResult(tuple(argv), exit_code, stdout, stderr)


def silent(_argv: Sequence[str]) -> tuple[int, str, str]:
    return 0, "", ""


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
    assert str(caught.value) == f"{S3} at {S3_PORTAL}: refused: its disks are in use: {user}. Unmount or stop these first"


def test_users_are_looked_up_for_the_named_sessions_only(host: Host) -> None:
    for disk in ("sda", "sdg"):
        put(tree(host, f"sys/class/block/{disk}/holders/md1"), "")
    state = with_users(read_state(host), [(S3, S3_PORTAL)], host)
    assert [device.users for session in state.sessions for device in session.devices if device.users] == [("sda is held by md1",)]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10**6))
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))


def database(host: Host) -> dict[str, str]:
    return {str(path): path.read_text(encoding="utf-8") for path in tree(host, "etc/iscsi").rglob("*") if path.is_file()}


def new_record(host: Host) -> str:
    """As iscsiadm of the recorded version makes one."""
    return (tree(host, "etc/iscsi") / "nodes" / B / "127.0.0.3,3260").read_text(encoding="utf-8")


def iscsiadm(host: Host, login: tuple[int, str, str]) -> Callable[[Sequence[str]], tuple[int, str, str]]:
    """An iscsiadm that keeps records in the tree and logs in as told."""
    path = tree(host, "etc/iscsi") / "nodes" / S3 / "192.0.2.9,3260,1" / "default"

    def answer(argv: Sequence[str]) -> tuple[int, str, str]:
        if argv[-1] == "-R" or argv[0] == "udevadm":
            return 0, "", ""
        if "new" in argv:
            put(path, new_record(host))
        elif "delete" in argv:
            path.unlink()
            path.parent.rmdir()
            path.parent.parent.rmdir()
        else:
            return login
        return 0, "", ""

    return answer


def test_a_login_names_its_portal_and_leaves_the_target_s_others_alone(host: Host) -> None:
    """Known of other modules: without the portal iscsiadm logs in through every record of the target."""
    wanted = WantedSession(S3, Portal("192.0.2.9"), startup="manual")
    machine = Machine(iscsiadm(host, (0, "", "")))
    machine.run(("iscsiadm", "-o", "new"))
    with pytest.raises(ObservationError, match="no such session"):
        Actions([wanted], machine, host).log_in(S3, str(wanted.portal), created=True, limit=5)
    node = f"iscsiadm -m node -T {S3} -p 192.0.2.9:3260"
    assert machine.ran[1:] == [f"{node} --login", f"{node} -o delete"]
    sixth = WantedSession(A, Portal("fd00:99::41"), startup="manual")
    machine = Machine(silent)
    Actions([sixth], machine, host).log_in(A, str(sixth.portal), created=False, limit=5)
    assert machine.ran == [f"iscsiadm -m node -T {A} -p [FD00:99:0::41]:3260 --login"]


REFUSED = (24, "", "iscsiadm: initiator reported error (24 - iSCSI login failed due to authorization failure)\n")
NEW = WantedSession(S3, Portal("192.0.2.9"), chap=CHAP, startup="automatic")


def test_a_failed_first_login_leaves_no_record_and_no_secret(host: Host) -> None:
    before = database(host)
    machine = Machine(iscsiadm(host, REFUSED))
    made = plan(read_state(host), [NEW])
    with pytest.raises(StepError) as caught:
        apply(made, machine, operations(Wanted((NEW,)), machine, host))
    assert f"authorization failure: CHAP user or secret wrong for {NEW.label}" in str(caught.value)
    assert "Its new record was removed again" in str(caught.value)
    assert caught.value.exit_code == 24
    assert database(host) == before
    assert CHAP.password not in " ".join([*machine.ran, str(caught.value), *caught.value.done])


def test_a_failed_login_with_a_changed_record_brings_the_record_back(host: Host) -> None:
    machine = Machine(iscsiadm(host, REFUSED))
    machine.run(("iscsiadm", "-o", "new"))
    before = database(host)
    made = plan(read_state(host), [NEW])
    with pytest.raises(StepError, match="Its record is as it was"):
        apply(made, machine, operations(Wanted((NEW,)), machine, host))
    assert database(host) == before


def test_a_login_that_made_no_session_is_a_failure(host: Host) -> None:
    machine = Machine(iscsiadm(host, (15, "", "")))
    before = database(host)
    with pytest.raises(StepError, match="no such session"):
        apply(plan(read_state(host), [NEW]), machine, operations(Wanted((NEW,)), machine, host))
    assert database(host) == before


def test_a_record_is_private_and_holds_what_was_asked(host: Host) -> None:
    machine = Machine(iscsiadm(host, REFUSED))
    machine.run(("iscsiadm", "-o", "new"))
    Actions([NEW], machine, host).write_record(NEW.target, str(NEW.portal))
    (record,) = read_state(host).records_of(*NEW.key)
    assert record.credentials.password == CHAP.password
    assert record.settings["node.startup"] == "automatic"
    assert os.stat(host.root + record.path).st_mode & 0o777 == 0o600


def test_a_record_that_iscsiadm_did_not_make_is_an_error(host: Host) -> None:
    with pytest.raises(ObservationError, match="no node record"):
        Actions([NEW], Machine(silent), host).write_record(NEW.target, str(NEW.portal))


def test_a_hanging_login_is_given_up_and_its_record_removed(host: Host) -> None:
    wanted = WantedSession(S3, Portal("127.0.7.7"), startup="manual")
    path = put(
        tree(host, "etc/iscsi") / "nodes" / S3 / "127.0.7.7,3260,1" / "default",
        new_record(host),
    )
    machine = Machine(lambda argv: (-1 if "--login" in argv else 9, "", ""))
    with pytest.raises(CommandError, match=r"removed again, but: .*not done with the session's login"):
        Actions([wanted], machine, host).log_in(wanted.target, str(wanted.portal), created=True, limit=5)
    assert not path.parent.exists()


def test_a_logout_is_tried_until_the_kernel_has_no_such_session(host: Host) -> None:
    folder = tree(host, "sys") / "class" / "iscsi_session" / "session24"
    codes = iter([2, 32, 22, 21])

    def answer(argv: Sequence[str]) -> tuple[int, str, str]:
        code = next(codes)
        if code == 21:
            folder.rename(folder.with_name("gone"))
        return code, "", ""

    machine = Machine(answer)
    Actions([WantedSession(S3, S3_PORTAL, state="absent")], machine, host).log_out(S3, str(S3_PORTAL), session=24, limit=60)
    assert machine.ran == ["iscsiadm -m session -r 24 -u"] * 4


def test_a_logout_that_fails_is_explained_at_once(host: Host) -> None:
    machine = Machine(lambda argv: (21, "", "iscsiadm: initiator reported error (20 - could not connect to iscsid)\n"))
    with pytest.raises(CommandError, match=r"start iscsid\.socket"):
        Actions([WantedSession(S3, S3_PORTAL, state="absent")], machine, host).log_out(S3, str(S3_PORTAL), session=24, limit=60)
    assert len(machine.ran) == 1


def test_a_lost_session_is_waited_for_and_named_when_it_stays_lost(host: Host) -> None:
    actions = Actions([WantedSession(S3, S3_PORTAL), WantedSession(S3, Portal("127.0.7.7"))], Machine(silent), host)
    actions.wait_for_session(S3, str(S3_PORTAL), limit=5)
    with pytest.raises(ObservationError, match="is FAILED and did not come back within 5 s"):
        actions.wait_for_session(S3, "127.0.7.7:3260", limit=5)


def test_the_running_sessions_timeout_is_set(host: Host) -> None:
    actions = Actions([], Machine(silent), host)
    actions.set_replacement_timeout(session=24, seconds=33)
    assert read_state(host).sessions_of(S3, S3_PORTAL)[0].timeouts["replacement_timeout"] == 33


def test_devices_are_waited_for_until_udev_has_settled(host: Host) -> None:
    machine = Machine(silent)
    wanted = WantedSession(S3, S3_PORTAL, luns=Luns(numbers=(0, 4)))
    Actions([wanted], machine, host).wait_for_devices(S3, str(S3_PORTAL), limit=60)
    assert machine.ran == ["udevadm settle --timeout=60"]


def test_luns_that_do_not_appear_are_named(host: Host) -> None:
    wanted = WantedSession(S3, S3_PORTAL, luns=Luns(numbers=(0, 7, 9)))
    with pytest.raises(ObservationError, match=r"LUNs 7, 9 did not appear within 5 s \(there: 0, 1, 2, 3, 4\)"):
        Actions([wanted], Machine(silent), host).wait_for_devices(S3, str(S3_PORTAL), limit=5)


def test_a_disk_without_its_name_does_not_count(host: Host) -> None:
    os.unlink(tree(host, "dev") / "disk" / "by-path" / f"ip-127.0.1.3:3260-iscsi-{S3}-lun-4")
    wanted = WantedSession(S3, S3_PORTAL, luns=Luns(count=5))
    with pytest.raises(ObservationError, match="LUNs 1 of 5 did not appear"):
        Actions([wanted], Machine(silent), host).wait_for_devices(S3, str(S3_PORTAL), limit=5)


def test_a_scan_that_does_not_end_is_reported(host: Host) -> None:
    wanted = WantedSession(S3, Portal("127.0.7.7"))
    with pytest.raises(ObservationError, match="scan of its LUNs did not end"):
        Actions([wanted], Machine(silent), host).wait_for_devices(S3, "127.0.7.7:3260", limit=5)


def test_what_is_as_asked_needs_no_command(host: Host) -> None:
    wanted = WantedSession(S3, S3_PORTAL, chap=CHAP, timeouts={"replacement_timeout": 15}, luns=Luns(count=5))
    put(
        tree(host, "etc/iscsi") / "nodes" / S3 / "127.0.1.3,3260,1" / "default",
        new_record(host),
    )
    Actions([wanted], Machine(silent), host).write_record(S3, str(S3_PORTAL))
    assert not plan(read_state(host), [wanted]).changed
