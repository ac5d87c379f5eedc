# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a lab is to what it shall be, as steps. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

from .._core.errors import InputError, RefusedError
from .._core.plan import Command, Operation, Plan, Step, WriteFile
from .observe import HOLDER_WORD
from .scripts import enter_script, start_script
from .state import BRIDGE, KERNEL, LOCK, MARKER, Guest, Lab, ObservedGuest, ObservedLab


def plan_present(lab: Lab, current: ObservedLab) -> Plan:
    """Make what is missing, start what does not run, leave alone what does. A guest that fails holds up no other.

    :raises RefusedError: the directory is somebody else's, or a guest's disks do not fit what is declared.
    """
    _check_owner(lab, current)
    if not current.tun_usable:
        raise InputError(
            "backend", f"{lab.backend} guests need /dev/net/tun, which this user cannot open: run as root or allow access to it"
        )
    _check_memory(lab, current)
    steps: List[Step] = [*_directory_steps(lab, current), *_network_steps(lab, current)]
    warnings: List[str] = []
    parts: List[Plan] = []
    for guest in lab.guests:
        observed = current.guest(guest.name)
        _check_guest(lab, guest, observed)
        parts.append(Plan(f"guest {guest.name}", {}, {}, tuple(_guest_steps(lab, guest, observed, current))))
        if observed.running and observed.start_script != start_script(lab, guest):
            warnings.append(f"guest {guest.name} runs with its former settings until it is started again")
    return Plan(
        subject=f"lab {lab.name}",
        before=_describe(lab, current),
        after={"namespace": "present", "guests": {guest.name: "running" for guest in lab.guests}},
        steps=(*steps, *(step for part in parts for step in part.steps)),
        warnings=tuple(warnings),
        parts=tuple(parts),
    )


def plan_absent(lab: Lab, current: ObservedLab) -> Plan:
    """End every process of the lab, with which its namespaces go, and remove its directory."""
    if current.entries or current.processes:
        _check_owner(lab, current)
    steps: List[Step] = []
    if current.processes:
        steps.append(Operation("end-processes"))
    if current.entries:
        steps.append(Operation("remove-directory", {"path": lab.directory}))
    before = _describe(lab, current) if steps else {"namespace": "absent", "guests": {}}
    return Plan(f"lab {lab.name}", before, {"namespace": "absent", "guests": {}}, tuple(steps))


def _describe(lab: Lab, current: ObservedLab) -> Dict[str, Any]:
    guests = {}
    for guest in lab.guests:
        observed = current.guest(guest.name)
        guests[guest.name] = "running" if observed.running else "stopped" if observed.has_root else "absent"
    return {"namespace": "absent" if current.holder is None else "present", "guests": guests}


def _check_owner(lab: Lab, current: ObservedLab) -> None:
    foreign = [name for name in current.entries if name not in (MARKER, LOCK)]
    if current.owner is None and foreign:
        found = f"it holds {', '.join(foreign[:3])} and no {MARKER} file, so it is not a lab's"
        raise RefusedError(f"directory {lab.directory}", found, "Name another directory or empty this one yourself")
    if current.owner not in (None, lab.token):
        found = f"it belongs to the lab {current.owner}"
        raise RefusedError(f"directory {lab.directory}", found, "Give each lab a directory of its own; one that was moved cannot be used")


def _check_memory(lab: Lab, current: ObservedLab) -> None:
    # A guest that finds no room for its memory while it runs is killed by a bus error, and says nothing.
    needed = sum(guest.memory for guest in lab.guests if not current.guest(guest.name).running) * 1024 * 1024
    if lab.backend == "uml" and current.memory_free is not None and needed > current.memory_free:
        free = current.memory_free // (1024 * 1024)
        problem = f"guests that are to be started need {needed // (1024 * 1024)} MiB in /dev/shm, which has {free} MiB free"
        raise InputError("guests.memory", f"{problem}: give them less, or mount /dev/shm with a larger size")


