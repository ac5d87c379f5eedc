# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small machine on which the steps of md plans have their effect: disks, arrays, mdadm.conf, and what survives a reboot.

It shares nothing with the planner but the types, so that "a plan leads to where it says" is tested and not assumed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Command, Operation, RemoveFile, Step, WriteFile
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.array import Array, Member
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.array_plan import ArrayPlan
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.block_device import BlockDevice, Signature, Superblock, plain_uuid
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.conf import ConfFile
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.state import Journal, State
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.survivor import from_noted
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.wanted import Wanted, WantedArray
from ansible_collections.fleetlab.linux.plugins.module_utils._md.options import make_wanted_array
from ansible_collections.fleetlab.linux.plugins.module_utils._md.planning.plan import plan

MIB = 1 << 20
CONF = "/etc/mdadm/mdadm.conf"
JOURNAL = "/var/lib/fleetlab-md_array.json"
DEFAULTS: Dict[str, Any] = {
    "state": "present",
    "metadata": "1.2",
    "assume_clean": False,
    "persist": True,
    "overwrite": False,
    "run_degraded": False,
    "check": False,
    "grow": False,
    "replace_failed": False,
    "size_tolerance": 1.0,
    "wait": "none",
    "wait_timeout": 60,
}
WORDS = {"n2": 0x102, "n3": 0x103, "f2": 0x201, "f3": 0x301, "o2": 0x10201, "o3": 0x10301, "o4": 0x10401}


def want(name: str = "md1", **options: Any) -> WantedArray:
    """A checked declaration with the module's defaults, on the host b1."""
    return make_wanted_array("", {**DEFAULTS, "name": name, **options}, "b1")


def plan_arrays(state: State, wanted: Sequence[WantedArray]) -> ArrayPlan:
    """The plan of a task that declares these arrays."""
    return plan(state, Wanted(tuple(wanted)))


@dataclass
class Disk:
    """A disk, or the inside of an array."""

    size: int
    superblock: Optional[Superblock] = None
    signatures: Tuple[Signature, ...] = ()
    mounts: Tuple[str, ...] = ()
    identity: str = ""


@dataclass
class Running:
    """A started array, or one that udev collects members for."""

    superblock: Superblock
    members: List[str]
    size: int
    active: bool = True
    faulty: Set[str] = field(default_factory=set)
    rebuilding: Set[str] = field(default_factory=set)
    bitmap: Optional[bool] = None
    raid_disks: Optional[int] = None
    reshaping: bool = False
    auto_read_only: bool = False
    broken: bool = False
    failed: Dict[str, Tuple[Tuple[int, int], ...]] = field(default_factory=dict)


