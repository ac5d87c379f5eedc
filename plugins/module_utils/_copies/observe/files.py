# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the files of a layout, each with content of its own, and remove everything at the end, also after a kill."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Iterable, Iterator, List, Optional, Sequence, Tuple

from ..layouts import Recipe, expected, former_copy, make_blocks, why_unproved
from .extents import collapse, punch, read_map

PREFIX = ".fleetlab-copy-check-"
_GRACE = 10.0
"""Seconds within which a copier that survived this process may still make files."""

_HIDDEN = (errno.ENOTEMPTY, errno.EBUSY, errno.ENOENT)
"""Why a folder with a hidden file is not removed at once. The file may go between the look and the removal."""


@dataclass(frozen=True)
class Made:
    """A file, its content, why its layout is not proved, and the content of the copy that exists already; empty for none."""

    path: str
    content: bytes
    unproved: str
    former: bytes


def make_file(path: str, recipe: Recipe) -> Made:
    """Make a file whose content no other file has: what an earlier file left on the disk is no right copy."""
    blocks = make_blocks(recipe, os.urandom(8))
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        if not (recipe.collapsed and _make_by_collapse(descriptor, recipe, blocks)):
            _make_directly(descriptor, recipe, blocks)
        if recipe.is_synced:
            os.fsync(descriptor)
        unproved = why_unproved(recipe, read_map(descriptor))
    finally:
        os.close(descriptor)
    return Made(path, expected(recipe, blocks), unproved, former_copy(recipe))


def _make_by_collapse(descriptor: int, recipe: Recipe, blocks: Sequence[bytes]) -> bool:
    """False, with an empty file, where the file system cannot take blocks out of a file."""
    _write(descriptor, blocks, range(recipe.count))
    os.fsync(descriptor)
    try:
        for number in recipe.punched:
            punch(descriptor, number * recipe.block, recipe.block)
        for number in reversed(recipe.collapsed):
            collapse(descriptor, number * recipe.block, recipe.block)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
        os.ftruncate(descriptor, 0)
        return False
    return True


def _make_directly(descriptor: int, recipe: Recipe, blocks: Sequence[bytes]) -> None:
    cells = recipe.cells()
    _write(descriptor, blocks, cells)
    # XFS writes all data to the disk when a size is set, so it is set only for a hole at the end.
    if cells[-1] is None:
        os.ftruncate(descriptor, len(cells) * recipe.block)
    moved = set(recipe.moved())
    if moved:
        os.fsync(descriptor)
        _write(descriptor, blocks, [number if number in moved else None for number in cells])


def _write(descriptor: int, blocks: Sequence[bytes], cells: Iterable[Optional[int]]) -> None:
    for place, number in enumerate(cells):
        if number is not None:
            os.pwrite(descriptor, blocks[number], place * len(blocks[number]))


@contextmanager
def scratch(folders: Tuple[str, ...]) -> Iterator[Tuple[str, ...]]:
    """A new folder in each of the folders. A process beside this one removes them if this one is killed."""
    # The process knows the names before the folders exist, so that no moment is left in which nobody would remove them.
    names = [os.path.join(folder, PREFIX + secrets.token_hex(8)) for folder in folders]
    with _ends_by_exception():
        watch, end = _start_watch(names)
        try:
            for name in names:
                os.mkdir(name, 0o700)
            yield tuple(names)
        finally:
            _remove(names)
            os.close(end)
            os.waitpid(watch, 0)


def _remove(folders: List[str]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def remove_folder(folder: str) -> None:
    """Remove a folder with its files.

    A file system of the network hides a file that is removed before it is closed everywhere in the same folder, until it is closed.
    """
    end = time.monotonic() + _GRACE
    while True:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            if error.errno not in _HIDDEN or time.monotonic() > end:
                raise
        if not os.path.exists(folder):
            return
        time.sleep(0.02)


def _start_watch(folders: List[str]) -> Tuple[int, int]:
    """Start the process that waits for the end of this one. Returns its number, and the end of a pipe that keeps it waiting."""
    waiting, end = os.pipe()
    number = os.fork()
    if number:
        os.close(waiting)
        return number, end
    try:
        os.setsid()
        # Whoever waits for the output of this module must not wait for this process.
        silent = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silent, stream)
        os.close(end)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.read(waiting, 1)
        _remove_until_gone(folders)
    finally:
        os._exit(0)


def _remove_until_gone(folders: List[str]) -> None:
    end = time.monotonic() + _GRACE
    while any(os.path.exists(folder) for folder in folders) and time.monotonic() < end:
        _remove(folders)
        time.sleep(0.05)


@contextmanager
def _ends_by_exception() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end this process as SIGINT does, so that everything is cleaned up."""
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, _frame: object) -> None:
    raise KeyboardInterrupt(f"ended by signal {number}")
