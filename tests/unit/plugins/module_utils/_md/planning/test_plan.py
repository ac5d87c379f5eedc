# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What plans refuse, and what they do about arrays that are not as they should be. One test for each known defect of other tools."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError, InputError, RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Command, Operation
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.block_device import Signature
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.conf import entries
from ansible_collections.fleetlab.linux.plugins.module_utils._md.show import report
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.machine import (
    CONF,
    MIB,
    Disk,
    Machine,
    want,
    with_disks,
)

THREE = ["/dev/sdb", "/dev/sdc", "/dev/sdd"]
MIRROR: Dict[str, Any] = {"level": "raid1e", "devices": THREE}
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.machine import plan_arrays


def disks(**changes: Any) -> Machine:
    host = with_disks("sdb", "sdc", "sdd", "sde", "sdf", "sdg")
    for name, values in changes.items():
        for key, value in values.items():
            setattr(host.disks[name], key, value)
    return host


def refusal(host: Machine, *wanted: Any) -> str:
    """The message of a plan that is refused; nothing about the host may have changed by planning."""
    files = dict(host.files)
    with pytest.raises(FleetlabError) as caught:
        host.plan(*wanted)
    assert host.files == files
    return str(caught.value)


def argvs(host: Machine, *wanted: Any) -> List[str]:
    return [" ".join(argv) for argv in host.plan(*wanted).commands()]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"signatures": (Signature("ext4", label="home"),)}, "/dev/sdc carries ext4 'home'"),
        ({"signatures": (Signature("gpt"), Signature("PMBR"))}, "/dev/sdc carries gpt; /dev/sdc carries PMBR"),
        ({"signatures": (Signature("LVM2_member"),)}, "/dev/sdc carries LVM2_member"),
        ({"signatures": (Signature("linux_raid_member"),)}, "/dev/sdc carries linux_raid_member"),
        ({"mounts": ("/srv", "/home")}, "/dev/sdc is mounted on /srv, /home"),
        ({"size": MIB}, "/dev/sdc is too small (1048576 bytes"),
    ],
)
def test_a_device_that_is_used_or_carries_something_is_refused_by_name(change: Dict[str, Any], found: str) -> None:
    assert found in refusal(disks(sdc=change), want(**MIRROR))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"holders": ("vg0-lv0 (dm-0)",)}, "is held by vg0-lv0 (dm-0)"),
        ({"swap": True}, "is swap space in use"),
        ({"read_only": True}, "is read-only"),
        ({"busy": True}, "is in exclusive use"),
        ({"partitions": ("sdc1", "sdc2")}, "has partitions sdc1, sdc2"),
    ],
)
def test_a_device_in_other_use_is_refused_by_name(change: Dict[str, Any], found: str) -> None:
    wanted = want(**MIRROR)
    state = disks().state([wanted])
    state = state.with_devices({"sdc": replace(state.devices["sdc"], **change)})
    with pytest.raises(RefusedError, match="array md1: refused") as caught:
        plan_arrays(state, [wanted])
    assert f"/dev/sdc {found}" in str(caught.value)
    forced = replace(wanted, overwrite=True)
    if "partitions" not in change:
        with pytest.raises(RefusedError):
            plan_arrays(state, [forced])
    else:
        assert "wipefs --all /dev/sdc" in [" ".join(argv) for argv in plan_arrays(state, [forced]).commands()]


def test_everything_that_was_found_is_named_at_once() -> None:
    host = disks(sdb={"mounts": ("/a",)}, sdc={"signatures": (Signature("xfs"),)})
    message = refusal(host, want(level="raid1", devices=["/dev/sdb", "/dev/sdc", "/dev/sdx"]))
    assert "/dev/sdb is mounted on /a; /dev/sdc carries xfs; /dev/sdx does not exist" in message


def test_no_foreign_signature_is_overwritten_by_answering_yes() -> None:
    """mrlesmithjr/mdadm: `yes |` in front of mdadm --create."""
    host = disks(sdc={"signatures": (Signature("xfs"),)})
    assert "set overwrite" in refusal(host, want(**MIRROR))
    host.converge(want(**MIRROR, overwrite=True))
    assert host.running["md1"].active
    assert host.plan(want(**MIRROR, overwrite=True)).steps == ()


