# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observing what was recorded on real hosts, of every version of mdadm (Linux 6.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError, ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._host.distribution import initramfs_command
from ansible_collections.fleetlab.linux.plugins.module_utils._md.checks.health import health, sync_percent
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.block_device import shown_uuid
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.state import Journal, State
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.survivor import Survivor
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.wanted import Wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.arrays import read_array
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.noted import read_conf, read_journal
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.observe import look_again, observe, observe_all
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.signatures import parse_signatures
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.superblock import places
from ansible_collections.fleetlab.linux.plugins.module_utils._md.show import describe, report, unused
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.machine import want
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.recorded_host import (
    FOLDERS,
    RecordedHost,
    RecordedRunner,
)

SIZE = 536870912
MEMBERS = ["/dev/disk/by-path/platform-uml-blkdev.1", "/dev/ubdc", "/dev/ubdd"]
MD1 = want("md1", level="raid1e", chunk=64, devices=MEMBERS)
MD2 = want("md2", level="raid1", devices=["/dev/ubde", "/dev/ubdf"])
MD99 = want("md99", level="raid0", chunk=64, devices=["/dev/md1", "/dev/md2"], size_tolerance=5)
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.machine import plan_arrays


def recorded(folder: Path, scenario: str) -> Tuple[RecordedHost, RecordedRunner]:
    host = RecordedHost.load(folder / f"{scenario}.json")
    for number, name in ((1, "md1"), (2, "md2"), (99, "md99")):
        if f"text /sys/class/block/{name}/size" in host.answers:
            host.answers[f"device_number /dev/{name}"] = [f"9:{number}", ""]
            host.answers[f"target /sys/dev/block/9:{number}"] = f"/sys/devices/virtual/block/{name}"
    return host, RecordedRunner(host.answers)


def seen(folder: Path, scenario: str, *wanted: Any) -> State:
    host, runner = recorded(folder, scenario)
    return observe(Wanted(wanted), host, runner)


def argvs(state: State, *wanted: Any) -> List[str]:
    return [" ".join(argv) for argv in plan_arrays(state, wanted).commands()]


def refusal(state: State, *wanted: Any) -> str:
    with pytest.raises(FleetlabError) as caught:
        plan_arrays(state, wanted)
    return str(caught.value)


def test_a_run_with_nothing_to_do_starts_no_process(folder: Path) -> None:
    host, runner = recorded(folder, "stripe")
    state = observe(Wanted((MD1, MD2, MD99)), host, runner)
    assert runner.argvs == []
    outcome = plan_arrays(state, [MD1, MD2, MD99])
    # The recorded mdadm.conf holds the lines of mdadm --detail --scan, and those are good.
    assert outcome.commands() == []
    assert outcome.warnings == ()


def test_blank_disks_are_read_with_two_processes(folder: Path) -> None:
    host, runner = recorded(folder, "blank")
    state = observe(Wanted((MD1, MD2)), host, runner)
    assert [argv[0] for argv in runner.argvs] == ["udevadm", "wipefs"]
    assert [argv.split(" ")[1] for argv in argvs(state, MD1) if argv.startswith("mdadm")] == ["--create"]


def test_the_shape_of_a_running_mirror(folder: Path) -> None:
    state = seen(folder, "stripe", MD1, MD2, MD99)
    first, _second, stripe = report(state, [MD1, MD2, MD99])
    assert (first["level"], first["layout"], first["layout_word"], first["chunk"]) == ("raid10", "o3", 66305, 64)
    assert (first["label"], first["metadata"], first["bitmap"], first["size"]) == ("b1:md1", "1.2", "internal", 535756800)
    assert (first["health"], first["degraded"], first["sync_action"], first["sync_percent"]) == ("healthy", 0, "idle", None)
    assert first["members"][0] == {
        "device": "/dev/ubdb",
        "by_path": "/dev/disk/by-path/platform-uml-blkdev.1",
        "role": 0,
        "state": "in_sync",
        "events": 19,
    }
    assert [member["device"] for member in stripe["members"]] == ["/dev/md1", "/dev/md2"]
    assert (stripe["layout"], stripe["layout_word"], stripe["bitmap"]) == (None, None, "none")


