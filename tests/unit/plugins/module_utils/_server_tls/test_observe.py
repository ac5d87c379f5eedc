# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of a host: the server's process, its OpenSSL, its certificates, and listeners that it could not get."""

from __future__ import annotations

import base64
import os
import socket
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls import observe as seen
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.local import local_networks
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.observe import find_marked, observe, scan_all
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.options import Wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.servers import APACHE
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.state import Endpoint, State
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.options import Wanted as Question
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.state import Scan

IPV6 = ("20010db8", "00000000", "00000000", "00000001")
OCSP = bytes.fromhex("2b06010505073001")
SITE = "<VirtualHost *:443>\nSSLEngine on\nSSLCertificateFile /etc/tls/a.pem\nSSLProtocol all\n</VirtualHost>\n"


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")


def pem(data: bytes) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(data).decode()}\n-----END CERTIFICATE-----\n"


def look(root: Path, ports: str = "") -> State:
    write(root, "etc/apache2/apache2.conf", "LoadModule ssl_module x\nInclude conf-enabled/*.conf\nInclude sites-enabled/*\n" + ports)
    write(root, "etc/apache2/sites-available/a.conf", SITE)
    (root / "etc/apache2/conf-enabled").mkdir(exist_ok=True)
    (root / "etc/apache2/sites-enabled").mkdir(exist_ok=True)
    link = root / "etc/apache2/sites-enabled/a.conf"
    if not link.is_symlink():
        link.symlink_to("../sites-available/a.conf")
    return observe(Wanted(), APACHE, Host(str(root)))


def test_certificates_and_files_behind_links(tmp_path: Path) -> None:
    write(tmp_path, "etc/tls/a.pem", pem(b"0" + OCSP) + pem(b"1"))
    found = look(tmp_path)
    (certificate,) = found.config.certificates
    assert certificate.has_ocsp
    assert certificate.age is not None
    assert found.config.overrides[0].real == "/etc/apache2/sites-available/a.conf"
    assert found.files == {"/etc/apache2/sites-available/a.conf": (SITE, 0o666 & ~umask())}
    write(tmp_path, "etc/tls/a.pem", pem(b"0") + pem(OCSP))
    assert not look(tmp_path).config.certificates[0].has_ocsp
    (tmp_path / "etc/tls/a.pem").unlink()
    assert look(tmp_path).config.certificates[0].age is None


def test_marks_are_found_in_the_folder_of_the_server_and_in_what_it_includes(tmp_path: Path) -> None:
    mark = "# apache_tls: SSLProtocol all\n"
    for path in ("etc/apache2/sites-available/unused.conf", "etc/letsencrypt/options.conf", "srv/tls/x.conf", "srv/other/x.conf"):
        write(tmp_path, path, mark)
    look(tmp_path, "Include /etc/letsencrypt/options.conf\nInclude /srv/tls\n")
    assert find_marked(Host(str(tmp_path)), APACHE) == (
        "/etc/apache2/sites-available/unused.conf",
        "/etc/letsencrypt/options.conf",
        "/srv/tls/x.conf",
    )


def test_a_name_of_this_host_is_asked_at_its_address(tmp_path: Path) -> None:
    hosts = "".join(
        f"<VirtualHost {name}:443>\nSSLEngine on\nServerName {name}\n</VirtualHost>\n" for name in ("localhost", "none.invalid")
    )
    config = look(tmp_path, "Listen 443\n" + hosts).config
    assert {end.address for end in config.endpoints} == {"127.0.0.1"}
    assert dict(config.own_hosts) == {"localhost": "127.0.0.1", "none.invalid": "127.0.0.1"}


def test_a_server_that_refuses_unknown_names_is_asked_for_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str | None, ...]] = []

    def scan(question: Question) -> tuple[Scan, ...]:
        asked.append(question.names)
        return ()

    monkeypatch.setattr(seen, "scan", scan)
    scan_all([Endpoint("192.0.2.1", 443, ("a.test",), takes_all=takes_all) for takes_all in (True, False)], Wanted())
    assert asked == [("a.test", None), ("a.test",)]


def umask() -> int:
    before = os.umask(0)
    os.umask(before)
    return before


def test_the_openssl_of_the_running_server(tmp_path: Path) -> None:
    write(tmp_path, "run/apache2/apache2.pid", "7\n")
    write(tmp_path, "proc/7/comm", "apache2\n")
    write(tmp_path, "proc/7/maps", "7f00-7f01 r--p 00000000 00:00 1 /usr/lib/libcrypto.so.3\n")
    write(tmp_path, "usr/lib/libcrypto.so.3", "OpenSSL version\0OpenSSL 3.5.9 1 Apr 2026\0more")
    found = look(tmp_path)
    assert (found.pid, found.version) == (7, (3, 5, 9))
    write(tmp_path, "proc/7/comm", "other\n")
    assert look(tmp_path).pid is None


