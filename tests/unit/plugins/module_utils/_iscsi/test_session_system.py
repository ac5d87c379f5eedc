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

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import CommandError, ObservationError, StepError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import apply
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import DEFAULT_TIMEOUT, CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Chap, Portal
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session_apply import Actions
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session_observe import Roots, initiator_name, observe, stale_lock
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session_options import Luns, Wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session_plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session_report import info
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session_users import users_of, with_users

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures"
A, B, S3 = (f"iqn.2026-01.com.example:{name}" for name in ("a", "b", "s3"))
CHAP = Chap("user-s3", "secret-ssss-03")
S3_PORTAL = Portal("127.0.1.3")


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def roots(tmp_path: Path, records: Path) -> Roots:
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
    return Roots(
        sys=str(tmp_path / "sys"),
        dev=str(tmp_path / "dev"),
        proc=str(tmp_path / "proc"),
        lock=str(tmp_path / "lock.write"),
        databases=(str(tmp_path / "var/lib/iscsi"), str(tmp_path / "etc/iscsi")),
        name_file=str(tmp_path / "etc/iscsi/initiatorname.iscsi"),
    )


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


def test_the_recorded_sessions_are_read(roots: Roots) -> None:
    state = observe(roots)
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


def test_a_session_still_logging_in_has_no_peer_and_no_scan(roots: Roots) -> None:
    (hanging,) = observe(roots).sessions_of(S3, Portal("127.0.7.7"))
    assert hanging.peer is None
    assert not hanging.scanned
    assert hanging.devices == ()


def test_an_ipv6_portal_with_a_cached_node_is_found_in_any_spelling(roots: Roots) -> None:
    state = observe(roots)
    (record,) = state.records_of(A, Portal("fd00:99::41"))
    assert record.address == "FD00:99:0::41"
    (session,) = state.sessions_of(A, Portal("fd00:99::41"))
    assert session.peer == Portal("fd00:99::41")
    assert not plan(state, [Wanted(A, Portal("fd00:99::41"), startup="automatic", luns=Luns(count=3))]).changed


def test_flat_and_foldered_records_are_read_and_other_files_are_not(roots: Roots) -> None:
    assert sorted((one.target, str(one.portal)) for one in observe(roots).records) == [
        (A, "[fd00:99::41]:3260"),
        (B, "127.0.0.3:3260"),
    ]


def test_the_database_of_rhel_is_read_too(roots: Roots) -> None:
    put(Path(roots.databases[0]) / "nodes" / S3 / "127.0.1.3,3260,1" / "default", "# BEGIN RECORD\n# END RECORD\n")
    assert observe(roots).records_of(S3, S3_PORTAL)


def test_a_host_without_iscsi_has_nothing(tmp_path: Path) -> None:
    empty = str(tmp_path)
    state = observe(Roots(empty, empty, empty, empty + "/lock", (empty,), empty + "/name"))
    assert (state.name, state.records, state.sessions, state.stale_lock) == (None, (), (), None)


def test_the_name_is_the_one_line_that_is_no_comment() -> None:
    assert initiator_name("# InitiatorName=iqn.x\nGenerateName=yes\n InitiatorName = iqn.y \n") == "iqn.y"
    assert initiator_name("GenerateName=yes\n") is None


def test_a_lock_is_stale_when_old_and_no_iscsiadm_runs(roots: Roots, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = put(Path(roots.lock), "")
    assert stale_lock(roots) is None
    changed = os.lstat(lock).st_ctime
    monkeypatch.setattr(time, "time", lambda: changed + 10)
    assert stale_lock(roots) == str(lock)
    put(Path(roots.proc) / "17" / "comm", "iscsiadm\n")
    assert stale_lock(roots) is None


def test_users_of_a_disk_are_named(roots: Roots, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Path(roots.sys) / "block" / "sda"
    put(disk / "dev", "8:0\n")
    put(disk / "sda1" / "dev", "8:1\n")
    put(disk / "sda2" / "dev", "8:2\n")
    put(disk / "holders" / "md1", "")
    put(disk / "sda1" / "holders" / "dm-0", "")
    put(Path(roots.sys) / "block" / "dm-0" / "dm" / "name", "vg-lv\n")
    put(Path(roots.proc) / "self" / "mountinfo", "22 1 8:2 / /srv/a rw shared:1 - ext4 /dev/sda2 rw\n")
    put(Path(roots.proc) / "swaps", "Filename Type Size Used Priority\n/dev/sda2 partition 100 0 -2\n")
    assert users_of("/dev/sda", roots) == (
        "sda is held by md1",
        "sda1 is held by dm-0 (vg-lv)",
        "sda2 is mounted on /srv/a",
        "sda2 is a swap area",
    )
    assert users_of("/dev/sdb", roots) == ()


def test_a_disk_somebody_claimed_is_in_use(roots: Roots, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(path: str, flags: int) -> int:
        raise OSError(16, "busy")

    monkeypatch.setattr(os, "open", busy)
    assert users_of("/dev/sdb", roots) == ("sdb is in exclusive use",)


def test_users_are_looked_up_for_the_named_sessions_only(roots: Roots) -> None:
    for disk in ("sda", "sdg"):
        put(Path(roots.sys) / "block" / disk / "holders" / "md1", "")
    state = with_users(observe(roots), [(S3, S3_PORTAL)], roots)
    assert [device.users for session in state.sessions for device in session.devices if device.users] == [("sda is held by md1",)]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10**6))
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))


