# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan to assemble arrays again that udev assembled at other device nodes (md127), or from members that lack writes. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Optional, Sequence

from ..._core.errors import RefusedError
from ..checks.devices import use_of
from ..model.array import Array
from ..model.identify import bears_name, find
from ..model.wanted import WantedArray
from .builder import PlanBuilder


def plan_renaming(builder: PlanBuilder, wanted: Sequence[WantedArray]) -> None:
    """Stop declared arrays that run at the wrong node and are not in use, with the declared arrays on them.

    The stopped arrays are assembled at their own nodes later in the plan. An array in use keeps its node, with a warning.
    """
    for one in wanted:
        array = find(builder.state, one)
        if not array or not array.active or not _is(builder, one, array):
            continue
        if array.auto_read_only and builder.state.survivors(array.uuid):
            _take_apart(builder, one, array, wanted)
        elif builder.state.paths.get(one.node) != array.kernel_name:
            _rename(builder, one, array, wanted)


def _is(builder: PlanBuilder, wanted: WantedArray, array: Array) -> bool:
    return bears_name(builder.state, wanted, array) or array.name == wanted.name


def _rename(builder: PlanBuilder, wanted: WantedArray, array: Array, everything: Sequence[WantedArray]) -> None:
    stack = _stack(builder, array)
    reasons = [reason for part in stack for reason in _against(builder, part, stack, everything)]
    if reasons:
        builder.warnings.append(
            f"array {wanted.name} runs as {array.node} instead of {wanted.node}: {'; '.join(reasons)}."
            " It gets its name when it is assembled again, at the latest at the next boot"
        )
        builder.alias(wanted.node, array)
        return
    for part in stack:
        builder.stop(part)


def _take_apart(builder: PlanBuilder, wanted: WantedArray, array: Array, everything: Sequence[WantedArray]) -> None:
    """Stop an array that udev started from all its members, while the journal knows that some lack its last writes.

    :raises RefusedError: the array is in use.
    """
    stack = _stack(builder, array)
    reasons = [reason for part in stack for reason in _in_use(builder, part, stack, everything)]
    if reasons:
        raise RefusedError(
            wanted.subject,
            f"it was started from all its members, although some lack its last writes, and is in use: {'; '.join(reasons)}",
            "Nothing was changed; unmount it, or stop the programs that use it, and run this again",
        )
    for part in stack:
        builder.stop(part)


def _stack(builder: PlanBuilder, array: Array) -> List[Array]:
    """The array and the arrays on it, the topmost first."""
    above = [other for other in builder.state.arrays if array.kernel_name in other.devices]
    return [part for other in above for part in _stack(builder, other)] + [array]


def _against(builder: PlanBuilder, array: Array, stack: Sequence[Array], wanted: Sequence[WantedArray]) -> List[str]:
    """Why an array of the stack may not be stopped for a moment."""
    reasons = _in_use(builder, array, stack, wanted)
    declared = _declared(builder, array, wanted)
    if declared and array.degraded and not declared.run_degraded:
        reasons.append(f"{array.node} is degraded and would not be started again without run_degraded")
    return reasons


def _in_use(builder: PlanBuilder, array: Array, stack: Sequence[Array], wanted: Sequence[WantedArray]) -> List[str]:
    reasons = [f"{array.node} {reason}" for reason in array_in_use(builder, array, [part.kernel_name for part in stack])]
    if array.active and _declared(builder, array, wanted) is None:
        reasons.append(f"{array.node} lies on it and is not declared here")
    return reasons


def _declared(builder: PlanBuilder, array: Array, wanted: Sequence[WantedArray]) -> Optional[WantedArray]:
    return next((one for one in wanted if one.state == "present" and _is(builder, one, array)), None)


def array_in_use(builder: PlanBuilder, array: Array, leaving: Sequence[str] = ()) -> List[str]:
    """Why an array cannot be stopped; holders in C(leaving) are stopped before it."""
    device = builder.state.devices.get(array.kernel_name)
    if device is None:
        return []
    held = bool(device.holders) and set(device.holders) <= set(leaving)
    if held:
        return []
    # An array that can no longer be written or read can be stopped all the same.
    reasons = use_of(replace(device, read_only=False, answers=True))
    if device.users:
        reasons.append(f"is open in {', '.join(device.users)}")
    return reasons
