# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May the sessions be judged, and tried? Pure."""

from __future__ import annotations

from typing import Sequence

from .._core.errors import RefusedError
from .conf import is_on, walk
from .options import Wanted, WantedCure
from .sections import MARK
from .state import Configuration, CureState
from .verdict import Case

MOST = 200
"""The users that a trial logs in as without having been named."""


def check(found: Configuration, cases: Sequence[Case], wanted: Wanted) -> None:
    """Refuse what would give a wrong answer.

    :raises RefusedError: the server runs with another configuration, a path is a circle of links, or a trial would prove nothing.
    """
    if found.others and wanted.config not in found.others:
        raise RefusedError(
            wanted.config,
            f"ProFTPD is started with {', '.join(found.others)} on this host",
            "Nothing was changed; name that file by config",
        )
    for case in cases:
        if case.seen.is_loop:
            raise RefusedError(
                case.account.name, f"its path is a circle of symbolic links ({case.seen.problem})", "Correct the links, or name other users"
            )
    if wanted.trial:
        _check_trial(found, cases, wanted)


def _check_trial(found: Configuration, cases: Sequence[Case], wanted: Wanted) -> None:
    names = {case.account.name for case in cases}
    if not wanted.users and len(names) > MOST:
        raise RefusedError(
            wanted.config, f"a trial would log in as {len(names)} users, more than {MOST}", "Name the users to try, or omit trial"
        )
    engines = [line for section in walk(found.main) for line in section.all("vrootengine") if line.arguments and is_on(line.arguments[0])]
    if engines and "mod_vroot.c" not in found.modules:
        raise RefusedError(
            engines[0].place, "VRootEngine is on, and mod_vroot is not loaded", "Load it by LoadModule mod_vroot.c, or omit trial"
        )


def check_cure(state: CureState, wanted: WantedCure) -> None:
    """Refuse a foreign file, and one that ProFTPD would not read.

    :raises RefusedError: one of the two.
    """
    if state.text is not None and not state.text.startswith(MARK):
        raise RefusedError(wanted.file, "it was not written by this module", "Nothing was changed; name another file by file")
    if state.wanted and not state.is_included:
        raise RefusedError(
            wanted.file, f"{state.plain.path} does not include it", f"Nothing was changed; add the line Include {wanted.file} to it"
        )
