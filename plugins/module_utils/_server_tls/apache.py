# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS in the configuration of Apache: the owned file, and what the other files say. Pure."""

from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .apache_walk import ROOT
from .includes import is_address, is_name, is_within, names_of, reached
from .profiles import TLS13_SUITES, Settings, is_other_command
from .state import PROXY, Config, Endpoint, File, Listener, Setting
from .syntax import Section
from .walk import Directive

NAME = "zz-fleetlab-tls"
OWNED = f"{ROOT}/conf-available/{NAME}.conf"
ENABLED = f"{ROOT}/conf-enabled/{NAME}.conf"
MARK = "# Written by fleetlab.linux.apache_tls. Changes made here are lost."

_LOGS = frozenset({"errorlog", "customlog", "transferlog", "globallog", "forensiclog", "rewritelog", "secauditlog", "secdebuglog"})
_TLS = frozenset(
    {"sslprotocol", "sslciphersuite", "sslopensslconfcmd", "sslhonorcipherorder", "sslsessiontickets", "sslsessionticketkeyfile"}
)


def render(settings: Settings) -> str:
    """The owned file. It sorts last among the enabled files, because Apache takes the last value."""
    lines = [f"SSLProtocol -all {' '.join(f'+{name}' for name in settings.protocols)}"]
    lines += [f"SSLCipherSuite {':'.join(settings.suites)}"] if settings.suites else []
    lines += [
        f"SSLCipherSuite TLSv1.3 {':'.join(TLS13_SUITES)}",
        f"SSLOpenSSLConfCmd Groups {':'.join(settings.groups)}",
        "SSLHonorCipherOrder off",
        f"SSLSessionTickets {'on' if settings.tickets else 'off'}",
    ]
    if settings.stapling:
        lines += [
            "SSLUseStapling on",
            "SSLStaplingCache shmcb:${APACHE_RUN_DIR}/fleetlab_stapling(131072)",
            "SSLStaplingReturnResponderErrors off",
        ]
    inside = "\n".join(f"  {line}" for line in lines)
    trace = "" if settings.trace else "TraceEnable off\n"
    return f"{MARK}\n# Profile {settings.profile} of Mozilla's guidelines 6.0.\n<IfModule mod_ssl.c>\n{inside}\n</IfModule>\n{trace}"


def read(found: Sequence[Directive]) -> Config:
    """What the directives say about TLS, in which the owned file may be included already or not."""
    names = {(one.name, one.words[0]) for one in found if one.words}
    owned = [number for number, one in enumerate(found) if one.token.place.file in (OWNED, ENABLED)]
    last = owned[-1] if owned else -1
    return Config(
        has_tls=("loadmodule", "ssl_module") in names,
        reads_owned=bool(owned),
        endpoints=tuple(_endpoints(found)),
        listeners=tuple(_listeners(found)),
        # A macro that is used twice has each of its lines twice.
        overrides=tuple(dict.fromkeys(_overrides(found, last))),
        unread=tuple(_setting(one) for one in found if one.name == "use"),
        certificates=tuple(_files(found, "sslcertificatefile")),
        ticket_keys=tuple(_files(found, "sslsessionticketkeyfile")),
        logs=tuple(_logs(found)),
    )


def _setting(one: Directive) -> Setting:
    return Setting(one.token.place, one.token.text, str(one.virtual_host or ""), lines=one.token.lines)


def _overrides(found: Sequence[Directive], last: int) -> Iterator[Setting]:
    """TLS of virtual hosts, and of the server after the owned file."""
    for number, one in enumerate(found):
        is_owned = one.token.place.file in (OWNED, ENABLED)
        is_other = one.name == "sslopensslconfcmd" and is_other_command(one.words)
        if one.name in _TLS and not is_owned and (one.virtual_host or (number > last >= 0)) and not is_other:
            yield _setting(one)


def _files(found: Sequence[Directive], name: str) -> Iterator[File]:
    for one in found:
        if one.name == name and one.words:
            path = one.words[0]
            # An engine's or a provider's address is not a file, and the variable of a macro has no value here.
            if ":" not in path and "$" not in path:
                yield File(path if path.startswith("/") else f"{ROOT}/{path}", one.token.place)


def _logs(found: Sequence[Directive]) -> Iterator[str]:
    """The files of logs; a pipe or the log of the system has no path, and the variable of a macro no value."""
    for one in found:
        if one.name in _LOGS and one.words and "$" not in one.words[0] and not one.words[0].startswith(("|", "syslog")):
            yield one.words[0] if one.words[0].startswith("/") else f"{ROOT}/{one.words[0]}"


