# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No acknowledged write is lost when all members of a mirror die while it is written to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Dict, List, Optional, Set, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.array import Array, Member
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.block_device import BlockDevice, Superblock
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.survivor import Range, Survivor, as_noted, from_noted
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.arrays import with_lists
from ansible_collections.fleetlab.linux.plugins.module_utils._md.recovery.copies import Copies
from ansible_collections.fleetlab.linux.plugins.module_utils._md.recovery.failed_writes import (
    Gap,
    Origin,
    awaited,
    holds,
    origin,
    survivors,
)
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.recorded_host import RecordedHost

UUID = "0" * 31 + "1"
CHUNK = 4096
WORDS = {"raid1": (0, 0, 0), "near": (0x102, 0x103, 0x104), "far": (0x201, 0x301, 0x401), "offset": (0x10201, 0x10301, 0x10401)}


def superblock(slot: int, kind: str = "offset", devices: int = 3, events: int = 40) -> Superblock:
    level = "raid1" if kind == "raid1" else "raid10"
    found = Superblock("1.2", UUID, "b1:md1", level, WORDS[kind][devices - 2], CHUNK, devices, slot, events, bitmap=True)
    return replace(found, data_offset=(slot + 1) * 8192, component_size=64 * CHUNK)


@dataclass
class Write:
    """A write that is under way. C(waits) are the members that it waits for, C(failed) those that it failed on."""

    block: int
    value: int
    waits: Set[int]
    stored: bool
    failed: Set[int] = field(default_factory=set)