def test_paths_that_are_no_block_devices() -> None:
    wanted = want(level="raid1", devices=["/dev/sdb", "/dev/../etc/x"])
    state = disks().state([wanted])
    state = replace(state, not_block={"/dev/../etc/x": "a regular file"})
    with pytest.raises(InputError, match=r"/dev/\.\./etc/x is a regular file"):
        plan_arrays(state, [wanted])


def test_one_device_by_two_names() -> None:
    host = disks()
    host.links["/dev/disk/by-id/wwn-1"] = "sdb"
    assert "are the same device, /dev/sdb" in refusal(host, want(level="raid1", devices=["/dev/sdb", "/dev/disk/by-id/wwn-1"]))


def test_one_disk_by_two_paths() -> None:
    host = disks(sdb={"identity": "naa.6001"}, sdc={"identity": "naa.6001"})
    assert "two paths to the same disk (naa.6001)" in refusal(host, want(level="raid1", devices=["/dev/sdb", "/dev/sdc"]))


def test_one_device_for_two_arrays() -> None:
    host = disks()
    message = refusal(host, want(**MIRROR), want("md2", level="raid1", devices=["/dev/sde", "/dev/sdd"]))
    assert "array md2: refused: /dev/sdd belongs to array 'b1:md1'" in message


def test_sizes_beyond_the_tolerance() -> None:
    host = disks(sdd={"size": 600 * MIB})
    assert "differ by 14.7 %: /dev/sdb has 536870912 bytes, /dev/sdd has 629145600" in refusal(host, want(**MIRROR))
    assert host.plan(want(**MIRROR, size_tolerance=15)).changed


@pytest.mark.parametrize("stopped", [False, True])
def test_an_array_that_is_there_beside_one_to_be_made(stopped: bool) -> None:
    """A run cut short after the first mirror: on disks of 112 MiB what md takes for itself is 2.2 % of the mirror that runs."""
    host = with_disks("sdb", "sdc", "sdd", "sde", size=112 * MIB)
    first = want("md1", level="raid1", devices=["/dev/sdb", "/dev/sdc"])
    second = want("md2", level="raid1", devices=["/dev/sdd", "/dev/sde"])
    stripe = want("md99", level="raid0", devices=["/dev/md1", "/dev/md2"])
    host.converge(first)
    host.running["md1"].size -= 5 * MIB // 2
    if stopped:
        host.converge(second)
        host.running["md2"].size -= 5 * MIB // 2
        host.do(Command(("mdadm", "--stop", "/dev/md2")))
    assert host.plan(first, second, stripe).changed
    host.disks["sdd"].size = host.disks["sde"].size = 128 * MIB
    if not stopped:
        assert "array md99: refused: the sizes of its members differ by 12.5 %" in refusal(host, first, second, stripe)


def test_two_copies_in_one_failure_domain() -> None:
    domains = {"/dev/sdb": "server1", "/dev/sdc": "server2", "/dev/sdd": "server1"}
    message = refusal(disks(), want(**MIRROR, failure_domains=domains))
    assert "/dev/sdb and /dev/sdd keep copies of the same data and are all in failure domain 'server1'" in message
    four: Dict[str, Any] = {"level": "raid10", "layout": "n2", "devices": [*THREE, "/dev/sde"]}
    pairs = {"/dev/sdb": "a", "/dev/sdc": "b", "/dev/sdd": "a", "/dev/sde": "b"}
    assert disks().plan(want(**four, failure_domains=pairs)).changed
    assert "'a'" in refusal(disks(), want(**four, failure_domains={**pairs, "/dev/sdc": "a"}))


def spread(domains: str) -> Dict[str, str]:
    """A failure domain for each of four devices, by letter."""
    assert len(domains) == 4
    return dict(zip([*THREE, "/dev/sde"], domains))


def test_what_counts_of_an_array_that_is_there_is_its_own_layout() -> None:
    """Offset copies on four devices wrap around: the first and the last have copies of the same data."""
    host = disks()
    ring: Dict[str, Any] = {"level": "raid10", "devices": [*THREE, "/dev/sde"]}
    host.converge(want(**ring, layout="o2"))
    found = "/dev/sdb and /dev/sde keep copies of the same data in the existing array, and are all in failure domain 'a'"
    left_out = want(**ring, failure_domains=spread("abba"))
    assert found in refusal(host, left_out)
    assert not host.plan(want(**ring, failure_domains=spread("abab"))).changed
    host.converge(want("md1", state="stopped"))
    assert found in refusal(host, left_out)
    host.converge(want(**ring, failure_domains=spread("abab")))


