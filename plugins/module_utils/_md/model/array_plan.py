# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan for arrays, with the state that it leads to. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Tuple

from ..._core.plan import Plan
from .array import Healing
from .state import State


@dataclass(frozen=True)
class Released:
    """A member that an array releases: the kernel's names of the member and the array, and the array's own name."""

    kernel_name: str
    array: str
    device: str


@dataclass(frozen=True)
class ArrayPlan(Plan):
    """C(state) is the host after the plan, except for the arrays in C(deferred), which are planned when their members run.

    C(healed) are the repairs of lost members, C(postponed) are arrays that are grown when they are whole.
    """

    state: State = field(default_factory=State)
    healed: Tuple[Healing, ...] = ()
    deferred: Tuple[str, ...] = ()
    postponed: Tuple[str, ...] = ()
    released: Tuple[Released, ...] = ()