@dataclass
class Machine:
    """The machine. C(inside) holds what an array of a UUID contains, running or not."""

    disks: Dict[str, Disk] = field(default_factory=dict)
    running: Dict[str, Running] = field(default_factory=dict)
    inside: Dict[str, Disk] = field(default_factory=dict)
    files: Dict[str, str] = field(default_factory=lambda: {CONF: "# mdadm.conf\nHOMEHOST <system>\n"})
    marks: List[str] = field(default_factory=list)
    links: Dict[str, str] = field(default_factory=dict)
    initramfs_made: int = 0
    uuids: int = 0
    silent: Set[str] = field(default_factory=set)
    completed: List[Any] = field(default_factory=list)
    watched: bool = True
    flags: Dict[str, Tuple[str, ...]] = field(default_factory=dict)

    def block(self, name: str) -> Disk:
        """A disk or a running array's inside, by kernel name."""
        return self.disks[name] if name in self.disks else self.inside[self.running[name].superblock.uuid]

    def room(self, name: str) -> int:
        """The size of a disk or of a running array."""
        return self.running[name].size if name in self.running else self.disks[name].size

    def names(self) -> List[str]:
        """All block devices."""
        return [*self.disks, *(name for name, array in self.running.items() if array.active)]

    def state(self, wanted: Sequence[WantedArray] = ()) -> State:
        """What observing this machine gives."""
        paths: Dict[str, Optional[str]] = {}
        for path in (path for one in wanted for path in (one.node, *one.all_devices, *one.leaving)):
            name = self.links.get(path, path.rpartition("/")[2])
            paths[path] = name if name in self.names() else None
        conf = tuple(ConfFile(path, text) for path, text in self.files.items() if path != JOURNAL)
        self.uuids += len(wanted)
        fresh = tuple(f"{number:032x}" for number in range(self.uuids - len(wanted) + 1, self.uuids + 1))
        return State(
            devices={name: self._device(name) for name in self.names()},
            paths=paths,
            arrays=tuple(self._array(name) for name in self.running),
            conf=conf,
            hostname="b1",
            initramfs=("update-initramfs", "-u"),
            journal=self.journal(),
            creating_marks=tuple(self.marks),
            fresh=fresh,
        )

    def journal(self) -> Optional[Journal]:
        """What a run has noted."""
        if JOURNAL not in self.files:
            return None
        noted = json.loads(self.files[JOURNAL])
        return Journal(tuple(noted["creating"]), noted["initramfs"], tuple(noted["releasing"]), from_noted(noted["survivors"]))

    def _device(self, name: str) -> BlockDevice:
        disk = self.block(name)
        holders = tuple(other for other, array in self.running.items() if name in array.members)
        busy = bool(holders or disk.mounts)
        size = self.room(name)
        return BlockDevice(
            name,
            size,
            identity=disk.identity,
            holders=holders,
            mounts=disk.mounts,
            busy=busy,
            superblock=None if name in self.silent else disk.superblock,
            answers=name not in self.silent and not (name in self.running and self.running[name].broken),
            signatures=disk.signatures,
        )

    def _array(self, name: str) -> Array:
        running = self.running[name]
        block = running.superblock
        members = tuple(self._member(running, member) for member in running.members)
        count = running.raid_disks or block.raid_disks
        present = len([member for member in members if member.slot is not None and member.in_sync])
        return Array(
            kernel_name=name,
            uuid=block.uuid,
            label=block.label,
            level=block.level,
            layout=block.layout,
            chunk=block.chunk,
            raid_disks=count,
            metadata=block.version,
            active=running.active,
            array_state=self._array_state(running),
            members=members,
            degraded=count - present,
            bitmap="internal" if (block.bitmap if running.bitmap is None else running.bitmap) else "none",
            bitmap_dirty=MIB if block.bitmap else None,
            sync_action="reshape" if running.reshaping else "recover" if running.rebuilding else "idle",
            component_size=self._component(running),
            reshape_position=0 if running.reshaping and len(running.members) < count else None,
        )

    @staticmethod
    def _array_state(running: Running) -> str:
        if not running.active:
            return "inactive"
        return "broken" if running.broken else "read-auto" if running.auto_read_only else "clean"

    def _component(self, running: Running) -> int:
        blocks = [self.block(member).superblock for member in running.members if member not in running.faulty]
        return max((block.component_size for block in blocks if block), default=0)

    def _member(self, running: Running, name: str) -> Member:
        found = self.block(name).superblock if name in self.disks or name in self.running else None
        lacks = running.failed.get(name, ())
        words = ("write_error",) if lacks else ()
        if name in running.faulty:
            return Member(name, None, ("faulty", *words), lacks)
        state = "spare" if name in running.rebuilding or found is None or found.role is None else "in_sync"
        return Member(name, found.role if found else None, (state, *words, *self.flags.get(name, ())), lacks)

    def lose_all(self, array: str, **failed: Tuple[Tuple[int, int], ...]) -> None:
        """All members stop answering, the last one last; what could not be written, by member, is not in any superblock."""
        running = self.running[array]
        running.faulty, running.broken, running.failed = set(running.members[:-1]), True, failed
        self.silent |= set(running.members)

    def fail(self, array: str, name: str) -> None:
        """A member stops answering; what the others write from then on it does not get."""
        running = self.running[array]
        running.faulty.add(name)
        self.write(array)

    def write(self, array: str) -> None:
        """Somebody writes, so the members that are there go on."""
        running = self.running[array]
        blocks = {n: self.block(n).superblock for n in running.members if n not in running.faulty | running.rebuilding}
        active = tuple(sorted(b.role for b in blocks.values() if b and b.role is not None))
        newest = max(b.events for b in blocks.values() if b)
        for name, block in blocks.items():
            if block:
                self.block(name).superblock = replace(block, events=newest + 2, active=active)

    def settle(self) -> None:
        """Every rebuild comes to its end."""
        for array, running in self.running.items():
            running.rebuilding.clear()
            if running.reshaping and running.superblock.level == "raid4" and len(running.members) == running.superblock.raid_disks - 1:
                running.size = self._offered(running)
                running.reshaping = False
                if self.watched:
                    self.turn(array, "raid0")
            running.reshaping = False
            if running.superblock.level in ("raid1", "raid10"):
                self.write(array)

    def _free_slots(self, running: Running) -> List[int]:
        taken = {b.role for n in running.members if n not in running.faulty and (b := self.block(n).superblock)}
        return [slot for slot in range(running.raid_disks or running.superblock.raid_disks) if slot not in taken]

    def manage(self, options: Dict[str, str], paths: List[str]) -> None:
        """mdadm --manage."""
        running, name = self.running[self._name(paths[0])], self._name(paths[1])
        if "fail" in options:
            running.rebuilding.discard(name)
            self.fail(self._name(paths[0]), name)
            return
        if "remove" in options:
            block = self.block(name).superblock if name in self.names() else None
            assert name in running.faulty or (block and block.role is None), f"{name} is in use"
            running.members.remove(name)
            running.faulty.discard(name)
            self.flags.pop(name, None)
            return
        assert not any(name in array.members for array in self.running.values()), f"{name} is in use"
        assert "add-spare" in options
        self._join(running, name, next(iter(self._free_slots(running)), None))

    def _join(self, running: Running, name: str, slot: Optional[int]) -> None:
        disk = self.block(name)
        assert disk.signatures == ()
        disk.superblock = replace(running.superblock, role=slot, events=1, component_size=self._component(running))
        disk.superblock = replace(disk.superblock, data_size=self.room(name) - disk.superblock.data_offset)
        running.members.append(name)
        if slot is not None:
            running.rebuilding.add(name)

    def grow(self, options: Dict[str, str], paths: List[str]) -> None:
        """mdadm --grow."""
        running = self.running[self._name(paths[0])]
        assert not running.rebuilding
        assert not running.reshaping
        assert not running.faulty
        if "level" in options:
            self.turn(self._name(paths[0]), "raid4" if options["level"] == "4" else "raid0")
        if "add" in options:
            self.extend(options, paths)
            return
        if "bitmap" in options:
            running.bitmap = options["bitmap"] == "internal"
        if "size" in options:
            self._use_all(running)
        if "raid-devices" in options:
            self._widen(running, int(options["raid-devices"]))
        if "chunk" in options:
            self._reshape(running, chunk=int(options["chunk"]) * 1024)

    def _use_all(self, running: Running) -> None:
        assert running.superblock.level != "raid0"
        assert running.superblock.layout >> 16 or running.superblock.layout < 0x200, "a far layout"
        sizes = {name: self.room(name) for name in running.members}
        for name, size in sizes.items():
            block = self.block(name).superblock
            assert block
            before = block.data_offset
            self.block(name).superblock = replace(block, data_size=size - before, component_size=min(sizes.values()) - before)
        running.size = self._offered(running)

    def _widen(self, running: Running, count: int) -> None:
        running.raid_disks = count
        for name in [n for n in running.members if (b := self.block(n).superblock) and b.role is None]:
            slots = self._free_slots(running)
            if slots:
                running.members.remove(name)
                self._join(running, name, slots[0])
        if running.superblock.level != "raid1":
            self._reshape(running, raid_disks=count)

    def turn(self, array: str, level: str) -> None:
        """Turn a stripe into a raid4 without its parity member, or back."""
        running = self.running[array]
        if running.superblock.level == level:
            return
        assert not running.reshaping
        assert not running.rebuilding
        assert {running.superblock.level, level} == {"raid0", "raid4"}
        count = running.superblock.raid_disks + (1 if level == "raid4" else -1)
        assert len(running.members) == min(count, running.superblock.raid_disks), "the parity member is there"
        used = min(block.data_size for name in running.members if (block := self.block(name).superblock))
        self._rewrite(running, level=level, raid_disks=count)
        if level == "raid0":
            self._rewrite(running, data_size=used)

    def _rewrite(self, running: Running, **changed: Any) -> None:
        running.superblock = replace(running.superblock, **changed)
        running.raid_disks = None
        for name in running.members:
            block = self.block(name).superblock
            assert block
            self.block(name).superblock = replace(block, **changed)

    def extend(self, options: Dict[str, str], paths: List[str], killed: int = 0) -> None:
        """mdadm --grow --raid-devices --add of a stripe; C(killed) is the stage at which mdadm is killed, 0 if it is not."""
        running, new = self.running[self._name(paths[0])], [self._name(path) for path in paths[1:]]
        self.turn(self._name(paths[0]), "raid4")
        if killed == 1:
            return
        count = running.superblock.raid_disks
        for slot, name in enumerate(new, count - 1):
            assert not any(name in array.members for array in self.running.values()), f"{name} is in use"
            self._join(running, name, None)
            if killed in (0, 4, 5):
                self._place(name, slot)
        if killed == 2:
            return
        if killed == 3:
            # The array was released, so that md has written the parity to the first of the new members.
            self._place(new[0], count - 1)
            return
        assert len(running.members) == int(options["raid-devices"])
        before = running.superblock.data_offset - running.superblock.chunk * (count - 1 + len(new))
        assert before > 0, "no room to move the data"
        self._rewrite(running, raid_disks=count + len(new), data_offset=before)
        running.reshaping, self.watched = True, killed == 0
        if killed == 5:
            self.settle()

    def _offered(self, running: Running) -> int:
        blocks = [block for name in running.members if (block := self.block(name).superblock)]
        used = min(block.data_size for block in blocks)
        return used * {"raid0": len(blocks), "raid4": running.superblock.raid_disks - 1}.get(running.superblock.level, 1)

    def _place(self, name: str, slot: int) -> None:
        block = self.block(name).superblock
        assert block
        self.block(name).superblock = replace(block, role=slot)

    def _reshape(self, running: Running, **changed: Any) -> None:
        """Move all data, with all superblocks saying where to; no member is out of date meanwhile."""
        assert running.superblock.level in ("raid4", "raid5", "raid6", "raid10")
        assert running.superblock.level != "raid10" or not (running.superblock.bitmap if running.bitmap is None else running.bitmap)
        running.reshaping = True
        running.rebuilding.clear()
        running.superblock = replace(running.superblock, **changed)
        for name in running.members:
            block = self.block(name).superblock
            assert block
            self.block(name).superblock = replace(block, **changed, events=running.superblock.events + 1)

    def plan(self, *wanted: WantedArray) -> ArrayPlan:
        """Observe and plan."""
        return plan_arrays(self.state(wanted), wanted)

    def converge(self, *wanted: WantedArray) -> ArrayPlan:
        """Observe, plan, and carry out."""
        outcome = self.plan(*wanted)
        for step in outcome.steps:
            self.do(step, wanted)
        return outcome

    def do(self, step: Step, wanted: Sequence[WantedArray] = ()) -> None:
        """The effect of one step."""
        if isinstance(step, WriteFile):
            self.files[step.path] = step.content
        elif isinstance(step, RemoveFile):
            self.files.pop(step.path, None)
            self.marks = [name for name in self.marks if step.path != f"/run/mdadm/creating-{name}"]
        elif isinstance(step, Operation):
            self._operate(step, wanted)
        else:
            assert isinstance(step, Command)
            self._run(step)

    def _operate(self, step: Operation, wanted: Sequence[WantedArray]) -> None:
        if step.name == "plan_again":
            names = step.arguments["arrays"]
            self.converge(*[one for one in wanted if one.name in names])
        elif step.name == "zero_superblock":
            disk = self.block(self._name(step.arguments["device"]))
            assert disk.superblock
            assert disk.superblock.uuid == plain_uuid(step.arguments["uuid"])
            self._check_free(step.arguments["device"])
            disk.superblock, disk.signatures = None, ()
        elif step.name == "erase_stale_content":
            for path in step.arguments["devices"]:
                disk = self.block(self._name(path))
                disk.superblock, disk.signatures = None, ()
        elif step.name == "complete_member":
            device, gaps = step.arguments["device"], step.arguments["gaps"]
            for node in (device, *(node for _first, _size, others in gaps for node, _start in others)):
                self._check_free(node)
            self.completed.append((device, gaps))
        elif step.name == "turn_back":
            self.turn(self._name(step.arguments["array"]), "raid0")
        elif step.name == "re_add":
            running, name = self.running[self._name(step.arguments["array"])], self._name(step.arguments["device"])
            block = self.block(name).superblock
            assert block
            assert block.uuid == running.superblock.uuid
            self._join(running, name, block.role if block.role in self._free_slots(running) else None)
        elif step.name == "remove_member":
            self.manage({"manage": "", "remove": ""}, [step.arguments["array"], step.arguments["device"]])
        else:
            assert step.name in ("await_slot", "grow_when_whole", "make_writable")

    def _check_free(self, path: str) -> None:
        assert not any(self._name(path) in array.members for array in self.running.values())

    def _name(self, path: str) -> str:
        return self.links.get(path, path.rpartition("/")[2])

    def _run(self, step: Command) -> None:
        program, words = step.argv[0], list(step.argv[1:])
        if program == "mdadm":
            options = dict(word[2:].partition("=")[::2] for word in words if word.startswith("--"))
            paths = [word for word in words if not word.startswith("--")]
            if "manage" in options:
                self.manage(options, paths)
            elif "grow" in options:
                self.grow(options, paths)
            elif "create" in options:
                self.create(options, paths)
            elif "assemble" in options:
                self.assemble(options, paths)
            else:
                assert "stop" in options
                self._stop(self._name(paths[0]))
        elif program == "tee":
            self._flag(words[-1], step.stdin or "")
        elif program == "wipefs":
            disk = self.block(self._name(words[-1]))
            disk.superblock, disk.signatures = None, ()
        elif program == "update-initramfs":
            self.initramfs_made += 1
        else:
            assert program == "udevadm"

    def _flag(self, file: str, text: str) -> None:
        """The file C(state) of a member in sysfs: a word sets a flag, with a minus before it clears the flag."""
        *_rest, array, _md, member, last = file.split("/")
        assert last == "state"
        name, word = member[len("dev-") :], {"writemostly": "write_mostly"}.get(text.strip().lstrip("-"), text.strip().lstrip("-"))
        assert name in self.running[array].members
        kept = tuple(flag for flag in self.flags.get(name, ()) if flag != word)
        self.flags[name] = kept if text.startswith("-") else (*kept, word)

    def _stop(self, name: str) -> None:
        assert not any(name in array.members for array in self.running.values())
        assert not (self.running[name].active and self.block(name).mounts)
        del self.running[name]

    def create(self, options: Dict[str, str], paths: List[str], written: Optional[int] = None) -> None:
        """mdadm --create; with C(written) it is killed after that many superblocks."""
        names = [self._name(path) for path in paths[1:]]
        count = int(options["raid-devices"])
        level = options["level"]
        # Only of stripes it matters where the data begin.
        before = int(options.get("data-offset", "2M")[:-1]) * MIB if level == "raid0" else 0
        for slot, name in enumerate(names[:written]):
            assert not any(name in array.members for array in self.running.values()), f"{name} is in use"
            block = Superblock(
                version=options["metadata"],
                uuid=plain_uuid(options["uuid"]),
                label=f"{options['homehost']}:{options['name']}",
                level=level,
                layout=WORDS[options.get("layout", "n2")] if level == "raid10" else 0,
                chunk=int(options.get("chunk", 512)) * 1024,
                raid_disks=count,
                role=slot if slot < count else None,
                events=0 if level == "raid0" or written is not None else 1,
                bitmap=options.get("bitmap") == "internal",
                data_offset=before,
                data_size=self.room(name) - before,
                component_size=0 if level == "raid0" else min(self.room(each) for each in names),
            )
            self.block(name).superblock = block
            self.block(name).signatures = ()
        if written is None:
            self._start(paths[0], names)

    def _start(self, node: str, names: List[str]) -> None:
        blocks = [self.block(name).superblock for name in names]
        assert all(blocks)
        first = blocks[0]
        assert first is not None
        kernel_name = self._kernel_name(node)
        assert kernel_name not in self.running
        data = min(self.room(name) for name in names)
        self.running[kernel_name] = Running(first, names, data)
        if first.level in ("raid0", "raid4"):
            self.running[kernel_name].size = self._offered(self.running[kernel_name])
        self.inside.setdefault(first.uuid, Disk(self.running[kernel_name].size))
        for name in names:
            block = self.block(name).superblock
            if block and block.level not in ("raid0", "raid4"):
                self.block(name).superblock = replace(block, events=max(b.events for b in blocks if b) + 1)

    def _kernel_name(self, node: str) -> str:
        if not node.startswith("/dev/md/"):
            return node[len("/dev/") :]
        self.links[node] = next(f"md{number}" for number in range(127, 0, -1) if f"md{number}" not in self.running)
        return self.links[node]

    def assemble(self, options: Dict[str, str], paths: List[str]) -> None:
        """mdadm --assemble."""
        names = [self._name(path) for path in paths[1:]]
        blocks = [self.block(name).superblock for name in names]
        assert all(block and block.uuid == plain_uuid(options["uuid"]) for block in blocks)
        slots = {block.role for block in blocks if block}
        first = blocks[0]
        assert first is not None
        assert "run" in options or slots >= set(range(first.raid_disks))
        self._start(paths[0], names)

    def reboot(self) -> None:
        """Everything stops, and udev assembles what is complete, by the lines of mdadm.conf."""
        self.running.clear()
        for _round in range(2):
            found: Dict[str, List[str]] = {}
            for name in self.names():
                block = self.block(name).superblock
                if block and not any(name in array.members for array in self.running.values()):
                    found.setdefault(block.uuid, []).append(name)
            for uuid, names in found.items():
                block = self.block(names[0]).superblock
                if block and len(names) >= block.raid_disks:
                    self._start(self._node_at_boot(uuid), names)

    def _node_at_boot(self, uuid: str) -> str:
        for line in self.files[CONF].splitlines():
            if line.startswith("ARRAY ") and plain_uuid(line.partition("UUID=")[2].split(" ")[0]) == uuid:
                return line.split(" ")[1]
        return next(f"/dev/md{number}" for number in range(127, 0, -1) if f"md{number}" not in self.running)


def with_disks(*names: str, size: int = 512 * MIB) -> Machine:
    """A machine with blank disks."""
    return Machine(disks={name: Disk(size) for name in names})