def _listeners(found: Sequence[Directive]) -> Iterator[Listener]:
    for one in found:
        if one.name == "listen" and one.words:
            address, port = _split(one.words[0])
            if port is not None:
                yield Listener("" if address == "0.0.0.0" else address, port, one.token.place)


def _split(text: str) -> Tuple[str, Optional[int]]:
    """Address and port of C([::1]:443), C(192.0.2.1:443) or C(443); C(None) for C(*), which is every port."""
    address, _colon, port = text.rpartition(":")
    if text.endswith("]"):
        address, port = text, "*"
    return address.strip("[]").replace("*", ""), int(port) if port.isdigit() else None


def _endpoints(found: Sequence[Directive]) -> Iterator[Endpoint]:
    """The addresses where TLS is spoken, each with the names of its virtual hosts."""
    listeners = list(_listeners(found))
    hosts: Dict[Section, List[Directive]] = {}
    main: List[Directive] = []
    for one in found:
        hosts.setdefault(one.virtual_host, []).append(one) if one.virtual_host else main.append(one)
    names: Dict[Tuple[str, int], List[str]] = {}
    behind: Dict[Tuple[str, int], bool] = {}
    ports = _ports(found)
    for section, inside in hosts.items():
        if _speaks_tls(section, inside, main, ports):
            for word in section.words:
                for end in _addresses(word, listeners):
                    names.setdefault(end, []).extend(_names(inside))
                    behind[end] = _has_proxy(inside, main, end[0])
    if not hosts and _value(main, "sslengine") not in ("", "off"):
        for listener in listeners:
            end = (reached(listener.address), listener.port)
            names.setdefault(end, []).extend(_names(main))
            behind[end] = _has_proxy((), main, end[0])
    for (address, port), known in sorted(names.items()):
        yield Endpoint(address, port, tuple(dict.fromkeys(known)), PROXY if behind[address, port] else None)


def _has_proxy(inside: Sequence[Directive], main: Sequence[Directive], address: str) -> bool:
    """Whether a proxy has to tell the address of its client. This host asks each address from itself, which may be an exception."""
    exceptions = [word for one in main if one.name == "remoteipproxyprotocolexceptions" for word in one.words]
    is_asked = (_value(inside, "remoteipproxyprotocol") or _value(main, "remoteipproxyprotocol")) == "on"
    return is_asked and not any(is_within(address, word) for word in exceptions)


def _value(inside: Sequence[Directive], name: str) -> str:
    """The last value, which is the one in force, in lower case; empty if there is none."""
    return next((one.words[0].lower() for one in reversed(inside) if one.name == name and one.words), "")


def _speaks_tls(section: Section, inside: Sequence[Directive], main: Sequence[Directive], ports: Mapping[int, bool]) -> bool:
    """Whether a virtual host speaks TLS. Without C(SSLEngine) it does so if it has a certificate, and its first port is one of HTTPS."""
    engine = _value(inside, "sslengine") or _value(main, "sslengine")
    if engine:
        return engine != "off"
    protocol = _value(inside, "protocol") or _value(main, "protocol")
    first = next((ports[port] for port in (_split(word)[1] or 0 for word in section.words) if port in ports), False)
    return (protocol == "https" if protocol else first) and bool(_value([*main, *inside], "sslcertificatefile"))


def _ports(found: Sequence[Directive]) -> Dict[int, bool]:
    """The ports that are listened on, and whether for HTTPS; without a word about it that is port 443."""
    words = [(_split(one.words[0])[1], one.words[1:]) for one in found if one.name == "listen" and one.words]
    return {port: protocol[0].lower() == "https" if protocol else port == 443 for port, protocol in words if port}


def _addresses(word: str, listeners: Sequence[Listener]) -> Iterator[Tuple[str, int]]:
    """Where a virtual host with this address is reached."""
    address, port = _split(word)
    for listener in listeners:
        if port in (None, listener.port):
            own = address if is_address(address) or is_name(address) else listener.address
            if not is_address(listener.address) or own == listener.address:
                yield reached(own), listener.port


def _names(inside: Sequence[Directive]) -> Iterator[str]:
    for one in inside:
        yield from names_of(one.words if one.name == "serveralias" else one.words[:1] if one.name == "servername" else ())
