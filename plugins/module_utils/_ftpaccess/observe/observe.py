# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions of the users of all servers of a configuration. The only reader; it changes nothing."""

from __future__ import annotations

import grp
import os
import pwd
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from ..._core.errors import InputError
from ..._core.runner import Runner
from ..._host.files import Host
from ..._host.isolated import in_child
from ..accounts import Server, accounts, default_folder, default_root, may_log_in, servers, substitute, unlisted_sources
from ..conf import Section, is_on
from ..options import Wanted
from ..state import Account, Configuration
from ..verdict import Case
from .configuration import read_configuration, require_parsing
from .session import Way, files_above, look, seen

_LIMIT = 30.0


def observe(wanted: Wanted, runner: Runner, host: Host) -> Tuple[Configuration, Tuple[Case, ...]]:
    """The configuration, and a case for each user of each server.

    :raises ObservationError: the configuration cannot be read.
    :raises InputError: a user does not exist.
    """
    found = read_configuration(host, runner, wanted.config)
    require_parsing(runner, wanted.config)
    return found, cases(found, wanted)


def cases(found: Configuration, wanted: Wanted) -> Tuple[Case, ...]:
    """A case for each wanted user of each server."""
    made = tuple(case for server in servers(found.main) for case in _of_server(found, server, wanted))
    missing = [name for name in wanted.users if name not in {case.account.name for case in made}]
    if missing:
        unlisted = unlisted_sources(found.main)
        where = f" and {', '.join(unlisted)} cannot be asked" if unlisted else ""
        raise InputError("users", f"{', '.join(missing)}: no server of {found.path} knows this user{where}; correct the name")
    return made


def _of_server(found: Configuration, server: Server, wanted: Wanted) -> Iterator[Case]:
    known = accounts(server.scope, found.databases)
    homes = {one.name: one.home for one in known.values()}
    for one in _chosen(found, server, known, wanted):
        yield _case(found, server, one, homes, wanted)


def _chosen(found: Configuration, server: Server, known: Dict[str, Account], wanted: Wanted) -> List[Account]:
    if wanted.users:
        made = [known.get(name) or _by_name(name, server) for name in wanted.users]
        return [one for one in made if one]
    anonymous = [section.value("user") for section in server.scope.of_kind("anonymous")]
    return [one for one in known.values() if one.name in anonymous or may_log_in(one, server.scope, found.databases)]


def _by_name(name: str, server: Server) -> Optional[Account]:
    """A user that no file has, such as one of LDAP."""
    if server.scope.value("authorder").startswith("mod_auth_file"):
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    gids = os.getgrouplist(name, entry.pw_gid)
    return Account(
        name, "the name service", entry.pw_uid, entry.pw_gid, entry.pw_dir, entry.pw_shell, tuple(map(_group_name, gids)), tuple(gids)
    )


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _case(found: Configuration, server: Server, one: Account, homes: Mapping[str, str], wanted: Wanted) -> Case:
    anonymous = server.anonymous(one.name)
    root = anonymous.arguments[0] if anonymous and anonymous.arguments else default_root(server.scope, one)
    folder = default_folder(anonymous or server.scope, one)
    patterns = _patterns(server, anonymous, one, homes)
    way = Way(
        account=one,
        root=None if root is None else substitute(root, one, homes),
        folder=None if folder is None else substitute(folder, one, homes),
        walk=wanted.walk,
        real=tuple(sorted(set(patterns.values()))),
        follows=is_on(server.scope.value("allowchrootsymlinks", "on")),
        is_anonymous=anonymous is not None,
    )
    facts: Dict[str, Any] = in_child(lambda: look(way), _LIMIT)
    real: Mapping[str, str] = facts["real"]
    outside = files_above(facts["root"]) if not facts["problem"] else ()
    return Case(
        server=server,
        account=one,
        seen=seen(facts, outside),
        anonymous=anonymous,
        folders=tuple((pattern, real[path]) for pattern, path in patterns.items()),
        has_gap=found.has_gap,
        modules=found.modules,
        defines=found.defines,
    )


def _patterns(server: Server, anonymous: Optional[Section], one: Account, homes: Mapping[str, str]) -> Dict[str, str]:
    """The paths of sections C(<Directory>) that ProFTPD resolves at the login."""
    found: Dict[str, str] = {}
    for section in server.scope.of_kind("directory"):
        path = section.arguments[0] if section.arguments else "/"
        if path.startswith("~") or "%u" in path:
            found[path] = substitute(path, one, homes)
    for section in anonymous.of_kind("directory") if anonymous else ():
        path = section.arguments[0] if section.arguments else "/"
        if not path.startswith("/"):
            base = substitute(anonymous.arguments[0], one, homes) if anonymous else "/"
            found[path] = substitute(path, one, homes) if path.startswith("~") else f"{base}/{path}"
    return found
