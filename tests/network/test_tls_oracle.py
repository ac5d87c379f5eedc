# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tls_info finds what OpenSSL finds with one handshake for each suite, on 26 configurations of four servers of two Debian releases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Callable

import pytest

from .server_host import TREE, ServerHost

if TYPE_CHECKING:
    from ansible_collections.fleetlab.linux.scripts.server_roots import ServerRoot

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


# ProFTPD, which starts a process for each connection, is the slow one, and the same on both.
@pytest.mark.parametrize(("suite", "without", "servers"), [("bookworm", 16, tuple(SERVERS)), ("trixie", 14, ("apache", "nginx", "gnutls"))])
def test_the_prober_finds_what_openssl_finds(
    server_root: Callable[[str], ServerRoot], suite: str, without: int, servers: tuple[str, ...]
) -> None:
    host = ServerHost(server_root(suite))
    try:
        ports: dict[str, str] = {}
        for name in servers:
            start, first, configurations, starttls = SERVERS[name]
            start(host, first)
            ports.update({f"{port}{starttls}": f"{name} {each}" for port, each in enumerate(configurations, first)})
        host.sh("sleep 1")
        oracle = "ansible_collections.fleetlab.linux.tests.network.tls_oracle"
        done = host.ask(run=["env", f"PYTHONPATH={TREE}", "python3", "-m", oracle, *ports], limit=120)
        assert done["exit_code"] == 0, done
        answers = json.loads(done["stdout"])
    finally:
        host.close()
    assert {ports[word]: answer["found"] for word, answer in answers.items()} == {
        ports[word]: answer["oracle"] for word, answer in answers.items()
    }
    assert len(answers) == sum(len(SERVERS[name][2]) for name in servers)
    assert answers["10000"]["s_client"] == answers["10000"]["found"]["TLSv1.2"]
    assert answers["10001"]["without"] == without
    # The goal is half a second; the machine of the tests may be busy.
    assert answers["10001"]["seconds"] < 2
