# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The /tmp that several services have in common: who comes, who leaves, and when its folders go. Pure."""

from __future__ import annotations

from typing import Iterator, List, Optional

from .._core.errors import InputError, RefusedError
from .._core.plan import Command, Operation, RemoveFile, Step
from .._host.systemd import RELOAD
from .options import Wanted
from .render import common_names, helper, helper_name, helper_path, is_ours
from .state import State
from .verify import used_common

# A service may take long to stop: systemd's default limit is 90 s.
STOP_LIMIT = 300.0


def check_common(state: State, wanted: Wanted) -> None:
    """Check a task about a service that shares its /tmp.

    :raises InputError: other services have it with another mode, group or options.
    :raises RefusedError: a foreign unit has the name of the module's.
    """
    common = state.common.get(wanted.share)
    if common is None:
        return
    path = helper_path(state.unit.name, wanted.share)
    if not is_ours(common.text):
        raise RefusedError(
            state.unit.name, f"{path} was not written by this module", "Nothing was changed; move it away, or omit this task"
        )
    if common.services and common.text != helper(wanted, state.places, state.gid or 0, state.labels):
        raise InputError(
            "share",
            f"{wanted.share} is shared with {', '.join(common.services)}, by whose task it has another mode, group or mount options: see "
            f"{path}. Nothing was changed; give all of them the same mode and options (a mode such as 0770 also needs the same group)",
        )


def left_common(state: State, wanted: Wanted) -> str:
    """The /tmp of several services that the service still runs with, and shall not have any more."""
    used = used_common(state)
    return used if used != (wanted.share if wanted.present else "") else ""


def restart(state: State, wanted: Wanted) -> Operation:
    """The step that restarts the service; with the folders if it has them alone, so that their mount has the wanted options."""
    common = state.common.get(wanted.share) if wanted.present else None
    alone = common is not None and common.active and not common.services
    folders = {"folders": helper_name("", wanted.share)} if alone else {}
    return Operation("restart", {"service": state.unit.name, **folders})


def unused(state: State, drop_in: Optional[str]) -> List[str]:
    """The names of each common /tmp that no service has any more when this one has C(drop_in)."""
    still = common_names(drop_in or "")
    return sorted(name for name, one in state.common.items() if not one.services and is_ours(one.text) and name not in still)


def unused_common(state: State, drop_in: Optional[str]) -> Iterator[Step]:
    """The steps that remove the units of each unused common /tmp."""
    for name in unused(state, drop_in):
        # systemd stops it without being asked, but not before it has looked at its units.
        yield Command(("systemctl", "stop", helper_name("", name)), timeout=STOP_LIMIT)
        yield RemoveFile(helper_path("", name))
        yield RELOAD
