# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a session of an account meets: the same paths, permissions and root as ProFTPD has after the login. Runs in a child process."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from itertools import islice
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ..._host.isolated import end_with_parent
from ..state import AccessFile, Account, Seen

_NAME = ".ftpaccess"
_MOST = 5000
"""Folders that the walk below the first folder reads at most."""
_LARGEST = 1 << 20
"""Bytes of a file at most: a user may give it any size."""


@dataclass(frozen=True)
class Way:
    """The way of a session: C(root) is the path of DefaultRoot or C(None), C(folder) that of DefaultChdir or C(None), C(walk) the levels
    below the first folder to be looked at. C(real) are paths to be resolved. C(follows) is AllowChrootSymlinks, C(is_anonymous) begins in
    the root."""

    account: Account
    root: Optional[str]
    folder: Optional[str]
    walk: int
    real: Tuple[str, ...] = ()
    follows: bool = True
    is_anonymous: bool = False


def look(way: Way) -> Dict[str, Any]:
    """The facts as JSON; see L(seen). This process gives up root, and must be ended after it."""
    one = way.account
    os.setgroups(sorted({one.gid, *one.gids}))
    os.setegid(one.gid)
    os.seteuid(one.uid)
    end_with_parent()
    real = {path: os.path.realpath(path) for path in way.real}
    try:
        root = _root(way)
        start = _enter(way, root)
    except OSError as error:
        place = error.filename or way.root or one.home
        shown = {"problem": f"{place}: {error.strerror}", "is_loop": error.errno == errno.ELOOP, "real": real}
        return {**shown, "root": way.root or "/", "starts": one.home, "above": _outside(one.home), "below": [], "is_cut": False}
    below: List[Dict[str, Any]] = []
    is_cut = _walk(start, way.walk, below)
    inside = [each for each in (_file(folder) for folder in _upward(start)) if each]
    prefix = "" if root == "/" else root
    for each in (*inside, *below):
        each["folder"] = (prefix + each["folder"]).rstrip("/") or "/"
    starts = (prefix + start).rstrip("/") or "/"
    return {
        "root": root,
        "starts": starts,
        "above": inside,
        "below": below,
        "is_cut": is_cut,
        "problem": "",
        "is_loop": False,
        "real": real,
    }


def _root(way: Way) -> str:
    if way.root is None or way.root == "/":
        return "/"
    if not way.follows:
        _refuse_links(way.root)
    os.stat(way.root)
    return os.path.realpath(way.root)


def _refuse_links(path: str) -> None:
    current = path.rstrip("/")
    while current:
        if os.path.islink(current):
            raise OSError(errno.EPERM, "is a symbolic link, and AllowChrootSymlinks is off", current)
        current = current.rpartition("/")[0]


def _enter(way: Way, root: str) -> str:
    """Change the root folder, and go where ProFTPD goes. The path as the session sees it."""
    one = way.account
    home = os.path.realpath(one.home) if os.path.exists(one.home) else one.home
    first = home if way.folder is None else os.path.join(home, way.folder)
    if root != "/":
        os.seteuid(0)
        os.chroot(root)
        os.chdir("/")
        os.seteuid(one.uid)
        end_with_parent()
        first = f"/{first[len(root) :].lstrip('/')}" if first.startswith(root) else first
    if way.is_anonymous:
        first = "/"
    try:
        os.chdir(first)
    except OSError:
        # Within a root the failure is no failure of the login.
        if root == "/" and way.folder is None:
            raise
        os.chdir("/" if root != "/" else one.home)
    return os.getcwd()


def _upward(folder: str) -> Iterator[str]:
    yield folder
    while folder != "/":
        folder = os.path.dirname(folder)
        yield folder


def _file(folder: str) -> Optional[Dict[str, Any]]:
    path = f"{folder.rstrip('/')}/{_NAME}"
    try:
        info = os.stat(path)
    except OSError:
        return None
    found: Dict[str, Any] = {"folder": folder, "size": info.st_size, "text": None, "error": ""}
    try:
        _check_kind(info)
        # The user may put a pipe in its place at any time, on which an ordinary open would wait.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), encoding="utf-8", errors="replace") as stream:
            _check_kind(os.fstat(stream.fileno()))
            found["text"] = stream.read(_LARGEST)
    except OSError as error:
        found["error"] = error.strerror
    found["is_writable"] = os.access(path, os.W_OK, effective_ids=True)
    found["is_replaceable"] = _is_replaceable(folder, path)
    found["has_folders"] = any(True for _name in _folders(folder))
    return found


def _check_kind(info: os.stat_result) -> None:
    if not stat.S_ISREG(info.st_mode):
        raise OSError(errno.EINVAL, "is no regular file")
    if info.st_size > _LARGEST:
        raise OSError(errno.EFBIG, f"is larger than {_LARGEST >> 20} MiB, and was not read")


def _is_replaceable(folder: str, path: str) -> bool:
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        return False
    info = os.stat(folder)
    owners = (info.st_uid, os.lstat(path).st_uid)
    return not info.st_mode & stat.S_ISVTX or os.geteuid() in (0, *owners)


def _folders(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield f"{folder.rstrip('/')}/{entry.name}"
    except OSError:
        return


def _walk(start: str, levels: int, found: List[Dict[str, Any]]) -> bool:
    """Add the files below the first folder; true if there were too many folders."""
    layer = [start]
    count = 0
    for _level in range(levels):
        layer = list(islice((inner for folder in layer for inner in _folders(folder)), _MOST - count + 1))
        count += len(layer)
        if count > _MOST:
            return True
        found += [each for each in map(_file, layer) if each]
    return False


def _outside(home: str) -> List[Dict[str, Any]]:
    return [each for each in map(_file, _upward(os.path.realpath(home))) if each]


def seen(facts: Dict[str, Any], outside: Tuple[AccessFile, ...]) -> Seen:
    """The facts of L(look) with the files outside the session's root."""
    above = tuple(AccessFile(**each) for each in facts["above"])
    below = tuple(AccessFile(**each) for each in facts["below"])
    return Seen(facts["root"], facts["starts"], (*above, *outside), below, facts["problem"], facts["is_loop"], facts["is_cut"])


def files_above(root: str) -> Tuple[AccessFile, ...]:
    """The files in the folders above the root of a session, which it cannot see, innermost first. Read as root."""
    folders = list(_upward(root))[1:] if root != "/" else []
    return tuple(AccessFile(**each) for each in map(_file, folders) if each)