def test_what_counts_of_an_array_that_is_there_are_the_slots_of_its_members() -> None:
    host = disks()
    real = [*THREE, "/dev/sde"]
    pairs: Dict[str, Any] = {"level": "raid10", "layout": "n2", "failure_domains": spread("aabb")}
    host.converge(want(**{**pairs, "failure_domains": {}}, devices=real))
    declared = want(**pairs, devices=[real[0], real[2], real[1], real[3]])
    assert "/dev/sdb and /dev/sdc keep copies of the same data in the existing array" in refusal(host, declared)
    host.converge(want("md1", state="stopped"))
    assert "/dev/sdb and /dev/sdc keep copies of the same data in the existing array" in refusal(host, declared)


def test_a_failed_member_no_longer_stands_for_its_domain() -> None:
    host = disks()
    pair: Dict[str, Any] = {"level": "raid1", "replace_failed": True}
    host.converge(want(**pair, devices=["/dev/sdb", "/dev/sdc"]))
    host.write("md1")
    host.fail("md1", "sdc")
    moved = want(**pair, devices=["/dev/sdb", "/dev/sdd"], failure_domains={"/dev/sdb": "a", "/dev/sdd": "b"})
    host.converge(moved)
    assert host.running["md1"].members == ["sdb", "sdd"]


def test_a_chunk_larger_than_its_member() -> None:
    host = with_disks("sdb", "sdc", size=64 * MIB)
    assert "chunk: 65536 KiB is too large for /dev/sdb" in refusal(host, want(level="raid0", devices=["/dev/sdb", "/dev/sdc"], chunk=65536))


def test_an_array_that_is_made_differently() -> None:
    host = disks()
    host.converge(want(**MIRROR, chunk=64))
    assert "level is raid10, wanted raid5" in refusal(host, want(level="raid5", devices=THREE))
    assert "layout is o3, wanted n2" in refusal(host, want(level="raid10", layout="n2", devices=THREE))
    assert "chunk is 64 KiB, wanted 128 KiB" in refusal(host, want(**MIRROR, chunk=128))
    assert "bitmap is internal, wanted none" in refusal(host, want(**MIRROR, bitmap="none"))
    assert "metadata is 1.2, wanted 1.0" in refusal(host, want(**MIRROR, metadata="1.0"))
    other = want(level="raid1e", devices=["/dev/sdb", "/dev/sdc", "/dev/sde"])
    assert "/dev/sdd belongs to it and is not among devices" in refusal(host, other)
    host.converge(want("md1", state="stopped"))
    assert "layout is o3, wanted n2" in refusal(host, want(level="raid10", layout="n2", devices=THREE, overwrite=True))


def test_a_name_taken_by_another_uuid() -> None:
    host = disks()
    host.converge(want(**MIRROR))
    other = want(level="raid1", devices=["/dev/sde", "/dev/sdf"])
    message = refusal(host, other)
    assert "the name is taken by array 'b1:md1'" in message
    assert "with the members /dev/sdb, /dev/sdc, /dev/sdd" in message
    host.converge(want("md1", state="stopped"))
    assert "which is not running; /dev/sdb carries its superblock" in refusal(host, other)
    host.disks["sdb"].superblock = host.disks["sdc"].superblock = host.disks["sdd"].superblock = None
    message = refusal(host, other)
    assert "gives the name to the array with UUID" in message
    # Its devices may only be away: what removes the line alone is advised, and nothing that erases.
    assert "remove its line with state forgotten" in message
    assert "overwrite" not in message
    host.converge(replace(other, overwrite=True))
    assert len(entries(host.files[CONF])) == 1


def test_devices_of_two_arrays_of_this_name() -> None:
    host = disks()
    host.converge(want(**MIRROR))
    host.converge(want("md1", state="stopped"))
    block = host.disks["sdc"].superblock
    assert block
    host.disks["sdc"].superblock = replace(block, uuid="f" * 32)
    message = refusal(host, want(**MIRROR))
    assert "its devices carry superblocks of different arrays of this name: /dev/sdb of" in message
    assert message.index("name only the devices of one of these arrays") < message.index("--zero-superblock")