def test_a_resync_is_reported_with_its_progress(folder: Path) -> None:
    array = seen(folder, "syncing", MD1).arrays[0]
    assert (array.sync_action, health(array)) == ("resync", "syncing")
    assert (array.sync_done, array.sync_total, sync_percent(array)) == (0, 1046400, 0.0)


def test_a_degraded_array(folder: Path) -> None:
    state = seen(folder, "degraded", MD1, MD2, MD99)
    outcome = plan_arrays(state, [MD1, MD2, MD99])
    assert not outcome.changed
    assert outcome.warnings == ("array md1 is degraded: 2 of 3 members are current; without /dev/ubdc",)
    assert report(state, [MD1])[0]["health"] == "degraded"


LOOPS = want("md1", level="raid1e", chunk=64, devices=["/dev/loop0", "/dev/loop1", "/dev/loop2"], replace_failed=True)


def recorded_loops(folder: Path, scenario: str) -> State:
    """An array over loop devices; its nodes were not asked for when it was recorded."""
    host, runner = recorded(folder, scenario)
    for number in range(3):
        host.answers[f"device_number /dev/loop{number}"] = [f"7:{number}", ""]
        host.answers[f"target /sys/dev/block/7:{number}"] = f"/sys/devices/virtual/block/loop{number}"
    return observe(Wanted((LOOPS,)), host, runner)


@pytest.mark.parametrize(
    ("scenario", "expected", "states"),
    [
        ("lost", "degraded", ["in_sync", "faulty", "in_sync"]),
        ("healing", "recovering", ["in_sync", "rebuilding", "in_sync"]),
        ("checking", "healthy", ["in_sync", "in_sync", "in_sync"]),
    ],
)
def test_an_array_that_lost_a_member_is_healed_and_is_checked(folder: Path, scenario: str, expected: str, states: List[str]) -> None:
    state = recorded_loops(folder, scenario)
    found = describe(state, state.arrays[0])
    members = sorted(found["members"], key=lambda member: str(member["device"]))
    assert (found["health"], [member["state"] for member in members]) == (expected, states)
    assert state.arrays[0].component_size == 535756800
    block = state.devices["loop0"].superblock
    assert block
    assert block.component_size == 535756800
    assert block.data_offset + block.data_size == state.devices["loop0"].size


def test_only_the_array_that_lost_a_member_needs_a_plan(folder: Path) -> None:
    planned = [argv for argv in argvs(recorded_loops(folder, "lost"), LOOPS) if "/dev/md1" in argv]
    assert planned == ["mdadm --manage /dev/md1 --remove loop1", "re_add array=/dev/md1 device=/dev/loop1"]
    assert not any(
        argv.startswith("mdadm") for scenario in ("healing", "checking") for argv in argvs(recorded_loops(folder, scenario), LOOPS)
    )


def test_stopped_arrays_are_assembled_and_what_lies_on_them_is_planned_then(folder: Path) -> None:
    state = seen(folder, "stopped", MD2, MD99)
    superblock = state.devices["ubde"].superblock
    assert superblock
    assert argvs(state, MD2, MD99)[-2:] == [
        f"mdadm --assemble /dev/md2 --uuid={shown_uuid(superblock.uuid)} /dev/ubde /dev/ubdf",
        "plan_again arrays=md99",
    ]
    outcome = plan_arrays(state, [MD2, MD99])
    assert [array["state"] for array in report(outcome.state, [MD2, MD99], outcome.deferred)] == ["running", "running"]
    assert outcome.after["md99"]["state"] == "running"


def test_a_stopped_array_with_a_member_left_behind_is_refused(folder: Path) -> None:
    message = refusal(seen(folder, "stopped", MD1), MD1)
    assert "/dev/ubdc is out of date or failed (event count" in message


