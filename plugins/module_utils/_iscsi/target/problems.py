# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which problems do the targets of a host have? Pure."""

from __future__ import annotations

from typing import Iterator, List, Optional

from .saved import same_as_saved
from .state import State, Target

_AGAIN = "declare the target again with iscsi_target"


def problems(state: State, only: Optional[str] = None) -> List[str]:
    """A sentence for each finding, with its remedy, of all targets or of the target C(only); none if all is well.

    An initiator that is not logged in is no problem of the target.
    """
    found = [text for iqn, target in sorted(state.targets.items()) if only in (None, iqn) for text in _of_target(state, target)]
    lost = [iqn for iqn in sorted(state.saved.targets) if iqn not in state.targets and only in (None, iqn)]
    return found + [f"target {iqn} is saved for boot and does not run; {_AGAIN}, or remove it with state: absent" for iqn in lost]


def _of_target(state: State, target: Target) -> Iterator[str]:
    label = f"target {target.iqn}"
    if not target.enabled:
        yield f"{label} is disabled, so nobody can log in; {_AGAIN}"
    if not target.portals:
        yield f"{label} has no portal, so it listens nowhere; {_AGAIN}"
    for number, key in sorted(target.luns.items()):
        backstore = state.backstores.get(key) if key is not None else None
        if backstore is None:
            yield f"{label}: LUN {number} has no storage object, because its creation was interrupted; {_AGAIN}"
        elif not backstore.configured or backstore.device is None:
            yield f"{label}: the storage of LUN {number}, {backstore.path}, is gone; bring it back, then {_AGAIN}"
    if not same_as_saved(target, state.saved, state.backstores):
        yield f"{label} would not come back at boot as it is now; {_AGAIN}, which saves it"