def test_devices_of_another_array() -> None:
    host = disks()
    host.converge(want(**MIRROR))
    other = want("md2", level="raid1", devices=["/dev/sdd", "/dev/sde"])
    assert "/dev/sdd belongs to array 'b1:md1'" in refusal(host, other)
    host.converge(want("md1", state="stopped"))
    assert "/dev/sdd carries the superblock of array 'b1:md1'" in refusal(host, other)


def test_a_second_array_on_a_host() -> None:
    """mrlesmithjr/mdadm#22: creating the second array failed or touched the first."""
    host = disks()
    host.converge(want(**MIRROR))
    first = host.running["md1"]
    outcome = host.converge(want("md2", level="raid1", devices=["/dev/sde", "/dev/sdf"]))
    assert host.running["md1"] is first
    assert not any("/dev/md1" in " ".join(argv) for argv in outcome.commands())
    assert [entry.device for entry in entries(host.files[CONF])] == ["/dev/md1", "/dev/md2"]


def test_an_array_is_not_md127_after_a_reboot() -> None:
    """mrlesmithjr/mdadm#40, #63, salt#43150: the name was lost because nothing was persisted."""
    host = disks()
    host.converge(want(**MIRROR))
    host.reboot()
    assert list(host.running) == ["md1"]
    assert host.plan(want(**MIRROR)).steps == ()


def test_an_array_that_is_md127_gets_its_name_back_with_what_lies_on_it() -> None:
    host = disks()
    stack = [want(**MIRROR), want("md2", level="raid1", devices=["/dev/sde", "/dev/sdf"])]
    stack.append(want("md99", level="raid0", devices=["/dev/md1", "/dev/md2"]))
    host.converge(*stack)
    uuids = {name: array.superblock.uuid for name, array in host.running.items()}
    host.files[CONF] = ""
    host.reboot()
    assert sorted(host.running) == ["md125", "md126", "md127"]
    host.converge(*stack)
    assert {name: array.superblock.uuid for name, array in host.running.items()} == uuids
    assert host.plan(*stack).steps == ()


def test_an_array_in_use_at_the_wrong_node_is_left_with_a_warning() -> None:
    host = disks()
    host.converge(want(**MIRROR))
    host.files[CONF] = ""
    host.reboot()
    host.block("md127").mounts = ("/srv",)
    outcome = host.converge(want(**MIRROR))
    assert "runs as /dev/md127 instead of /dev/md1: /dev/md127 is mounted on /srv" in outcome.warnings[0]
    assert list(host.running) == ["md127"]
    assert "ARRAY /dev/md1 " in host.files[CONF]
    assert host.plan(want(**MIRROR)).steps == ()
    # Its declared node does not exist, and whoever uses the result needs the real one.
    (shown,) = report(host.state([want(**MIRROR)]), [want(**MIRROR)])
    assert (shown["device"], shown["state"]) == ("/dev/md127", "running")


def test_the_initramfs_is_made_again_only_when_the_line_changed() -> None:
    host = disks()
    host.converge(want(**MIRROR))
    assert host.initramfs_made == 1
    host.converge(want("md1", state="stopped"))
    host.converge(want(**MIRROR))
    assert host.initramfs_made == 1
    host.files[CONF] = ""
    host.converge(want(**MIRROR))
    assert host.initramfs_made == 2
    host.converge(want(**MIRROR, persist=False))
    assert host.initramfs_made == 2


def test_an_initramfs_that_an_interrupted_run_owed_is_made() -> None:
    host = disks()
    for step in host.plan(want(**MIRROR)).steps:
        if step.rendered()[0] == "update-initramfs":
            break
        host.do(step)
    assert host.initramfs_made == 0
    host.converge(want(**MIRROR))
    assert host.initramfs_made == 1
    assert host.plan(want(**MIRROR)).steps == ()


def test_a_degraded_running_array_is_left_alone_with_a_warning() -> None:
    host = disks()
    host.converge(want(**MIRROR))
    host.running["md1"].members.remove("sdc")
    outcome = host.plan(want(**MIRROR))
    assert not outcome.changed
    assert outcome.warnings == ("array md1 is degraded: 2 of 3 members are current; without /dev/sdc",)
    del host.disks["sdc"]
    assert not host.plan(want(**MIRROR)).changed


