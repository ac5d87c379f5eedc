# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a report on the controller: existing files, wanted files, and the steps between them. Equal files are not written."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Sequence

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError, ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Operation, Plan, Step, WriteFile

MAKE_FOLDER = "make-folder"
_MOST_SHOWN = 100_000
"""The most characters of a file in a diff. Nobody reads a longer page, such as pictures of hundreds of hosts, in a diff."""


@dataclass(frozen=True)
class Found:
    """An existing file; C(content) is None if the file does not exist."""

    content: Optional[str] = None
    mode: int = 0


def observe(paths: Sequence[str]) -> Dict[str, Found]:
    """The files at these paths.

    :raises ObservationError: a path is not a file, or cannot be read.
    """
    return {path: _observe_one(path) for path in paths}


def _observe_one(path: str) -> Found:
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            raise ObservationError(f"{path}: exists and is not a file; name another path")
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return Found(stream.read(), stat.S_IMODE(mode))
    except FileNotFoundError:
        return Found()
    except OSError as error:
        raise ObservationError(f"{path}: cannot be read: {error.strerror}") from None


def plan(found: Mapping[str, Found], wanted: Mapping[str, str], mode: int, folder: Optional[str], is_folder: bool) -> Plan:
    """The steps that create the folder and write the files whose content or mode differs."""
    steps: List[Step] = []
    if folder is not None and not is_folder:
        steps.append(Operation(MAKE_FOLDER, {"path": folder}))
    written = [path for path, content in wanted.items() if found[path] != Found(content, mode)]
    steps += [WriteFile(path, wanted[path], mode) for path in written]
    before = {path: _shown(found[path].content, found[path].mode) for path in written}
    return Plan("report", before, {path: _shown(wanted[path], mode) for path in written}, tuple(steps))


def _shown(content: Optional[str], mode: int) -> str:
    if content is None:
        return ""
    text = content
    if len(content) > _MOST_SHOWN:
        digest = hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()
        text = f"({len(content)} characters, SHA-256 {digest})\n"
    return f"mode {mode:04o}\n{text}"


def diffs(made: Plan) -> List[Dict[str, str]]:
    """A diff for each file to be written."""
    return [{"before_header": path, "after_header": path, "before": made.before[path], "after": made.after[path]} for path in made.after]


def make_folder(path: str) -> None:
    """Create the folder and its parents."""
    os.makedirs(path, mode=0o755, exist_ok=True)


def names(folder: str) -> List[str]:
    """The names in a folder; none if it does not exist or cannot be read."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def problem_of_folder(folder: str) -> Optional[str]:
    """Why no file can be written in the folder, which may still have to be created; None if one can."""
    existing = folder
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    if not os.path.isdir(existing):
        return f"{folder}: cannot be written, because {existing} is not a folder; name another folder"
    if not os.access(existing, os.W_OK | os.X_OK):
        return f"{folder}: cannot be written, because user {os.geteuid()} may not write in {existing}; change that, or name another folder"
    return None


def check_folder_of(option: str, path: Optional[str]) -> None:
    """Check that the folder of a file exists.

    :raises InputError: the folder does not exist.
    """
    folder = os.path.dirname(os.path.realpath(path)) if path else None
    if folder is not None and not os.path.isdir(folder):
        raise InputError(option, f"{path}: the folder {folder} does not exist; create it, or name another file")


def parse_mode(value: object) -> int:
    """Permissions as octal digits, or as the number that YAML makes of 0644 without quotes.

    :raises InputError: another value, or permissions that are impossible for a report.
    """
    try:
        mode = value if isinstance(value, int) else int(str(value), 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o777 or not mode & stat.S_IRUSR:
        raise InputError("mode", f"{value!r} is not the octal mode of a readable file, such as '0644'")
    return mode
