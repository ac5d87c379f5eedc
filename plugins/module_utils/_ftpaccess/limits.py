# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision of ProFTPD on a command by the C(<Limit>) sections that hold for a folder. Pure."""

from __future__ import annotations

import re
from typing import Iterator, List, Optional, Sequence, Tuple

from .accounts import holds_and, holds_or
from .conf import Line, Section, is_on
from .state import Account, Rule

_GROUPS = {
    "STOR": "WRITE",
    "APPE": "WRITE",
    "DELE": "WRITE",
    "RNTO": "WRITE",
    "MKD": "WRITE",
    "RNFR": "DIRS",
    "RETR": "READ",
    "LIST": "DIRS",
}
_IN_FILE = """
allowall allowfilter allowoverwrite allowretrieverestart allowstorerestart deleteabortedstores denyall denyfilter digestenable
dirfakegroup dirfakemode dirfakeuser diropenmode dirumask execenable groupowner hidefiles hidegroup hidenoaccess hideuser listoptions
maxretrievefilesize maxstorefilesize maxtransfersperhost maxtransfersperuser pathallowfilter pathdenyfilter storeuniqueprefix tlsrequired
transferrate umask userowner usesendfile
"""
_IN_LIMIT = (
    "allow allowall allowclass allowfilter allowgroup allowuser deny denyall denyclass denyfilter denygroup denyuser ignorehidden order"
)

_SWITCHES = frozenset({"", "on", "off", "yes", "no", "true", "false", "1", "0"})


def may(chain: Sequence[Section], command: str, one: Account) -> bool:
    """Whether the sections let the account give the command. C(chain) has the innermost section first and the server last."""
    for name in (command, _GROUPS.get(command, ""), "ALL"):
        for section in chain:
            answer = _answer(section, name, one)
            if answer is not None:
                return answer
    return True


def may_store(chain: Sequence[Section], one: Account) -> bool:
    """Whether the account may store a file.

    A DenyAll outside of C(<Limit>) refuses the connection for the data, if it is in the innermost section.
    """
    is_open = not (chain and _all(chain[0], "deny") and not _all(chain[0], "allow"))
    return is_open and may(chain, "STOR", one)


def depends_on_client(chain: Sequence[Section], command: str) -> bool:
    """Whether a rule on addresses or classes of clients has a say in the command, too."""
    names = {command, _GROUPS.get(command, ""), "ALL"}
    deciding = (limit for section in chain for limit in section.of_kind("limit") if names & set(commands_of(limit)))
    return any(_is_about_clients(line) for limit in deciding for line in limit.lines)


def _is_about_clients(line: Line) -> bool:
    if line.name in ("allowclass", "denyclass"):
        return True
    return line.name in ("allow", "deny") and [word.lower() for word in line.arguments if word.lower() != "from"] not in (["all"], ["none"])


def _answer(section: Section, name: str, one: Account) -> Optional[bool]:
    """What the first section C(<Limit>) with an opinion says."""
    for limit in section.of_kind("limit"):
        if name in commands_of(limit):
            answer = _judge(limit, one)
            if answer is not None:
                return answer
    return None


def commands_of(limit: Section) -> Tuple[str, ...]:
    """The commands of a section C(<Limit>)."""
    return tuple(part.upper() for word in limit.arguments for part in word.split(",") if part)


def _judge(limit: Section, one: Account) -> Optional[bool]:
    order = "".join(limit.first("order").arguments).lower() if limit.first("order") else "allow,deny"  # type: ignore[union-attr]
    if order == "deny,allow":
        return not _names(limit, "deny", one) and _names(limit, "allow", one)
    if _names(limit, "allow", one):
        return True
    return False if _names(limit, "deny", one) else None


def _names(limit: Section, what: str, one: Account) -> bool:
    """Whether a directive that begins with C(what) is about the account. Addresses and classes of clients are not known: they never are."""
    if _all(limit, what):
        return True
    if any(_every(line.arguments) for line in limit.all(what)):
        return True
    users = any(_expression(line.arguments, (one.name,), "OR") for line in limit.all(f"{what}user"))
    return users or any(_expression(line.arguments, one.groups, "AND") for line in limit.all(f"{what}group"))


def _all(section: Section, what: str) -> bool:
    """Whether DenyAll or AllowAll is on."""
    line = next((line for line in section.all(f"{what}all") if not _is_wrong(line)), None)
    return line is not None and (not line.arguments or is_on(line.arguments[0]))


def _is_wrong(line: Line) -> bool:
    """Whether ProFTPD skips the line for its arguments."""
    return line.name in ("allowall", "denyall") and " ".join(line.arguments).lower() not in _SWITCHES


def _every(words: Sequence[str]) -> bool:
    return [word.lower() for word in words if word.lower() != "from"] == ["all"]


def _expression(words: Sequence[str], names: Sequence[str], default: str) -> bool:
    way = words[0].upper() if words and words[0].upper() in ("AND", "OR", "REGEX") else default
    rest = words[1:] if words and words[0].upper() == way else words
    if way == "REGEX":
        return any(_matches(pattern, name) for pattern in rest for name in names)
    parts = [part for word in rest for part in word.split(",") if part]
    return holds_and(parts, names) if way == "AND" else holds_or(parts, names)


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False


def is_filtered(chain: Sequence[Section], path: str) -> bool:
    """Whether PathDenyFilter keeps a path from being written; the innermost one counts."""
    for section in chain:
        line = section.first("pathdenyfilter")
        if line and line.arguments:
            return line.arguments[0].lower() != "none" and _matches(line.arguments[0], path)
    return False


def rules(section: Section) -> Tuple[Rule, ...]:
    """The limits of a file, for people."""
    found: List[Rule] = []
    for limit in section.of_kind("limit"):
        found.append(Rule(commands_of(limit), tuple(" ".join(line.words) for line in limit.lines)))
    return tuple(found)


def understood(section: Section) -> Section:
    """The section without the lines that ProFTPD skips."""
    known = _known(section)
    inner = tuple(understood(one) for one in section.sections)
    return Section(
        section.kind,
        section.arguments,
        tuple(line for line in section.lines if line.name in known and not _is_wrong(line)),
        inner,
        section.place,
    )


def _known(section: Section) -> Sequence[str]:
    return (_IN_LIMIT if section.kind == "limit" else _IN_FILE).split()


def warnings(section: Section) -> Tuple[str, ...]:
    """The lines of a .ftpaccess that ProFTPD skips with no more than a line in its log."""
    return tuple(sorted(_unknown(section)))


def _unknown(section: Section) -> Iterator[str]:
    known = _known(section)
    for line in section.lines:
        if line.name not in known or _is_wrong(line):
            yield _skipped(line)
    for inner in section.sections:
        yield from _unknown(inner)


def _skipped(line: Line) -> str:
    return f"line {line.number}: {line.words[0]} is not understood, and has no effect"
