# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on a finding. Pure.

No verdict says that a copier is right: the bug of cp 8.11 to 8.19 gave equal copies in nearly all runs.
"""

from __future__ import annotations

import stat
from typing import Iterable, Tuple

from .._core.errors import FleetlabError, ObservationError
from .memory import is_affected
from .options import Wanted
from .state import Finding

CORRUPTS, FREED, INCONCLUSIVE, NOT_SEEN = VERDICTS = ("corrupts", "reads_freed_memory", "inconclusive", "not_seen")
"""The worst first."""

_ROOM = 2
"""The free space that is wanted, as a multiple of the limit."""


def judge(finding: Finding) -> Tuple[str, str]:
    """The verdict and its reason."""
    damaged = [copied.difference for copied in finding.copies if copied.difference and not copied.failure]
    if damaged:
        return CORRUPTS, f"{len(damaged)} of {len(finding.copies)} copies differ, and the copier reported no error"
    if finding.guarded and finding.guarded.freed:
        return FREED, f"under {finding.guarded.guard} it reads memory that it had freed, so its copies are right only by chance"
    reason = next(filter(None, _doubts(finding)), "")
    return (INCONCLUSIVE, reason) if reason else (NOT_SEEN, f"{len(finding.copies)} copies are equal")


def _doubts(finding: Finding) -> Iterable[str]:
    failed = [copied.failure for copied in finding.copies if copied.failure]
    yield f"{len(failed)} of {len(finding.copies)} calls failed: {failed[0]}" if failed else ""
    yield finding.unproved
    yield f"{finding.guarded.guard} reports {', '.join(finding.guarded.errors)}" if finding.guarded and finding.guarded.errors else ""
    if is_affected(finding.program) is True and not finding.guarded:
        yield "this version reads memory that it had freed, which equal copies do not disprove; install valgrind or electric-fence"


def worst(verdicts: Iterable[str]) -> str:
    """The worst of several verdicts."""
    return min(verdicts, key=VERDICTS.index)


def check_folder(path: str, is_folder: bool, is_writable: bool, free: int, wanted: Wanted) -> None:
    """Refuse a folder in which no files can be made.

    :raises ObservationError: the folder is missing, read-only or nearly full; nothing was written.
    """
    problem = ""
    if not is_folder:
        problem = "is no directory"
    elif not is_writable:
        problem = "cannot be written by this user"
    elif free < _ROOM * wanted.limit:
        problem = f"has {free >> 20} MiB free, {_ROOM * wanted.limit >> 20} are needed; free some, or set a smaller size_limit"
    if problem:
        raise ObservationError(f"{path}: {problem}. Nothing was written")


_UNKNOWN_OWNER = 65534
"""How an owner is shown who has no number in this user namespace."""


def check_way(path: str, way: Iterable[Tuple[str, int, int]]) -> None:
    """Refuse, for root, a folder that another user can replace by a link, through which root would copy to any file of the host.

    :arg way: the folder and all folders above it, each with its owner and its mode.
    :raises ObservationError: a folder belongs to another user, or anybody can rename its files.
    """
    for folder, owner, mode in way:
        is_open = mode & stat.S_IWOTH and not mode & stat.S_ISVTX
        if owner not in (0, _UNKNOWN_OWNER) or is_open:
            why = "anybody may rename its files" if is_open else f"it belongs to the user with the number {owner}"
            raise ObservationError(
                f"{path}: root cannot copy here safely, because of {folder}: {why}, and could put a link in the place of the files;"
                f" set become_user to the owner, or name another directory of this file system. Nothing was written"
            )


def check_guard(guard: str, wanted: Wanted) -> None:
    """Refuse to go on without a guard where one is required."""
    if wanted.guard == "require" and not guard:
        raise FleetlabError(
            "guard: require, but this host has neither valgrind nor libefence.so.0: install valgrind or electric-fence. Nothing was written"
        )