def test_a_broken_stripe_is_left_alone_with_a_warning() -> None:
    """The kernel says so in array_state only: a raid0 that lost a member counts as not degraded."""
    host = disks()
    stripe = want(level="raid0", devices=["/dev/sdb", "/dev/sdc"])
    host.converge(stripe)
    state = host.state([stripe])
    state = replace(state, arrays=(replace(state.arrays[0], array_state="broken", degraded=0),))
    outcome = plan_arrays(state, [stripe])
    assert not outcome.changed
    assert [warning.partition(":")[0] for warning in outcome.warnings] == ["array md1 is broken"]
    (shown,) = report(outcome.state, [stripe])
    assert (shown["health"], shown["array_state"], shown["degraded"]) == ("broken", "broken", 0)


def test_a_degraded_array_is_started_only_when_told() -> None:
    host = disks()
    host.converge(want(**MIRROR))
    host.converge(want("md1", state="stopped"))
    del host.disks["sdc"]
    message = refusal(host, want(**MIRROR))
    assert "only 2 of its 3 members can be started: /dev/sdc does not exist" in message
    assert "set run_degraded" in message
    told = want(**MIRROR, run_degraded=True)
    assert any(argv.startswith("mdadm --assemble /dev/md1 --run ") for argv in argvs(host, told))
    host.converge(told)
    assert host.running["md1"].members == ["sdb", "sdd"]
    assert not host.plan(told).changed


def test_a_member_that_was_left_behind_is_no_source() -> None:
    host = disks()
    host.converge(want(**MIRROR))
    host.converge(want("md1", state="stopped"))
    block = host.disks["sdb"].superblock
    assert block
    host.disks["sdb"].superblock = replace(block, events=block.events - 2 if block.events > 2 else 0)
    for name in ("sdc", "sdd"):
        newer = host.disks[name].superblock
        assert newer
        host.disks[name].superblock = replace(newer, events=9)
    assert "/dev/sdb is out of date or failed" in refusal(host, want(**MIRROR))
    started = next(argv for argv in argvs(host, want(**MIRROR, run_degraded=True)) if "--assemble" in argv)
    assert "/dev/sdb" not in started


def test_too_few_members_cannot_be_started_even_when_told() -> None:
    host = disks()
    stripe: Dict[str, Any] = {"level": "raid0", "devices": ["/dev/sdb", "/dev/sdc"]}
    host.converge(want(**stripe))
    host.converge(want("md1", state="stopped"))
    host.disks["sdc"] = Disk(512 * MIB)
    assert "too few to start it" in refusal(host, want(**stripe, run_degraded=True, overwrite=True))


def test_an_array_with_events_is_never_made_anew() -> None:
    host = disks()
    host.converge(want(**MIRROR))
    host.converge(want("md1", state="stopped"))
    host.disks["sdc"] = Disk(512 * MIB)
    assert "/dev/sdc is not a member of it" in refusal(host, want(**MIRROR, overwrite=True))


def test_a_blank_disk_in_a_stripe_is_no_interrupted_creation() -> None:
    """A raid0 never counts events, so only the note of an interrupted run can tell."""
    host = disks()
    stripe = want(level="raid0", devices=["/dev/sdb", "/dev/sdc"])
    options = {"raid-devices": "2", "level": "raid0", "uuid": "1" * 32, "metadata": "1.2", "homehost": "b1", "name": "md1"}
    host.create(options, ["/dev/md1", "/dev/sdb"], 1)
    assert "/dev/sdc is not a member of it" in refusal(host, stripe)


@pytest.mark.parametrize("state", ["absent", "stopped"])
def test_an_array_in_use_is_not_stopped(state: str) -> None:
    host = disks()
    host.converge(want(**MIRROR), want("md2", level="raid1", devices=["/dev/sde", "/dev/sdf"]))
    host.block("md1").mounts = ("/srv",)
    assert "/dev/md1 is mounted on /srv" in refusal(host, want("md1", state=state))
    host.block("md1").mounts = ()
    host.converge(want(**MIRROR), want("md99", level="raid0", devices=["/dev/md1", "/dev/md2"]))
    assert "/dev/md1 is held by md99" in refusal(host, want("md1", state=state))
    host.converge(want("md1", state=state), want("md2", state=state), want("md99", state=state))
    assert host.running == {}


