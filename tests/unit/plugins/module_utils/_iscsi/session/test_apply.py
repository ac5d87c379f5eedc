# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of a plan, on a recorded host."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import CommandError, ObservationError, StepError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import apply
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Portal
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.apply import Actions, operations
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.observe import read_state
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.state import Luns, Wanted, WantedSession
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._iscsi.session.recorded_host import (
    CHAP,
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
    with pytest.raises(StepError, match="Its record was not changed"):
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
    with pytest.raises(CommandError, match=r"removed again, but: .*not finished the session's login"):
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
    with pytest.raises(ObservationError, match=r"LUNs 7, 9 did not appear within 5 s \(present: 0, 1, 2, 3, 4\)"):
        Actions([wanted], Machine(silent), host).wait_for_devices(S3, str(S3_PORTAL), limit=5)


def test_a_lun_that_stays_too_small_is_named(host: Host) -> None:
    wanted = WantedSession(S3, S3_PORTAL, luns=Luns(numbers=(0,)), least_mb=1 << 20)
    with pytest.raises(ObservationError, match=r"LUN 0 has \d+ MiB after the sizes were read again, and lun_mb asks for 1048576 MiB"):
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
