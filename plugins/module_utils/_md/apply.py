# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of an md plan that are more than one command: waits with a limit, guarded erasure, plans for arrays on new arrays."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from functools import partial
from typing import Callable, List, Optional, Sequence, Set

from .._core.errors import CommandError, FleetlabError
from .._core.plan import Operations, WriteFile, apply, write_file
from .._core.runner import Runner
from .._host.block import BLOCK, kernel_name, node_of, size_of
from .model.array import Array
from .model.block_device import Superblock, plain_uuid
from .model.state import SETTLE, STATE_FOLDER
from .model.wanted import Wanted
from .observe.arrays import read_array
from .observe.observe import observe
from .observe.probe import Probe
from .observe.superblock import read_superblock
from .planning.plan import plan
from .recovery.completion import SECTOR, Block, PlainGap, as_noted, newer, noted_blocks, redo_path

_ATTEMPTS = 5
_MANAGE_TIMEOUT = 120.0
_SLOT_POLL = 0.1
_SLOT_ATTEMPTS = 100
_REMOVE_POLL = 0.5
_REMOVE_ATTEMPTS = 60
_TURN_ATTEMPTS = 20
_WRITABLE = ("clean", "active", "active-idle", "write-pending")


class MdOperations:
    """The operations, bound to a host and a runner."""

    def __init__(self, probe: Probe, runner: Runner, sleep: Callable[[float], None] = time.sleep) -> None:
        self.probe = probe
        self.host = probe.host
        self.runner = runner
        self._sleep = sleep
        self.rebuilt: Set[str] = set()
        self.postponed: List[str] = []

    def all(self, wanted: Wanted) -> Operations:
        """By the names that plans use."""
        return {
            "zero_superblock": self.zero_superblock,
            "erase_stale_content": self.erase_stale_content,
            "make_writable": self.make_writable,
            "complete_member": self.complete_member,
            "re_add": self.re_add,
            "await_slot": self.await_slot,
            "remove_member": self.remove_member,
            "turn_back": self.turn_back,
            "plan_again": partial(self.plan_again, wanted),
            "grow_when_whole": self.grow_when_whole,
        }

    def make_writable(self, array: str) -> None:
        """Make an array writable. If a program wrote to it in the meantime, mdadm fails, and the array is writable already."""
        try:
            self.runner.run(["mdadm", "--readwrite", array])
        except CommandError:
            if self.host.value(f"/sys/block/{self._kernel_name(array)}/md/array_state") not in _WRITABLE:
                raise

    def complete_member(self, device: str, uuid: str, slot: int, gaps: Sequence[PlainGap]) -> None:
        """Before an array is assembled from one member, copy to it from other members the blocks whose writes failed on it.

        Waits for udev before and after, because udev assembles arrays from devices that are closed after a change.
        """
        for node in {device, *(node for _first, _size, others in gaps for node, _start in others)}:
            self._free(node, uuid)
        self._complete(device, slot, gaps, redo_path(STATE_FOLDER, plain_uuid(uuid)))
        self._free(device, uuid)

    def _complete(self, device: str, slot: int, gaps: Sequence[PlainGap], redo: str) -> None:
        """Write the missing blocks to the member; if a killed run left its blocks in the file C(redo), write these."""
        blocks = noted_blocks(self.host.read(redo), slot)
        if blocks is None:
            blocks = [block for gap in gaps for block in self._newer_blocks(device, gap)]
            write_file(WriteFile(redo, as_noted(blocks, slot), mode=0o600))
        _write(device, blocks)

    def _newer_blocks(self, device: str, gap: PlainGap) -> List[Block]:
        first, size, others = gap
        own = self._read(device, first, size)
        data = newer(own, [self._read(node, start, size) for node, start in others])
        return [(first, data)] if data != own else []

    def _read(self, node: str, first: int, size: int) -> bytes:
        data = self.probe.read(node, first * SECTOR, size * SECTOR)
        if data is None or len(data) != size * SECTOR:
            raise FleetlabError(
                f"{node}: {size} sectors from {first} cannot be read; nothing was written to any member. Run this again when they are"
                " readable; to start without their data, detach the device and set run_degraded"
            )
        return data

    def _free(self, node: str, uuid: str) -> None:
        self._settle()
        self._stop_holders(self._kernel_name(node), lambda array: array.uuid == plain_uuid(uuid) and array.auto_read_only)

    def re_add(self, array: str, device: str) -> None:
        """Add a former member again; if md refuses because too much has changed, rebuild all of the member."""
        try:
            self.runner.run(["mdadm", "--manage", array, "--re-add", device], timeout=_MANAGE_TIMEOUT)
        except CommandError:
            self.runner.run(["mdadm", "--manage", array, "--add-spare", device], timeout=_MANAGE_TIMEOUT)
            self.rebuilt.add(device)
        self.await_slot(array, device)

    def await_slot(self, array: str, device: str) -> None:
        """Wait until md has given the device a slot, so that the next device gets the next slot. Without a free slot it is a spare."""
        folder = f"/sys/block/{self._kernel_name(array)}/md"
        member = self._kernel_name(device)
        for _attempt in range(_SLOT_ATTEMPTS):
            slot = self.host.value(f"{folder}/dev-{member}/slot")
            if slot != "none" or self.host.value(f"{folder}/degraded") == "0":
                return
            self._sleep(_SLOT_POLL)

    def remove_member(self, array: str, device: str) -> None:
        """Remove a failed member or a spare, by its kernel name, from an array; md releases it after the last write to it has ended."""
        member = f"/sys/block/{self._kernel_name(array)}/md/dev-{device}"
        for attempt in range(_REMOVE_ATTEMPTS):
            try:
                self.runner.run(["mdadm", "--manage", array, "--remove", device], timeout=_MANAGE_TIMEOUT)
                return
            except CommandError:
                if self.host.value(f"{member}/state") is None:
                    return
                if attempt == _REMOVE_ATTEMPTS - 1:
                    raise
                self._sleep(_REMOVE_POLL)

    def turn_back(self, array: str) -> None:
        """Turn a stripe back that was turned into a raid4 to grow it, unless the mdadm that has watched its reshape does it."""
        level = f"/sys/block/{self._kernel_name(array)}/md/level"
        for attempt in range(_TURN_ATTEMPTS):
            if self.host.value(level) == "raid0":
                return
            try:
                self.runner.run(["mdadm", "--grow", array, "--level=0"], timeout=_MANAGE_TIMEOUT)
            except CommandError:
                if attempt == _TURN_ATTEMPTS - 1:
                    raise
                self._sleep(_REMOVE_POLL)

    def _superblock(self, name: str) -> Optional[Superblock]:
        size = size_of(self.host, name)
        return read_superblock(self.probe, node_of(name), size) if size else None

    def zero_superblock(self, device: str, uuid: str) -> None:
        """Erase the superblock of one array from one device; a superblock of another array, or other content, stays."""
        for attempt in range(_ATTEMPTS):
            name = self._kernel_name(device)
            superblock = self._superblock(name)
            if superblock is None or superblock.uuid != plain_uuid(uuid):
                return
            try:
                self.runner.run(["mdadm", "--zero-superblock", device])
            except CommandError:
                if attempt == _ATTEMPTS - 1:
                    raise
                self._stop_holders(name, lambda array: array.uuid == plain_uuid(uuid))
        raise FleetlabError(f"{device} still carries the superblock of {uuid} after {_ATTEMPTS} attempts to erase it")

    def erase_stale_content(self, devices: Sequence[str]) -> None:
        """Erase every signature inside new arrays; arrays that udev has assembled because of such a signature are stopped first."""
        self._settle()
        for attempt in range(_ATTEMPTS):
            for node in devices:
                self._stop_holders(self._kernel_name(node), lambda _array: True)
            try:
                self.runner.run(["wipefs", "--all", *devices])
                return
            except CommandError:
                if attempt == _ATTEMPTS - 1:
                    raise

    def _kernel_name(self, device: str) -> str:
        number, _other = self.host.device_number(device)
        if number is None:
            raise FleetlabError(f"{device} no longer exists")
        return kernel_name(self.host, number)

    def _stop_holders(self, name: str, ours: Callable[[Array], bool]) -> None:
        """Stop arrays that udev has assembled from the device in the meantime."""
        for holder in self.host.names(f"{BLOCK}/{name}/holders"):
            array = read_array(self.host, holder, self._superblock) if holder.startswith("md") else None
            if array and ours(array):
                self.runner.run(["mdadm", "--stop", f"/dev/{holder}"])
                self._settle()

    def _settle(self) -> None:
        self.runner.run(SETTLE, timeout=90, accept=(0, 1))

    def plan_again(self, wanted: Wanted, arrays: Sequence[str]) -> None:
        """Plan and apply the arrays whose members are arrays that had to be assembled first."""
        rest = replace(wanted, arrays=tuple(one for one in wanted.arrays if one.name in arrays))
        again = plan(observe(rest, self.probe, self.runner), rest)
        apply(again, self.runner, self.all(rest))
        self.postponed += again.postponed

    def grow_when_whole(self, array: str) -> None:
        """Does nothing: the action plugin waits until the array is whole, and runs the module again."""


def _write(device: str, blocks: Sequence[Block]) -> None:
    with open(device, "r+b", opener=lambda path, flags: os.open(path, flags | os.O_EXCL)) as stream:
        for first, data in blocks:
            stream.seek(first * SECTOR)
            stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
