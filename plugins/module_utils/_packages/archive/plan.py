# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the builds and an archive to the steps. Pure."""

from __future__ import annotations

from typing import Any, Dict, List

from ..._core.errors import RefusedError
from ..._core.plan import MakeDirectory, Operation, Plan, Step
from .options import WantedArchive
from .state import Archive

_NOTHING = "Nothing was changed"


def check(state: Archive, wanted: WantedArchive) -> None:
    """Refuse to write where others write, and to change what hosts may have fetched.

    :raises RefusedError: with what was found, and the remedy.
    """
    if state.foreign:
        found = f"it has {', '.join(state.foreign[:3])}, which no archive of this module has"
        raise RefusedError(wanted.path, found, f"Name an empty or a new folder by path. {_NOTHING}")
    if state.key_problem:
        raise RefusedError(str(wanted.signing_key), state.key_problem, _NOTHING)
    if state.missing:
        raise RefusedError(
            ", ".join(state.missing), f"{wanted.directory} has no build of it", f"Build it first, by patched_package. {_NOTHING}"
        )
    for entry in state.entries:
        published = dict(state.index(entry.suite).entries).get(entry.place, entry.digest)
        if published != entry.digest:
            found = f"{entry.name} {entry.version} is published with other content, which hosts may have"
            raise RefusedError(entry.place, found, f"Build it with another patch or suffix, so that it gets another version. {_NOTHING}")


def plan(state: Archive, wanted: WantedArchive) -> Plan:
    """Publish the builds that are missing, and sign what is not signed."""
    check(state, wanted)
    steps: List[Step] = []
    new = [entry for entry in state.entries if entry.place not in state.pool]
    after = {suite: sorted({*_places(state, suite), *(entry.place for entry in new if entry.suite == suite)}) for suite in _suites(state)}
    changed = [suite for suite in after if after[suite] != _indexed(state, suite) or not state.index(suite).is_signed]
    if state.fingerprint is None:
        steps.append(Operation("make_key", {"keys": wanted.keys, "signing_key": wanted.signing_key}))
    if new or changed or not state.has_public_key:
        steps.append(MakeDirectory(wanted.path))
    if state.fingerprint is None or not state.has_public_key:
        steps.append(Operation("write_public_key", {"path": wanted.public_key}))
    for entry in new:
        steps += [
            MakeDirectory(f"{wanted.path}/pool/{entry.suite}/{entry.name}"),
            Operation("copy", {"path": entry.path, "place": entry.place}),
        ]
    architectures = {state.architecture, *(entry.architecture for entry in state.entries)} - {"all"}
    for suite in changed:
        steps.append(Operation("publish", {"suite": suite, "architectures": sorted(architectures | {*state.index(suite).architectures})}))
    return Plan(wanted.path, _before(state, list(after)), {"packages": after, "signed": list(after), "public_key": "present"}, tuple(steps))


def _before(state: Archive, suites: List[str]) -> Dict[str, Any]:
    return {
        "packages": {suite: _indexed(state, suite) for suite in suites},
        "signed": [suite for suite in suites if state.index(suite).is_signed],
        "public_key": "present" if state.has_public_key else "absent",
    }


def _suites(state: Archive) -> List[str]:
    return sorted({index.suite for index in state.indexes} | {entry.suite for entry in state.entries})


def _places(state: Archive, suite: str) -> List[str]:
    return [place for place in state.pool if place.startswith(f"pool/{suite}/")]


def _indexed(state: Archive, suite: str) -> List[str]:
    return sorted(place for place, _digest in state.index(suite).entries)
