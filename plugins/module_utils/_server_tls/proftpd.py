# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS in the configuration of ProFTPD: the owned file, and what the other files say. Pure."""

from __future__ import annotations

from typing import Dict, Iterator, List, Optional, Sequence

from .includes import Files, reached
from .profiles import Settings
from .state import Config, Endpoint, File, Listener, Setting
from .syntax import Section, Token
from .walk import Directive, Walk

ROOT = "/etc/proftpd"
MAIN = f"{ROOT}/proftpd.conf"
OWNED = f"{ROOT}/conf.d/zz-fleetlab-tls.conf"
MARK = "# Written by fleetlab.linux.proftpd_tls. Changes made here are lost."
_LOGS = frozenset({"systemlog", "serverlog", "transferlog", "extendedlog", "tlslog", "tracelog", "delaytable"})
_TLS = frozenset({"tlsprotocol", "tlsciphersuite", "tlsecdhcurve", "tlsservercipherpreference", "tlssessiontickets"})


def render(settings: Settings) -> str:
    """The owned file, for the main server and all others."""
    lines = [f"TLSProtocol {' '.join(settings.protocols)}"]
    lines += [f"TLSCipherSuite {':'.join(settings.suites)}"] if settings.suites else []
    lines += [
        f"TLSECDHCurve {':'.join(settings.groups)}",
        "TLSServerCipherPreference off",
        f"TLSSessionTickets {'on' if settings.tickets else 'off'}",
    ]
    inside = "\n".join(f"    {line}" for line in lines)
    head = f"{MARK}\n# Profile {settings.profile} of Mozilla's guidelines 6.0.\n"
    return f"{head}<IfModule mod_tls.c>\n  <Global>\n{inside}\n  </Global>\n</IfModule>\n"


def read(files: Files) -> Config:
    """What the configuration says about TLS, as if the owned file existed."""
    found = list(_Walk(files).file(MAIN))
    return Config(
        has_tls=any(one.name == "loadmodule" and one.words[:1] == ("mod_tls.c",) for one in found),
        reads_owned=any(one.token.place.file == OWNED for one in found),
        endpoints=tuple(_endpoints(found)),
        listeners=tuple(_listeners(found)),
        overrides=tuple(_setting(one) for one in found if one.name in _TLS and one.token.place.file != OWNED),
        certificates=tuple(_certificates(found)),
        logs=tuple(one.words[0] for one in found if one.name in _LOGS and one.words and one.words[0].startswith("/")),
    )


def pid_files(files: Files) -> Iterator[str]:
    """The file in which ProFTPD is told to write its process id."""
    for one in _Walk(files).file(MAIN):
        if one.name == "pidfile" and one.words:
            yield one.words[0]
            return


class _Walk(Walk):
    includes = ("include",)
    conditions = ("ifmodule",)

    def __init__(self, files: Files) -> None:
        super().__init__(files, ROOT)
        self._loaded: List[str] = []

    def note(self, token: Token) -> None:
        if token.name == "loadmodule":
            self._loaded.append(token.words[0])

    def holds(self, token: Token) -> bool:
        # Other modules may be built in, so their sections are read.
        word = token.words[0] if token.words else ""
        return word.lstrip("!") != "mod_tls.c" or ("mod_tls.c" in self._loaded) != word.startswith("!")


def _setting(one: Directive) -> Setting:
    return Setting(one.token.place, one.token.text, str(one.virtual_host or ""), lines=one.token.lines)


def _certificates(found: Sequence[Directive]) -> Iterator[File]:
    for one in found:
        if one.name in ("tlsrsacertificatefile", "tlseccertificatefile") and one.words:
            yield File(one.words[0], one.token.place)


def _value(inside: Sequence[Directive], name: str) -> Optional[Directive]:
    return next((one for one in inside if one.name == name and one.words), None)


def _servers(found: Sequence[Directive]) -> Dict[Optional[Section], List[Directive]]:
    """The directives of each server; those for all of them are in each."""
    everywhere = [one for one in found if any(section.name == "global" for section in one.sections)]
    servers: Dict[Optional[Section], List[Directive]] = {None: []}
    for one in found:
        if one not in everywhere and not any(section.name == "anonymous" for section in one.sections):
            servers.setdefault(one.virtual_host, []).append(one)
    return {section: [*inside, *everywhere] for section, inside in servers.items()}


def _port(inside: Sequence[Directive]) -> int:
    one = _value(inside, "port")
    return int(one.words[0]) if one and one.words[0].isdigit() else 21


def _addresses(section: Optional[Section], inside: Sequence[Directive]) -> Sequence[str]:
    one = _value(inside, "defaultaddress")
    words = section.words if section else one.words if one else ()
    return [reached(word) for word in words] or ["127.0.0.1"]


def _endpoints(found: Sequence[Directive]) -> Iterator[Endpoint]:
    for section, inside in _servers(found).items():
        engine, options = _value(inside, "tlsengine"), _value(inside, "tlsoptions")
        if engine and engine.words[0].lower() not in ("off", "false", "0", "no") and _port(inside):
            is_implicit = options is not None and "useimplicitssl" in (word.lower() for word in options.words)
            for address in _addresses(section, inside):
                yield Endpoint(address, _port(inside), (), None if is_implicit else "ftp")


def _listeners(found: Sequence[Directive]) -> Iterator[Listener]:
    """It listens on every address, and looks afterwards which server is meant, if it is not told to bind to those of each server."""
    servers = _servers(found)
    bind = _value(servers[None], "socketbindtight")
    is_tight = bind is not None and bind.words[0].lower() in ("on", "true", "yes", "1")
    for section, inside in servers.items():
        one = _value(inside, "port") or _value(inside, "defaultaddress")
        place = section.place if section else one.token.place if one else inside[0].token.place if inside else None
        if place and _port(inside):
            # The main server has the address of the host's name if it has no other, which nobody can tell for sure.
            names = [] if is_tight and not section and not _value(inside, "defaultaddress") else _addresses(section, inside)
            for address in names if is_tight else [""]:
                yield Listener(address, _port(inside), place)
