# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps from the state of the disks and files to the wanted state. Pure.

The program and the rule come first, so that a killed run leaves a host that holds its disks again after a boot.
"""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .._core.plan import Command, MakeDirectory, Operation, Plan, RemoveFile, Step, WriteFile
from . import show
from .checks import check, intruders
from .options import Wanted
from .program import COMMAND, LIBRARY, MARK, file_mode
from .state import HeldDisk, State, shown_key

RELOAD = Command(("udevadm", "control", "--reload"))


Held = Mapping[str, Optional[Tuple[int, ...]]]
"""The targets of the rule, each with the numbers of its LUNs, C(None) for all LUNs."""

_NAMED = re.compile(r'ENV\{ID_PATH\}=="([^"]+)"')
_PATTERN = re.compile(r"\*-iscsi-(.+)-lun-([0-9]+|\*)")


def rule(key: int, held: Held) -> str:
    """The content of the rule file.

    The rule runs before the rules of md and LVM. A disk that another host holds, and a member of an array that the configuration of mdadm
    does not name, are made to look empty, so that nothing assembles or activates them. The same holds for their partitions, to which udev
    gives the ID_PATH of their disk. Arrays on other disks are assembled as before.
    """
    lines = [MARK]
    lines += [
        f'ACTION=="add|change", SUBSYSTEM=="block", ENV{{DEVTYPE}}=="disk|partition", ENV{{ID_PATH}}=="{_patterns(target, luns)}",'
        f' IMPORT{{program}}="{COMMAND} {shown_key(key)} $devnode"'
        for target, luns in sorted(held.items())
    ]
    lines.append('ENV{FLEETLAB_DISK}=="taken|unnamed", ENV{ID_FS_TYPE}=""')
    return "\n".join(lines) + "\n"


def _patterns(target: str, luns: Optional[Sequence[int]]) -> str:
    return "|".join(f"*-iscsi-{target}-lun-{lun}" for lun in ("*" if luns is None else luns))


def named(content: str) -> Held:
    """The targets and LUNs that a rule file names."""
    found: Dict[str, Optional[Tuple[int, ...]]] = {}
    for patterns in _NAMED.findall(content):
        pairs = [match.groups() for match in map(_PATTERN.fullmatch, patterns.split("|")) if match]
        for target in {target for target, _lun in pairs}:
            luns = [lun for other, lun in pairs if other == target]
            found[target] = None if "*" in luns else tuple(sorted(map(int, luns)))
    return found


def remaining(state: State, wanted: Wanted) -> Held:
    """The targets and LUNs whose disks the rule holds after the plan."""
    held = dict(named(state.files.get(wanted.path, "")))
    # Holding one disk does not end the rule of another, such as that of a server that is about to leave.
    for target in wanted.targets:
        before = held.pop(target, ())
        luns = _join(before, wanted.luns) if wanted.held else _without(before, wanted.luns)
        if luns is None or luns:
            held[target] = luns
    return held


def _join(before: Optional[Tuple[int, ...]], luns: Optional[Tuple[int, ...]]) -> Optional[Tuple[int, ...]]:
    """A rule for all LUNs becomes one for the LUNs that the task names: other hosts may use the others."""
    return luns if luns is None or before is None else tuple(sorted({*before, *luns}))


def _without(before: Optional[Tuple[int, ...]], luns: Optional[Tuple[int, ...]]) -> Optional[Tuple[int, ...]]:
    """A rule for all LUNs cannot lack some of them; see L(check)."""
    return () if luns is None or before is None else tuple(lun for lun in before if lun not in luns)


def plan(state: State, wanted: Wanted) -> Plan:
    """Hold the disks now and whenever they appear, or release them.

    :raises RefusedError: see L(check).
    :raises ObservationError: see L(check).
    """
    check(state, wanted, [target for target, luns in named(state.files.get(wanted.path, "")).items() if luns is None])
    steps = tuple(_held(state, wanted) if wanted.held else _released(state, wanted))
    return Plan(
        subject=f"reservations of the disks of {', '.join(wanted.targets)}",
        before=show.before(state, wanted),
        after=show.after(state, wanted, _rule_after(state, wanted)) if steps else show.before(state, wanted),
        steps=steps,
        warnings=tuple(_warnings(state, wanted)),
    )


def _rule_after(state: State, wanted: Wanted) -> str:
    held = remaining(state, wanted)
    return rule(state.key, held) if held else ""


def unheld(state: State, wanted: Wanted) -> List[HeldDisk]:
    """The disks that this host does not hold, or that it takes from others."""
    return [
        disk
        for disk in state.disks
        if disk.status and (not disk.status.held(state.key) or (wanted.take_over and intruders(disk, state.key)))
    ]


def ours(state: State) -> List[HeldDisk]:
    """The disks at which this host is registered."""
    return [disk for disk in state.disks if disk.status and any(one.key == state.key for one in disk.status.registrations)]


def _held(state: State, wanted: Wanted) -> Iterator[Step]:
    changed = [path for path, content in sorted(state.program.items()) if state.files.get(path) != content or path in state.modes]
    if changed:
        yield MakeDirectory(LIBRARY)
    # The command is last, because it needs the other files.
    for path in sorted(changed, key=lambda path: path == COMMAND):
        yield WriteFile(path, state.program[path], file_mode(path))
    if state.files.get(wanted.path) != _rule_after(state, wanted):
        yield WriteFile(wanted.path, _rule_after(state, wanted))
        yield RELOAD
    for disk in unheld(state, wanted):
        yield Operation("take_over" if wanted.take_over else "hold", {"device": disk.node, "key": shown_key(state.key)})


def _released(state: State, wanted: Wanted) -> Iterator[Step]:
    # Without the rule first, an event of udev would hold a released disk again.
    content = _rule_after(state, wanted)
    if state.files.get(wanted.path, "") != content:
        yield WriteFile(wanted.path, content) if content else RemoveFile(wanted.path)
        yield RELOAD
    for disk in ours(state):
        yield Operation("release", {"device": disk.node, "key": shown_key(state.key)})
    if not content and any(path in state.program for path in state.files):
        yield RemoveFile(COMMAND)
        yield Command(("rm", "--recursive", "--force", LIBRARY))


def _warnings(state: State, wanted: Wanted) -> Iterator[str]:
    yield from (f"{disk.problem}: it is held when it appears again" for disk in state.disks if disk.is_away and wanted.held)
    if (
        wanted.held
        and wanted.take_over
        and any(one.initiator == wanted.initiator for disk in state.disks for one in intruders(disk, state.key))
    ):
        yield (
            f"another host with the initiator name {wanted.initiator} is registered, and a target cannot tell the two apart: make sure that"
            " it is switched off for good"
        )
    for disk in state.disks if wanted.held and not wanted.take_over else ():
        for one in intruders(disk, state.key):
            yield f"{disk.label}: {one.initiator or 'another initiator'} is registered too (key {shown_key(one.key)}), and may write to it"
