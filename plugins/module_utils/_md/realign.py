# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan to put arrays together anew that udev gave other device nodes (md127), or members that lack writes. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Optional, Sequence

from .._core.errors import RefusedError
from .array_state import Array
from .checks import use_of
from .draft import Draft
from .identify import bears_name
from .report import find
from .wanted import Wanted


def plan_realignment(draft: Draft, wanted: Sequence[Wanted]) -> None:
    """Stop declared arrays that run at the wrong node and are not in use, with the declared arrays on top of them.

    They are assembled at their own nodes later in the plan. What is in use stays where it is, with a warning.
    """
    for one in wanted:
        array = find(draft.state, one)
        if not array or not array.active or not _is(draft, one, array):
            continue
        if array.resting and draft.state.survivors(array.uuid):
            _take_apart(draft, one, array, wanted)
        elif draft.state.paths.get(one.node) != array.kernel_name:
            _realign(draft, one, array, wanted)


def _is(draft: Draft, wanted: Wanted, array: Array) -> bool:
    return bears_name(draft.state, wanted, array) or array.name == wanted.name


def _realign(draft: Draft, wanted: Wanted, array: Array, everything: Sequence[Wanted]) -> None:
    stack = _stack(draft, array)
    reasons = [reason for part in stack for reason in _against(draft, part, stack, everything)]
    if reasons:
        draft.warnings.append(
            f"array {wanted.name} runs as {array.node} instead of {wanted.node}: {'; '.join(reasons)}."
            " It gets its name when it is assembled again, at the latest at the next boot"
        )
        draft.alias(wanted.node, array)
        return
    for part in stack:
        draft.stop(part)


def _take_apart(draft: Draft, wanted: Wanted, array: Array, everything: Sequence[Wanted]) -> None:
    """Its members all look alike to udev, but what was noted when it was stopped tells which of them have every write."""
    stack = _stack(draft, array)
    reasons = [reason for part in stack for reason in _in_use(draft, part, stack, everything)]
    if reasons:
        raise RefusedError(
            f"array {wanted.name}",
            f"it was started again from all its members, of which some lack its last writes, and is in use: {'; '.join(reasons)}",
            "Nothing was changed; unmount it, or stop what uses it, and run this again",
        )
    for part in stack:
        draft.stop(part)


def _stack(draft: Draft, array: Array) -> List[Array]:
    """The array and the arrays on top of it, the topmost first."""
    above = [other for other in draft.state.arrays if array.kernel_name in other.devices]
    return [part for other in above for part in _stack(draft, other)] + [array]


def _against(draft: Draft, array: Array, stack: Sequence[Array], wanted: Sequence[Wanted]) -> List[str]:
    """Why an array of the stack may not be stopped for a moment."""
    reasons = _in_use(draft, array, stack, wanted)
    declared = _declared(draft, array, wanted)
    if declared and array.degraded and not declared.run_degraded:
        reasons.append(f"{array.node} is degraded and would not be started again without run_degraded")
    return reasons


def _in_use(draft: Draft, array: Array, stack: Sequence[Array], wanted: Sequence[Wanted]) -> List[str]:
    reasons = [f"{array.node} {reason}" for reason in array_in_use(draft, array, [part.kernel_name for part in stack])]
    if array.active and _declared(draft, array, wanted) is None:
        reasons.append(f"{array.node} lies on it and is not declared here")
    return reasons


def _declared(draft: Draft, array: Array, wanted: Sequence[Wanted]) -> Optional[Wanted]:
    return next((one for one in wanted if one.state == "present" and _is(draft, one, array)), None)


def array_in_use(draft: Draft, array: Array, leaving: Sequence[str] = ()) -> List[str]:
    """Why an array cannot be stopped; holders in C(leaving) are stopped before it."""
    device = draft.state.devices.get(array.kernel_name)
    if device is None:
        return []
    held = bool(device.holders) and set(device.holders) <= set(leaving)
    if held:
        return []
    # One that cannot be written to, or not even read any more, can be stopped all the same.
    reasons = use_of(replace(device, read_only=False, answers=True))
    if device.users:
        reasons.append(f"is open in {', '.join(device.users)}")
    return reasons