@dataclass
class Mirror:
    """A mirror whose members die, as md sees it. A block of the model is four sectors of the array.

    A member that died keeps writes to it waiting until the connection to it is given up. When all members have answered to a write, or
    failed, md lists the block for those that failed, and writes that list down, which takes until all members have answered. Those
    that fail are given up, but for the last. Then it is acknowledged if one member has it. Newer kernels (C(breaks)) then let further
    writes fail at once, and the newest (C(forgets)) list nothing any more for a member that was given up.
    """

    kind: str
    devices: int
    breaks: bool
    forgets: bool
    dead: Set[int] = field(default_factory=set)
    gone: Set[int] = field(default_factory=set)
    faulty: Set[int] = field(default_factory=set)
    content: List[Dict[int, int]] = field(default_factory=list)
    listed: List[List[Range]] = field(default_factory=list)
    failed: Set[int] = field(default_factory=set)
    under_way: List[Write] = field(default_factory=list)
    acknowledged: Dict[int, int] = field(default_factory=dict)
    noting: bool = False
    last: int = 0
    written: int = 0

    def __post_init__(self) -> None:
        self.content = [{} for _member in range(self.devices)]
        self.listed = [[] for _member in range(self.devices)]

    def sectors(self, member: int, block: int) -> List[Range]:
        first = superblock(member, self.kind, self.devices)
        places = Copies(first.level, first.layout, self.devices, CHUNK, first.component_size)
        return [(start + first.data_offset // 512, size) for start, size in places.on_member(member, [(block * 4, 4)])]

    def values(self, member: int, block: int) -> List[int]:
        return [self.content[member].get(s, 0) for first, size in self.sectors(member, block) for s in range(first, first + size)]

    def write(self, block: int) -> None:
        """What somebody writes who waits for each write to a block before the next one to it."""
        if any(block == other.block for other in self.under_way) or (self.faulty and self.breaks):
            return
        self.written += 1
        asked = set(range(self.devices)) - self.faulty
        for member in asked - self.dead:
            for first, size in self.sectors(member, block):
                self.content[member].update(dict.fromkeys(range(first, first + size), self.written))
        new = Write(block, self.written, asked & self.dead - self.gone, bool(asked - self.dead), asked & self.gone)
        self.failed |= new.failed
        self.under_way.append(new)
        self.work()

    def give_up(self, member: int) -> None:
        """The connection to a member is given up: all that waits for it fails."""
        self.gone.add(member)
        for one in self.under_way:
            if member in one.waits:
                one.waits.discard(member)
                one.failed.add(member)
                self.failed.add(member)
        self.work()

    def work(self) -> None:
        """What md's thread does."""
        while not self.noting or self.gone == set(range(self.devices)):
            if self.noting and not self.faulty:
                self.faulty = set(range(self.devices)) - {self.last}
                self.noting = False
                self._acknowledge(self.under_way.pop(0))
            returned = [one for one in self.under_way if not one.waits]
            if not returned:
                return
            one = returned[0]
            for member in one.failed - (self.faulty if self.forgets else set()):
                self.listed[member] += self.sectors(member, one.block)
            if one.failed and not self.faulty:
                # Only what has all its answers is at the head.
                self.under_way.remove(one)
                self.under_way.insert(0, one)
                self.noting = True
                continue
            self.under_way.remove(one)
            self._acknowledge(one)

    def _acknowledge(self, one: Write) -> None:
        if one.stored:
            self.acknowledged[one.block] = one.value

    def survivors(self) -> List[Survivor]:
        return [Survivor(f"disk {m}", m not in self.faulty, m in self.failed, tuple(sorted(self.listed[m]))) for m in range(self.devices)]


def put_together(mirror: Mirror, found: Origin) -> Dict[int, int]:
    """What the array has, by block, when it was assembled from this origin."""
    members = [int(path) for path in found.members]
    for gap in found.gaps:
        own = mirror.content[members[0]]
        before = dict(own)
        for sector in range(gap.size):
            others = [mirror.content[int(path)].get(first + sector, 0) for path, first in gap.others]
            mine = before.get(gap.first + sector, 0)
            own[gap.first + sector] = next((other for other in others if other != mine), mine)
    return {block: min(value for member in members for value in mirror.values(member, block)) for block in range(40)}


@settings(max_examples=1000, deadline=None)
@given(st.data())
def test_no_acknowledged_write_is_lost(data: st.DataObject) -> None:
    breaks, forgets = data.draw(st.sampled_from([(False, False), (True, False), (True, True)]))
    mirror = Mirror(data.draw(st.sampled_from(sorted(WORDS))), data.draw(st.integers(2, 4)), breaks, forgets)
    members = range(mirror.devices)
    blocks = st.lists(st.integers(0, 3) | st.integers(0, 39), max_size=5)
    for member in data.draw(st.permutations(members)):
        for block in data.draw(blocks):
            mirror.write(block)
        mirror.dead.add(member)
    order = data.draw(st.permutations(members))
    mirror.last = order[-1]
    for member in order:
        for block in data.draw(blocks):
            mirror.write(block)
        if member == order[-1] and not mirror.noting:
            # Nothing has failed yet that md would have to write down, so all members will do so in the same moment.
            mirror.last = data.draw(st.sampled_from(members))
        mirror.give_up(member)
    for block in data.draw(blocks):
        mirror.write(block)
    noted = from_noted(as_noted({UUID: mirror.survivors()}))[UUID]
    blocks_there = {str(m): superblock(m, mirror.kind, mirror.devices) for m in data.draw(st.permutations(members))}
    found = origin(noted, blocks_there, {str(m): f"disk {m}" for m in members})
    assert found
    there = put_together(mirror, found)
    assert {block: there[block] for block, value in mirror.acknowledged.items() if there[block] < value} == {}


IDENTITIES = {"a": "A", "b": "B", "c": "C"}
WHOLE = Survivor("", True, False)
GIVEN_UP = Survivor("", False, False)
FAILED = Survivor("", False, True, ((150, 8),))
LATE = Survivor("", False, True)
LAST = Survivor("", True, True, ((100, 8),))
UNLISTED = Survivor("", True, True, None)


def chosen(*known: Survivor, **events: int) -> Optional[Origin]:
    assert len(known) == 3
    noted = [replace(one, identity=name) for name, one in zip("ABC", known)]
    blocks = {path: superblock(slot, "raid1", events=events.get(path, 40)) for slot, path in enumerate("abc")}
    return origin(noted, blocks, IDENTITIES)


@pytest.mark.parametrize(
    ("known", "members"),
    [
        ((FAILED, GIVEN_UP, WHOLE), ("c",)),
        ((WHOLE, GIVEN_UP, WHOLE), ("a", "c")),
        ((GIVEN_UP, GIVEN_UP, LAST), ("a", "b")),
        ((FAILED, GIVEN_UP, LAST), ("b",)),
        ((FAILED, LATE, LAST), ("c",)),
        ((FAILED, LATE, UNLISTED), ("c",)),
    ],
)
def test_members_that_took_every_write_come_first(known: Tuple[Survivor, ...], members: Tuple[str, ...]) -> None:
    found = chosen(*known)
    assert found
    assert found.members == members


def test_where_md_gave_all_up_its_superblocks_decide() -> None:
    assert chosen(FAILED, LATE, LATE) is None


def test_a_member_that_others_went_on_without_is_none_of_the_complete_ones() -> None:
    found = chosen(FAILED, GIVEN_UP, LAST, b=39)
    assert found
    assert found.members == ("c",)
    assert [gap.others for gap in found.gaps] == [(("a", 68),)]


def test_what_is_noted_of_an_array_that_ran_meanwhile_counts_no_more() -> None:
    noted = [replace(one, seen=1800000000) for one in (FAILED, LATE, LAST)]
    blocks = [replace(superblock(slot), updated=1800000060) for slot in range(3)]
    assert holds(noted, blocks)
    assert not holds(noted, [*blocks[:2], replace(blocks[2], updated=1800000300)])
    assert not holds([], blocks)


def test_a_last_member_that_others_went_on_without_is_left_to_md() -> None:
    assert chosen(FAILED, LATE, LAST, c=39) is None


def test_nothing_is_taken_from_where_the_list_may_be_cut() -> None:
    assert chosen(replace(LATE, lacks=None), LATE, UNLISTED) == Origin(("c",))
    assert chosen(replace(LATE, lacks=None), FAILED, LAST) == Origin(("c",), (Gap(100, 8, (("b", 84),)),))


def test_blocks_that_another_could_not_take_either_are_not_taken_from_it() -> None:
    found = chosen(replace(FAILED, lacks=((70, 4),)), LATE, LAST)
    assert found
    assert found.gaps == (Gap(100, 2, (("a", 68), ("b", 84))), Gap(106, 2, (("a", 74), ("b", 90))), Gap(102, 4, (("b", 86),)))


def test_what_md_wrote_to_the_last_one_when_it_was_stopped_makes_it_no_newer() -> None:
    known = [replace(one, events=40) for one in (FAILED, GIVEN_UP, LAST)]
    found = chosen(*known, c=42)
    assert found
    assert found.members == ("b",)


def test_members_that_may_have_more_have_to_be_there() -> None:
    failed, late, last = replace(FAILED, identity="A"), replace(LATE, identity="B"), replace(LAST, identity="C")
    assert awaited([failed, late, last], ["B", "C"]) == ["A"]
    assert awaited([failed, late, last], ["A", "B", "C"]) == []
    assert awaited([failed, late, replace(WHOLE, identity="C")], ["C"]) == []
    assert awaited([failed, late, replace(WHOLE, identity="C")], ["A", "B"]) == ["C"]
    assert awaited([failed, replace(GIVEN_UP, identity="B"), last], ["B", "C"]) == []
    assert awaited([failed, replace(GIVEN_UP, identity="B"), last], ["A", "B"]) == ["C"]


def mirror_of(*states: Tuple[str, ...], array_state: str = "broken") -> Array:
    assert len(states) == 3
    members = tuple(Member(f"sd{name}", slot, state) for slot, (name, state) in enumerate(zip("abc", states)))
    return Array("md1", UUID, "b1:md1", "raid1", 0, 0, 3, "1.2", True, array_state, members)


def disks(answering: str = "") -> Dict[str, BlockDevice]:
    blocks = {name: superblock(0, "raid1") if name in answering else None for name in "abc"}
    return {f"sd{name}": BlockDevice(f"sd{name}", 1 << 30, identity=name.upper(), superblock=block) for name, block in blocks.items()}


def test_what_is_noted_of_an_array_that_lost_all_its_members() -> None:
    host = RecordedHost(
        {
            "text /sys/block/md1/md/dev-sda/bad_blocks": "15746 8",
            "text /sys/block/md1/md/dev-sdc/bad_blocks": "100368 2\n100400 8",
            "text /sys/block/md1/md/dev-sdc/unacknowledged_bad_blocks": "100400 8",
        }
    )
    array = with_lists(host.host, mirror_of(("faulty", "write_error"), ("faulty",), ("in_sync", "write_error")))
    assert survivors(array, disks("b"), 1800000000) == (
        Survivor("A", False, True, ((15746, 8),), None, 1800000000),
        Survivor("B", False, False, (), 40, 1800000000),
        Survivor("C", True, True, ((100368, 2), (100400, 8)), None, 1800000000),
    )


def test_a_list_that_fills_a_page_may_be_cut() -> None:
    host = RecordedHost({"text /sys/block/md1/md/dev-sdc/bad_blocks": "\n".join(f"{number * 100000000} 8" for number in range(350))})
    assert with_lists(host.host, mirror_of(("faulty",), ("faulty",), ("in_sync", "write_error"))).members[2].lacks is None


@pytest.mark.parametrize(
    ("array", "answering"),
    [
        # md notes that the first has failed on the others.
        (mirror_of(("faulty",), ("in_sync",), ("in_sync",), array_state="clean"), "bc"),
        (mirror_of(("in_sync",), ("in_sync",), ("in_sync",), array_state="clean"), "abc"),
        # Nothing has happened to it that md knows of.
        (mirror_of(("in_sync",), ("in_sync",), ("in_sync",), array_state="clean"), ""),
        # Not every member has everything.
        (replace(mirror_of(("faulty",), ("faulty",), ("in_sync",)), level="raid10", layout=0x102), ""),
    ],
)
def test_nothing_is_noted_where_superblocks_say_it(array: Array, answering: str) -> None:
    assert survivors(array, disks(answering), 0) == ()


def test_nothing_is_noted_of_disks_that_could_not_be_told_again() -> None:
    array = mirror_of(("faulty", "write_error"), ("faulty",), ("in_sync", "write_error"))
    assert survivors(array, {name: replace(disk, identity="") for name, disk in disks().items()}, 0) == ()
    # The disk of one that md still held on to was taken out.
    assert survivors(mirror_of(("faulty",), ("faulty",), ("in_sync",)), {name: disks()[name] for name in ("sda", "sdb")}, 0) == ()
