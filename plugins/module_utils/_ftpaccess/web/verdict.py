# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on the .htaccess files on the way to a path, as Apache walks it. Pure."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from ..conf import Line, Section, read_lines
from .conditions import met
from .directives import CLASSES, not_allowed
from .state import Apache, Effective, Folder, Override, PathVerdict, Refused

_LINKS = {"followsymlinks": "follow", "all": "follow", "symlinksifownermatch": "owner"}
_BY_NAME = {name.lower(): name for name in CLASSES}


def server_names(found: Apache) -> Tuple[str, ...]:
    """The virtual servers by address and name; C(main) if there are none."""
    return tuple(_servers(found)) or ("main",)


def _servers(found: Apache) -> Dict[str, Section]:
    """The virtual servers. Several with one address and name, or without a name, are told apart by the place."""
    servers = [(" ".join([*one.arguments, one.value("servername")]).strip(), one) for one in found.main.of_kind("virtualhost")]
    names = [name for name, _one in servers]
    return {name if names.count(name) == 1 else f"{name} ({one.place})": one for name, one in servers}


def parts(found: Apache, server: str) -> Tuple[Section, ...]:
    """The sections whose contents hold for a server, the main one first."""
    return (found.main, *(one for name, one in _servers(found).items() if name == server))


def file_names(found: Apache, server: str) -> Tuple[str, ...]:
    """The names of AccessFileName, the first that exists counts."""
    lines = [line for part in parts(found, server) for line in part.all("accessfilename")]
    return lines[-1].arguments if lines else (".htaccess",)


def document_root(found: Apache, server: str) -> str:
    """The DocumentRoot of a server."""
    return next((value for part in reversed(parts(found, server)) if (value := part.value("documentroot"))), "/var/www/html")


def judge(found: Apache, server: str, path: str, folders: Sequence[Folder]) -> PathVerdict:
    """What holds for requests to the path."""
    in_force: List[Effective] = []
    without: List[Tuple[str, str]] = []
    override, options = Override(is_unset=True), "follow"
    for number, folder in enumerate(folders):
        if folder.error:
            return PathVerdict(server, path, tuple(in_force), tuple(without), _fatal(in_force) or f"{folder.path} {folder.error}")
        if folder.is_link and not _follows(options, folder):
            rest = [each.path for one in folders[number:] for each in one.files]
            reason = f"Apache does not follow the link {folder.path}"
            return PathVerdict(server, path, tuple(in_force), (*without, *((each, reason) for each in rest)), f"{reason}: requests get 403")
        for section in _sections(found, server, folder.path):
            override, options = _merge(override, section), _merge_options(options, section)
        if override.is_off:
            without += [(each.path, override.place) for each in folder.files]
            continue
        for first, each in enumerate(folder.files):
            if first:
                without.append((each.path, f"{folder.files[0].path} counts first (AccessFileName)"))
            elif each.error:
                rest = [one.path for later in folders[number + 1 :] for one in later.files]
                problem = f"the server cannot read {each.path} ({each.error}): requests get 403"
                without += [(each.path, problem), *((one, problem) for one in rest)]
                return PathVerdict(server, path, tuple(in_force), tuple(without), problem)
            else:
                in_force.append(Effective(each.path, override, tuple(_refused(each.text, override, found))))
    return PathVerdict(server, path, tuple(in_force), tuple(without), _fatal(in_force))


def _fatal(in_force: Sequence[Effective]) -> str:
    for one in in_force:
        line = one.fatal
        if line:
            return f"{one.file}:{line.number}: {line.directive} {line.why}: requests get 500"
    return ""


def _sections(found: Apache, server: str, folder: str) -> Iterator[Section]:
    """The sections C(<Directory>) for exactly this folder. Those with regular expressions come later, and have no AllowOverride."""
    for part in parts(found, server):
        for section in part.of_kind("directory"):
            if section.arguments and section.arguments[0] != "~" and _is_same(section.arguments[0], folder):
                yield section


def _is_same(pattern: str, folder: str) -> bool:
    # Apache negates a set by either sign, fnmatch only by one.
    wanted, names = pattern.replace("[^", "[!").strip("/").split("/"), folder.strip("/").split("/")
    return len(wanted) == len(names) and all(fnmatchcase(name, each) for name, each in zip(names, wanted))


def _merge(base: Override, section: Section) -> Override:
    made = base
    for line in section.all("allowoverride"):
        words = [word.lower() for word in line.arguments]
        named = {_BY_NAME[word.split("=")[0]] for word in words if word.split("=")[0] in _BY_NAME}
        classes = CLASSES if "all" in words else tuple(sorted(named))
        place = f"AllowOverride {' '.join(line.arguments)} ({line.place})"
        made = Override(
            classes,
            made.directives,
            _options(words),
            not {"nonfatal=override", "nonfatal=all"} & {*words},
            not {"nonfatal=unknown", "nonfatal=all"} & {*words},
            place=place,
        )
    for line in section.all("allowoverridelist"):
        directives = tuple(word.lower() for word in line.arguments if word.lower() != "none")
        made = replace(made, directives=directives, place=made.place if made.classes else f"AllowOverrideList ({line.place})")
    return made


def _options(words: Sequence[str]) -> Optional[Tuple[str, ...]]:
    named = [word.split("=")[1] for word in words if word.startswith("options=")]
    return tuple(named[-1].split(",")) if named else None


def _merge_options(base: str, section: Section) -> str:
    for line in section.all("options"):
        if any(not word.startswith(("+", "-")) for word in line.arguments):
            base = "no"
        for word in line.arguments:
            way = _LINKS.get(word.lstrip("+-").lower())
            if way:
                base = "no" if word.startswith("-") else way
    return base


def _follows(options: str, folder: Folder) -> bool:
    return options == "follow" or (options == "owner" and folder.has_owner_of_target)


def _readable(word: str) -> str:
    """A word as Apache's log of errors has it, so that signs can be seen that nobody sees."""
    return "".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in word.encode("utf-8", "surrogateescape"))


def _refused(text: str, override: Override, found: Apache) -> Iterator[Refused]:
    for line in met(read_lines(text, "", is_apache=True), found):
        directive = _readable(line.words[0].lstrip("<"))
        if line.name.startswith("</"):
            continue
        if line.name not in found.needs:
            yield Refused(line.number, directive, "", True, override.is_unknown_fatal)
        elif line.name not in override.directives and (needs := _lacking(line, override, found)) is not None:
            yield Refused(line.number, directive, needs, is_fatal=override.is_fatal)


def _lacking(line: Line, override: Override, found: Apache) -> Optional[str]:
    """The class, or the single option, that AllowOverride would have to name; empty for a line that no file may have."""
    needs = found.needs[line.name]
    if not {*needs} & {*override.classes}:
        return " or ".join(needs)
    if line.name == "options" and override.options is not None:
        lacking = not_allowed(line.arguments, override.options)
        return f"Options={','.join(word.lstrip('+-') for word in lacking)}" if lacking else None
    return None
