# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of a throwaway Apache that walks folders as the real one does, and the comparison of both. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..conf import Line, Section, read_lines, walk, written
from .state import Apache, PathVerdict, Refused
from .verdict import parts

FIRST_PORT = 2180
READ = "read"
_MARK, _HARD_MARK = "FleetlabTrial", "</FleetlabTrial>"

_KEPT = ("directory", "directorymatch", "files", "filesmatch")
_DIRECTIVES = ("accessfilename", "serverroot", "typesconfig", "user", "group")
# Modules that would run the programs of a site, or need a part of the configuration that a trial does not have.
_LEFT_OUT = re.compile(r"(php|cgi|cgid|fcgid|wsgi|perl|python|passenger|ssl|proxy|security|md|info)\w*_module")
_JUDGED = re.compile(r"not allowed (here|in .* context)|forbidden by AllowOverride|^Invalid command")
"""What Apache says of lines that the verdict is about."""
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


def provable(found: Apache, content: str) -> str:
    """The text of a file for the throwaway server, without the lines whose module it does not load."""
    left_out = {line.number for line in read_lines(content, "", is_apache=True) if line.name in found.unproved}
    lines: List[str] = []
    is_left_out = False
    for number, line in enumerate(content.split("\n"), 1):
        # A line may go on in the next one.
        is_left_out = number in left_out or (is_left_out and lines[-1].rstrip("\r").endswith("\\"))
        lines.append(f"#{line}" if is_left_out else line)
    return "\n".join(lines)


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
    """What the log of errors says about a file: V(read), what Apache has against a line in it, V(not readable), or nothing."""
    found = re.search(rf"{re.escape(file)}: (.*)", log)
    if re.search(rf"{re.escape(file)} pcfg_openfile|{re.escape(file)}: (Permission|pcfg)", log) or "unable to check htaccess" in log:
        return "not readable"
    if not found:
        return ""
    return READ if _MARK in found.group(1) else found.group(1).split(", perhaps misspelled")[0]


def differences(found: Apache, one: PathVerdict, answers: Mapping[str, str]) -> Iterator[str]:
    """Where a request met something else than the verdict says.

    :arg answers: what the log says about each file.
    """
    in_force = {each.file: each.fatal for each in one.in_force}
    for file, said in answers.items():
        fatal = in_force.get(file)
        if not (_is_right(found, fatal, said) if file in in_force else said in ("", "not readable")):
            computed = f"in force{f', {fatal.directive} refused' if fatal else ''}" if file in in_force else "without effect"
            yield f"{one.path} on server {one.server}: {file}: computed {computed}, seen {said or 'not read'}"


def _is_right(found: Apache, fatal: Optional[Refused], said: str) -> bool:
    """Whether Apache says of a file in force what it has to say about its first line that ends requests."""
    if is_of_arguments(said):
        return True
    if fatal and fatal.directive.lower() in found.unproved:
        return said != ""
    if fatal and is_exact(found):
        # Of a single option it only says which one.
        return fatal.directive in said or (fatal.needs.startswith("Options=") and said.startswith("Option "))
    return said == READ


def is_exact(found: Apache) -> bool:
    """Whether the mark lets the lines before it be judged."""
    return mark(found) == _MARK


def proved(one: PathVerdict, answers: Mapping[str, str]) -> PathVerdict:
    """The verdict with what only Apache can say: whether it understands the arguments and the sections of each file."""
    wrong = [said if said.startswith(file) else f"{file}: {said}" for file, said in answers.items() if is_of_arguments(said)]
    return replace(one, problem=f"{wrong[0].rstrip('.')}: requests get 500") if wrong and "requests get 500" not in one.problem else one


def is_of_arguments(said: str) -> bool:
    """Whether Apache does not understand the arguments of a line, or a section, which no verdict is about."""
    return said not in ("", READ, "not readable") and not _JUDGED.search(said)
