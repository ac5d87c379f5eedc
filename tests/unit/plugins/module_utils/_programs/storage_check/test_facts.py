# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What storage-check finds on recorded hosts, and what it says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._md.checks.health import problems as module_problems
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.observe import observe_all
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check.facts import read_facts
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check.judge import CRITICAL, WARNING, find_problems
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check.tree import Tree
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.recorded_host import RecordedHost
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._programs.storage_check.trees import (
    MDADM,
    SCENES,
    add_arrays,
    add_sessions,
    add_target,
    put,
)

MD = "/sys/block/md1/md"
TARGET = "iqn.2026-01.com.example:probe"
GROUP = f"/sys/kernel/config/target/iscsi/{TARGET}/tpgt_1"


def found(tree: Tree) -> list[tuple[int, str]]:
    """The problems of a tree."""
    return [(problem.level, problem.text) for problem in find_problems(read_facts(tree))]


@pytest.fixture(params=MDADM, ids=lambda folder: folder.name)
def degraded(request: pytest.FixtureRequest, tree: Tree) -> Tree:
    """A mirror that has lost one of three members, and a stripe over it."""
    add_arrays(tree, request.param / "degraded.json")
    return tree


@pytest.mark.parametrize("scene", SCENES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_program_and_the_module_find_the_same_arrays_with_problems(tree: Tree, scene: Path) -> None:
    add_arrays(tree, scene)
    arrays = read_facts(tree).arrays
    seen = observe_all(RecordedHost.load(scene), examine=False).arrays
    assert [array.kernel_name for array in arrays] == [array.kernel_name for array in seen]
    assert [array.redundant for array in arrays if array.level] == [array.kind.redundant for array in seen if array.active]
    troubled = {array.kernel_name for array in seen if module_problems(array)}
    keys = {problem.key for problem in find_problems(read_facts(tree)) if problem.key.startswith("array ")}
    assert {array.kernel_name for array in arrays if any(key.startswith(f"array {array.name}: ") for key in keys)} == troubled


def test_a_degraded_mirror_is_critical(degraded: Tree) -> None:
    assert found(degraded) == [(CRITICAL, "md1 (/dev/md1) is degraded: 2 of 3 members hold current data")]


def test_a_rebuild_is_a_warning_with_its_progress(degraded: Tree) -> None:
    put(degraded, f"{MD}/sync_action", "recover\n")
    put(degraded, f"{MD}/sync_completed", "1000 / 4000\n")
    (problem,) = found(degraded)
    assert problem == (WARNING, "md1 (/dev/md1) is degraded: 2 of 3 members hold current data, and it is being rebuilt (25.0 %)")


@pytest.mark.parametrize(
    ("lost", "text"),
    [
        (None, "md70 (/dev/md70) is a raid4 without its parity member, as a stripe is while it grows (3.8 %)"),
        ("1", "md70 (/dev/md70) is degraded: 3 of 5 members hold current data, and it is being rebuilt (3.8 %)"),
    ],
)
def test_a_stripe_that_grows_is_not_called_degraded(tree: Tree, lost: str | None, text: str) -> None:
    # As Linux 7.2 shows a stripe of two members that grows to four.
    array = {"level": "raid4", "raid_disks": "5 (3)", "degraded": "2", "sync_action": "reshape", "sync_completed": "4096 / 106496"}
    for name, value in {**array, "array_state": "active", "metadata_version": "1.2"}.items():
        put(tree, f"/sys/block/md70/md/{name}", value)
    for number, (slot, state) in enumerate([("0", "in_sync"), ("1", "in_sync"), ("3", "in_sync"), ("2", "spare")]):
        put(tree, f"/sys/block/md70/md/dev-loop{number}/slot", "none" if slot == lost else slot)
        put(tree, f"/sys/block/md70/md/dev-loop{number}/state", state)
    assert found(tree) == [(WARNING, text)]


def test_a_member_whose_disk_does_not_answer_is_critical_before_md_notices(degraded: Tree) -> None:
    put(degraded, f"{MD}/degraded", "0\n")
    Path(f"{degraded.root}{MD}/dev-ubdb/block").unlink()
    put(degraded, f"{MD}/dev-ubdb/block/device/state", "transport-offline\n")
    assert found(degraded) == [(CRITICAL, "md1 (/dev/md1) has members that do not answer: ubdb")]


def test_differing_copies_are_a_warning_after_the_check_only(degraded: Tree) -> None:
    put(degraded, f"{MD}/degraded", "0\n")
    put(degraded, f"{MD}/mismatch_cnt", "128\n")
    assert found(degraded) == []
    put(degraded, f"{MD}/last_sync_action", "check\n")
    assert found(degraded) == [(WARNING, "md1 (/dev/md1): the last check found 128 sectors that differ between copies")]


def test_an_array_of_mdadm_conf_that_does_not_exist_is_critical(tree: Tree) -> None:
    put(
        tree,
        "/etc/mdadm/mdadm.conf",
        "# ARRAY\nMAILADDR root\nARRAY /dev/md1 metadata=1.2\n   UUID=9a13cdde:d60e77ad:e843d30f:7a138702 # mine\n",
    )
    put(tree, "/etc/mdadm/mdadm.conf.d/more.conf", "ARRAY <ignore> UUID=00000000:00000000:00000000:00000001\n")
    assert found(tree) == [(CRITICAL, "/dev/md1 of mdadm.conf does not exist: its members were not found")]
    put(tree, f"{MD}/array_state", "clean\n")
    put(tree, f"{MD}/uuid", "9a13cdde-d60e-77ad-e843-d30f7a138702\n")
    assert found(tree) == []


@pytest.mark.parametrize(
    ("metadata", "is_container"), [("external:ddf", True), ("external:imsm", True), ("external:/md127/0", False), ("1.2", False)]
)
def test_a_container_is_no_array_that_does_not_run(tree: Tree, metadata: str, is_container: bool) -> None:
    put(tree, "/sys/block/md127/md/array_state", "inactive\n")
    put(tree, "/sys/block/md127/md/metadata_version", f"{metadata}\n")
    assert read_facts(tree).arrays[0].container == is_container
    assert bool(found(tree)) != is_container


def test_a_journal_is_no_spare(tree: Tree) -> None:
    put(tree, f"{MD}/array_state", "clean\n")
    for device, slot, state in (("sda", "0", "in_sync"), ("sdb", "none", "spare"), ("sdc", "journal", "in_sync,journal")):
        put(tree, f"{MD}/dev-{device}/slot", f"{slot}\n")
        put(tree, f"{MD}/dev-{device}/state", f"{state}\n")
    assert {member.device: member.state for member in read_facts(tree).arrays[0].members} == {
        "sda": "in_sync",
        "sdb": "spare",
        "sdc": "journal",
    }


def test_sessions_that_are_logged_in_are_well(tree: Tree) -> None:
    add_sessions(tree)
    sessions = read_facts(tree).sessions
    assert len(sessions) == 4
    (own,) = (session for session in sessions if session.key == "iqn.2026-01.com.example:s3 at 127.0.1.3:3260")
    assert own.recovery_timeout == 15
    assert [(disk.lun, disk.device) for disk in own.disks][:2] == [(0, "sda"), (1, "sde")]
    assert found(tree) == []


def test_a_session_that_fails_is_critical(tree: Tree) -> None:
    add_sessions(tree, failed=True)
    assert found(tree) == [(CRITICAL, "the session with iqn.2026-01.com.example:s3 at 127.0.7.7:3260 is down: FAILED")]


@pytest.mark.parametrize("database", ["/etc/iscsi/nodes", "/var/lib/iscsi/nodes"])
@pytest.mark.parametrize("file", ["127.0.1.3,3260", "127.0.1.3,3260,1/default"])
@pytest.mark.parametrize("startup", ["automatic", "manual"])
def test_a_session_that_shall_exist_and_does_not_is_critical(tree: Tree, database: str, file: str, startup: str) -> None:
    put(tree, f"{database}/iqn.2026-01.com.example:s9/{file}", f"node.name = x\nnode.startup = {startup}\n")
    expected = [(CRITICAL, "1 of 1 sessions with iqn.2026-01.com.example:s9 are missing")]
    assert found(tree) == (expected if startup == "automatic" else [])


def test_a_target_that_exports_its_luns_is_well(tree: Tree) -> None:
    add_target(tree)
    (target,) = read_facts(tree).targets
    assert (target.name, target.enabled, sorted(target.portals)) == (TARGET, True, ["0.0.0.0:3260", "[::1]:3261"])
    assert [(lun.number, lun.path, lun.active) for lun in target.luns] == [(0, "/dev/ubdb", True), (1, "/var/tmp/probe.img", True)]
    assert target.initiators == {"iqn.2026-01.com.example:client": "LOGGED_IN"}
    assert found(tree) == []


def test_a_target_without_its_storage_or_its_portals_is_critical(tree: Tree) -> None:
    add_target(tree)
    put(tree, f"{GROUP}/enable", "0\n")
    put(tree, "/sys/kernel/config/target/core/iblock_0/probe-b/info", "Status: DEACTIVATED  Max Queue Depth: 0\n")
    assert found(tree) == [
        (CRITICAL, f"the target {TARGET} has LUNs without their storage: 0 (/dev/ubdb)"),
        (CRITICAL, f"the target {TARGET} is disabled"),
    ]


def test_a_saved_target_that_does_not_run_is_critical(tree: Tree) -> None:
    put(tree, "/etc/target/saveconfig.json", '{"targets": [{"fabric": "iscsi", "wwn": "iqn.x"}, {"fabric": "loopback", "wwn": "naa.1"}]}')
    assert found(tree) == [(CRITICAL, "the target iqn.x is saved for boot, and does not run")]


@pytest.mark.parametrize(
    ("options", "mounted", "text"),
    [
        ("noatime,nofail", None, "/dev/md99 is not mounted on /srv/md99"),
        ("noatime,nofail", "rw", None),
        ("noatime,nofail", "ro", "/srv/md99 cannot be written: its file system has had errors"),
        ("ro,nofail", "ro", None),
        ("noauto", None, None),
    ],
)
def test_a_file_system_of_fstab_on_an_array(tree: Tree, options: str, mounted: str | None, text: str | None) -> None:
    put(tree, "/etc/fstab", f"# x\n/dev/sda1 / ext4 defaults 0 1\n/dev/md99 /srv/md99 ext4 {options} 0 0\n")
    if mounted:
        put(tree, "/proc/self/mountinfo", f"36 1 9:99 / /srv/md99 rw,noatime shared:1 - ext4 /dev/md99 {mounted},stripe=640\n")
    assert found(tree) == ([(CRITICAL, text)] if text else [])


def test_swap_on_an_array_and_a_slash_at_the_end_of_a_mount_point_are_no_problems(tree: Tree) -> None:
    put(tree, "/etc/fstab", "/dev/md1 none swap sw 0 0\n/dev/md2 /srv/ ext4 defaults 0 2\n/dev/md3 / ext4 defaults 0 1\n")
    put(tree, "/proc/self/mountinfo", "36 1 9:2 / /srv rw - ext4 /dev/md2 rw\n37 1 9:3 / / rw - ext4 /dev/md3 rw\n")
    assert found(tree) == []


def test_a_keyword_of_mdadm_conf_may_be_cut_short(tree: Tree) -> None:
    put(tree, "/etc/mdadm/mdadm.conf", "arr /dev/md1 UUID=00000000:00000000:00000000:00000001\n")
    assert found(tree) == [(CRITICAL, "/dev/md1 of mdadm.conf does not exist: its members were not found")]