def database(roots: Roots) -> dict[str, str]:
    return {str(path): path.read_text(encoding="utf-8") for path in Path(roots.databases[1]).rglob("*") if path.is_file()}


def new_record(roots: Roots) -> str:
    """As iscsiadm of the recorded version makes one."""
    return (Path(roots.databases[1]) / "nodes" / B / "127.0.0.3,3260").read_text(encoding="utf-8")


def iscsiadm(roots: Roots, login: tuple[int, str, str]) -> Callable[[Sequence[str]], tuple[int, str, str]]:
    """An iscsiadm that keeps records in the tree and logs in as told."""
    path = Path(roots.databases[1]) / "nodes" / S3 / "192.0.2.9,3260,1" / "default"

    def answer(argv: Sequence[str]) -> tuple[int, str, str]:
        if argv[-1] == "-R" or argv[0] == "udevadm":
            return 0, "", ""
        if "new" in argv:
            put(path, new_record(roots))
        elif "delete" in argv:
            path.unlink()
            path.parent.rmdir()
            path.parent.parent.rmdir()
        else:
            return login
        return 0, "", ""

    return answer


def test_a_login_names_its_portal_and_leaves_the_target_s_others_alone(roots: Roots) -> None:
    """Known of other modules: without the portal iscsiadm logs in through every record of the target."""
    wanted = Wanted(S3, Portal("192.0.2.9"), startup="manual")
    machine = Machine(iscsiadm(roots, (0, "", "")))
    machine.run(("iscsiadm", "-o", "new"))
    with pytest.raises(ObservationError, match="no such session"):
        Actions([wanted], machine, roots).log_in(S3, str(wanted.portal), created=True, limit=5)
    node = f"iscsiadm -m node -T {S3} -p 192.0.2.9:3260"
    assert machine.ran[1:] == [f"{node} --login", f"{node} -o delete"]
    sixth = Wanted(A, Portal("fd00:99::41"), startup="manual")
    machine = Machine(silent)
    Actions([sixth], machine, roots).log_in(A, str(sixth.portal), created=False, limit=5)
    assert machine.ran == [f"iscsiadm -m node -T {A} -p [FD00:99:0::41]:3260 --login"]


REFUSED = (24, "", "iscsiadm: initiator reported error (24 - iSCSI login failed due to authorization failure)\n")
NEW = Wanted(S3, Portal("192.0.2.9"), chap=CHAP, startup="automatic")


def test_a_failed_first_login_leaves_no_record_and_no_secret(roots: Roots) -> None:
    before = database(roots)
    machine = Machine(iscsiadm(roots, REFUSED))
    made = plan(observe(roots), [NEW])
    with pytest.raises(StepError) as caught:
        apply(made, machine, Actions([NEW], machine, roots).operations())
    assert f"authorization failure: CHAP user or secret wrong for {NEW.label}" in str(caught.value)
    assert "Its new record was removed again" in str(caught.value)
    assert caught.value.exit_code == 24
    assert database(roots) == before
    assert CHAP.password not in " ".join([*machine.ran, str(caught.value), *caught.value.done])


def test_a_failed_login_with_a_changed_record_brings_the_record_back(roots: Roots) -> None:
    machine = Machine(iscsiadm(roots, REFUSED))
    machine.run(("iscsiadm", "-o", "new"))
    before = database(roots)
    made = plan(observe(roots), [NEW])
    with pytest.raises(StepError, match="Its record is as it was"):
        apply(made, machine, Actions([NEW], machine, roots).operations())
    assert database(roots) == before


def test_a_login_that_made_no_session_is_a_failure(roots: Roots) -> None:
    machine = Machine(iscsiadm(roots, (15, "", "")))
    before = database(roots)
    with pytest.raises(StepError, match="no such session"):
        apply(plan(observe(roots), [NEW]), machine, Actions([NEW], machine, roots).operations())
    assert database(roots) == before


def test_a_record_is_private_and_holds_what_was_asked(roots: Roots) -> None:
    machine = Machine(iscsiadm(roots, REFUSED))
    machine.run(("iscsiadm", "-o", "new"))
    Actions([NEW], machine, roots).write_record(NEW.target, str(NEW.portal))
    (record,) = observe(roots).records_of(*NEW.key)
    assert record.credentials.password == CHAP.password
    assert record.settings["node.startup"] == "automatic"
    assert os.stat(record.path).st_mode & 0o777 == 0o600


def test_a_record_that_iscsiadm_did_not_make_is_an_error(roots: Roots) -> None:
    with pytest.raises(ObservationError, match="no node record"):
        Actions([NEW], Machine(silent), roots).write_record(NEW.target, str(NEW.portal))


