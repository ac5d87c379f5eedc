# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check every copier with every layout in every folder."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Dict, Iterator, List, Tuple

from ..._core.errors import ObservationError
from ..._core.runner import Runner
from ..._host.files import Host
from ..._host.mounts import read_mounts
from ..checks import check_folder, check_guard, check_way
from ..layouts import Recipe, make_recipe
from ..options import Wanted
from ..state import Copied, Finding, Guarded, Program
from .copiers import copy_all, copy_guarded, find_guard, read_program
from .files import make_file, scratch

_BLOCK = 4096
_LARGEST_BLOCK = 65536


def observe(wanted: Wanted, runner: Runner) -> List[Finding]:
    """The findings, in the order of paths, commands and layouts."""
    guard = find_guard(wanted.guard)
    check_guard(guard, wanted)
    for path in (*wanted.paths, *filter(None, [wanted.target])):
        found = os.path.isdir(path)
        free = os.statvfs(path) if found else None
        check_folder(path, found, os.access(path, os.W_OK | os.X_OK), free.f_bavail * free.f_frsize if free else 0, wanted)
        if os.geteuid() == 0:
            check_way(path, _way(path))
    programs: Dict[str, Program] = {}
    for command in wanted.commands:
        read_program(runner, command, programs)
    return [finding for path in wanted.paths for finding in _check_path(runner, wanted, path, guard, programs)]


def _way(path: str) -> Iterator[Tuple[str, int, int]]:
    folder = os.path.realpath(path)
    while True:
        info = os.stat(folder)
        yield folder, info.st_uid, info.st_mode
        if folder == "/":
            return
        folder = os.path.dirname(folder)


def _check_path(runner: Runner, wanted: Wanted, path: str, guard: str, programs: Dict[str, Program]) -> List[Finding]:
    try:
        with scratch((path, wanted.target or path)) as folders:
            kind = _filesystem(folders[0])
            return [
                replace(finding, path=path, filesystem=kind, program=programs[command[0]])
                for command in wanted.commands
                for finding in _check_command(runner, wanted, command, folders, guard)
            ]
    except OSError as error:
        raise ObservationError(f"{path}: {error.filename or 'a file'}: {error.strerror}. All files of the check were removed") from None


def _check_command(runner: Runner, wanted: Wanted, command: Tuple[str, ...], folders: Tuple[str, ...], guard: str) -> Iterator[Finding]:
    is_guarded = False
    for layout in wanted.layouts:
        recipe = make_recipe(layout, _block_size(folders[0]), wanted.limit)
        started = time.monotonic()
        unproved, copies = _rounds(runner, wanted, recipe, command, folders)
        # A guard is slow, and shows the same errors with every layout.
        is_useful = not is_guarded and (not unproved or layout == wanted.layouts[-1])
        guarded = None
        if guard and (wanted.guard == "require" or is_useful):
            guarded, is_guarded = _guard(runner, guard, recipe, command, folders, wanted), True
        yield Finding(command, layout, unproved, tuple(copies), guarded, round(time.monotonic() - started, 3))


def _rounds(runner: Runner, wanted: Wanted, recipe: Recipe, command: Tuple[str, ...], folders: Tuple[str, ...]) -> Tuple[str, List[Copied]]:
    unproved, copies = "", []
    for _round in range(wanted.rounds):
        files = [make_file(os.path.join(folders[0], f"{recipe.layout}-{number}"), recipe) for number in range(recipe.files)]
        unproved = unproved or next((made.unproved for made in files if made.unproved), "")
        copies += copy_all(runner, command, files, folders[1], wanted.timeout)
        _remove([made.path for made in files])
    return unproved, copies


def _guard(runner: Runner, guard: str, recipe: Recipe, command: Tuple[str, ...], folders: Tuple[str, ...], wanted: Wanted) -> Guarded:
    made = make_file(os.path.join(folders[0], "guarded"), recipe)
    guarded = copy_guarded(runner, guard, command, made, folders[1], wanted.timeout)
    _remove([made.path])
    return guarded


def _remove(paths: List[str]) -> None:
    for path in paths:
        try:
            os.unlink(path)
        except FileNotFoundError:
            # mv has moved it.
            pass


def _block_size(path: str) -> int:
    size = os.statvfs(path).f_bsize
    return size if _BLOCK <= size <= _LARGEST_BLOCK else _BLOCK


def _filesystem(folder: str) -> str:
    """The type of the file system on which a folder lies."""
    inside = [mount for mount in read_mounts(Host()) if f"{folder}/".startswith(mount.point.rstrip("/") + "/")]
    return max(inside, key=lambda mount: len(mount.point)).kind if inside else ""
