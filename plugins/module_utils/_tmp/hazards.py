# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service would lose with a private /tmp, in the words of a warning. Pure."""

from __future__ import annotations

from typing import Iterator, Sequence

from .options import Wanted, size_in_bytes
from .state import State

_SHOWN = 3


def hazards(state: State, wanted: Wanted) -> Iterator[str]:
    """What the service does now that it cannot do, or cannot find, in the wanted /tmp. Each sentence follows the name of the service."""
    yield from _of_files(state, wanted)
    yield from _of_unit(state, wanted)


def _of_files(state: State, wanted: Wanted) -> Iterator[str]:
    uses = state.uses
    if uses.executed and "noexec" in wanted.options:
        yield (
            f"it executes {_listed(uses.executed)}, which noexec forbids: it may fail at once or later. Give "
            "options: [nosuid, nodev], or let it unpack its libraries elsewhere (for Java: -Djava.io.tmpdir)"
        )
    if uses.variables:
        yield f"it has {_listed(uses.variables)}, which a private /tmp does not have: let the service make it, or unset the variable"
    if uses.files:
        yield f"files of its user, {_listed(uses.files)}, stay in the host's /tmp, where it does not see them any more"
    if wanted.backing == "tmpfs":
        limit = size_in_bytes(wanted.size, state.memory)
        if uses.size > limit:
            yield f"its files below /tmp have {_mib(uses.size)} now, and size {wanted.size} is {_mib(limit)}: give more, or backing: disk"


def _of_unit(state: State, wanted: Wanted) -> Iterator[str]:
    unit = state.unit
    if wanted.backing == "tmpfs" and unit.helpers:
        yield (
            f"{_listed(unit.helpers)} names /tmp, and each command of the unit gets an empty /tmp of its own: files that one "
            "makes are not there for the others. Give backing: disk"
        )
    if unit.below:
        yield f"its unit has {_listed(unit.below)}, which is not in a private /tmp"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"
