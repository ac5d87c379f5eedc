# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the configuration of a server, and scan the running one. Nothing is changed."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import socket
import ssl
import time
from dataclasses import replace
from ipaddress import ip_address
from typing import Dict, Iterator, List, Optional, Sequence, Set, Tuple

from .._host.files import Host
from .._host.sockets import LISTENING, open_sockets, parse_table
from .._tls.observe.observe import observe as scan
from .._tls.options import Wanted as Question
from .changes import is_marked
from .includes import is_name
from .local import local_networks
from .options import Wanted
from .profiles import Version
from .servers import Server
from .state import Config, Endpoint, File, Kept, Listener, Report, State

_MAX_HANDSHAKES = 400
_OCSP = bytes.fromhex("2b06010505073001")
"""The number of an OCSP responder's address in a certificate (RFC 5280, id-ad-ocsp)."""
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_VERSION = re.compile(r"OpenSSL (\d+)\.(\d+)\.(\d+)[^\0]{0,20} \d{1,2} [A-Z][a-z]{2} \d{4}")


class _AsIfEnabled:
    """The files of a host, as if the owned file were enabled: it tells which settings come after it."""

    def __init__(self, host: Host, server: Server) -> None:
        self._host, self._server = host, server
        self.seen: Set[str] = set()

    def read(self, path: str) -> Optional[str]:
        """The content of a file."""
        self.seen.add(path)
        return "Define FLEETLAB_TLS;" if path in (self._server.owned, self._server.enabled) else self._host.read(path)

    def names(self, folder: str) -> List[str]:
        """The names in a folder."""
        found = self._host.names(folder)
        parent, _slash, name = self._server.enabled.rpartition("/")
        return sorted({*found, name}) if folder == parent else found

    def is_folder(self, path: str) -> bool:
        """Whether the path leads to a folder."""
        return self._host.is_folder(path)

    def exists(self, path: str) -> bool:
        """Whether the path leads to an existing object."""
        return path == self._server.enabled or self._host.exists(path)


def observe(wanted: Wanted, server: Server, host: Host) -> State:
    """The configuration on disk, and what the running server does."""
    config = read_config(host, server)
    pid = main_process(host, server)
    own = own_endpoints(host, config.endpoints)
    kept = _kept(host.read(server.journal))
    return State(
        config=config,
        version=_version(host, pid),
        pid=pid,
        files=read_files(host, server, config, tuple(kept.files) if kept else (), () if wanted.is_present else find_marked(host, server)),
        is_enabled=host.exists(server.enabled),
        live=scan_all(own, wanted) if pid is not None else (),
        blocked=tuple(_blocked(host, pid, config.listeners)),
        kept=kept,
        elsewhere=tuple(endpoint.label for endpoint in config.endpoints if endpoint not in own),
    )


def read_config(host: Host, server: Server) -> Config:
    """The configuration, with the facts about the files that it names."""
    config = server.read(_AsIfEnabled(host, server))
    own_hosts = {endpoint.address: _address_of(endpoint.address) for endpoint in config.endpoints if is_name(endpoint.address)}
    return replace(
        config,
        endpoints=tuple(replace(endpoint, address=own_hosts.get(endpoint.address, endpoint.address)) for endpoint in config.endpoints),
        own_hosts=tuple(own_hosts.items()),
        overrides=tuple(replace(setting, real=host.resolve(setting.place.file)) for setting in config.overrides),
        certificates=tuple(_look_at(host, file) for file in config.certificates),
        ticket_keys=tuple(_look_at(host, file) for file in config.ticket_keys),
    )


def read_files(
    host: Host, server: Server, config: Config, kept: Sequence[str] = (), marked: Sequence[str] = ()
) -> Dict[str, Tuple[str, int]]:
    """Content and mode of the files that a change may concern, as far as they are text."""
    contents: Dict[str, Tuple[str, int]] = {}
    for path in (server.owned, *kept, *(setting.real for setting in config.overrides), *marked):
        with contextlib.suppress(UnicodeDecodeError):
            found = host.content(path)
            # As it is, with the ends of lines that it has.
            contents.update({path: (host.text(path) or "", found[1])} if found else {})
    return contents


def find_marked(host: Host, server: Server) -> Tuple[str, ...]:
    """The files in which this collection made lines comments, without links: those of the server's folder, also if they are not in use
    now, and those of other folders that the configuration includes."""
    files = _AsIfEnabled(host, server)
    server.read(files)
    paths = {
        os.path.join(folder, name)[len(host.root) :] for folder, _folders, names in os.walk(host.root + server.folder) for name in names
    }
    found = {path for path in map(host.resolve, paths | files.seen) if host.is_file(path) and is_marked(server, host.read(path) or "")}
    return tuple(sorted(found))


