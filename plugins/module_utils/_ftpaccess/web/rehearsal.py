# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of a throwaway Apache that walks folders as the real one does, and the comparison of both. Pure."""

from __future__ import annotations

import re
from typing import Iterable, Iterator, List, Mapping, Sequence, Tuple

from ..conf import Line, Section, read_lines, walk, written
from .state import Apache, PathVerdict
from .verdict import parts

FIRST_PORT = 2180
_MARK, _HARD_MARK = "FleetlabTrial", "</FleetlabTrial>"

_KEPT = ("directory", "directorymatch", "files", "filesmatch")
_DIRECTIVES = ("accessfilename", "serverroot", "typesconfig", "user", "group")
# Modules that would run the programs of a site, or need a part of the configuration that is left out.
_LEFT_OUT = re.compile(r"(php|cgi|cgid|fcgid|wsgi|perl|python|passenger|ssl|proxy|security|md|info)\w*_module")
_INSIDE = frozenset({"allowoverride", "allowoverridelist", "options", "require"})


def mark(found: Apache) -> str:
    """A line that Apache accepts nowhere, so that a file with it says in the log of errors that it was read, and ends the request.

    An unknown directive comes after the lines before it, and so also proves these; but C(Nonfatal=Unknown) lets it pass.
    """
    words = {word.lower() for one in walk(found.main) for line in one.all("allowoverride") for word in line.arguments}
    return _HARD_MARK if words & {"nonfatal=unknown", "nonfatal=all"} else _MARK


def loads(all_loads: Iterable[Tuple[str, str]]) -> Tuple[Tuple[str, str], ...]:
    """The modules of the throwaway server."""
    return tuple((name, path) for name, path in dict(all_loads).items() if not _LEFT_OUT.fullmatch(name))


def text(found: Apache, content: str) -> str:
    """The text of a file for the throwaway server: without lines whose module it does not load, and with the mark at its end."""
    left_out = {line.number for line in read_lines(content, "") if line.name in found.unproved}
    lines: List[str] = []
    is_left_out = False
    for number, line in enumerate(content.split("\n"), 1):
        # A line may go on in the next one.
        is_left_out = number in left_out or (is_left_out and lines[-1].rstrip().endswith("\\"))
        lines.append(f"#{line}" if is_left_out else line)
    return "\n".join([*lines, mark(found), ""])


def configuration(found: Apache, cases: Sequence[Tuple[str, str]], folder: str) -> str:
    """The configuration with a server for each case: the name of the real server, and the path. Their ports are in their order."""
    lines = [f"ServerName localhost\nPidFile {folder}/pid\nErrorLog {folder}/error.log\nLogLevel error\nMutex file:{folder} default"]
    lines += [f"DefaultRuntimeDir {folder}"]
    lines += [f"LoadModule {name} {path}" for name, path in loads(found.loads)]
    lines += [f"Define {name}" for name in found.defines]
    lines += [written(line) for line in found.main.lines if line.name in _DIRECTIVES]
    lines += _sections(found.main)
    for number, (server, path) in enumerate(cases):
        port = FIRST_PORT + number
        lines += [f"Listen 127.0.0.1:{port}", f"<VirtualHost 127.0.0.1:{port}>", written(Line("", 0, ("DocumentRoot", path)))]
        for part in parts(found, server)[1:]:
            lines += [written(line) for line in part.lines if line.name == "accessfilename"]
            lines += _sections(part)
        lines.append("</VirtualHost>")
    return "\n".join(lines) + "\n"


def _sections(part: Section) -> Iterator[str]:
    for section in part.of_kind(*_KEPT):
        yield written(Line("", 0, (f"<{section.kind}", *section.arguments)))
        yield from (f"  {written(line)}" for line in section.lines if line.name in _INSIDE)
        yield f"</{section.kind}>"


def answer(log: str, file: str) -> str:
    """What the log of errors says about a file: V(read), a line that it may not have, V(not readable), or nothing."""
    found = re.search(rf"{re.escape(file)}: (.*)", log)
    if re.search(rf"{re.escape(file)} pcfg_openfile|{re.escape(file)}: (Permission|pcfg)", log) or "unable to check htaccess" in log:
        return "not readable"
    if not found:
        return ""
    return "read" if _MARK in found.group(1) else found.group(1).split(",")[0]


def differences(one: PathVerdict, answers: Mapping[str, str], is_exact: bool) -> Iterator[str]:
    """Where a request met something else than the verdict says.

    :arg answers: what the log says about each file.
    :arg is_exact: whether the mark lets the lines before it be judged.
    """
    fatal = {each.file: each.fatal.directive if each.fatal else "" for each in one.in_force}
    for file, said in answers.items():
        if file in fatal:
            right = fatal[file] in said if fatal[file] and is_exact else said == "read"
        else:
            right = said in ("", "not readable")
        if not right:
            computed = f"in force{f', {fatal[file]} refused' if fatal[file] else ''}" if file in fatal else "without effect"
            yield f"{one.path} on server {one.server}: {file}: computed {computed}, seen {said or 'not read'}"


def is_exact(found: Apache) -> bool:
    """Whether the mark lets the lines before it be judged."""
    return mark(found) == _MARK
