# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of a throwaway server that treats its users as the real one does, and the comparison of both. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple

from .accounts import accounts, servers
from .conf import Line, written
from .state import Account, Configuration, Verdict
from .verdict import is_inside

FIRST_PORT = 2121
CLIENT = "127.99.20.21"
"""The address of the client: rules on clients, which are not judged, rather name 127.0.0.1."""
PROBE = ".fleetlab-trial"
"""The file that the trial asks to store. It is never written, because all file systems of the trial are read-only."""

# Directives by which the server listens, logs, and asks other services.
_REPLACED = """
port servertype pidfile scoreboardfile scoreboardmutex systemlog transferlog extendedlog serverlog authorder authuserfile authgroupfile
authpam authpamconfig persistentpasswd defaultaddress defaultserver masqueradeaddress maxinstances maxclients maxclientsperhost
maxclientsperuser maxhostsperuser maxconnectionsperhost useipv6 delayengine delaytable wtmplog uselastlog socketbindtight tracelog trace
debuglevel createhome serveralias identlookups usereversedns processtitles
"""
_FOREIGN = (
    "tls",
    "sftp",
    "sql",
    "ldap",
    "radius",
    "ban",
    "quota",
    "wrap",
    "geoip",
    "snmp",
    "exec",
    "controls",
    "memcache",
    "redis",
    "load",
)
_KEPT = frozenset({"loadmodule"})


@dataclass(frozen=True)
class Rehearsal:
    """A throwaway server. C(files) are its files by path, C(ports) the port of each server by its place in the configuration."""

    folder: str
    files: Mapping[str, str]
    ports: Tuple[int, ...]

    @property
    def config(self) -> str:
        """The configuration."""
        return f"{self.folder}/proftpd.conf"

    @property
    def trace(self) -> str:
        """The file into which the server writes what it looks for."""
        return f"{self.folder}/trace"

    @property
    def log(self) -> str:
        """The log of the server."""
        return f"{self.folder}/log"


def rehearse(found: Configuration, tried: Sequence[Account], hashed: str, folder: str) -> Rehearsal:
    """The throwaway server: the same rules, other ports, other logs, and one password for the users who are tried.

    The others cannot log in, but the configuration may name their homes and groups.
    """
    made = servers(found.main)
    ports = tuple(FIRST_PORT + number for number in range(len(made)))
    files: Dict[str, str] = {}
    for number, server in enumerate(made):
        known = list({**{one.name: one for one in tried}, **accounts(server.scope, found.databases)}.values())
        files[f"{folder}/users.{number}"] = "".join(_user(one, hashed if one in tried else "!") for one in known)
        files[f"{folder}/groups.{number}"] = "".join(_groups(known))
    files[f"{folder}/proftpd.conf"] = "\n".join(_lines(found.lines, folder, ports)) + "\n"
    return Rehearsal(folder, files, ports)


def _user(one: Account, hashed: str) -> str:
    return f"{one.name}:{hashed}:{one.uid}:{one.gid}::{one.home}:{one.shell}\n"


def _groups(known: Sequence[Account]) -> Iterator[str]:
    members: Dict[Tuple[str, int], List[str]] = {}
    for one in known:
        for pair in zip(one.groups, one.gids):
            members.setdefault(pair, []).append(one.name)
    for (name, number), names in members.items():
        yield f"{name}:x:{number}:{','.join(names)}\n"


def _lines(lines: Sequence[Line], folder: str, ports: Tuple[int, ...]) -> Iterator[str]:
    number = 0
    is_login = False
    for line in lines:
        if line.name == "<virtualhost":
            number += 1
            yield "<VirtualHost 127.0.0.1>"
            yield from _of_server(folder, number, ports[number] if number < len(ports) else 0)
        elif line.name == "<limit" and [word.upper() for word in line.arguments] == ["LOGIN"]:
            # It mostly names addresses of clients, and the only client here is another one.
            is_login = True
        elif is_login:
            is_login = line.name != "</limit"
        elif line.name.startswith("<") or not _is_replaced(line.name):
            yield written(line)
    yield from _of_main(folder)
    yield from _of_server(folder, 0, ports[0])


def _is_replaced(name: str) -> bool:
    return name in _REPLACED.split() or (name.startswith(_FOREIGN) and name not in _KEPT)


def _of_main(folder: str) -> Iterator[str]:
    yield from ("ServerType standalone", "DefaultAddress 127.0.0.1", "UseIPv6 off", "DelayEngine off")
    yield from (f"PidFile {folder}/pid", f"ScoreboardFile {folder}/scoreboard", f"SystemLog {folder}/log", f"TraceLog {folder}/trace")
    yield from ("Trace ftpaccess:10", "MaxInstances 20")


def _of_server(folder: str, number: int, port: int) -> Iterator[str]:
    yield from (f"Port {port}", "AuthOrder mod_auth_file.c", f"AuthUserFile {folder}/users.{number}")
    yield from (f"AuthGroupFile {folder}/groups.{number}", "WtmpLog off", "TransferLog none")


def expected(one: Verdict) -> Dict[str, Any]:
    """What a login must see if the verdict is right. Paths are those of the session."""
    if one.problem:
        return {"login": False}
    first = [each.file for each in one.in_force if is_inside(one.starts, each.file.rpartition("/")[0] or "/")]
    return {
        "login": True,
        "starts": inside(one.starts, one.root),
        "parsed": sorted(inside(file, one.root) for file in first),
        "deeper": sorted(inside(each.file, one.root) for each in one.in_force if each.file not in first),
        **({} if one.depends_on_client else {"may_write": one.may_write}),
    }


def inside(path: str, root: str) -> str:
    """The path as a session with this root sees it."""
    return path if root == "/" else path[len(root) :] or "/"


def differences(one: Verdict, seen: Mapping[str, Any]) -> Iterator[str]:
    """Where a login saw something else than the verdict says."""
    for name, value in expected(one).items():
        if seen.get(name) != value:
            yield f"{one.account.name} on server {one.server}: {name}: computed {value!r}, seen {seen.get(name)!r}"
