# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run copiers, with and without a guard, and compare their copies."""

from __future__ import annotations

import ctypes.util
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import Dict, List, Sequence, Tuple

from ..._core.errors import CommandError
from ..._core.runner import Runner
from ..compare import find_difference
from ..memory import read_reports
from ..options import fill
from ..state import Copied, Guarded, Program
from .files import Made, remove_folder

VALGRIND, FENCE = "valgrind", "libefence"
_GUARDED = 10
"""How many times slower a copier may be under a guard."""
_LINK = "a link to the file itself"
_ENVIRONMENT = ("env", "PYTHONMALLOC=malloc")
_FENCE = ("env", "LD_PRELOAD=libefence.so.0", "EF_ALLOW_MALLOC_0=1")


def find_guard(wanted: str) -> str:
    """The guard of this host, empty if it has none or none is wanted."""
    if wanted == "never":
        return ""
    if shutil.which(VALGRIND):
        return VALGRIND
    return FENCE if ctypes.util.find_library("efence") else ""


def copy_all(runner: Runner, command: Tuple[str, ...], files: Sequence[Made], folder: str, timeout: float) -> List[Copied]:
    """Copy all files at the same time."""
    if len(files) == 1:
        return [_copy(runner, (), command, files[0], folder, timeout)]
    with ThreadPoolExecutor(len(files)) as pool:
        return list(pool.map(lambda made: _copy(runner, (), command, made, folder, timeout), files))


def _copy(runner: Runner, before: Tuple[str, ...], command: Tuple[str, ...], made: Made, folder: str, timeout: float) -> Copied:
    name = os.path.basename(made.path)
    target = os.path.join(folder, f"copy-of-{name}", name)
    os.mkdir(os.path.dirname(target))
    if made.former:
        with open(target, "xb") as stream:
            stream.write(made.former)
    failure = ""
    try:
        runner.run([*before, *fill(command, made.path, target)], timeout=timeout)
    except CommandError as error:
        failure = error.problem
    odd = _kind_if_odd(made.path, target)
    # A link to the file has its content, and is the file itself.
    content = b"" if odd and odd != _LINK else _read(target)
    copied = Copied(failure or (odd and f"it made {odd} where a file belongs"), find_difference(made.content, content))
    remove_folder(os.path.dirname(target))
    return copied


def _kind_if_odd(source: str, path: str) -> str:
    """What is there in place of a copy: a folder cannot be read, and a pipe would never end. Empty for a file, and for nothing."""
    if os.path.exists(path) and os.path.exists(source) and os.path.samefile(source, path):
        return _LINK
    if not os.path.exists(path) or os.path.isfile(path):
        return ""
    return "a folder" if os.path.isdir(path) else "a pipe or a device"


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return b""


def copy_guarded(runner: Runner, guard: str, command: Tuple[str, ...], made: Made, folder: str, timeout: float) -> Guarded:
    """Copy one file under a guard, and tell which memory errors that showed."""
    if guard == FENCE:
        # Only the copy counts: under this library also a cp without an error may die at its end, after the copy.
        copied = _copy(runner, _FENCE, command, made, folder, timeout * _GUARDED)
        return Guarded(FENCE, ("copy differs",) if copied.difference else (), copied.difference is not None)
    reports = os.path.join(folder, "valgrind")
    os.mkdir(reports)
    options = ["--quiet", "--trace-children=yes", "--child-silent-after-fork=yes", "--xml=yes", f"--xml-file={reports}/%p"]
    _copy(runner, (*_ENVIRONMENT, VALGRIND, *options, "--"), command, made, folder, timeout * _GUARDED)
    texts = [_read(os.path.join(reports, name)).decode("utf-8", "replace") for name in sorted(os.listdir(reports))]
    remove_folder(reports)
    return read_reports(texts)


def read_program(runner: Runner, command: Tuple[str, ...], seen: Dict[str, Program]) -> Program:
    """The version of a copier, and the patches of its package where dpkg knows it."""
    name = command[0]
    if name not in seen:
        path = shutil.which(name)
        seen[name] = Program(_first_line(runner, [path, "--version"]), _patches(runner, path)) if path else Program()
    return seen[name]


def _patches(runner: Runner, path: str) -> str:
    real = os.path.realpath(path)
    owner = _first_line(runner, ["dpkg-query", "--search", real]).partition(": ")[0]
    return _first_line(runner, ["dpkg-query", "--show", "--showformat", "${Fleetlab-Patches}\n", owner]) if owner else ""


def _first_line(runner: Runner, argv: List[str]) -> str:
    try:
        return runner.run(argv, timeout=10).stdout.partition("\n")[0].strip()
    except CommandError:
        return ""
