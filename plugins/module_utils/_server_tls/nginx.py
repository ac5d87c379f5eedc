# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS in the configuration of nginx: the owned file, and what the other files say. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from .includes import Files, is_address, matches, names_of, reached
from .nginx_syntax import statements
from .profiles import TLS13_SUITES, Settings, is_other_command
from .state import PROXY, Config, Endpoint, File, Listener, Place, Setting

ROOT = "/etc/nginx"
MAIN = f"{ROOT}/nginx.conf"
OWNED = f"{ROOT}/conf.d/zz-fleetlab-tls.conf"
MARK = "# Written by fleetlab.linux.nginx_tls. Changes made here are lost."
_DEPTH = 20

_TLS = frozenset({"ssl_protocols", "ssl_ciphers", "ssl_ecdh_curve", "ssl_prefer_server_ciphers", "ssl_session_tickets", "ssl_conf_command"})
_LOGS = ("access_log", "error_log")
_SYSLOG = "syslog:server="
_WITH_HOSTS = ("server", "resolver", "set_real_ip_from", "auth_http")
_LISTEN = re.compile(r"(?:(\[[0-9a-fA-F:.]+\]|[^:\[\]]+):)?(\d+)(?:-(\d+))?|(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)")


@dataclass(frozen=True)
class Directive:
    """A directive with its blocks, each by its words and place, the outermost first."""

    words: Tuple[str, ...]
    place: Place
    blocks: Tuple[Tuple[str, Place], ...]
    lines: int = 1
    is_whole: bool = True

    @property
    def name(self) -> str:
        """The first word."""
        return self.words[0]

    @property
    def server(self) -> Optional[Place]:
        """The place of the block C(server) of C(http) around it."""
        names = [name for name, _place in self.blocks]
        return self.blocks[1][1] if names[:2] == ["http", "server"] else None


def render(settings: Settings) -> str:
    """The owned file, which is read in C(http)."""
    lines = [f"ssl_protocols {' '.join(settings.protocols)};"]
    lines += [f"ssl_ciphers {':'.join(settings.suites)};"] if settings.suites else []
    lines += [
        f"ssl_conf_command Ciphersuites {':'.join(TLS13_SUITES)};",
        f"ssl_ecdh_curve {':'.join(settings.groups)};",
        "ssl_prefer_server_ciphers off;",
        f"ssl_session_tickets {'on' if settings.tickets else 'off'};",
    ]
    return "\n".join([MARK, f"# Profile {settings.profile} of Mozilla's guidelines 6.0.", *lines, ""])


def read(files: Files) -> Config:
    """What the configuration says about TLS, as if the owned file existed."""
    every = list(_file(files, MAIN, (), 0))
    found = [one for one in every if one.blocks and one.blocks[0][0] == "http"]
    endpoints = tuple(_endpoints(found))
    return Config(
        has_tls=bool(endpoints),
        reads_owned=any(one.place.file == OWNED for one in found),
        endpoints=endpoints,
        listeners=tuple(_listeners(found)),
        overrides=tuple(_setting(one) for one in found if _undoes(one)),
        certificates=tuple(_files(found, "ssl_certificate")),
        ticket_keys=tuple(_files(found, "ssl_session_ticket_key")),
        hosts=tuple(sorted(set(_hosts(every)))),
        logs=tuple(_logs(every)),
    )


def _undoes(one: Directive) -> bool:
    is_other = one.name == "ssl_conf_command" and is_other_command(one.words[1:])
    return one.name in _TLS and one.place.file != OWNED and not is_other


def _logs(every: Sequence[Directive]) -> Iterator[str]:
    """The files of logs, as far as their names have no variables."""
    for one in every:
        if one.name in _LOGS and len(one.words) > 1:
            path = one.words[1]
            if path not in ("off", "stderr") and not path.startswith(("syslog:", "memory:")) and "$" not in path:
                yield path if path.startswith("/") else f"/usr/share/nginx/{path}"


def _hosts(every: Sequence[Directive]) -> Iterator[str]:
    """Names of other hosts. nginx asks for their addresses when it starts."""
    for one in every:
        if len(one.words) > 1 and (one.name.endswith("_pass") or one.name in _WITH_HOSTS):
            yield from names_of([one.words[1].rpartition("://")[2].partition("/")[0]])
        if len(one.words) > 1 and one.name in _LOGS and one.words[1].startswith(_SYSLOG):
            yield from names_of([one.words[1][len(_SYSLOG) :].partition(",")[0]])


def foreground(files: Files) -> Sequence[str]:
    """What starts nginx so that it stays a child. It takes no setting twice, and one that a supervisor starts has this one already."""
    is_said = any(one.name == "daemon" and not one.blocks for one in _file(files, MAIN, (), 0))
    return ("nginx",) if is_said else ("nginx", "-g", "daemon off;")