def _check_guest(lab: Lab, guest: Guest, observed: ObservedGuest) -> None:
    for disk in guest.disks:
        size = observed.disks.get(disk.name, disk.size)
        if size != disk.size:
            found = f"it has {size} bytes and {disk.size} are declared"
            raise RefusedError(f"disk {disk.name} of guest {guest.name}", found, "Destroy the lab to change the size of its disks")
    script = observed.start_script or ""
    if observed.has_root and script and lab.image.root not in script:
        found = f"its disk was made from another image or backend than {lab.image.root}"
        raise RefusedError(f"guest {guest.name}", found, "Destroy the lab and make it anew")


def _directory_steps(lab: Lab, current: ObservedLab) -> List[Step]:
    steps: List[Step] = []
    if current.owner is None:
        steps.append(Operation("make-directory", {"path": lab.directory}))
        steps.append(WriteFile(f"{lab.directory}/{MARKER}", f"{lab.token}\n", mode=0o600))
    if "id_ed25519" not in current.entries or "id_ed25519.pub" not in current.entries:
        steps.append(Operation("make-ssh-key", {"path": f"{lab.directory}/id_ed25519"}))
    if lab.backend == "uml" and current.kernel != lab.image.kernel:
        steps.append(WriteFile(f"{lab.directory}/{KERNEL}", f"{lab.image.kernel}\n", mode=0o600))
    if current.enter_script != enter_script(lab):
        steps.append(WriteFile(f"{lab.directory}/enter", enter_script(lab), mode=0o700))
    return steps


def _network_steps(lab: Lab, current: ObservedLab) -> List[Step]:
    steps: List[Step] = []
    if current.holder is None:
        steps.append(Operation("start-holder", {"argv": holder_argv(lab), "pid_file": f"{lab.directory}/holder.pid"}))
    elif "holder.pid" not in current.entries:
        steps.append(WriteFile(f"{lab.directory}/holder.pid", f"{current.holder}\n"))
    # Whenever a guest is to be started its whole way is laid anew: a run may have been killed between two of these lines.
    if current.holder is None or BRIDGE not in current.links or not all(current.guest(guest.name).running for guest in lab.guests):
        add = [] if BRIDGE in current.links else [f"link add {BRIDGE} type bridge"]
        rest = [f"address replace {lab.gateway} dev {BRIDGE}", f"link set {BRIDGE} mtu {lab.mtu} up", "link set lo up"]
        steps.append(_ip(lab, add + rest))
    return steps


def holder_argv(lab: Lab) -> Tuple[str, ...]:
    """The process that keeps the namespaces: when it dies, every guest and the whole network go with it."""
    user = ("--user", "--map-root-user") if lab.rootless else ()
    # The loop reaps what guests leave behind, as the first process of a process namespace must.
    loop = "while sleep 3600; do :; done"
    return ("unshare", *user, "--net", "--pid", "--fork", "--kill-child", "sh", "-c", loop, HOLDER_WORD, lab.token)


def _ip(lab: Lab, batch: List[str]) -> Command:
    return Command((f"{lab.directory}/enter", "ip", "-batch", "-"), stdin="".join(f"{line}\n" for line in batch), timeout=20)


def _guest_steps(lab: Lab, guest: Guest, observed: ObservedGuest, current: ObservedLab) -> List[Step]:
    folder = lab.guest_directory(guest)
    steps: List[Step] = []
    missing = [disk for disk in guest.disks if disk.name not in observed.disks]
    if missing or observed.start_script is None:
        steps.append(Operation("make-directory", {"path": folder}))
    for disk in missing:
        steps.append(Operation("make-disk", {"path": f"{folder}/{disk.name}.disk", "size": disk.size}))
    if observed.start_script != start_script(lab, guest):
        steps.append(WriteFile(f"{folder}/start", start_script(lab, guest), mode=0o700))
    if not observed.running:
        add = [] if guest.tap in current.links else [f"tuntap add dev {guest.tap} mode tap"]
        steps.append(_ip(lab, [*add, f"link set {guest.tap} mtu {lab.mtu} master {BRIDGE} up"]))
        steps.append(Operation("start-guest", {"name": guest.name}))
    return steps
