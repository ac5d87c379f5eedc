# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations of four servers with TLS, of which each has a port of its own on a host that is a root of a Debian release."""

from __future__ import annotations

from typing import Callable, Iterable

from .server_host import ServerHost

_SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
APACHE = {
    "legacy": "SSLProtocol all\nSSLCipherSuite ALL:@SECLEVEL=0",
    "stock": "",
    "geerling": "SSLProtocol All -SSLv3\nSSLCipherSuite AES256+EECDH:AES256+EDH\nSSLHonorCipherOrder On",
    "mozilla 5.7": f"SSLProtocol -all +TLSv1.2 +TLSv1.3\nSSLCipherSuite {_SUITES}:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-CHACHA20-POLY1305",
    "mozilla 6.0": f"SSLProtocol -all +TLSv1.2 +TLSv1.3\nSSLCipherSuite {_SUITES}\nSSLOpenSSLConfCmd Curves X25519:prime256v1",
    "modern": "SSLProtocol -all +TLSv1.3",
    "posts": "SSLProtocol -ALL +TLSv1.2 +TLSv1.3\nSSLCipherSuite TLSv1.2:HIGH:!aNULL:!eNULL:!MD5",
    "RSA": "SSLProtocol -all +TLSv1.2\nSSLCipherSuite AES256-GCM-SHA384:AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256\nSSLHonorCipherOrder on",
}
NGINX = {
    "stock": "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;",
    "old": "ssl_protocols TLSv1 TLSv1.1 TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0; ssl_prefer_server_ciphers on;",
}
PROFTPD = {"stock": "", "RSA": "TLSProtocol TLSv1.2\nTLSCipherSuite AES128-SHA:ECDHE-RSA-AES256-SHA"}
GNUTLS = {"normal": "NORMAL", "old": "NORMAL:+VERS-ALL:+ARCFOUR-128:+3DES-CBC:+RSA:%COMPAT"}


def apache(host: ServerHost, first: int) -> None:
    """Every configuration is a virtual host of its own port."""
    pairs = "".join(f"SSLCertificateFile /etc/tls/{kind}.pem\nSSLCertificateKeyFile /etc/tls/{kind}.key\n" for kind in ("rsa", "ec"))
    text = "".join(
        f"Listen {port}\n<VirtualHost *:{port}>\nServerName a.test\nSSLEngine on\n{pairs}{lines}\n</VirtualHost>\n"
        for port, lines in enumerate(APACHE.values(), first)
    )
    host.write("/etc/apache2/sites-enabled/all.conf", text)
    host.sh("a2enmod --quiet ssl; apache2ctl start")


def nginx(host: ServerHost, first: int) -> None:
    """Every configuration is a server of its own port, without what the whole server says."""
    text = "".join(
        f"server {{ listen {port} ssl; {lines} ssl_certificate /etc/tls/rsa.pem; ssl_certificate_key /etc/tls/rsa.key; }}\n"
        for port, lines in enumerate(NGINX.values(), first)
    )
    host.write("/etc/nginx/conf.d/all.conf", text)
    host.sh("rm -f /etc/nginx/sites-enabled/default; sed -i '/ssl_/d' /etc/nginx/nginx.conf; nginx")


def proftpd(host: ServerHost, first: int) -> None:
    """Every configuration is a virtual host of its own port."""
    keys = "TLSEngine on\nTLSRSACertificateFile /etc/tls/rsa.pem\nTLSRSACertificateKeyFile /etc/tls/rsa.key\n"
    text = "LoadModule mod_tls.c\n" + "".join(
        f"<VirtualHost 127.0.0.1>\nPort {port}\n{keys}{lines}\n</VirtualHost>\n" for port, lines in enumerate(PROFTPD.values(), first)
    )
    host.write("/etc/proftpd/conf.d/all.conf", text)
    host.sh("proftpd")


def gnutls(host: ServerHost, first: int) -> None:
    """Every configuration is a process."""
    for port, priority in enumerate(GNUTLS.values(), first):
        keys = "--x509keyfile /etc/tls/rsa.key --x509certfile /etc/tls/rsa.pem"
        host.sh(f"gnutls-serv --http --quiet --port {port} {keys} --priority '{priority}' >/dev/null 2>&1 &")


SERVERS: dict[str, tuple[Callable[[ServerHost, int], None], int, dict[str, str], str]] = {
    "apache": (apache, 10000, APACHE, ""),
    "nginx": (nginx, 10100, NGINX, ""),
    "proftpd": (proftpd, 10200, PROFTPD, ":ftp"),
    "gnutls": (gnutls, 10300, GNUTLS, ""),
}


def start_all(host: ServerHost, servers: Iterable[str] = tuple(SERVERS)) -> dict[str, str]:
    """Start servers. Returns their configurations by port, with the way that TLS begins there: C({"10200:ftp": "proftpd stock"})."""
    ports: dict[str, str] = {}
    for name in servers:
        start, first, configurations, starttls = SERVERS[name]
        start(host, first)
        ports.update({f"{port}{starttls}": f"{name} {each}" for port, each in enumerate(configurations, first)})
    host.sh("sleep 1")
    return ports
