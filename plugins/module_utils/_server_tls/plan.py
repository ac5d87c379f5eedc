# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps from the state of a server to the wanted settings. Pure.

The trial is first. The old file is kept until the new one is proved, so that a killed run can be completed or undone by the next one.
"""

from __future__ import annotations

import json
from typing import Any, Dict, Iterable, Iterator, Mapping, Optional, Tuple

from .._core.plan import Command, MakeDirectory, Operation, Plan, RemoveFile, Step, WriteFile
from . import show
from .changes import changed_files, is_strict, restored_files, uncommented
from .checks import check
from .judge import deviations
from .options import Wanted
from .profiles import Settings, groups_for
from .servers import Server
from .state import State


def settings_for(state: State, wanted: Wanted) -> Settings:
    """The settings, as far as they depend on the host. Stapling needs a responder in every certificate, else the server logs errors."""
    certificates = state.config.certificates
    return Settings(
        profile=wanted.profile,
        groups=groups_for(state.version, wanted.groups),
        tickets=wanted.tickets,
        stapling=wanted.stapling and bool(certificates) and all(file.has_ocsp for file in certificates),
        trace=wanted.trace,
    )


def plan(state: State, wanted: Wanted, server: Server) -> Plan:
    """Write the settings, and make the running server use them.

    :raises InputError: see L(check).
    :raises RefusedError: see L(check).
    """
    check(server, state, wanted)
    if not wanted.is_present:
        return _plan_absent(server, state)
    settings = settings_for(state, wanted)
    steps = tuple(_steps(server, state, wanted, settings))
    return Plan(
        subject=f"TLS of {server.name}",
        before=show.before(server, state),
        after=show.after(state, wanted, server.render(settings)) if steps else show.before(server, state),
        steps=steps,
        warnings=tuple(_warnings(state, wanted)),
    )


def _plan_absent(server: Server, state: State) -> Plan:
    """Take away what this collection wrote. The trial is first here too: the server may not start with what is left."""
    wanted_files = restored_files(server, state.files)
    different = {path: content for path, content in wanted_files.items() if content is not None}
    steps: Tuple[Step, ...] = ()
    if different or server.owned in state.files or state.is_enabled or state.kept:
        steps = tuple(_steps_absent(server, state, wanted_files, different))
    before = show.before_absent(server, state, tuple(different))
    return Plan(f"TLS of {server.name}", before, show.before_absent(server, None, ()) if steps else before, steps, tuple(_stopped(state)))


def _steps_absent(server: Server, state: State, wanted_files: Mapping[str, Optional[str]], different: Mapping[str, str]) -> Iterator[Step]:
    yield Operation("trial_absent")
    yield from _keep(server, state, _to_keep(server, state, wanted_files))
    for path, content in sorted(different.items()):
        yield WriteFile(path, content, mode=state.files[path][1])
    if state.is_enabled and server.disable:
        yield Command(server.disable)
    yield RemoveFile(server.owned)
    if state.pid is not None:
        yield Operation("prove")
    yield RemoveFile(server.journal)


def _keep(server: Server, state: State, kept: Mapping[str, Optional[str]]) -> Iterator[Step]:
    if state.kept is None or kept != state.kept.files:
        yield MakeDirectory(server.journal.rpartition("/")[0])
        yield WriteFile(server.journal, json.dumps({"files": kept, "running": state.pid is not None}, sort_keys=True) + "\n", mode=0o600)


def _steps(server: Server, state: State, wanted: Wanted, settings: Settings) -> Iterator[Step]:
    wanted_files = changed_files(server, state.config, state.files, settings, wanted)
    different = {path: content for path, content in wanted_files.items() if content is not None and _content(state, path) != content}
    is_as_wanted = not any(deviations(state.live, settings, is_strict(state.config, wanted)))
    if not different and state.is_enabled and state.kept is None and is_as_wanted:
        return
    yield Operation("trial", _arguments(settings))
    yield from _keep(server, state, _to_keep(server, state, wanted_files))
    for path, content in sorted(different.items(), key=lambda item: item[0] != server.owned):
        yield WriteFile(path, content, mode=state.files.get(path, ("", 0o644))[1])
    if not state.is_enabled and server.enable:
        yield Command(server.enable)
    if state.pid is not None:
        yield Operation("prove")
    yield RemoveFile(server.journal)


def _content(state: State, path: str) -> str:
    return state.files.get(path, ("", 0))[0]


def _arguments(settings: Settings) -> Mapping[str, Any]:
    return {
        "profile": settings.profile,
        "groups": list(settings.groups),
        "tickets": settings.tickets or None,
        "stapling": settings.stapling or None,
        "trace": settings.trace or None,
    }


def _to_keep(server: Server, state: State, paths: Iterable[str]) -> Dict[str, Optional[str]]:
    """The files to go back to. What a killed run kept is older than what lies there now, unless somebody has changed the file since."""
    old: Dict[str, Optional[str]] = {path: state.files[path][0] if path in state.files else None for path in paths}
    if not state.is_enabled:
        # A file that the server does not read is no settings to go back to.
        old[server.owned] = None
    for path, content in (state.kept.files if state.kept else {}).items():
        now = state.files.get(path, ("", 0))[0]
        if path == server.owned or uncommented(server, now) == uncommented(server, content or ""):
            old[path] = content
    return old


def _warnings(state: State, wanted: Wanted) -> Iterator[str]:
    kept = state.config.overrides if wanted.overrides == "report" else ()
    yield from (f"{setting} has its own TLS, which the profile does not change" for setting in kept)
    yield from (f"{setting} was not looked into; the trial shows what it does" for setting in state.config.unread)
    yield from _stopped(state)


def _stopped(state: State) -> Iterator[str]:
    yield from (f"{label} is no address of this host now: what clients find there was tried, but not seen" for label in state.elsewhere)
    if state.pid is None:
        yield "the server does not run: the settings were tried in a throwaway server only, and take effect when it starts"