def test_an_array_that_a_process_has_open_is_not_stopped() -> None:
    host = disks()
    host.converge(want(**MIRROR))
    wanted = want("md1", state="absent")
    state = host.state([wanted])
    state = state.with_devices({"md1": replace(state.devices["md1"], users=("dd[42]",))})
    with pytest.raises(RefusedError, match=r"/dev/md1 is open in dd\[42\]"):
        plan_arrays(state, [wanted])


def test_absent_erases_exactly_the_members() -> None:
    host = disks(sde={"signatures": (Signature("xfs"),)})
    host.converge(want(**MIRROR), want("md2", level="raid1", devices=["/dev/sdf", "/dev/sdg"]))
    outcome = host.converge(want("md1", state="absent"))
    erased = [step.arguments["device"] for step in outcome.steps if isinstance(step, Operation)]
    assert erased == THREE
    assert host.disks["sdf"].superblock
    assert host.disks["sde"].signatures
    assert [entry.device for entry in entries(host.files[CONF])] == ["/dev/md2"]


def test_absent_of_an_array_whose_devices_are_gone_says_so() -> None:
    host = disks()
    host.converge(want(**MIRROR))
    host.running.clear()
    for name in ("sdb", "sdc", "sdd"):
        del host.disks[name]
    outcome = host.converge(want("md1", state="absent"))
    assert "only its line in mdadm.conf is removed" in outcome.warnings[0]
    assert entries(host.files[CONF]) == []


def test_absent_does_not_go_by_the_number_of_the_node() -> None:
    host = disks()
    host.converge(want("data", homehost="other", level="raid1", devices=["/dev/sdb", "/dev/sdc"]))
    name = next(iter(host.running))
    assert "neither its superblock nor" in refusal(host, want(name, state="absent"))


def test_what_a_killed_mdadm_left_for_udev_is_removed() -> None:
    host = disks()
    host.converge(want(**MIRROR))
    host.marks.append("md1")
    assert argvs(host, want(**MIRROR))[0] == "rm --force /run/mdadm/creating-md1"
    host.converge(want(**MIRROR))
    assert host.plan(want(**MIRROR)).steps == ()


def test_new_arrays_are_named_and_ask_nothing() -> None:
    argv = next(argv for argv in argvs(disks(), want(**MIRROR, chunk=64)) if "--create" in argv)
    assert argv.startswith("mdadm --create /dev/md1 --run --homehost=b1 --name=md1 --metadata=1.2 --uuid=")
    assert argv.endswith("--level=raid10 --layout=o3 --chunk=64 --bitmap=internal --raid-devices=3 /dev/sdb /dev/sdc /dev/sdd")


def test_arrays_on_members_of_version_1_0_are_refused() -> None:
    host = disks()
    inner = want(level="raid1", devices=["/dev/sdb", "/dev/sdc"], metadata="1.0")
    stripe = want("md99", level="raid0", devices=["/dev/md1", "/dev/sdd"])
    assert "metadata: /dev/md1 is an array with metadata 1.0" in refusal(host, inner, stripe)


def test_old_content_of_new_members_is_erased_before_they_are_used() -> None:
    host = disks()
    pair = [want(**MIRROR), want("md2", level="raid1", devices=["/dev/sde", "/dev/sdf"])]
    stripe = want("md99", level="raid0", devices=["/dev/md1", "/dev/md2"])
    assert "erase_stale_content devices=/dev/md1 /dev/md2" in argvs(host, *pair, stripe)
    kept = [want(**MIRROR, assume_clean=True), want("md2", level="raid1", devices=["/dev/sde", "/dev/sdf"], assume_clean=True)]
    assert argvs(host, *kept, stripe)[-1] == "plan_again arrays=md99"


def test_an_array_of_this_name_from_another_host_is_taken_over_and_not_overwritten() -> None:
    host = with_disks("sdb", "sdc")
    other: Dict[str, Any] = {"level": "raid1", "devices": ["/dev/sdb", "/dev/sdc"], "homehost": "former"}
    host.converge(want(**other))
    del host.running["md1"]
    host.files[CONF] = ""
    with pytest.raises(RefusedError) as caught:
        host.plan(want(**{**other, "homehost": None}))
    assert "set homehost to former to take it over with its data" in str(caught.value)
    assert any("--assemble" in argv for argv in host.plan(want(**other)).commands())
