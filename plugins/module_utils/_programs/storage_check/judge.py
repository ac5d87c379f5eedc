# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which problems does the storage of a host have, and how bad are they? Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator

from .arrays import Array
from .facts import Facts
from .mounts import Mount
from .sessions import LOGGED_IN, Session
from .targets import Target

OK, WARNING, CRITICAL, UNKNOWN = range(4)
WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


@dataclass
class Problem:
    """A finding in words. C(key) is the same as long as the problem lasts: its object, and the kind of the problem."""

    key: str
    level: int
    text: str


def find_problems(facts: Facts) -> list[Problem]:
    """All problems, the worst first."""
    found: list[Problem] = []
    for array in facts.arrays:
        found += _array(array)
    for session in facts.sessions:
        found += _session(session)
    for target in facts.targets:
        found += _target(target)
    for mount in facts.mounts:
        found += _mount(mount)
    found += _missing(facts)
    return sorted(found, key=lambda problem: (-problem.level, problem.key))


def _array(array: Array) -> Iterator[Problem]:
    name, where = f"array {array.name}", f"{array.name} (/dev/{array.kernel_name})"
    # A container only holds the disks of other arrays, and is always inactive.
    if array.container:
        return
    if array.state == "inactive":
        count = sum(member.slot is not None for member in array.members)
        yield Problem(f"{name}: inactive", CRITICAL, f"{where} does not run: {count} members were found")
        return
    if array.state == "broken":
        yield Problem(f"{name}: broken", CRITICAL, f"{where} is broken: it has lost more members than it can")
    elif array.degraded:
        yield _degraded(array, f"{name}: degraded", where)
    failed = [member.device for member in array.members if member.state == "faulty"]
    if failed and not array.degraded:
        yield Problem(f"{name}: failed members", WARNING, f"{where} has failed members: {', '.join(failed)}")
    away = [member.device for member in array.members if member.state != "faulty" and not member.online]
    if away:
        yield Problem(f"{name}: members away", CRITICAL, f"{where} has members that do not answer: {', '.join(away)}")
    if array.mismatches and array.last_action == "check" and array.action != "check":
        yield Problem(
            f"{name}: mismatches", WARNING, f"{where}: the last check found {array.mismatches} sectors that differ between copies"
        )


def _degraded(array: Array, key: str, where: str) -> Problem:
    if _is_growing_stripe(array):
        percent = "" if array.percent is None else f" ({array.percent} %)"
        return Problem(key, WARNING, f"{where} is a raid4 without its parity member, as a stripe is while it grows{percent}")
    text = f"{where} is degraded: {array.raid_disks - array.degraded} of {array.raid_disks} members hold current data"
    if array.action in ("recover", "reshape"):
        percent = "" if array.percent is None else f" ({array.percent} %)"
        return Problem(key, WARNING, f"{text}, and it is being rebuilt{percent}")
    failed = [member.device for member in array.members if member.state == "faulty"]
    return Problem(key, CRITICAL, f"{text}; failed: {', '.join(failed)}" if failed else text)


def _is_growing_stripe(array: Array) -> bool:
    taken = {member.slot for member in array.members}
    return array.level == "raid4" and array.action == "reshape" and set(range(array.raid_disks)) - taken == {array.raid_disks - 1}


def _session(session: Session) -> Iterator[Problem]:
    name = f"session {session.key}"
    if session.state != LOGGED_IN:
        yield Problem(f"{name}: down", CRITICAL, f"the session with {session.key} is down: {session.state}")
    elif not session.disks:
        yield Problem(f"{name}: no disks", CRITICAL, f"the session with {session.key} has no disks")


def _target(target: Target) -> Iterator[Problem]:
    name = f"target {target.name}"
    if not target.enabled:
        yield Problem(f"{name}: disabled", CRITICAL, f"the target {target.name} is disabled")
    if not target.portals:
        yield Problem(f"{name}: no portal", CRITICAL, f"the target {target.name} listens nowhere: it has no portal")
    lost = [f"{lun.number} ({lun.path})" if lun.path else str(lun.number) for lun in target.luns if not lun.active]
    if lost:
        yield Problem(f"{name}: LUNs lost", CRITICAL, f"the target {target.name} has LUNs without their storage: {', '.join(lost)}")
    down = [name for name, state in target.initiators.items() if state not in ("", LOGGED_IN)]
    if down:
        yield Problem(f"{name}: sessions", WARNING, f"the target {target.name} has unfinished sessions with {', '.join(down)}")


def _mount(mount: Mount) -> Iterator[Problem]:
    if mount.state == "missing":
        yield Problem(f"mount {mount.point}: missing", CRITICAL, f"{mount.device} is not mounted on {mount.point}")
    if mount.state == "read-only":
        yield Problem(f"mount {mount.point}: read-only", CRITICAL, f"{mount.point} cannot be written: its file system has had errors")


def _missing(facts: Facts) -> Iterator[Problem]:
    """Objects that are configured and do not exist, which no list of what exists can show."""
    running = {array.uuid for array in facts.arrays}
    for uuid, device in facts.declared_arrays.items():
        # Where no array shows its UUID, as with an old kernel and no map, the name has to do.
        if uuid not in running and not any(f"/dev/{array.kernel_name}" == device and not array.uuid for array in facts.arrays):
            yield Problem(f"array {device}: missing", CRITICAL, f"{device} of mdadm.conf does not exist: its members were not found")
    for target, portals in facts.automatic_targets.items():
        lacking = portals - sum(session.target == target for session in facts.sessions)
        if lacking > 0:
            yield Problem(f"target {target}: not logged in", CRITICAL, f"{lacking} of {portals} sessions with {target} are missing")
    exported = {target.name for target in facts.targets}
    for name in facts.saved_targets:
        if name not in exported:
            yield Problem(f"target {name}: missing", CRITICAL, f"the target {name} is saved for boot, and does not run")
