# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of sections that puts rules of .ftpaccess files in force. Pure."""

from __future__ import annotations

import re
from typing import Dict, Iterator, Sequence

from .._core.errors import RefusedError
from .conf import Line, Section, parse_access_file, walk, written
from .limits import understood
from .options import WantedCure
from .state import Configuration, Verdict

MARK = "# Written by fleetlab.linux.ftpaccess: the rules of .ftpaccess files that ProFTPD would not apply. Changes here are lost."
# ProFTPD would read these as the end of the line, as a pattern for other folders, or as a variable.
_NO_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff*?\[\]{}%]")
OFF = ("AllowOverride off", r'PathDenyFilter "(^|/)\.ftpaccess$"')


def content(plain: Configuration, verdicts: Sequence[Verdict], wanted: WantedCure) -> str:
    """The content of our file; empty if none is needed. C(verdicts) are those without the file.

    :raises RefusedError: the configuration has a section for one of the folders, or an opinion that is stronger than the file.
    """
    if not wanted.is_present:
        return ""
    chosen: Dict[str, str] = {}
    for one in verdicts:
        for folder, text in (*one.to_cover, *(one.to_keep if wanted.is_off else ())):
            chosen.setdefault(folder, text)
    texts = sorted(chosen.items())
    trees = {folder: understood(parse_access_file(text, folder, plain.modules, plain.defines)) for folder, text in texts}
    trees = {folder: tree for folder, tree in trees.items() if tree.lines or tree.sections}
    _check_names(tuple(trees))
    _check_sections(plain, tuple(trees))
    if wanted.is_off:
        _check_off(plain)
    inner = [f"  {line}" for line in OFF] if wanted.is_off else []
    for folder, tree in trees.items():
        inner += [f"  {line}" for line in _section(folder, tree)]
    return "\n".join([MARK, "<Global>", *inner, "</Global>", ""]) if inner else ""


def _section(folder: str, tree: Section) -> Iterator[str]:
    yield written(Line("", 0, ("<Directory", folder)))
    yield from _body(tree, "  ")
    yield "</Directory>"


def _body(tree: Section, indent: str) -> Iterator[str]:
    yield from (f"{indent}{written(line)}" for line in tree.lines)
    for limit in tree.sections:
        yield f"{indent}{written(Line('', 0, ('<Limit', *limit.arguments)))}"
        yield from _body(limit, f"{indent}  ")
        yield f"{indent}</Limit>"


def _check_names(folders: Sequence[str]) -> None:
    """Users of the host choose names below their homes, and what is written here is read as the configuration of the whole server."""
    for folder in folders:
        if _NO_NAME.search(folder):
            raise RefusedError(
                ascii(folder),
                "ProFTPD cannot have a section for a folder of this name, which is more than a path to it",
                "Nothing was changed; rename the folder, or name the other users by users",
            )


def _check_sections(plain: Configuration, folders: Sequence[str]) -> None:
    for section in walk(plain.main):
        if section.kind == "directory" and section.arguments and section.arguments[0].rstrip("/") in folders:
            raise RefusedError(
                section.place,
                f"a section <Directory {section.arguments[0]}> is there, and ProFTPD takes no second one",
                f"Nothing was changed; move the rules of {section.arguments[0]}/.ftpaccess into it",
            )


def _check_off(plain: Configuration) -> None:
    for section in walk(plain.main):
        if section.kind in ("main", "virtualhost", "global"):
            for line in (*section.all("allowoverride"), *section.all("pathdenyfilter")):
                raise RefusedError(line.place, f"{' '.join(line.words)} counts before files: off", "Nothing was changed; take the line out")