def test_the_openssl_that_an_upgrade_replaced_is_still_that_of_the_server(tmp_path: Path) -> None:
    write(tmp_path, "run/apache2/apache2.pid", "7\n")
    write(tmp_path, "proc/7/comm", "apache2\n")
    write(tmp_path, "proc/7/maps", "7e00-7f00 r--p 0 00:00 1 /x\n7f00-7f01 r--p 00000000 00:00 1 /usr/lib/libcrypto.so.3 (deleted)\n")
    write(tmp_path, "proc/7/map_files/7f00-7f01", "OpenSSL 3.0.22 1 Apr 2026\0")
    write(tmp_path, "usr/lib/libcrypto.so.3", "OpenSSL 3.5.9 1 Apr 2026\0more")
    assert look(tmp_path).version == (3, 0, 22)


def test_listeners_that_the_server_could_not_get(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        (blocked,) = look(tmp_path, f"Listen 127.0.0.1:{port}\n").blocked
        assert (blocked[0].port, blocked[1]) == (port, "Address already in use")
        # The same socket is no obstacle if it is the server's own.
        write(tmp_path, "run/apache2/apache2.pid", "7\n")
        write(tmp_path, "proc/7/comm", "apache2\n")
        (tmp_path / "proc/7/fd").mkdir()
        (tmp_path / "proc/7/fd/3").symlink_to("socket:[99]")
        write(tmp_path, "proc/7/net/tcp", f"head\n 0: 0100007F:{port:04X} 00000000:0000 0A 0:0 0:0 0 0 0 99 1\n")
        assert look(tmp_path, f"Listen 127.0.0.1:{port}\n").blocked == ()
    assert look(tmp_path, f"Listen 127.0.0.1:{port}\n").blocked == ()


def test_a_file_that_is_no_text_is_left_alone(tmp_path: Path) -> None:
    look(tmp_path)
    (tmp_path / "etc/apache2/sites-available/a.conf").write_bytes(SITE.encode() + b"# caf\xe9\n")
    assert observe(Wanted(), APACHE, Host(str(tmp_path))).files == {}


def test_an_address_in_another_way_of_writing_and_a_name_are_the_servers_own(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        write(tmp_path, "run/apache2/apache2.pid", "7\n")
        write(tmp_path, "proc/7/comm", "apache2\n")
        (tmp_path / "proc/7/fd").mkdir()
        (tmp_path / "proc/7/fd/3").symlink_to("socket:[99]")
        (tmp_path / "proc/7/fd/4").symlink_to("socket:[98]")
        write(tmp_path, "proc/7/net/tcp", f"head\n 0: 0100007F:{port:04X} 00000000:0000 0A 0:0 0:0 0 0 0 99 1\n")
        words = "".join(int.from_bytes(bytes.fromhex(word), sys.byteorder).to_bytes(4, "big").hex() for word in IPV6)
        write(tmp_path, "proc/7/net/tcp6", f"head\n 0: {words}:01BB 0:0 0A 0:0 0:0 0 0 0 98 1\n")
        assert look(tmp_path, f"Listen localhost:{port}\nListen [2001:DB8:0:0::1]:443\n").blocked == ()


def test_the_addresses_that_a_host_has_are_in_the_tables_of_the_kernel() -> None:
    folder = Path(__file__).parents[4] / "fixtures" / "proc_net" / "6.18"
    found = local_networks((folder / "fib_trie").read_text(), (folder / "if_inet6").read_text())
    addresses = ["127.0.0.53", "192.0.2.1", "192.0.2.2", "198.51.100.7", "192.0.2.3", "192.0.2.255", "::1", "2001:db8::1", "2001:db8::2"]
    assert [any(ip_address(address) in network for network in found) for address in addresses] == [
        *(True, True, True, True, False, False),
        *(True, True, False),
    ]


def test_a_kernel_without_ipv6_has_all_addresses_of_the_other_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Socket(socket.socket):
        def __init__(self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> None:
            if family == socket.AF_INET6:
                raise OSError(97, "Address family not supported by protocol")
            super().__init__(family, kind)

    monkeypatch.setattr(socket, "socket", Socket)
    with Socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert look(tmp_path, f"Listen {port}\n").blocked == ()


def test_the_ends_of_lines_are_kept(tmp_path: Path) -> None:
    look(tmp_path)
    text = SITE.replace("\n", "\r\n")
    (tmp_path / "etc/apache2/sites-available/a.conf").write_bytes(text.encode())
    assert [content for content, _mode in observe(Wanted(), APACHE, Host(str(tmp_path))).files.values()] == [text]


def test_a_damaged_certificate_names_no_responder(tmp_path: Path) -> None:
    write(tmp_path, "etc/tls/a.pem", "-----BEGIN CERTIFICATE-----\nMII\u00e9\n-----END CERTIFICATE-----\n")
    assert not look(tmp_path).config.certificates[0].has_ocsp