def test_a_creation_that_was_killed_after_the_last_superblock_is_assembled(folder: Path) -> None:
    wanted = want("md1", level="raid1e", devices=MEMBERS)
    state = seen(folder, "killed", wanted)
    assert not state.arrays[0].active
    commands = [argv for argv in argvs(state, wanted) if "mdadm" in argv.split(" ")[0] or argv.startswith("rm")]
    assert commands[0] == "mdadm --stop /dev/md1"
    assert commands[1] == "rm --force /run/mdadm/creating-md1"
    assert commands[2].startswith("mdadm --assemble /dev/md1 --uuid=")
    assert commands[2].endswith(" /dev/ubdb /dev/ubdc /dev/ubdd")


def test_a_creation_that_was_killed_between_two_superblocks_is_done_again(folder: Path) -> None:
    wanted = want("md1", level="raid1e", devices=MEMBERS)
    state = seen(folder, "killed-between-members", wanted)
    assert state.devices["ubdc"].superblock
    assert state.devices["ubdd"].superblock is None
    assert any(argv.startswith("mdadm --create /dev/md1 --run ") for argv in argvs(state, wanted))


def test_devices_in_use(folder: Path) -> None:
    message = refusal(seen(folder, "in-use", MD1), MD1)
    assert "/dev/disk/by-path/platform-uml-blkdev.1 (/dev/ubdb) is mounted on /mnt" in message
    assert "(/dev/ubdb) carries ext4" in message
    assert "/dev/ubdc is swap space in use" in message
    assert "/dev/ubdc carries swap" in message
    assert "/dev/ubdd is held by vg0-lv0 (dm-0)" in message
    assert "/dev/ubdd carries LVM2_member" in message
    assert "belongs to array 'other:data'" in refusal(seen(folder, "in-use", MD2), MD2)


def test_foreign_content(folder: Path) -> None:
    wanted = want("md1", level="raid1", devices=[MEMBERS[0], "/dev/ubdc", "/dev/ubde"])
    message = refusal(seen(folder, "foreign", wanted), wanted)
    assert "(/dev/ubdb) carries ext4" in message
    assert "/dev/ubdc carries swap" in message
    assert "/dev/ubde carries the superblock of array 'other:data'" in message


def test_paths_that_are_not_there_or_no_devices(folder: Path) -> None:
    missing = want("md1", level="raid1", devices=["/dev/ubdc", "/dev/nosuch"])
    assert "/dev/nosuch does not exist" in refusal(seen(folder, "blank", missing), missing)
    file = want("md1", level="raid1", devices=["/dev/ubdc", "/etc/passwd"])
    assert "/etc/passwd is a regular file" in refusal(seen(folder, "blank", file), file)


def test_spares_before_and_after_they_were_needed(folder: Path) -> None:
    host, _runner = recorded(folder, "raid5-spare-used")
    state = observe_all(host)
    array = describe(state, state.arrays[0])
    assert (array["name"], array["level"], array["layout"], array["layout_word"]) == ("data", "raid5", "left-symmetric", 2)
    assert [(member["device"], member["role"], member["state"]) for member in array["members"]] == [
        ("/dev/loop1", 0, "in_sync"),
        ("/dev/loop4", 1, "in_sync"),
        ("/dev/loop3", 2, "in_sync"),
        ("/dev/loop2", None, "faulty"),
    ]
    before, _runner = recorded(folder, "raid5-spare")
    members = describe(observe_all(before), observe_all(before).arrays[0])["members"]
    assert {member["device"]: member["state"] for member in members}["/dev/loop4"] == "spare"


