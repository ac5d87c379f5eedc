# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS in the configuration of nginx: the owned file, and what the other files say. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from .includes import Files, is_address, matches, names_of, reached
from .profiles import TLS13_SUITES, Settings
from .state import Config, Endpoint, File, Listener, Place, Setting

ROOT = "/etc/nginx"
MAIN = f"{ROOT}/nginx.conf"
OWNED = f"{ROOT}/conf.d/zz-fleetlab-tls.conf"
MARK = "# Written by fleetlab.linux.nginx_tls. Changes made here are lost."
_DEPTH = 20

_TLS = frozenset({"ssl_protocols", "ssl_ciphers", "ssl_ecdh_curve", "ssl_prefer_server_ciphers", "ssl_session_tickets", "ssl_conf_command"})
_TOKEN = re.compile(
    r"""\s+|#[^\n]*|([{};])|"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|((?:\$\{[^}]*\}|\\.|[^\s{};"'#\\])[^\s{};]*)|(.)""", re.DOTALL
)


@dataclass(frozen=True)
class Directive:
    """A directive with its blocks, each by its words and place, the outermost first."""

    words: Tuple[str, ...]
    place: Place
    blocks: Tuple[Tuple[str, Place], ...]
    is_whole_line: bool

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
        overrides=tuple(_setting(one) for one in found if one.name in _TLS and one.place.file != OWNED),
        certificates=tuple(_files(found, "ssl_certificate")),
        ticket_keys=tuple(_files(found, "ssl_session_ticket_key")),
        hosts=tuple(sorted(set(_hosts(every)))),
        logs=tuple(_logs(every)),
    )


def _logs(every: Sequence[Directive]) -> Iterator[str]:
    """The files of logs, as far as their names have no variables."""
    for one in every:
        if one.name in ("access_log", "error_log") and len(one.words) > 1:
            path = one.words[1]
            if path not in ("off", "stderr") and not path.startswith(("syslog:", "memory:")) and "$" not in path:
                yield path if path.startswith("/") else f"/usr/share/nginx/{path}"


def _hosts(every: Sequence[Directive]) -> Iterator[str]:
    """Names behind this server. nginx asks for their addresses when it starts."""
    for one in every:
        if len(one.words) > 1 and (one.name.endswith("_pass") or one.name in ("server", "resolver", "set_real_ip_from")):
            yield from names_of([one.words[1].rpartition("://")[2].partition("/")[0]])


def pid_files(files: Files) -> Iterator[str]:
    """The file in which nginx is told to write its process id."""
    for one in _file(files, MAIN, (), 0):
        if one.name == "pid" and not one.blocks and len(one.words) > 1:
            yield one.words[1]
            return


def _file(files: Files, path: str, around: Tuple[Tuple[str, Place], ...], depth: int) -> Iterator[Directive]:
    blocks = list(around)
    for words, place, end, is_whole in _statements(path, files.read(path) or ""):
        if end == "}":
            if len(blocks) > len(around):
                blocks.pop()
        elif end == "{":
            blocks.append((words[0] if words else "", place))
        elif words and words[0] == "include" and len(words) > 1 and depth < _DEPTH:
            for included in matches(files, ROOT, words[1]):
                yield from _file(files, included, tuple(blocks), depth + 1)
        elif words:
            yield Directive(words, place, tuple(blocks), is_whole)


def _statements(path: str, text: str) -> Iterator[Tuple[Tuple[str, ...], Place, str, bool]]:
    """Words, place and end of each statement, and whether its line holds nothing else."""
    words: List[str] = []
    begin, number = 1, 1
    lines = text.split("\n")
    for match in _TOKEN.finditer(text):
        end, double, single, plain, _other = match.groups()
        word = next((group for group in (double, single, plain) if group is not None), None)
        if word is not None:
            begin = begin if words else number
            words.append(word)
        elif end:
            begin = begin if words else number
            is_whole = begin == number and re.fullmatch(r"\s*[^{};#]*;\s*(#.*)?", lines[number - 1]) is not None
            yield tuple(words), Place(path, begin), end, is_whole
            words = []
        number += match.group(0).count("\n")


def _setting(one: Directive) -> Setting:
    where = f"server at {one.server}" if one.server else ""
    return Setting(one.place, " ".join(one.words), where, is_whole_line=one.is_whole_line)


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
    """Where a C(listen) listens: a port, an address, both, or a socket of this host, which has neither."""
    word = one.words[1] if len(one.words) > 1 else ""
    match = re.fullmatch(r"(?:(\[[0-9a-fA-F:.]+\]|[^:\[\]]+):)?(\d+)|(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)", word)
    if match and not word.startswith("unix:"):
        address = (match.group(1) or match.group(3) or "0.0.0.0").strip("[]")
        yield Listener("0.0.0.0" if address in ("*", "") else address, int(match.group(2) or 80), one.place)


def _endpoints(found: Sequence[Directive]) -> Iterator[Endpoint]:
    servers: Dict[Place, List[Directive]] = {}
    for one in found:
        if one.server:
            servers.setdefault(one.server, []).append(one)
    names: Dict[Tuple[str, int], List[str]] = {}
    for inside in servers.values():
        is_on = any(one.words == ("ssl", "on") for one in inside)
        known = [name for one in inside if one.name == "server_name" for name in names_of(one.words[1:])]
        for one in inside:
            if one.name == "listen" and (is_on or "ssl" in one.words[2:]):
                for listener in _listener(one):
                    address = listener.address if is_address(listener.address) else reached(listener.address)
                    names.setdefault((address, listener.port), []).extend(known)
    for (address, port), listed in sorted(names.items()):
        yield Endpoint(address, port, tuple(dict.fromkeys(listed)))
