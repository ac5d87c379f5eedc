# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Apache with sites on a host that is a root of a Debian release, what ends it, and a client that never stops asking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .server_host import ServerHost

if TYPE_CHECKING:
    from ansible_collections.fleetlab.linux.scripts.server_roots import ServerRoot

SITES = "/etc/apache2/sites-enabled"
CONF = "/etc/apache2/conf-enabled"
OWNED = "/etc/apache2/conf-available/zz-fleetlab-tls.conf"
START = """
a2enmod --quiet ssl
apache2ctl start
while ! [ -e /run/apache2/apache2.pid ]; do sleep 0.05; done
"""
# Asks 20 times a second, and counts the answers and the failures.
_CLIENT = """
import os, socket, ssl, sys, time
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
good = bad = 0
begin = time.monotonic()
while True:
    start = time.monotonic()
    try:
        with context.wrap_socket(socket.create_connection(("127.0.0.1", 443), timeout=2), server_hostname="a.test") as client:
            client.sendall(b"GET / HTTP/1.0\\r\\nHost: a.test\\r\\n\\r\\n")
            good += client.recv(100).startswith(b"HTTP/1.1 200")
    except OSError as error:
        bad += 1
        print(error, file=sys.stderr, flush=True)
    with open("/tmp/count.new", "w") as stream:
        stream.write(f"{good} {bad} {time.monotonic() - begin:.3f}")
    os.replace("/tmp/count.new", "/tmp/count")
    time.sleep(max(0, start + 0.05 - time.monotonic()))
"""

# What only the real host has: its /run is empty in the trial.
ONLY_HERE = "<IfFile /run/only-here>\n{}\n</IfFile>\n"


@dataclass(frozen=True)
class Answers:
    """What a client got, in how many seconds."""

    good: int
    bad: int
    seconds: float


def start_client(host: ServerHost) -> None:
    """Let a client ask 20 times a second, until the host ends."""
    host.write("/tmp/client.py", _CLIENT)
    host.sh("python3 /tmp/client.py >/dev/null 2>/tmp/client.errors & while ! [ -s /tmp/count ]; do sleep 0.05; done")


def count_answers(host: ServerHost) -> Answers:
    """What the client got until now."""
    good, bad, seconds = host.sh("cat /tmp/count").split()
    return Answers(int(good), int(bad), float(seconds))


def apache_host(root: ServerRoot) -> ServerHost:
    """A new host whose Apache has two sites with TLS."""
    host = ServerHost(root)
    for name in ("a.test", "b.test"):
        host.write(f"{SITES}/{name}.conf", site(name))
    host.sh(START)
    return host


def site(name: str, extra: str = "", pairs: tuple[tuple[str, str], ...] = (("rsa", "rsa"), ("ec", "ec"))) -> str:
    """The configuration of a site with TLS."""
    lines = ["<VirtualHost *:443>", f"ServerName {name}", "DocumentRoot /var/www/html", "SSLEngine on"]
    for certificate, key in pairs:
        lines += [f"SSLCertificateFile /etc/tls/{certificate}.pem", f"SSLCertificateKeyFile /etc/tls/{key}.key"]
    return "\n".join([*lines, extra, "</VirtualHost>", ""])


# Each is accepted by C(apache2ctl -t), and ends a running Apache at its next reload.
KILLERS = {
    "a group that OpenSSL does not have": (f"{CONF}/a.conf", "SSLOpenSSLConfCmd Curves X25519MLKEM768x:X25519\n", "has ended"),
    "the key of another certificate": (f"{SITES}/k.conf", site("k.test", pairs=(("rsa", "ec"),)), "has ended"),
    "stapling without a cache": (f"{CONF}/s.conf", "SSLUseStapling on\n", "has ended"),
    "suites that do not exist": (f"{SITES}/c.conf", site("c.test", "SSLCipherSuite NOSUCH"), "has ended"),
    "an address of another host": (f"{CONF}/l.conf", "Listen 192.0.2.9:443\n", "cannot listen on port 443"),
    "a port that is taken": (f"{CONF}/p.conf", "Listen 127.0.0.1:8444\n", "cannot listen on port 8444"),
}


def pid(host: ServerHost) -> str:
    """The process of Apache, which lives."""
    return host.sh("cat /run/apache2/apache2.pid; kill -0 $(cat /run/apache2/apache2.pid)").strip()


def is_gone(host: ServerHost) -> bool:
    """Whether Apache ends within five seconds."""
    wait = "for i in $(seq 100); do [ -e /proc/$(cat /run/apache2/apache2.pid || echo none) ] || exit 0; sleep 0.05; done; exit 1"
    return bool(host.ask(run=["sh", "-c", wait])["exit_code"] == 0)
