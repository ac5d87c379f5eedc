# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps that make a lab, start its guests, or remove it. Pure."""

from __future__ import annotations

from typing import List, Tuple

from .._core.plan import Command, MakeDirectory, Operation, Plan, Step, WriteFile
from .checks import check_owner, check_present
from .render import enter_script, start_script
from .show import after, before, view
from .state import BRIDGE, HOLDER_WORD, KERNEL, MARKER, Guest, GuestState, State, Wanted

_PRIVATE = 0o700
"""The mode of directories, because they get keys and secrets."""


def plan(state: State, lab: Wanted) -> Plan:
    """The steps for a lab; see L(checks) for refusals."""
    return _plan_present(state, lab) if lab.present else _plan_absent(state, lab)


def _plan_present(state: State, lab: Wanted) -> Plan:
    """Create missing files and links, and start guests that do not run. The failure of a guest does not stop the others."""
    check_present(state, lab)
    steps: List[Step] = [*_directory_steps(state, lab), *_network_steps(state, lab)]
    warnings: List[str] = []
    parts: List[Plan] = []
    for guest in lab.guests:
        observed = state.guest(guest.name)
        parts.append(Plan(f"guest {guest.name}", {}, {}, tuple(_guest_steps(lab, guest, observed, state))))
        if observed.running and observed.start_script != start_script(lab, guest):
            warnings.append(f"guest {guest.name} runs with its former settings until it is started again")
    return Plan(
        subject=f"lab {lab.name}",
        before=before(state, lab),
        after=after(state, lab),
        steps=(*steps, *(step for part in parts for step in part.steps)),
        warnings=tuple(warnings),
        parts=tuple(parts),
    )


def _plan_absent(state: State, lab: Wanted) -> Plan:
    """End every process of the lab, which removes its namespaces, and remove its directory."""
    if state.entries or state.processes:
        check_owner(state, lab)
    steps: List[Step] = []
    if state.processes:
        steps.append(Operation("end-processes"))
    if state.entries:
        steps.append(Operation("remove-directory", {"path": lab.directory}))
    gone = {"namespace": "absent", "guests": {}}
    return Plan(f"lab {lab.name}", view(state, lab) if steps else gone, gone, tuple(steps))


def _directory_steps(state: State, lab: Wanted) -> List[Step]:
    steps: List[Step] = []
    if state.owner is None:
        steps.append(MakeDirectory(lab.directory, _PRIVATE))
        steps.append(WriteFile(f"{lab.directory}/{MARKER}", f"{lab.token}\n", mode=0o600))
    if "id_ed25519" not in state.entries or "id_ed25519.pub" not in state.entries:
        steps.append(Operation("make-ssh-key", {"path": f"{lab.directory}/id_ed25519"}))
    if lab.backend.notes_kernel and state.kernel != lab.image.kernel:
        steps.append(WriteFile(f"{lab.directory}/{KERNEL}", f"{lab.image.kernel}\n", mode=0o600))
    if state.enter_script != enter_script(lab):
        steps.append(WriteFile(f"{lab.directory}/enter", enter_script(lab), mode=0o700))
    return steps


def _network_steps(state: State, lab: Wanted) -> List[Step]:
    steps: List[Step] = []
    if state.holder is None:
        steps.append(Operation("start-holder", {"argv": holder_argv(lab), "pid_file": f"{lab.directory}/holder.pid"}))
    elif "holder.pid" not in state.entries:
        steps.append(WriteFile(f"{lab.directory}/holder.pid", f"{state.holder}\n"))
    # Whenever a guest is to be started, all its links are set again, because a run may have been killed between two of these lines.
    if state.holder is None or BRIDGE not in state.links or not all(state.guest(guest.name).running for guest in lab.guests):
        add = [] if BRIDGE in state.links else [f"link add {BRIDGE} type bridge"]
        rest = [f"address replace {lab.gateway} dev {BRIDGE}", f"link set {BRIDGE} mtu {lab.mtu} up", "link set lo up"]
        steps.append(_ip(lab, add + rest))
    return steps


def holder_argv(lab: Wanted) -> Tuple[str, ...]:
    """The command of the holder, the process that keeps the namespaces: when it ends, every guest and the whole network end."""
    user = ("--user", "--map-root-user") if lab.rootless else ()
    # The loop reaps orphaned processes of guests, which is the duty of the first process in a process namespace.
    loop = "while sleep 3600; do :; done"
    return ("unshare", *user, "--net", "--pid", "--fork", "--kill-child", "sh", "-c", loop, HOLDER_WORD, lab.token)


def _ip(lab: Wanted, batch: List[str]) -> Command:
    return Command((f"{lab.directory}/enter", "ip", "-batch", "-"), stdin="".join(f"{line}\n" for line in batch), timeout=20)


def _guest_steps(lab: Wanted, guest: Guest, observed: GuestState, state: State) -> List[Step]:
    folder = lab.guest_directory(guest)
    steps: List[Step] = []
    missing = [disk for disk in guest.disks if disk.name not in observed.disks]
    if missing or observed.start_script is None:
        steps.append(MakeDirectory(folder, _PRIVATE))
    for disk in missing:
        steps.append(Operation("make-disk", {"path": f"{folder}/{disk.name}.disk", "size": disk.size}))
    if observed.start_script != start_script(lab, guest):
        steps.append(WriteFile(f"{folder}/start", start_script(lab, guest), mode=0o700))
    if not observed.running:
        add = [] if guest.tap in state.links else [f"tuntap add dev {guest.tap} mode tap"]
        steps.append(_ip(lab, [*add, f"link set {guest.tap} mtu {lab.mtu} master {BRIDGE} up"]))
        steps.append(Operation("start-guest", {"name": guest.name}))
    return steps
