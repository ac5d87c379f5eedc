# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of ProFTPD is read with its includes, virtual servers and what is for all of them."""

from __future__ import annotations

from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.profiles import Settings
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.proftpd import MAIN, OWNED, pid_files, read, render
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.state import Config, Endpoint
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._server_tls.tree import Tree

MODULES = "LoadModule mod_tls.c\n"
END = "Include /etc/proftpd/conf.d/\n"


def config(text: str, modules: str = MODULES) -> Config:
    return read(Tree({MAIN: f"Include modules.conf\n{text}\n{END}", "/etc/proftpd/modules.conf": modules, OWNED: "Define FLEETLAB_TLS;"}))


def test_endpoints_of_the_main_and_virtual_servers() -> None:
    found = config(
        "TLSEngine on\nTLSRSACertificateFile /a.pem\n<VirtualHost 192.0.2.1 ::1>\nTLSEngine on\nPort 990\nTLSOptions UseImplicitSSL\n"
        "</VirtualHost>\n<VirtualHost 192.0.2.2>\nTLSEngine off\n</VirtualHost>\n<Anonymous ~ftp>\nPort 5\n</Anonymous>\n"
    )
    assert found.endpoints == (Endpoint("127.0.0.1", 21, (), "ftp"), Endpoint("192.0.2.1", 990), Endpoint("::1", 990))
    assert [(one.address, one.port) for one in found.listeners] == [("", 21), ("", 990), ("", 21)]
    assert [file.path for file in found.certificates] == ["/a.pem"]
    assert found.has_tls
    assert found.reads_owned


def test_tls_for_all_servers_is_that_of_each() -> None:
    found = config(
        "<Global>\nTLSEngine on\n</Global>\nPort 2121\nDefaultAddress 192.0.2.9\n<VirtualHost ftp.test>\nPort 2122\n</VirtualHost>"
    )
    assert found.endpoints == (Endpoint("192.0.2.9", 2121, (), "ftp"), Endpoint("ftp.test", 2122, (), "ftp"))
    assert config("TLSEngine on\nPort 0\n").endpoints == ()


def test_settings_elsewhere_are_found_by_file_and_line() -> None:
    text = "<IfModule mod_tls.c>\nTLSProtocol SSLv23\n</IfModule>\n<VirtualHost 192.0.2.1>\nTLSCipherSuite ALL\n</VirtualHost>\n"
    assert [str(one) for one in config(text).overrides] == [
        f"{MAIN}:3: TLSProtocol SSLv23",
        f"{MAIN}:6: TLSCipherSuite ALL (in <virtualhost 192.0.2.1>)",
    ]
    without = config(text, modules="")
    assert not without.has_tls
    assert len(without.overrides) == 1


def test_the_owned_file_is_for_all_servers() -> None:
    assert render(Settings("modern", ("X25519",), tickets=True)).splitlines()[2:] == [
        "<IfModule mod_tls.c>",
        "  <Global>",
        "    TLSProtocol TLSv1.3",
        "    TLSECDHCurve X25519",
        "    TLSServerCipherPreference off",
        "    TLSSessionTickets on",
        "  </Global>",
        "</IfModule>",
    ]


def test_the_file_of_the_process_id() -> None:
    assert list(pid_files(Tree({MAIN: "<Global>\n</Global>\nPidFile /run/proftpd/a.pid\nPort 0\n"}))) == ["/run/proftpd/a.pid"]
    assert list(pid_files(Tree({MAIN: "Port 0\n"}))) == []


def test_servers_that_are_bound_to_their_own_addresses() -> None:
    hosts = "<VirtualHost 192.0.2.1 192.0.2.2>\nPort 2121\n</VirtualHost>\n<VirtualHost 192.0.2.3>\nPort 0\n</VirtualHost>\n"
    text = f"SocketBindTight on\nPort 21\n{hosts}"
    assert [(one.address, one.port) for one in config(text).listeners] == [("192.0.2.1", 2121), ("192.0.2.2", 2121)]
    assert [(one.address, one.port) for one in config("DefaultAddress 192.0.2.9\n" + text).listeners][:1] == [("192.0.2.9", 21)]
    assert {one.address for one in config(text.replace("on", "off", 1)).listeners} == {""}


def test_what_is_for_a_server_without_tls_is_not_in_force() -> None:
    text = "<IfModule !mod_tls.c>\nTLSProtocol SSLv23\n</IfModule>\n"
    assert config(text).overrides == ()
    assert len(config(text, modules="").overrides) == 1