def _address_of(name: str) -> str:
    """The address of this host by which a server with such a name listens; that of the loopback interface if the name is not known."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return "127.0.0.1"
    return str(min(found, key=lambda answer: answer[0] != socket.AF_INET)[4][0])


def main_process(host: Host, server: Server) -> Optional[int]:
    """The main process of the running server."""
    for path in server.pid_files(host):
        pid = host.number(path)
        if pid and host.value(f"/proc/{pid}/comm") == server.process:
            return pid
    return None


def own_endpoints(host: Host, endpoints: Sequence[Endpoint]) -> Tuple[Endpoint, ...]:
    """The endpoints whose addresses this host has now; an address that moves between hosts would answer from another one."""
    networks = local_networks(host.read("/proc/net/fib_trie") or "", host.read("/proc/net/if_inet6") or "")
    if not networks:
        # Without /proc nothing is known.
        return tuple(endpoints)
    return tuple(endpoint for endpoint in endpoints if any(ip_address(endpoint.address) in network for network in networks))


def scan_all(endpoints: Sequence[Endpoint], wanted: Wanted) -> Tuple[Report, ...]:
    """What the server in this network namespace does, at each endpoint for each name and for none."""
    return tuple(Report(endpoint, scan(_question(endpoint, wanted))) for endpoint in endpoints)


def _question(endpoint: Endpoint, wanted: Wanted) -> Question:
    names: Tuple[Optional[str], ...] = (*endpoint.names, None) if endpoint.takes_all else endpoint.names
    return Question(endpoint.address, endpoint.port, names, endpoint.starttls, wanted.timeout, _MAX_HANDSHAKES, ())


def _look_at(host: Host, file: File) -> File:
    try:
        age = max(0.0, time.time() - os.stat(host.root + file.path).st_mtime)
    except OSError:
        return file
    return replace(file, age=age, has_ocsp=_has_ocsp(host.read(file.path) or ""))


def _has_ocsp(text: str) -> bool:
    """Whether the first certificate of a file, that of the server, names an OCSP responder."""
    match = _PEM.search(text)
    try:
        return match is not None and _OCSP in base64.b64decode(match.group(1))
    except ValueError:
        return False


def _version(host: Host, pid: Optional[int]) -> Version:
    """The OpenSSL that the server has loaded; that of this Python if the server does not run."""
    maps = host.read(f"/proc/{pid}/maps") if pid is not None else None
    match = re.search(r"^(\S+) .*?(/\S*libcrypto\S*)", maps or "", re.MULTILINE)
    # After an upgrade another file has this name, but the server goes on with the old one.
    loaded = (host.read(f"/proc/{pid}/map_files/{match.group(1)}") or host.read(match.group(2))) if match else None
    found = _VERSION.search(loaded or "")
    if found:
        return int(found.group(1)), int(found.group(2)), int(found.group(3))
    return ssl.OPENSSL_VERSION_INFO[0], ssl.OPENSSL_VERSION_INFO[1], ssl.OPENSSL_VERSION_INFO[2]


def _kept(text: Optional[str]) -> Optional[Kept]:
    found = json.loads(text) if text else None
    return Kept(found["files"], found["running"]) if found else None


def _blocked(host: Host, pid: Optional[int], listeners: Sequence[Listener]) -> Iterator[Tuple[Listener, str]]:
    """The listeners that the server does not have, and that this host does not let anybody have. At a reload the server would end."""
    own = set(_own_sockets(host, pid)) if pid is not None else set()
    for listener in listeners:
        if own.isdisjoint({(address, listener.port) for address in _addresses(listener)}):
            problem = _try(listener)
            if problem:
                yield listener, problem


def _addresses(listener: Listener) -> Tuple[str, ...]:
    """The addresses as the kernel writes them; the server needs one of them."""
    if listener.address in ("", "::"):
        return "::", "0.0.0.0"
    try:
        found = socket.getaddrinfo(listener.address, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return (listener.address,)
    return tuple(str(answer[4][0]) for answer in found)


def _try(listener: Listener) -> str:
    """Why this host cannot listen there; empty if it can. The port is free again when this returns."""
    address = _addresses(listener)[0]
    family = socket.AF_INET6 if ":" in address and (listener.address or _has_ipv6()) else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address != "::"))
            tried.bind((address if family == socket.AF_INET6 or ":" not in address else "0.0.0.0", listener.port))
            tried.listen(1)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _has_ipv6() -> bool:
    """Whether this kernel has IPv6, and not only this Python."""
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close()
    except OSError:
        return False
    return True


def _own_sockets(host: Host, pid: int) -> Iterator[Tuple[str, int]]:
    """Address and port of each listening socket of a process."""
    inodes = set(open_sockets(host, pid))
    for table in ("tcp", "tcp6"):
        listening = parse_table(host.read(f"/proc/{pid}/net/{table}") or "", LISTENING)
        yield from (one.local for one in listening if one.inode in inodes)
