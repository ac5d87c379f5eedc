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


LETSENCRYPT = """ssl_session_tickets off;
ssl_protocols TLSv1.2 TLSv1.3;
ssl_ciphers
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";
"""


@pytest.mark.parametrize("folder", ["/etc/letsencrypt", "/srv/tls"])
def test_settings_of_nginx_in_other_folders_are_tried_commented_out_and_given_back(start: Start, folder: str) -> None:
    host = start("bookworm")
    host.sh(f"sed -i /ssl_/d /etc/nginx/nginx.conf; mkdir {folder}; chmod 750 {folder}")
    host.write(f"{folder}/options.conf", LETSENCRYPT)
    host.write("/etc/nginx/sites-enabled/a", SITE.replace("root", f"include {folder}/options.conf; root"))
    host.sh("chmod 640 /*/*/options.conf; nginx; sleep 0.3")
    host.four_times("nginx_tls", overrides="comment_out")
    assert all(line.startswith("# nginx_tls: ") for line in host.sh(f"cat {folder}/options.conf").splitlines())
    host.four_times("nginx_tls", state="absent")
    assert host.sh(f"cat {folder}/options.conf; stat -c %a {folder}/options.conf") == f"{LETSENCRYPT}640\n"


def test_nginx_behind_a_proxy_under_a_supervisor_refuses_unknown_names(start: Start) -> None:
    host = start("trixie")
    host.sh("sed -i '/ssl_/d; 1i daemon off;' /etc/nginx/nginx.conf")
    refusing = "server { listen 443 ssl default_server; ssl_reject_handshake on; }\n"
    lines = "listen localhost:8443-8444 ssl; ssl_conf_command Options KTLS; location ~ ^/\\{id\\}x { return 301 https://${host}/; } root"
    host.write("/etc/nginx/sites-enabled/a", refusing + SITE.replace("443 ssl", "443 ssl proxy_protocol").replace("root", lines))
    host.sh("nginx >/dev/null 2>&1 & sleep 0.5")
    done = host.four_times("nginx_tls")
    expected = [(443, "a.test"), (8443, "a.test"), (8443, None), (8444, "a.test"), (8444, None)]
    assert [(one["port"], one["name"]) for one in done["names"]] == expected
    assert {(one["suites"], len(one["without"])) for one in done["names"]} == {(6, 0)}


def test_proftpd_that_binds_to_the_addresses_of_its_servers(start: Start) -> None:
    host = start("bookworm")
    host.sh("echo LoadModule mod_tls.c >> /etc/proftpd/modules.conf; echo 127.0.0.6 ftp.a.test >> /etc/hosts")
    servers = "".join(f"<VirtualHost {address}>\nPort 21\n{FTP}</VirtualHost>\n" for address in ("127.0.0.5", "ftp.a.test"))
    host.write("/etc/proftpd/conf.d/a.conf", f"SocketBindTight on\n{servers}")
    host.sh("proftpd; sleep 0.5")
    done = host.module("proftpd_tls")
    assert [(one["address"], one["without"]) for one in done["names"]] == [("127.0.0.5", []), ("127.0.0.6", [])], done


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
