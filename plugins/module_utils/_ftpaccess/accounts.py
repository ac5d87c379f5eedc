# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers of a configuration, and the accounts of their users. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .conf import Section
from .state import Account, Databases

_FILE = "mod_auth_file.c"
_UNIX = ("mod_auth_unix.c", "mod_auth_pam.c")
_UNLISTED = (("mod_sql.c", "sqlauthenticate"), ("mod_ldap.c", "ldapserver"), ("mod_radius.c", "radiusauthserver"))
_CONDITIONAL = ("ifuser", "ifgroup", "ifclass", "ifauthenticated")


@dataclass(frozen=True)
class Server:
    """A server of the configuration. C(scope) has its own directives and sections first, then those of C(<Global>)."""

    name: str
    port: int
    scope: Section

    def anonymous(self, name: str) -> Optional[Section]:
        """The section C(<Anonymous>) into which a login with this name leads."""
        for section in self.scope.of_kind("anonymous"):
            owners = {section.value("user"), *(line.arguments[0] for line in section.all("useralias") if line.arguments)}
            if name in owners:
                return section
        return None


def servers(main: Section) -> Tuple[Server, ...]:
    """The main server and the virtual ones."""
    everywhere = main.of_kind("global")
    made = [_server("main", main, everywhere)]
    made += [_server(" ".join(one.arguments), one, everywhere) for one in main.of_kind("virtualhost")]
    return tuple(made)


def _server(name: str, own: Section, everywhere: Sequence[Section]) -> Server:
    parts = (own, *everywhere)
    lines = tuple(line for part in parts for line in part.lines)
    sections = tuple(inner for part in parts for inner in part.sections if inner.kind not in ("global", "virtualhost"))
    port = own.value("port", "21")
    return Server(name, int(port) if port.isdigit() else 21, Section("server", (), lines, sections))


def unlisted_sources(scope: Section) -> Tuple[str, ...]:
    """The modules in use whose users cannot be listed, as those of SQL and LDAP."""
    order = _order(scope)
    return tuple(name for name, directive in _UNLISTED if (name in order if order else scope.first(directive)))


def _order(scope: Section) -> Tuple[str, ...]:
    line = scope.first("authorder")
    return tuple(word.rstrip("*") for word in line.arguments) if line else ()


def accounts(scope: Section, databases: Databases) -> Dict[str, Account]:
    """The accounts that a server knows, by name, in the order of its sources."""
    found: Dict[str, Account] = {}
    for source in _sources(scope):
        for one in _listed(source, scope, databases):
            found.setdefault(one.name, one)
    return found


def _sources(scope: Section) -> Tuple[str, ...]:
    users = scope.value("authuserfile")
    order = _order(scope)
    if not order:
        return (users, "/etc/passwd") if users else ("/etc/passwd",)
    made = [users if word == _FILE else "/etc/passwd" for word in order if (word == _FILE and users) or word in _UNIX]
    return tuple(dict.fromkeys(made))


def _listed(source: str, scope: Section, databases: Databases) -> Iterator[Account]:
    groups = databases.files.get("/etc/group", "")
    own = scope.value("authgroupfile") if source != "/etc/passwd" else ""
    for fields in _rows(databases.files.get(source, ""), 7):
        if fields[2].isdigit() and fields[3].isdigit():
            named = _groups(databases.files.get(own, "") if own else groups, fields[0], fields[3])
            yield Account(
                name=fields[0],
                source=source,
                uid=int(fields[2]),
                gid=int(fields[3]),
                home=fields[5],
                shell=fields[6],
                groups=tuple(named),
                gids=tuple(named.values()),
            )


def _groups(text: str, name: str, gid: str) -> Mapping[str, int]:
    rows = [fields for fields in _rows(text, 4) if fields[2].isdigit()]
    return {fields[0]: int(fields[2]) for fields in rows if fields[2] == gid or name in fields[3].split(",")}


def _rows(text: str, count: int) -> Iterator[List[str]]:
    for line in text.split("\n"):
        fields = line.strip().split(":")
        if len(fields) == count and not line.startswith("#"):
            yield fields


def may_log_in(one: Account, scope: Section, databases: Databases) -> bool:
    """Whether a server lets the account in, as far as shell, C(/etc/ftpusers) and RootLogin decide."""
    shells = databases.files.get("/etc/shells", "").split()
    refused = [line.strip() for line in databases.files.get("/etc/ftpusers", "").splitlines()]
    if scope.value("requirevalidshell", "on").lower() in ("on", "yes", "true", "1") and one.shell not in shells:
        return False
    if scope.value("useftpusers", "on").lower() in ("on", "yes", "true", "1") and one.name in refused:
        return False
    return one.uid != 0 or scope.value("rootlogin", "off").lower() in ("on", "yes", "true", "1")


def default_root(scope: Section, one: Account) -> Optional[str]:
    """The first DefaultRoot whose groups hold, as it is written; C(None) for the whole file system."""
    return _by_group(scope, "defaultroot", one)


def default_folder(scope: Section, one: Account) -> Optional[str]:
    """The first DefaultChdir whose groups hold, as it is written."""
    return _by_group(scope, "defaultchdir", one)


def _by_group(scope: Section, name: str, one: Account) -> Optional[str]:
    for line in scope.all(name):
        if line.arguments and holds_and(_expressions(line.arguments[1:]), one.groups):
            return line.arguments[0]
    return None


def _expressions(words: Sequence[str]) -> Tuple[str, ...]:
    return tuple(part.strip() for word in words for part in word.split(",") if part.strip())


def holds_and(expressions: Sequence[str], names: Sequence[str]) -> bool:
    """Whether all of the names, and none of those after a C(!), are among C(names)."""
    return all((word.lstrip("!") in names) != word.startswith("!") for word in expressions)


def holds_or(expressions: Sequence[str], names: Sequence[str]) -> bool:
    """Whether one of the names, or a name after a C(!) that is missing, holds."""
    return any((word.lstrip("!") in names) != word.startswith("!") for word in expressions)


def substitute(path: str, one: Account, homes: Mapping[str, str]) -> str:
    """The path with C(%u), C(%u[N]), C(~) and C(~NAME) replaced, as ProFTPD does; C(homes) has the homes of other accounts."""
    path = re.sub(r"%u\[([0-9]+)\]", lambda match: one.name[int(match.group(1)) : int(match.group(1)) + 1], path)
    path = path.replace("%u", one.name)
    match = re.match(r"~([^/]*)", path)
    if not match:
        return path
    home = one.home if match.group(1) in ("", one.name) else homes.get(match.group(1), match.group(0))
    return home + path[match.end() :]


def for_account(scope: Section, one: Account) -> Tuple[Section, ...]:
    """The sections of mod_ifsession that hold for the account."""
    return tuple(section for section in scope.of_kind(*_CONDITIONAL) if _applies(section, one))


def _applies(section: Section, one: Account) -> bool:
    words = _expressions(section.arguments)
    way = holds_and if words[:1] == ("AND",) else holds_or
    words = words[1:] if words[:1] in (("AND",), ("OR",)) else words
    if section.kind == "ifuser":
        return way(words, (one.name,))
    if section.kind == "ifgroup":
        return way(words, one.groups)
    return section.kind == "ifauthenticated"