def test_a_hanging_login_is_given_up_and_its_record_removed(roots: Roots) -> None:
    wanted = Wanted(S3, Portal("127.0.7.7"), startup="manual")
    path = put(
        Path(roots.databases[1]) / "nodes" / S3 / "127.0.7.7,3260,1" / "default",
        new_record(roots),
    )
    machine = Machine(lambda argv: (-1 if "--login" in argv else 9, "", ""))
    with pytest.raises(CommandError, match=r"removed again, but: .*not done with the session's login"):
        Actions([wanted], machine, roots).log_in(wanted.target, str(wanted.portal), created=True, limit=5)
    assert not path.parent.exists()


def test_a_logout_is_tried_until_the_kernel_has_no_such_session(roots: Roots) -> None:
    folder = Path(roots.sys) / "class" / "iscsi_session" / "session24"
    codes = iter([2, 32, 22, 21])

    def answer(argv: Sequence[str]) -> tuple[int, str, str]:
        code = next(codes)
        if code == 21:
            folder.rename(folder.with_name("gone"))
        return code, "", ""

    machine = Machine(answer)
    Actions([Wanted(S3, S3_PORTAL, state="absent")], machine, roots).log_out(S3, str(S3_PORTAL), session=24, limit=60)
    assert machine.ran == ["iscsiadm -m session -r 24 -u"] * 4


def test_a_logout_that_fails_is_explained_at_once(roots: Roots) -> None:
    machine = Machine(lambda argv: (21, "", "iscsiadm: initiator reported error (20 - could not connect to iscsid)\n"))
    with pytest.raises(CommandError, match=r"start iscsid\.socket"):
        Actions([Wanted(S3, S3_PORTAL, state="absent")], machine, roots).log_out(S3, str(S3_PORTAL), session=24, limit=60)
    assert len(machine.ran) == 1


def test_a_lost_session_is_waited_for_and_named_when_it_stays_lost(roots: Roots) -> None:
    actions = Actions([Wanted(S3, S3_PORTAL), Wanted(S3, Portal("127.0.7.7"))], Machine(silent), roots)
    actions.wait_for_session(S3, str(S3_PORTAL), limit=5)
    with pytest.raises(ObservationError, match="is FAILED and did not come back within 5 s"):
        actions.wait_for_session(S3, "127.0.7.7:3260", limit=5)


def test_the_running_sessions_timeout_is_set(roots: Roots) -> None:
    actions = Actions([], Machine(silent), roots)
    actions.set_replacement_timeout(session=24, seconds=33)
    assert observe(roots).sessions_of(S3, S3_PORTAL)[0].timeouts["replacement_timeout"] == 33


def test_devices_are_waited_for_until_udev_has_settled(roots: Roots) -> None:
    machine = Machine(silent)
    wanted = Wanted(S3, S3_PORTAL, luns=Luns(numbers=(0, 4)))
    Actions([wanted], machine, roots).wait_for_devices(S3, str(S3_PORTAL), limit=60)
    assert machine.ran == ["udevadm settle --timeout=60"]


def test_luns_that_do_not_appear_are_named(roots: Roots) -> None:
    wanted = Wanted(S3, S3_PORTAL, luns=Luns(numbers=(0, 7, 9)))
    with pytest.raises(ObservationError, match=r"LUNs 7, 9 did not appear within 5 s \(there: 0, 1, 2, 3, 4\)"):
        Actions([wanted], Machine(silent), roots).wait_for_devices(S3, str(S3_PORTAL), limit=5)


def test_a_disk_without_its_name_does_not_count(roots: Roots) -> None:
    os.unlink(Path(roots.dev) / "disk" / "by-path" / f"ip-127.0.1.3:3260-iscsi-{S3}-lun-4")
    wanted = Wanted(S3, S3_PORTAL, luns=Luns(count=5))
    with pytest.raises(ObservationError, match="LUNs 1 of 5 did not appear"):
        Actions([wanted], Machine(silent), roots).wait_for_devices(S3, str(S3_PORTAL), limit=5)


def test_a_scan_that_does_not_end_is_reported(roots: Roots) -> None:
    wanted = Wanted(S3, Portal("127.0.7.7"))
    with pytest.raises(ObservationError, match="scan of its LUNs did not end"):
        Actions([wanted], Machine(silent), roots).wait_for_devices(S3, "127.0.7.7:3260", limit=5)


def test_what_is_as_asked_needs_no_command(roots: Roots) -> None:
    wanted = Wanted(S3, S3_PORTAL, chap=CHAP, timeouts={"replacement_timeout": 15}, luns=Luns(count=5))
    put(
        Path(roots.databases[1]) / "nodes" / S3 / "127.0.1.3,3260,1" / "default",
        new_record(roots),
    )
    Actions([wanted], Machine(silent), roots).write_record(S3, str(S3_PORTAL))
    assert not plan(observe(roots), [wanted]).changed
