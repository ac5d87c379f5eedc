# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of an md plan that are more than one command: bounded waits and guarded erasure."""

from __future__ import annotations

import time
from typing import Callable, Optional, Sequence, Set

from .._core.errors import CommandError, FleetlabError
from .._core.plan import Operations
from .._core.runner import Runner
from .array_state import Array
from .arrays import read_array
from .block_device import Superblock, plain_uuid
from .completion import PlainGap, complete, redo_path
from .devices import kernel_name, read_superblock
from .host import Host
from .system import SETTLE, STATE_FOLDER

_ATTEMPTS = 5
_MANAGE_TIMEOUT = 120.0
_SLOT_POLL = 0.1
_SLOT_ATTEMPTS = 100
_SECTOR = 512
_WRITABLE = ("clean", "active", "active-idle", "write-pending")


class MdOperations:
    """The operations, bound to a host and a runner."""

    def __init__(
        self,
        host: Host,
        runner: Runner,
        plan_again: Callable[[Sequence[str]], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.host = host
        self.runner = runner
        self._plan_again = plan_again
        self._sleep = sleep
        self.rebuilt: Set[str] = set()

    def all(self) -> Operations:
        """By the names that plans use."""
        return {
            "zero_superblock": self.zero_superblock,
            "erase_stale_content": self.erase_stale_content,
            "make_writable": self.make_writable,
            "complete_member": self.complete_member,
            "re_add": self.re_add,
            "await_slot": self.await_slot,
            "plan_again": self.plan_again,
            "grow_when_whole": self.grow_when_whole,
        }

    def make_writable(self, array: str) -> None:
        """End the rest of an array. mdadm calls it an error where somebody has written to it meanwhile, which has ended it too."""
        try:
            self.runner.run(["mdadm", "--readwrite", array])
        except CommandError:
            if self.host.text(f"/sys/block/{self._kernel_name(array)}/md/array_state") not in _WRITABLE:
                raise

    def complete_member(self, device: str, uuid: str, slot: int, gaps: Sequence[PlainGap]) -> None:
        """Before an array is assembled from one member, give it what others have of the blocks that it could not take.

        udev is given its time before and after: it puts together what it sees being closed after a change.
        """
        for node in {device, *(node for _first, _size, others in gaps for node, _start in others)}:
            self._free(node, uuid)
        complete(self.host, device, slot, gaps, redo_path(STATE_FOLDER, plain_uuid(uuid)))
        self._free(device, uuid)

    def _free(self, node: str, uuid: str) -> None:
        self._settle()
        self._stop_holders(self._kernel_name(node), lambda array: array.uuid == plain_uuid(uuid) and array.resting)

    def re_add(self, array: str, device: str) -> None:
        """Take a member back that was away; where md refuses because too much has changed, rebuild it as a whole."""
        try:
            self.runner.run(["mdadm", "--manage", array, "--re-add", device], timeout=_MANAGE_TIMEOUT)
        except CommandError:
            self.runner.run(["mdadm", "--manage", array, "--add-spare", device], timeout=_MANAGE_TIMEOUT)
            self.rebuilt.add(device)
        self.await_slot(array, device)

    def await_slot(self, array: str, device: str) -> None:
        """Wait until md has given the device a slot, so that the next one gets the next. With no slot free it is a spare."""
        folder = f"/sys/block/{self._kernel_name(array)}/md"
        member = self._kernel_name(device)
        for _attempt in range(_SLOT_ATTEMPTS):
            slot = self.host.text(f"{folder}/dev-{member}/slot")
            if slot != "none" or self.host.text(f"{folder}/degraded") == "0":
                return
            self._sleep(_SLOT_POLL)

    def _array(self, name: str) -> Optional[Array]:
        return read_array(self.host, name, self._superblock)

    def _superblock(self, name: str) -> Optional[Superblock]:
        size = self.host.text(f"/sys/class/block/{name}/size")
        return read_superblock(self.host, f"/dev/{name.replace('!', '/')}", int(size) * _SECTOR) if size else None

    def zero_superblock(self, device: str, uuid: str) -> None:
        """Erase the superblock of one array from one device; anything else that is on it by now stays."""
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

    def erase_stale_content(self, devices: str) -> None:
        """Erase every signature inside arrays that were created a moment ago, also if udev has already fallen for one."""
        nodes = devices.split(" ")
        self._settle()
        for attempt in range(_ATTEMPTS):
            for node in nodes:
                self._stop_holders(self._kernel_name(node), lambda _array: True)
            try:
                self.runner.run(["wipefs", "--all", *nodes])
                return
            except CommandError:
                if attempt == _ATTEMPTS - 1:
                    raise

    def _kernel_name(self, device: str) -> str:
        number, _other = self.host.device_number(device)
        if number is None:
            raise FleetlabError(f"{device} is gone")
        return kernel_name(self.host, number)

    def _stop_holders(self, name: str, ours: Callable[[Array], bool]) -> None:
        """Stop arrays that udev has put together from the device meanwhile."""
        for holder in self.host.names(f"/sys/class/block/{name}/holders"):
            array = self._array(holder) if holder.startswith("md") else None
            if array and ours(array):
                self.runner.run(["mdadm", "--stop", f"/dev/{holder}"])
                self._settle()

    def _settle(self) -> None:
        self.runner.run(SETTLE, timeout=90, accept=(0, 1))

    def plan_again(self, arrays: str) -> None:
        """Plan and carry out the arrays that lie on arrays which had to be assembled first."""
        self._plan_again(arrays.split(" "))

    def grow_when_whole(self, array: str) -> None:
        """Nothing to do yet: the action plugin waits until the array is whole, and runs the module again."""
