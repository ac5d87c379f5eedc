# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers that the wing sets up, a row each. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional, Sequence, Tuple

from . import apache, apache_walk, nginx, proftpd
from .includes import Files
from .profiles import Settings
from .state import Config


@dataclass(frozen=True)
class Server:
    """A server. C(owned) is the file that this collection writes, C(enabled) the link by which the server reads it.

    C(foreground) starts the server so that it stays the child of its caller; C(reload) tells the running one to read its configuration,
    C(start) starts it as a service. The exit codes of none of them are believed.
    """

    name: str
    owned: str
    enabled: str
    logs: Tuple[str, ...]
    enable: Tuple[str, ...]
    disable: Tuple[str, ...]
    foreground: Callable[[Files], Sequence[str]]
    reload: Tuple[str, ...]
    start: Tuple[str, ...]
    process: str
    pid_files: Callable[[Files], Sequence[str]]
    render: Callable[[Settings], str]
    read: Callable[[Files], Config]
    no_tls: str

    @property
    def folder(self) -> str:
        """The folder of the configuration, such as C(/etc/apache2)."""
        return "/".join(self.owned.split("/")[:3])

    @property
    def journal(self) -> str:
        """Where the owned file is kept while a change is not proved."""
        return f"/var/lib/fleetlab/{self.name}_tls.json"


def _pid_of_apache(files: Files) -> Sequence[str]:
    known: Optional[str] = apache_walk.variables(files.read(apache_walk.ENVIRONMENT) or "").get("APACHE_PID_FILE")
    return ([known] if known else []) + ["/run/apache2/apache2.pid"]


APACHE = Server(
    name="apache",
    owned=apache.OWNED,
    enabled=apache.ENABLED,
    logs=("/var/log/apache2/error.log",),
    enable=("a2enconf", "--quiet", apache.NAME),
    disable=("a2disconf", "--quiet", apache.NAME),
    foreground=lambda _files: ("apache2ctl", "-DFOREGROUND"),
    reload=("apache2ctl", "graceful"),
    start=("apache2ctl", "start"),
    process="apache2",
    pid_files=_pid_of_apache,
    render=apache.render,
    read=lambda files: apache.read(apache_walk.directives(files)),
    no_tls="its module ssl is not loaded: run a2enmod ssl, and enable a site with SSLEngine on",
)

NGINX = Server(
    name="nginx",
    owned=nginx.OWNED,
    enabled=nginx.OWNED,
    logs=("/var/log/nginx/error.log",),
    enable=(),
    disable=(),
    foreground=nginx.foreground,
    reload=("service", "nginx", "reload"),
    start=("service", "nginx", "start"),
    process="nginx",
    pid_files=lambda files: (*nginx.pid_files(files), "/run/nginx.pid"),
    render=nginx.render,
    read=nginx.read,
    no_tls="no server block listens with ssl",
)

PROFTPD = Server(
    name="proftpd",
    owned=proftpd.OWNED,
    enabled=proftpd.OWNED,
    logs=("/var/log/proftpd/proftpd.log", "/var/log/proftpd/tls.log"),
    enable=(),
    disable=(),
    foreground=lambda _files: ("proftpd", "--nodaemon"),
    reload=("service", "proftpd", "reload"),
    start=("service", "proftpd", "start"),
    process="proftpd",
    pid_files=lambda files: (*proftpd.pid_files(files), "/run/proftpd.pid"),
    render=proftpd.render,
    read=proftpd.read,
    no_tls="its module mod_tls is not loaded: install proftpd-mod-crypto, and load it in modules.conf",
)
