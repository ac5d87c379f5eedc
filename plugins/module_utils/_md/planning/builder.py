# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan that is being built: the steps so far, and the host after these steps."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Dict, List, Sequence, Set, Tuple

from ..._core.plan import Command, Operation, RemoveFile, Step, WriteFile
from .. import show
from ..model.array import Array, Healing
from ..model.array_plan import ArrayPlan
from ..model.block_device import BlockDevice, Uuid, shown_uuid
from ..model.conf import ConfFile, WantedEntry, with_entry, without_entry
from ..model.state import JOURNAL, MARK_PREFIX, MARKS, SETTLE, STATE_FOLDER, Journal, State
from ..model.survivor import Survivor, as_noted
from ..model.wanted import WantedArray
from ..recovery.completion import redo_path
from ..recovery.failed_writes import survivors

_INITRAMFS_TIMEOUT = 900


class PlanBuilder:
    """Collects steps; C(state) is always the host after the steps so far."""

    def __init__(self, state: State) -> None:
        self.before = state
        self.state = state
        self.steps: List[Step] = []
        self.warnings: List[str] = []
        self.fresh = list(state.fresh)
        self.creating: List[str] = []
        self.created: Set[str] = set()
        self.unread: Set[str] = set()
        self.deferred: List[WantedArray] = []
        self.healed: List[Healing] = []
        self.postponed: List[str] = []
        self.grown_later: Set[str] = set()
        self.releasing: List[str] = []
        self.recovered: Set[Uuid] = set()
        self.noted: List[Uuid] = []
        self.forgotten: List[Uuid] = []
        self.survivors: Dict[Uuid, Tuple[Survivor, ...]] = dict(state.journal.survivors) if state.journal else {}

    def run(self, *argv: str, timeout: float = 120.0, accept: Sequence[int] = (0,)) -> None:
        """Add a command."""
        self.steps.append(Command(argv, timeout=timeout, accept=tuple(accept)))

    def settle(self) -> None:
        """Wait until udev has handled all its events; that the time runs out is no failure."""
        self.run(*SETTLE, accept=(0, 1))

    def make_writable(self, node: str) -> None:
        """Make an array writable that is read-only until its first write, so that a pending resync or rebuild begins."""
        self.steps.append(Operation("make_writable", {"array": node}))

    def stop(self, array: Array) -> None:
        """Stop an array."""
        self.run("mdadm", "--stop", array.node)
        self.state = self.state.without_array(array)

    def note_survivors(self, array: Array) -> None:
        """Before an array is stopped for a task, note the facts about its members that only the kernel knows.

        Older notes stay valid for an array that is still read-only after its assembly, because nothing was written to it.
        """
        if array.uuid in self.survivors and array.auto_read_only:
            return
        self.survivors.pop(array.uuid, None)
        found = survivors(array, self.state.devices, self.state.now)
        if found:
            self.noted.append(array.uuid)
            self.survivors[array.uuid] = found

    def forget_survivors(self, uuid: Uuid) -> None:
        """Drop the notes about the members of an array that runs again or was removed."""
        if self.survivors.pop(uuid, None):
            self.forgotten.append(uuid)

    def alias(self, node: str, array: Array) -> None:
        """Let C(node) mean the array in the rest of the plan, although the array has another node."""
        self.state = replace(self.state, paths={**self.state.paths, node: array.kernel_name})

    def unmark(self, kernel_name: str) -> bool:
        """Remove the file by which a killed mdadm keeps udev from the array; returns whether it existed."""
        if kernel_name not in self.state.creating_marks:
            return False
        self.steps.append(RemoveFile(f"{MARKS}/{MARK_PREFIX}{kernel_name}"))
        marks = tuple(name for name in self.state.creating_marks if name != kernel_name)
        self.state = replace(self.state, creating_marks=marks)
        return True

    def clear(self, devices: Sequence[BlockDevice]) -> None:
        """Erase the content of devices that become members."""
        carrying = [device for device in devices if device.signatures or device.superblock or device.partitions]
        for device in carrying:
            self.run("wipefs", "--all", device.node)
        if carrying:
            self.settle()
        new = [device.node for device in devices if device.kernel_name in self.created]
        if new:
            # An old superblock on a formerly used disk can appear inside the new array.
            self.steps.append(Operation("erase_stale_content", {"devices": new}))

    def add_blank(self, array: Array, device: BlockDevice) -> None:
        """Add a device to an array; its content may be destroyed."""
        if device.signatures or device.superblock or device.partitions:
            self.run("wipefs", "--all", device.node)
            self.settle()
        self.run("mdadm", "--manage", array.node, "--add-spare", device.node)

    def grow_later(self, wanted: WantedArray) -> None:
        """Postpone the growth until the array is whole: this task grows it if it waits for that, else the next task does."""
        self.grown_later.add(wanted.name)
        if wanted.wait == "sync":
            self.postponed.append(wanted.name)
        else:
            self.warnings.append(f"array {wanted.name} is not grown before it is whole; run this again when it is, or set wait to sync")

    def persist(self, wanted: WantedArray, array: Array) -> None:
        """Give the array its line in mdadm.conf."""
        if wanted.persist:
            entry = WantedEntry(
                wanted.node, wanted.spellings, array.uuid, shown_uuid(array.uuid), array.label, array.metadata, wanted.spare_group
            )
            self.state = replace(self.state, conf=with_entry(self.state.conf, entry))

    def forget(self, wanted: WantedArray, uuids: Sequence[str]) -> None:
        """Remove every line of the array from mdadm.conf."""
        self.state = replace(self.state, conf=without_entry(self.state.conf, uuids, wanted.spellings))

    def finish(self, wanted: Sequence[WantedArray]) -> ArrayPlan:
        """The plan."""
        steps, tail = list(self.steps), self._conf_steps()
        refresh = bool(tail and self.state.initramfs)
        noted = self.before.journal or Journal()
        journal = Journal(
            creating=(*noted.creating, *self.creating),
            initramfs=noted.initramfs or refresh,
            releasing=(*noted.releasing, *self.releasing),
            survivors={**noted.survivors, **self.survivors},
        )
        if self.creating or refresh or self.releasing or journal.survivors != noted.survivors:
            steps[:0] = [*_forget_redo(self.noted), _journal_step(journal)]
            self.state = replace(self.state, journal=journal)
        steps += tail
        if journal.initramfs and self.state.initramfs:
            steps.append(Command(self.state.initramfs, timeout=_INITRAMFS_TIMEOUT))
        steps += _forget_redo(self.forgotten)
        steps += self._close_journal(replace(journal, survivors=self.survivors))
        steps += [Operation("grow_when_whole", {"array": name}) for name in self.postponed]
        deferred = tuple(one.name for one in self.deferred)
        if deferred:
            steps.append(Operation("plan_again", {"arrays": deferred}))
        subject = f"md array {wanted[0].name}" if len(wanted) == 1 else "md arrays " + " ".join(one.name for one in wanted)
        return ArrayPlan(
            subject=subject,
            before=show.before(self.before, wanted),
            after=show.after(self.state, wanted, deferred),
            steps=tuple(steps),
            warnings=tuple(self.warnings),
            state=self.state,
            healed=tuple(self.healed),
            deferred=deferred,
            postponed=tuple(self.postponed),
        )

    def _conf_steps(self) -> List[Step]:
        pairs = zip(self.before.conf, self.state.conf)
        changed: List[Tuple[ConfFile, ConfFile]] = [(old, new) for old, new in pairs if new.content != old.content]
        self.state = replace(self.state, conf=tuple(replace(file, exists=file.exists or bool(file.content)) for file in self.state.conf))
        return [WriteFile(new.path, new.content, new.mode) for _old, new in changed]

    def _close_journal(self, journal: Journal) -> List[Step]:
        """Remove finished work from the journal; a half-made array of another task stays in it."""
        if self.state.journal is None:
            return []
        open_still = tuple(uuid for uuid in journal.creating if self._half_made(uuid))
        carried = tuple(uuid for uuid in dict.fromkeys(journal.releasing) if self.state.former_spares(uuid))
        carries_on = open_still or carried or journal.survivors
        remaining = Journal(open_still, releasing=carried, survivors=journal.survivors) if carries_on else None
        if remaining == self.state.journal:
            return []
        self.state = replace(self.state, journal=remaining)
        return [_journal_step(remaining) if remaining else RemoveFile(JOURNAL)]

    def _half_made(self, uuid: str) -> bool:
        array = self.state.array_of(uuid)
        return bool(self.state.carriers(uuid)) and not (array and array.active)


def _forget_redo(uuids: Sequence[Uuid]) -> List[Step]:
    """Remove the blocks of a killed run: they are valid for one recovery, so they go before the next recovery and before the note."""
    return [RemoveFile(redo_path(STATE_FOLDER, uuid)) for uuid in uuids]


def _journal_step(journal: Journal) -> WriteFile:
    noted = {
        "creating": journal.creating,
        "initramfs": journal.initramfs,
        "releasing": journal.releasing,
        "survivors": as_noted(journal.survivors),
    }
    return WriteFile(JOURNAL, json.dumps(noted) + "\n", mode=0o600)