def pid_files(files: Files) -> Iterator[str]:
    """The file in which nginx is told to write its process id."""
    for one in _file(files, MAIN, (), 0):
        if one.name == "pid" and not one.blocks and len(one.words) > 1:
            yield one.words[1]
            return


def _file(files: Files, path: str, around: Tuple[Tuple[str, Place], ...], depth: int) -> Iterator[Directive]:
    blocks = list(around)
    for one in statements(path, files.read(path) or ""):
        words = one.words
        if one.end == "}":
            if len(blocks) > len(around):
                blocks.pop()
        elif one.end == "{":
            blocks.append((words[0] if words else "", one.place))
        elif words and words[0] == "include" and len(words) > 1 and depth < _DEPTH:
            for included in matches(files, ROOT, words[1]):
                yield from _file(files, included, tuple(blocks), depth + 1)
        elif words:
            yield Directive(words, one.place, tuple(blocks), one.lines, one.is_whole)


def _setting(one: Directive) -> Setting:
    where = f"server at {one.server}" if one.server else ""
    return Setting(one.place, " ".join(one.words), where, lines=one.lines, is_whole=one.is_whole)


def _files(found: Sequence[Directive], name: str) -> Iterator[File]:
    for one in found:
        if one.name == name and len(one.words) > 1 and "$" not in one.words[1] and ":" not in one.words[1]:
            path = one.words[1]
            yield File(path if path.startswith("/") else f"{ROOT}/{path}", one.place)


def _listeners(found: Sequence[Directive]) -> Iterator[Listener]:
    """The addresses that nginx binds: one for all of a family serves the others."""
    listed = [listener for one in found if one.name == "listen" for listener in _listener(one)]
    everywhere = {listener.port for listener in listed if not is_address(listener.address)}
    yield from (listener for listener in listed if listener.port not in everywhere or not is_address(listener.address))


def _listener(one: Directive) -> Iterator[Listener]:
    """Where a C(listen) listens: a port or several, an address, both, or a socket of this host, which has neither."""
    word = one.words[1] if len(one.words) > 1 else ""
    match = _LISTEN.fullmatch(word)
    # What is for QUIC alone takes no connection of TCP.
    if match and not word.startswith("unix:") and "quic" not in one.words[2:]:
        address = (match.group(1) or match.group(4) or "0.0.0.0").strip("[]")
        first = int(match.group(2) or 80)
        for port in range(first, int(match.group(3) or first) + 1):
            yield Listener("0.0.0.0" if address in ("*", "") else address, port, one.place)


def _is_on(inside: Sequence[Directive], name: str) -> bool:
    return next((one.words[1:] == ("on",) for one in inside if one.name == name), False)


def _endpoints(found: Sequence[Directive]) -> Iterator[Endpoint]:
    everywhere = [one for one in found if len(one.blocks) == 1]
    servers: Dict[Place, List[Directive]] = {}
    for one in found:
        # A location has neither names nor addresses.
        if one.server and len(one.blocks) == 2:
            servers.setdefault(one.server, []).append(one)
    ends: Dict[Tuple[str, int], _End] = {}
    for inside in servers.values():
        refuses = _is_on([*inside, *everywhere], "ssl_reject_handshake")
        known = [] if refuses else [name for one in inside if one.name == "server_name" for name in _names(one.words[1:])]
        for one, listener in _secure(inside):
            end = ends.setdefault((reached(listener.address), listener.port), _End())
            end.names.extend(known)
            end.has_proxy = end.has_proxy or "proxy_protocol" in one.words[2:]
            # Without a name, nginx takes the server that says default_server, else the first.
            if end.refuses is None or "default_server" in one.words[2:]:
                end.refuses = refuses
    for (address, port), end in sorted(ends.items()):
        if end.names or not end.refuses:
            yield Endpoint(address, port, tuple(dict.fromkeys(end.names)), PROXY if end.has_proxy else None, not end.refuses)


@dataclass
class _End:
    """What the servers of one address say. C(refuses) is C(None) as long as there is none."""

    names: List[str] = field(default_factory=list)
    refuses: Optional[bool] = None
    has_proxy: bool = False


def _secure(inside: Sequence[Directive]) -> Iterator[Tuple[Directive, Listener]]:
    """The listeners of a server that speak TLS."""
    for one in inside:
        if one.name == "listen" and (_is_on(inside, "ssl") or "ssl" in one.words[2:]):
            for listener in _listener(one):
                yield one, listener


def _names(words: Sequence[str]) -> Iterator[str]:
    """A name that begins with a dot stands for itself, too."""
    yield from names_of([word[1:] if word.startswith(".") else word for word in words])
