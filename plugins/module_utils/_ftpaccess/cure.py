# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of sections that puts rules of .ftpaccess files in force, and the plan that writes it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .._core.errors import RefusedError
from .._core.plan import Operation, Plan, RemoveFile, Step, WriteFile
from .conf import Line, Section, parse, read_lines, walk, written
from .limits import understood
from .options import WantedCure
from .state import Configuration, Verdict

MARK = "# Written by fleetlab.linux.ftpaccess: the rules of .ftpaccess files that ProFTPD would not apply. Changes here are lost."
OFF = ("AllowOverride off", r'PathDenyFilter "(^|/)\.ftpaccess$"')


@dataclass(frozen=True)
class State:
    """C(plain) is the configuration without our file, C(text) our file as it is, C(None) if it is missing, C(wanted) as it shall be.

    C(before) and C(after) are the verdicts with the one and the other. C(is_running) tells whether a server runs that has to read the file.
    """

    plain: Configuration
    text: Optional[str]
    wanted: str
    before: Tuple[Verdict, ...]
    after: Tuple[Verdict, ...]
    is_included: bool = True
    is_running: bool = False


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
    trees = {folder: understood(parse(read_lines(text, folder), is_lenient=True)) for folder, text in sorted(chosen.items())}
    trees = {folder: tree for folder, tree in trees.items() if tree.lines or tree.sections}
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


def check(state: State, wanted: WantedCure) -> None:
    """Refuse a foreign file, and one that ProFTPD would not read.

    :raises RefusedError: one of the two.
    """
    if state.text is not None and not state.text.startswith(MARK):
        raise RefusedError(wanted.file, "it was not written by this module", "Nothing was changed; name another file by file")
    if state.wanted and not state.is_included:
        raise RefusedError(
            wanted.file, f"{state.plain.path} does not include it", f"Nothing was changed; add the line Include {wanted.file} to it"
        )


def plan(state: State, wanted: WantedCure) -> Plan:
    """Write or remove the file, and let the server read it.

    :raises RefusedError: see L(check).
    """
    check(state, wanted)
    steps: List[Step] = []
    if state.wanted != (state.text or ""):
        steps.append(WriteFile(wanted.file, state.wanted) if state.wanted else RemoveFile(wanted.file))
        steps.append(Operation("reload", {"config": state.plain.path, "running": state.is_running}))
    return Plan(
        subject=wanted.file,
        before={"file": state.text or "", "users": _users(state.before)},
        after={"file": state.wanted, "users": _users(state.after)} if steps else {"file": state.text or "", "users": _users(state.before)},
        steps=tuple(steps),
    )


def _users(verdicts: Sequence[Verdict]) -> Dict[str, Any]:
    return {f"{one.account.name} on server {one.server}": _rules(one) for one in verdicts}


def _rules(one: Verdict) -> Mapping[str, Any]:
    covered = [each.file for each in one.without_effect if each.is_covered]
    return {
        "may_write": one.may_write,
        "rules_of": sorted([*(each.file for each in one.in_force), *covered]),
        "without_effect": sorted(each.file for each in one.without_effect if not each.is_covered),
        "around": sorted(dict.fromkeys(file for file, _way in one.around)),
    }


def returned(_state: State, _wanted: WantedCure, made: Plan) -> Mapping[str, Any]:
    """The return values."""
    return {"users": {name: {"before": rules, "after": made.after["users"].get(name)} for name, rules in made.before["users"].items()}}
