# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of ProFTPD on a host: its files, the modules that it has, and the users that it knows."""

from __future__ import annotations

import glob
import os
import re
from typing import FrozenSet, Iterator, List, Mapping, Optional, Set, Tuple

from ..._core.errors import CommandError, ObservationError
from ..._core.runner import Runner
from ..._host.files import Host
from ..._host.process import arguments_of, own_processes, parent_of
from ..conf import ConfError, Line, Section, loaded_modules, parse, read_lines, resolve_conditions, walk
from ..state import Configuration, Databases

_DEEPEST = 10
_BYTES = "surrogateescape"
"""How text is decoded: paths and names of users may have any bytes, such as those of Latin-1."""
_DATABASES = ("/etc/passwd", "/etc/group", "/etc/shells", "/etc/ftpusers")


def read_configuration(host: Host, runner: Runner, path: str, changed: Optional[Mapping[str, str]] = None) -> Configuration:
    """The configuration and all files that it includes.

    :arg changed: contents that files are about to get, by path.
    :raises ObservationError: the configuration cannot be read, or is no tree of sections.
    """
    lines = tuple(_lines(host, path, changed or {}, 0))
    try:
        tree = parse(lines)
    except ConfError as error:
        raise ObservationError(f"{error}. Nothing was changed; proftpd would not start with this configuration") from None
    version, modules = _program(runner)
    defines = _defines(host)
    known = modules | loaded_modules(tuple(line for one in walk(tree) for line in one.lines))
    main = resolve_conditions(tree, known, defines)
    return Configuration(path, lines, main, version, tuple(sorted(known)), tuple(sorted(defines)), _databases(host, main), _others(host))


def _lines(host: Host, path: str, changed: Mapping[str, str], depth: int) -> Iterator[Line]:
    if depth > _DEEPEST:
        raise ObservationError(f"{path}: more than {_DEEPEST} files include each other; take the circle out of the configuration")
    try:
        text = changed[path] if path in changed else host.text(path, _BYTES)
    except OSError as error:
        raise ObservationError(f"{path} cannot be read: {error.strerror}") from None
    if text is None:
        raise ObservationError(f"{path} does not exist: name the configuration of ProFTPD by config, or install proftpd-core")
    for line in read_lines(text, path):
        if line.name != "include":
            yield line
            continue
        for name in _included(line, changed):
            yield from _lines(host, name, changed, depth + 1)


def _included(line: Line, changed: Mapping[str, str]) -> List[str]:
    """The files of an Include, in the order in which ProFTPD reads them."""
    pattern = line.arguments[0] if line.arguments else ""
    if os.path.isdir(pattern):
        pattern = f"{pattern.rstrip('/')}/*"
    if not any(sign in pattern for sign in "*?["):
        return [pattern]
    found: Set[str] = {name for name in glob.glob(pattern) if os.path.isfile(name)}
    found |= {name for name in changed if os.path.dirname(name) == os.path.dirname(pattern)}
    return sorted(name for name in found if changed.get(name, "x"))


def _program(runner: Runner) -> Tuple[str, FrozenSet[str]]:
    """The version, and the modules that are compiled in."""
    version = runner.run(["proftpd", "-v"])
    found = re.search(r"ProFTPD Version (\S+)", version.stdout + version.stderr)
    if not found:
        raise ObservationError("proftpd -v does not say its version; install proftpd-core")
    modules = runner.run(["proftpd", "-l"])
    return found.group(1), frozenset(re.findall(r"mod_\w+\.c", modules.stdout + modules.stderr))


def _defines(host: Host) -> FrozenSet[str]:
    """The names that the running server was given by C(-D)."""
    found: Set[str] = set()
    for _pid, argv in _servers(host):
        found |= {word for before, word in zip(argv, argv[1:]) if before == "-D"}
        found |= {word[2:] for word in argv if word.startswith("-D") and len(word) > 2}
    return frozenset(found)


def _servers(host: Host) -> Iterator[Tuple[int, Tuple[str, ...]]]:
    """The servers of this host: those of its containers have configurations of their own, and any user may call a program so."""
    for pid in own_processes(host, ("proftpd",)):
        if _is_of_root(host, pid):
            yield pid, arguments_of(host, pid)


def _is_of_root(host: Host, pid: int) -> bool:
    """Whether one of the four numbers of its user is that of root, which a server keeps to become its users."""
    status = (host.read(f"/proc/{pid}/status") or "").splitlines()
    return "0" in next((line.split()[1:] for line in status if line.startswith("Uid:")), [])


def running(host: Host) -> List[int]:
    """The process ids of the servers themselves, without those of their sessions."""
    pids = {pid for pid, _argv in _servers(host)}
    return sorted(pid for pid in pids if parent_of(host, pid) not in pids)


def _others(host: Host) -> Tuple[str, ...]:
    """The configurations by which running servers, and inetd, start ProFTPD, as far as they name one."""
    commands = [list(argv) for _pid, argv in _servers(host)]
    commands += [line.split() for line in (host.read("/etc/inetd.conf") or "").splitlines() if "proftpd" in line and line[:1] != "#"]
    named = {word for argv in commands for before, word in zip(argv, argv[1:]) if before in ("-c", "--config")}
    return tuple(sorted(named))


def _databases(host: Host, main: Section) -> Databases:
    paths = {*_DATABASES}
    for one in walk(main):
        paths |= {one.value(name) for name in ("authuserfile", "authgroupfile")} - {""}
    return Databases({path: _database(host, path) for path in sorted(paths)})


def _database(host: Host, path: str) -> str:
    try:
        return host.text(path, _BYTES) or ""
    except OSError:
        return ""


def require_parsing(runner: Runner, config: str) -> None:
    """Refuse a configuration that ProFTPD refuses.

    :raises ObservationError: with the line of ProFTPD.
    """
    try:
        runner.run(["proftpd", "-t", "-c", config])
    except CommandError as error:
        fatal = [line.split("fatal:", 1)[1].strip() for line in error.stderr.splitlines() if "fatal:" in line]
        if fatal:
            raise ObservationError(f"{config}: proftpd refuses it: {fatal[0]}. Nothing was changed; correct the line") from None
        # Debian 12's "proftpd -t" crashes where the host's own name has no address; that says nothing about the configuration.