def mdstat() -> Iterator[Tuple[Path, str, str, str]]:
    """Version, scenario, kernel name, and what C(/proc/mdstat) had to say of that array when the scenario was recorded."""
    for file in sorted(file for folder in FOLDERS for file in folder.glob("*.mdstat")):
        for name, text in re.findall(r"^(md\d+) : (.*?)(?=^\S)", file.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            yield file.parent, file.stem, name, text


@pytest.mark.parametrize(
    ("version", "scenario", "name", "text"),
    list(mdstat()),
    ids=lambda value: value.name if isinstance(value, Path) else value if len(value) < 30 else "",
)
def test_arrays_read_from_sysfs_are_those_of_mdstat(version: Path, scenario: str, name: str, text: str) -> None:
    state = observe_all(recorded(version, scenario)[0])
    (array,) = [array for array in state.arrays if array.kernel_name == name]
    words = text.split("\n")[0].split(" ")
    assert array.active == (words[0] == "active")
    named = dict(re.findall(r"(\w+)\[\d+\](\(\w\))?", text))
    assert {member.device for member in array.members} == set(named)
    assert {member.device for member in array.members if member.faulty} == {device for device, mark in named.items() if mark == "(F)"}
    if array.active:
        assert array.level == words[1]
        assert {m.device for m in array.members if m.slot is None and not m.faulty} == {d for d, mark in named.items() if mark == "(S)"}
    for count, current, slots in re.findall(r"\[(\d)/(\d)\] \[([U_]+)\]", text):
        assert (array.raid_disks, array.raid_disks - array.degraded) == (int(count), int(current))
        assert array.missing_slots == tuple(slot for slot, mark in enumerate(slots) if mark == "_")
    actions = {"recovery": "recover", "resync": "resync", "check": "check"}
    assert [array.sync_action] == ([actions[word] for word in re.findall(r"(\w+) = ", text)] or ["idle"])


def test_a_stopped_array_is_assembled_without_the_member_that_a_spare_stood_in_for(folder: Path) -> None:
    """Both say that they have slot 1."""
    host, _runner = recorded(folder, "raid5-stopped")
    state = observe_all(host, examine=True)
    entries = unused(state)
    assert [(entry["device"], entry["role"]) for entry in entries] == [
        ("/dev/loop1", 0),
        ("/dev/loop2", 1),
        ("/dev/loop3", 2),
        ("/dev/loop4", 1),
    ]
    events = [entry["events"] for entry in entries]
    assert events[0] == events[2] == events[3] > events[1] > 0
    superblock = state.devices["loop1"].superblock
    assert superblock
    state = replace(state, paths={f"/dev/{name}": name for name in state.devices})
    members = {"devices": ["/dev/loop1", "/dev/loop4", "/dev/loop3"], "spares": ["/dev/loop2"]}
    wanted = want("data", level="raid5", **members, persist=False)
    assert argvs(state, wanted)[0] == (
        f"mdadm --assemble /dev/md/data --uuid={shown_uuid(superblock.uuid)} /dev/loop1 /dev/loop4 /dev/loop3"
    )


def test_superblocks_of_arrays_that_do_not_run(folder: Path) -> None:
    host, _runner = recorded(folder, "stopped")
    found = unused(observe_all(host, examine=True))
    assert [(entry["device"], entry["label"], entry["role"]) for entry in found] == [
        ("/dev/ubdb", "b1:md1", 0),
        ("/dev/ubdc", "b1:md1", 1),
        ("/dev/ubdd", "b1:md1", 2),
        ("/dev/ubde", "b1:md2", 0),
        ("/dev/ubdf", "b1:md2", 1),
    ]


def test_looking_again_starts_no_process_and_knows_stopped_from_absent(folder: Path) -> None:
    stopped, blank = recorded(folder, "stopped")[0], recorded(folder, "blank")[0]
    assert report(look_again(Wanted((MD1,)), stopped), [MD1])[0]["state"] == "stopped"
    assert report(look_again(Wanted((MD1,)), blank), [MD1])[0]["state"] == "absent"
    assert report(look_again(Wanted((MD1,)), recorded(folder, "stripe")[0]), [MD1])[0]["state"] == "running"


@pytest.mark.parametrize(
    ("release", "path"),
    [
        ("ID=debian\n", "/etc/mdadm/mdadm.conf"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "/etc/mdadm/mdadm.conf"),
        ('ID="almalinux"\nID_LIKE="rhel centos fedora"\n', "/etc/mdadm.conf"),
        ("", "/etc/mdadm.conf"),
    ],
)
def test_the_right_mdadm_conf(release: str, path: str) -> None:
    drop_in = f"{path}.d/lab.conf"
    answers = {"text /etc/os-release": release, f"names {path}.d": ["lab.conf", "lab.conf~"], f"content {drop_in}": ["x", 0o600]}
    files = read_conf(RecordedHost(answers).host)
    assert [(file.path, file.exists, file.mode) for file in files] == [(path, False, 0o644), (drop_in, True, 0o600)]


def test_the_initramfs_command_of_the_family() -> None:
    assert initramfs_command(RecordedHost({"program update-initramfs": True, "program dracut": True}).host) == ("update-initramfs", "-u")
    assert initramfs_command(RecordedHost({"program dracut": True}).host) == ("dracut", "--force", "--mdadmconf")
    assert initramfs_command(RecordedHost({}).host) == ()


def test_the_kernel_says_which_superblock_a_running_member_has(folder: Path) -> None:
    """A newer one at the end of each member, of an array that was stopped since, neither hides the array nor has it removed."""
    host, runner = recorded(folder, "stripe")
    end = dict(places(SIZE))["1.0"]
    stale = RecordedHost.load(folder / "metadata-1.0.json").answers[f"read /dev/ubde {end}"]
    host.answers.update({f"read {node} {end}": stale for node in ("/dev/ubdb", "/dev/ubdc", "/dev/ubdd")})
    old = want("old", state="absent")
    state = observe(Wanted((MD1, MD2, MD99, old)), host, runner)
    assert [array.label for array in state.arrays] == ["b1:md1", "b1:md2", "b1:md99"]
    assert plan_arrays(state, [MD1, MD2, MD99, old]).steps == ()


def test_journals() -> None:
    path = "text /var/lib/fleetlab-md_array.json"
    assert read_journal(RecordedHost({}).host) is None
    assert read_journal(RecordedHost({path: '{"creating": ["ab"], "initramfs": false}'}).host) == Journal(("ab",), False)
    assert read_journal(RecordedHost({path: "damaged"}).host) == Journal((), True)
    noted = '{"creating": [], "initramfs": false, "survivors": {"ab": [{"identity": "A", "current": true, "failed": true, "lacks": [[8, 2]]'
    survivor = Survivor("A", True, True, ((8, 2),), 40, 1800000000)
    assert read_journal(RecordedHost({path: noted + ', "events": 40, "seen": 1800000000}]}}'}).host) == Journal(
        survivors={"ab": (survivor,)}
    )


@pytest.mark.parametrize(
    ("answers", "uuid"),
    [
        ({"text /sys/block/md1/md/uuid": "5cb5057f-b757-cd46-e6b8-3949a186dc3e"}, "5cb5057fb757cd46e6b83949a186dc3e"),
        (
            {"text /run/mdadm/map": "md2 1.2 1:2:3:4 /dev/md2\nmd1 1.2 5cb5057f:b757cd46:e6b83949:a186dc3e /dev/md1"},
            "5cb5057fb757cd46e6b83949a186dc3e",
        ),
        ({"text /run/mdadm/map": "md12 1.2 5cb5057f:b757cd46:e6b83949:a186dc3e /dev/md12"}, ""),
        ({}, ""),
    ],
)
def test_which_array_it_is_when_no_member_answers(answers: Dict[str, str], uuid: str) -> None:
    array = read_array(RecordedHost({"text /sys/block/md1/md/array_state": "broken", **answers}).host, "md1", lambda _name: None)
    assert array
    assert array.uuid == uuid


def test_signatures_that_cannot_be_understood() -> None:
    assert parse_signatures("") == {}
    with pytest.raises(ObservationError, match="wipefs --json"):
        parse_signatures("DEVICE OFFSET TYPE")
    with pytest.raises(ObservationError, match="wipefs --json"):
        parse_signatures('{"signatures": [{"offset": "0x0"}]}')


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"bitmap/location": "+8"}, "internal"),
        ({"bitmap/location": "file"}, "file"),
        ({"bitmap/location": "none"}, "none"),
        # With newer kernels the folder of a bitmap exists with that bitmap only.
        ({}, "none"),
        ({"llbitmap/metadata": "chunksize 65536"}, "lockless"),
    ],
)
def test_the_kind_of_a_bitmap(files: Dict[str, str], kind: str) -> None:
    answers = {f"text /sys/block/md1/md/{name}": text for name, text in {"array_state": "clean", **files}.items()}
    array = read_array(RecordedHost(answers).host, "md1", lambda _name: None)
    assert array
    assert array.bitmap == kind
