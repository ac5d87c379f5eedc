# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans of a lab, carried out on a model of it."""

from __future__ import annotations

import dataclasses
import re
from types import SimpleNamespace
from typing import Any, Dict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError, ObservationError, RefusedError, StepError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import (
    Command,
    MakeDirectory,
    Operation,
    Plan,
    Step,
    WriteFile,
    apply,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.options import make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.render import enter_script, start_script
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.state import KERNEL, MARKER, GuestState, State, Wanted
from ansible_collections.fleetlab.linux.plugins.modules.lab_guests import BACKENDS


def lab_of(backend: str = "uml", servers: int = 2, rootless: bool = False) -> Wanted:
    """A lab with one disk in each guest."""
    guests = [
        {"name": f"server{number}", "address": f"10.9.0.{10 + number}/24", "memory": 256, "cpus": 1, "disks": [{"name": "v", "size_mb": 8}]}
        for number in range(1, servers + 1)
    ]
    params: Dict[str, Any] = {
        "name": "lab",
        "directory": "/srv/the lab/it",
        "backend": backend,
        "gateway": "10.9.0.1/24",
        "mtu": 9000,
        "image": {"root": "/srv/images/root.ext4", "kernel": "/srv/images/vmlinuz", "initrd": "/srv/images/initrd.img"},
        "guests": guests,
        "state": "present",
        "exclusive_to": None,
    }
    return make_wanted(params, rootless, BACKENDS)


def plan_present(lab: Wanted, state: State) -> Plan:
    return plan(state, lab)


def plan_absent(lab: Wanted, state: State) -> Plan:
    return plan(state, dataclasses.replace(lab, present=False))


class Model:
    """A lab that steps are carried out on."""

    def __init__(self, lab: Wanted, start: State) -> None:
        self.lab = lab
        self.state = start

    def change(self, **values: Any) -> None:
        self.state = dataclasses.replace(self.state, **values)

    def change_guest(self, name: str, **values: Any) -> None:
        known = {guest.name: guest for guest in self.state.guests}
        known[name] = dataclasses.replace(known.get(name, GuestState(name)), **values)
        self.change(guests=tuple(known.values()))

    def add_entry(self, path: str) -> None:
        name = path[len(self.lab.directory) + 1 :].split("/")[0]
        if name:
            self.change(entries=tuple(sorted({*self.state.entries, name})))

    def carry_out(self, step: Step) -> None:
        if isinstance(step, WriteFile):
            self.write(step)
        elif isinstance(step, Command):
            assert step.argv[0] == f"{self.lab.directory}/enter"
            assert self.state.holder is not None
            assert self.state.enter_script is not None
            added = re.findall(r"^(?:link add|tuntap add dev) (\S+)", step.stdin or "", re.MULTILINE)
            assert not set(added) & set(self.state.links), "a link is made twice"
            self.change(links=(*self.state.links, *added))
        elif isinstance(step, MakeDirectory):
            assert step.mode == 0o700
            self.add_entry(step.path)
        else:
            assert isinstance(step, Operation)
            getattr(self, step.name.replace("-", "_"))(**step.arguments)

    def write(self, step: WriteFile) -> None:
        self.add_entry(step.path)
        if step.path.endswith(MARKER):
            self.change(owner=step.content.strip())
        elif step.path == f"{self.lab.directory}/{KERNEL}":
            self.change(kernel=step.content.strip())
        elif step.path.endswith("/enter"):
            self.change(enter_script=step.content)
        elif step.path.endswith("/start"):
            self.change_guest(step.path.split("/")[-2], start_script=step.content)

    def make_ssh_key(self, path: str) -> None:
        self.add_entry(path)
        self.add_entry(f"{path}.pub")

    def make_disk(self, path: str, size: int) -> None:
        guest, disk = path.split("/")[-2:]
        before = self.state.guest(guest).disks
        self.change_guest(guest, disks={**before, disk[: -len(".disk")]: size})

    def start_holder(self, argv: Any, pid_file: str) -> None:
        self.add_entry(pid_file)
        self.change(holder=4711, links=("lo",), processes=(4710, 4711))

    def start_guest(self, name: str) -> None:
        guest = next(guest for guest in self.lab.guests if guest.name == name)
        assert guest.tap in self.state.links
        assert not self.state.guest(name).running
        self.change_guest(name, running=True, has_root=True)

    def end_processes(self) -> None:
        self.change(
            holder=None, links=(), processes=(), guests=tuple(dataclasses.replace(guest, running=False) for guest in self.state.guests)
        )

    def remove_directory(self, path: str) -> None:
        self.state = State()


def carried_out(lab: Wanted, made: Plan, start: State) -> State:
    """The lab after the plan."""
    model = Model(lab, start)
    for step in made.steps:
        model.carry_out(step)
    return model.state


def present(lab: Wanted) -> State:
    """A lab that is all there."""
    return carried_out(lab, plan_present(lab, State()), State())


@given(st.sampled_from(["uml", "qemu"]), st.integers(1, 4), st.booleans(), st.data())
def test_a_plan_cut_short_anywhere_is_completed_by_the_next_and_then_empty(backend: str, servers: int, rootless: bool, data: Any) -> None:
    lab = lab_of(backend, servers, rootless)
    steps = plan_present(lab, State()).steps
    model = Model(lab, State())
    for step in steps[: data.draw(st.integers(0, len(steps)))]:
        model.carry_out(step)
    after = carried_out(lab, plan_present(lab, model.state), model.state)
    assert plan_present(lab, after).steps == ()
    assert all(after.guest(guest.name).running for guest in lab.guests)
    gone = carried_out(lab, plan_absent(lab, after), after)
    assert plan_absent(lab, gone).steps == ()


def test_a_guest_that_died_is_started_again_and_nothing_else_happens() -> None:
    lab = lab_of()
    there = present(lab)
    dead = dataclasses.replace(there, guests=(dataclasses.replace(there.guests[0], running=False), there.guests[1]))
    steps = plan_present(lab, dead).steps
    assert [step.name for step in steps if isinstance(step, Operation)] == ["start-guest"]
    assert not any("add" in (step.stdin or "").split() for step in steps if isinstance(step, Command))


def test_a_guest_that_ends_at_once_holds_up_no_other() -> None:
    lab = lab_of(servers=3)
    died = dataclasses.replace(present(lab), guests=tuple(dataclasses.replace(one, running=False) for one in present(lab).guests))
    started: list[str] = []

    def start(name: str) -> None:
        if name == "server2":
            raise ObservationError("the guest ended at once")
        started.append(name)

    ignored = SimpleNamespace(run=lambda argv, **_options: None)
    with pytest.raises(StepError, match=r"^guest server2: .* the guest ended at once"):
        apply(plan_present(lab, died), ignored, {"start-guest": start})
    assert started == ["server1", "server3"]


def test_guests_that_end_for_one_cause_are_named_in_one_message() -> None:
    lab = lab_of(servers=3)
    died = dataclasses.replace(present(lab), guests=tuple(dataclasses.replace(one, running=False) for one in present(lab).guests))

    def start(name: str) -> None:
        raise ObservationError(f"the guest ended at once: {'no tap' if name == 'server2' else 'no memory'}")

    ignored = SimpleNamespace(run=lambda argv, **_options: None)
    with pytest.raises(StepError) as caught:
        apply(plan_present(lab, died), ignored, {"start-guest": start})
    together, alone = str(caught.value).split("; ", 1)
    assert together == "guest server1, guest server3: the guest ended at once: no memory"
    assert alone.startswith("guest server2: step 2 of 2 failed: start-guest name=server2: the guest ended at once: no tap")


def test_a_lab_whose_machine_rebooted_gets_its_network_and_guests_back_with_their_disks() -> None:
    lab = lab_of()
    there = present(lab)
    rebooted = carried_out(lab, Plan("x", {}, {}, (Operation("end-processes"),)), there)
    names = [step.name for step in plan_present(lab, rebooted).steps if isinstance(step, Operation)]
    assert names == ["start-holder", "start-guest", "start-guest"]


def test_a_directory_of_somebody_else_is_refused_by_what_is_in_it() -> None:
    for make_plan in (plan_present, plan_absent):
        with pytest.raises(RefusedError, match=r"thesis\.tex"):
            make_plan(lab_of(), State(entries=("thesis.tex",)))
        with pytest.raises(RefusedError, match="other-0123456789"):
            make_plan(lab_of(), State(owner="other-0123456789", entries=(MARKER,)))


def test_a_disk_of_another_size_is_refused() -> None:
    lab = lab_of()
    there = present(lab)
    changed = dataclasses.replace(there, guests=(dataclasses.replace(there.guests[0], disks={"v": 5}), there.guests[1]))
    with pytest.raises(RefusedError, match="disk v of guest server1"):
        plan_present(lab, changed)


def test_a_guest_made_from_another_image_is_refused() -> None:
    lab = lab_of()
    other = dataclasses.replace(lab, image=dataclasses.replace(lab.image, root="/srv/images/other.ext4"))
    with pytest.raises(RefusedError, match="another image"):
        plan_present(other, present(lab))


def test_new_settings_of_a_running_guest_wait_for_its_next_start() -> None:
    lab = lab_of()
    there = present(lab)
    larger = dataclasses.replace(lab, guests=(dataclasses.replace(lab.guests[0], memory=512), lab.guests[1]))
    made = plan_present(larger, there)
    assert [type(step) for step in made.steps] == [WriteFile]
    assert "server1" in made.warnings[0]


def test_a_closed_tun_device_is_refused_before_anything_is_made() -> None:
    with pytest.raises(InputError, match="/dev/net/tun"):
        plan_present(lab_of(), State(tun_usable=False))


def test_memory_that_is_not_there_is_refused_for_the_guests_that_are_to_be_started() -> None:
    lab = lab_of(servers=2)
    with pytest.raises(InputError, match="need 512 MiB in /dev/shm, which has 300 MiB free"):
        plan_present(lab, State(memory_free=300 * 1024 * 1024))
    assert plan_present(lab, dataclasses.replace(present(lab), memory_free=0)).steps == ()
    assert plan_present(lab_of("qemu"), State(memory_free=0)).changed


def test_only_an_ordinary_user_needs_a_user_namespace() -> None:
    assert "--user" in enter_script(lab_of(rootless=True))
    assert "--user" not in enter_script(lab_of())


def test_scripts_quote_the_directory() -> None:
    lab = lab_of()
    assert "'/srv/the lab/it/holder.pid'" in enter_script(lab)
    assert "cd '/srv/the lab/it/guests/server1' || exit" in start_script(lab, lab.guests[0])


def test_guests_see_their_disks_by_names_that_stay() -> None:
    assert lab_of().backend.device(0, lab_of().guests[0].disks[0]) == "/dev/ubdb"
    assert lab_of("qemu").backend.device(0, lab_of().guests[0].disks[0]) == "/dev/disk/by-id/virtio-v"


def with_volume_id(identity: str, backend: str = "qemu", servers: int = 1) -> Wanted:
    """A lab whose disks bear the id of a volume."""
    lab = lab_of(backend, servers)
    disks = [{"name": "v", "size_mb": 8, "volume_id": identity}]
    guests = [
        {"name": guest.name, "address": guest.address, "memory": guest.memory, "cpus": guest.cpus, "disks": disks} for guest in lab.guests
    ]
    image = {"root": lab.image.root, "kernel": lab.image.kernel, "initrd": lab.image.initrd}
    params = {"name": "lab", "directory": lab.directory, "backend": backend, "gateway": lab.gateway, "mtu": 9000, "image": image}
    return make_wanted({**params, "guests": guests, "state": "present", "exclusive_to": None}, False, BACKENDS)


def test_a_disk_with_the_id_of_a_volume_is_an_nvme_disk_that_says_so() -> None:
    lab = with_volume_id("vol-0123456789abcdef0")
    assert "-device nvme,drive=v,serial=vol0123456789abcdef0" in start_script(lab, lab.guests[0])
    assert lab.backend.device(0, lab.guests[0].disks[0]) == "/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_vol0123456789abcdef0"


@pytest.mark.parametrize(
    ("identity", "backend", "servers", "words"),
    [
        ("vol-0123", "qemu", 1, "is not 'vol-' and 17 hexadecimal digits"),
        ("vol-0123456789abcdef0,x", "qemu", 1, "is not 'vol-'"),
        ("vol-0123456789abcdef0", "uml", 1, "only QEMU has NVMe disks"),
        ("vol-0123456789abcdef0", "qemu", 2, "given twice"),
    ],
)
def test_ids_of_volumes_that_can_not_be(identity: str, backend: str, servers: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        with_volume_id(identity, backend, servers)
