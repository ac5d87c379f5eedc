# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx_tls and proftpd_tls with the servers of two Debian releases: before, after, and what cannot work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Iterator

import pytest

from .server_host import ServerHost

if TYPE_CHECKING:
    from ansible_collections.fleetlab.linux.scripts.server_roots import ServerRoot

Start = Callable[[str], ServerHost]
KEYS = "ssl_certificate /etc/tls/rsa.pem; ssl_certificate_key /etc/tls/rsa.key;"
SITE = f"server {{ listen 443 ssl; server_name a.test; root /var/www/html; {KEYS} }}\n"
FTP = "TLSEngine on\nTLSRSACertificateFile /etc/tls/rsa.pem\nTLSRSACertificateKeyFile /etc/tls/rsa.key\n"


@pytest.fixture
def start(server_root: Callable[[str], ServerRoot]) -> Iterator[Start]:
    """Starts hosts of a Debian release."""
    hosts: list[ServerHost] = []

    def make(suite: str) -> ServerHost:
        hosts.append(ServerHost(server_root(suite)))
        return hosts[-1]

    yield make
    for host in hosts:
        host.close()


@pytest.mark.parametrize(("suite", "hybrid"), [("bookworm", []), ("trixie", ["X25519MLKEM768"])])
def test_nginx_becomes_forward_secret_and_stays_alive(start: Start, suite: str, hybrid: list[str]) -> None:
    host = start(suite)
    host.write("/etc/nginx/sites-enabled/a", SITE)
    host.sh("nginx; sleep 0.3")
    stock = host.sh("cat /etc/nginx/nginx.conf")
    refused = host.module("nginx_tls")["msg"]
    assert f"/etc/nginx/nginx.conf:{33 if suite == 'bookworm' else 34}: ssl_protocols TLSv1" in refused, refused
    # nginx takes a key that belongs to another certificate, and then speaks to nobody.
    host.write("/etc/nginx/sites-enabled/b", SITE.replace("rsa.key", "ec.key").replace("a.test", "b.test"))
    assert "127.0.0.1:443 for b.test: no suite was found" in host.module("nginx_tls", overrides="comment_out")["msg"]
    host.write("/etc/nginx/sites-enabled/b", "no such directive;\n")
    assert "the throwaway server has ended" in host.module("nginx_tls", overrides="comment_out")["msg"]
    host.sh("rm /etc/nginx/sites-enabled/b")
    assert host.sh("cat /etc/nginx/nginx.conf") == stock
    done = host.four_times("nginx_tls", overrides="comment_out")
    assert done["diff"]["before"]["names"]["127.0.0.1:443 a.test"].startswith("16 of " if suite == "bookworm" else "14 of ")
    assert [(one["name"], one["without"], one["post_quantum"]) for one in done["names"]] == [("a.test", [], hybrid), (None, [], hybrid)]
    assert "# nginx_tls: \tssl_prefer_server_ciphers o" in host.sh("cat /etc/nginx/nginx.conf")
    gone = host.four_times("nginx_tls", state="absent")
    assert [bool(one["without"]) for one in gone["names"]] == [True, True]
    assert host.sh("cat /etc/nginx/nginx.conf") == stock
    host.sh("! [ -e /etc/nginx/conf.d/zz-fleetlab-tls.conf ]")


@pytest.mark.parametrize(("suite", "hybrid"), [("bookworm", []), ("trixie", ["X25519MLKEM768"])])
def test_proftpd_becomes_forward_secret(start: Start, suite: str, hybrid: list[str]) -> None:
    host = start(suite)
    host.sh("echo LoadModule mod_tls.c >> /etc/proftpd/modules.conf")
    host.write("/etc/proftpd/conf.d/a.conf", f"{FTP}TLSProtocol TLSv1.2\n")
    host.sh("proftpd; sleep 0.5")
    process = host.sh("cat /run/proftpd.pid")
    assert "/etc/proftpd/conf.d/a.conf:4: TLSProtocol TLSv1.2" in host.module("proftpd_tls")["msg"]
    done = host.module("proftpd_tls", overrides="comment_out")
    assert "6 of " in done["diff"]["before"]["names"]["127.0.0.1:21 (no name)"]
    assert [(one["without"], one["protocols"], one["post_quantum"]) for one in done["names"]] == [([], ["TLSv1.2", "TLSv1.3"], hybrid)]
    assert host.sh("cat /run/proftpd.pid") == process
    again = host.module("proftpd_tls")
    assert not again["changed"], again
    assert host.module("proftpd_tls", state="absent")["changed"]
    assert host.sh("cat /etc/proftpd/conf.d/a.conf") == f"{FTP}TLSProtocol TLSv1.2\n"
    assert not host.module("proftpd_tls", state="absent")["changed"]
    assert host.sh("cat /run/proftpd.pid") == process
    host.sh("echo NoSuchDirective on >> /etc/proftpd/proftpd.conf")
    assert "the throwaway server has ended" in host.module("proftpd_tls", profile="modern", overrides="comment_out")["msg"]
    host.sh("kill -0 $(cat /run/proftpd.pid)")
