# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a change writes: the owned one, and on request those whose settings would undo it. Pure."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Tuple

from .options import Wanted
from .profiles import Settings
from .servers import Server
from .state import Config


def restored_files(server: Server, files: Mapping[str, Tuple[str, int]]) -> Dict[str, Optional[str]]:
    """The content of each file without what this collection wrote, C(None) for the owned one, which goes."""
    marked = {path: uncommented(server, text) for path, (text, _mode) in files.items() if path != server.owned and is_marked(server, text)}
    return {server.owned: None, **marked}


def is_marked(server: Server, text: str) -> bool:
    """Whether a file has lines that this collection made comments."""
    return _mark(server) in text


def changed_files(
    server: Server, config: Config, files: Mapping[str, Tuple[str, int]], settings: Settings, wanted: Wanted
) -> Dict[str, Optional[str]]:
    """The wanted content of each file."""
    found: Dict[str, Optional[str]] = {server.owned: server.render(settings)}
    lines: Dict[str, List[int]] = {}
    for setting in config.overrides if wanted.overrides == "comment_out" else ():
        lines.setdefault(setting.real, []).extend(range(setting.place.line, setting.place.line + setting.lines))
    for path, numbers in lines.items():
        if path in files:
            found[path] = comment_out(server, files[path][0], numbers)
    return found


def comment_out(server: Server, text: str, numbers: List[int]) -> str:
    """The text in which the lines with these numbers, counted from 1, are comments."""
    lines = text.split("\n")
    # A file that is included twice has each of its lines twice.
    for number in set(numbers):
        lines[number - 1] = f"{_mark(server)}{lines[number - 1]}"
    return "\n".join(lines)


def uncommented(server: Server, text: str) -> str:
    """The text without these comments."""
    return text.replace(_mark(server), "")


def _mark(server: Server) -> str:
    return f"# {server.name}_tls: "


def is_strict(config: Config, wanted: Wanted) -> bool:
    """Whether every name has to be as the profile says, because nothing else in the configuration has a say."""
    return not config.overrides or wanted.overrides == "comment_out"
