# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of Apache is read in its order, with Include, conditions and variables."""

from __future__ import annotations

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.apache import ENABLED, read, render
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.apache_walk import ENVIRONMENT, MAIN, directives, variables
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.profiles import Settings
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.state import PROXY, Config, Endpoint
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.syntax import tokens
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._server_tls.tree import Tree

SITES = "/etc/apache2/sites-enabled"
BASE = {
    ENVIRONMENT: 'SUFFIX="-$X"\nexport APACHE_RUN_DIR=/var/run/apache2$SUFFIX\n'
    "export APACHE_PID_FILE=$APACHE_RUN_DIR/apache2.pid # where\n",
    MAIN: "IncludeOptional mods-enabled/*.load\nIncludeOptional mods-enabled/*.conf\nInclude ports.conf\n"
    "IncludeOptional conf-enabled/*.conf\nIncludeOptional sites-enabled/*.conf\n",
    "/etc/apache2/ports.conf": "Listen 80\n<IfModule ssl_module>\nListen 443 https\n</IfModule>\n"
    "<IfModule mod_gnutls.c>\nListen 444\n</IfModule>\n",
    "/etc/apache2/mods-enabled/ssl.load": "LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so\n",
    "/etc/apache2/mods-enabled/ssl.conf": "<IfModule mod_ssl.c>\nSSLProtocol all -SSLv3\n</IfModule>\n",
    ENABLED: "Define FLEETLAB_TLS",
}


def config(**sites: str) -> Config:
    files = {**BASE, **{f"{SITES}/{name}.conf": text for name, text in sites.items()}}
    return read(directives(Tree(files)))


def site(address: str, name: str, *lines: str) -> str:
    return "\n".join([f"<VirtualHost {address}>", f"ServerName {name}", "SSLEngine on", *lines, "</VirtualHost>", ""])


def test_the_endpoints_are_those_of_the_virtual_hosts_with_tls() -> None:
    plain = "<VirtualHost *:80>\nServerName plain.test\n</VirtualHost>\n"
    found = config(
        a=site("*:443", "A.test:443", "ServerAlias b.test *.c.test 192.0.2.9"), b=plain + site("_default_:443", "https://d.test")
    )
    assert found.endpoints == (Endpoint("127.0.0.1", 443, ("a.test", "b.test", "www.c.test", "d.test")),)
    assert [(one.address, one.port, str(one.place)) for one in found.listeners] == [
        ("", 80, "/etc/apache2/ports.conf:1"),
        ("", 443, "/etc/apache2/ports.conf:3"),
    ]
    assert found.has_tls
    assert found.reads_owned
    assert found.overrides == ()


def test_a_host_with_an_address_is_asked_there() -> None:
    assert config(a=site("192.0.2.1:443", "a.test"), b=site("[2001:db8::1]:443", "b.test")).endpoints == (
        Endpoint("192.0.2.1", 443, ("a.test",)),
        Endpoint("2001:db8::1", 443, ("b.test",)),
    )
    listening = "Listen 192.0.2.7:8443\nListen [::1]:9443\n" + site("*:8443", "c.test") + site("*:9443", "d.test")
    assert config(a=listening).endpoints == (Endpoint("192.0.2.7", 8443, ("c.test",)), Endpoint("::1", 9443, ("d.test",)))
    assert config(a="Listen 0.0.0.0:8443\n" + site("*:8443", "c.test")).endpoints == (Endpoint("127.0.0.1", 8443, ("c.test",)),)


def test_tls_of_the_whole_server_is_found() -> None:
    whole = "SSLEngine on\nServerName a.test\n"
    assert {end.port for end in config(a=whole).endpoints} == {80, 443}
    found = config(a=whole + "<VirtualHost *:443>\nServerName b.test\n</VirtualHost>\n<VirtualHost *:80>\nSSLEngine off\n</VirtualHost>\n")
    assert found.endpoints == (Endpoint("127.0.0.1", 443, ("b.test",)),)


def test_what_undoes_the_settings_is_found_by_file_and_line() -> None:
    text = site("*:443", "a.test", "SSLProtocol \\", "  all", "SSLOpenSSLConfCmd Curves P-256", "SSLOpenSSLConfCmd DHParameters /x.pem")
    found = [str(one) for one in config(a=text, b="SSLSessionTickets on\n", c="SSLUseStapling off\n").overrides]
    assert found == [
        f"{SITES}/a.conf:4: SSLProtocol   all (in <virtualhost *:443>)",
        f"{SITES}/a.conf:6: SSLOpenSSLConfCmd Curves P-256 (in <virtualhost *:443>)",
        f"{SITES}/b.conf:1: SSLSessionTickets on",
    ]
    assert [one.lines for one in config(a=text).overrides] == [2, 1]


def test_conditions_hold_as_for_apache() -> None:
    text = (
        "<IfDefine !NO>\n<IfModule !mod_ssl.c>\n<VirtualHost *:443>\nSSLProtocol a\n</VirtualHost>\n</IfModule>\n"
        "<VirtualHost *:443>\nSSLProtocol b\n</VirtualHost>\n</IfDefine>\n<IfDefine NO>\nSSLProtocol c\n</IfDefine>\n"
        "Define NO\n<IfDefine NO>\nSSLProtocol d\n</IfDefine>\n<IfFile /none>\nSSLProtocol e\n</IfFile>\n"
        "UnDefine NO\n<IfDefine NO>\nSSLProtocol f\n</IfDefine>\n<IfVersion > 2.2>\nSSLProtocol g\n</IfVersion>\n"
    )
    assert [one.text.split()[1] for one in config(a=text).overrides] == ["b", "d", "g"]


def test_files_of_certificates_and_ticket_keys_are_found() -> None:
    lines = ('SSLCertificateFile "/etc/tls/a b.pem"', "SSLCertificateFile pkcs11:token=a", "SSLSessionTicketKeyFile keys/t", "Use Site x")
    found = config(a="Define D /srv\n" + site("*:443", "a.test", *lines, "SSLCertificateFile ${D}/c.pem"))
    assert [file.path for file in found.certificates] == ["/etc/tls/a b.pem", "/srv/c.pem"]
    assert [file.path for file in found.ticket_keys] == ["/etc/apache2/keys/t"]
    assert [str(one.place) for one in found.unread] == [f"{SITES}/a.conf:8"]


def test_a_server_without_the_module_or_the_folder_is_recognised() -> None:
    found = read(directives(Tree({MAIN: "Listen 80\n"})))
    assert (found.has_tls, found.reads_owned, found.endpoints) == (False, False, ())


def test_included_folders_are_read_with_all_below_and_circles_end() -> None:
    files = {MAIN: "Include sub\nInclude apache2.conf\n", "/etc/apache2/sub/x/y.conf": "Listen 1\n", "/etc/apache2/sub/z": "Listen 2\n"}
    assert {one.port for one in read(directives(Tree(files))).listeners} == {1, 2}


def test_the_variables_of_the_start_script_are_replaced() -> None:
    assert variables(BASE[ENVIRONMENT])["APACHE_PID_FILE"] == "/var/run/apache2/apache2.pid"


def test_a_file_that_is_no_configuration_is_read_without_an_error() -> None:
    assert [token.kind for token in tokens("x", '<\n>\n</a>\n"unclosed\n\\')] != []


def test_the_owned_file() -> None:
    assert render(Settings("modern", ("X25519",), tickets=True, stapling=True, trace=True)).splitlines()[1:] == [
        "# Profile modern of Mozilla's guidelines 6.0.",
        "<IfModule mod_ssl.c>",
        "  SSLProtocol -all +TLSv1.3",
        "  SSLCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
        "  SSLOpenSSLConfCmd Groups X25519",
        "  SSLHonorCipherOrder off",
        "  SSLSessionTickets on",
        "  SSLUseStapling on",
        "  SSLStaplingCache shmcb:${APACHE_RUN_DIR}/fleetlab_stapling(131072)",
        "  SSLStaplingReturnResponderErrors off",
        "</IfModule>",
    ]


MACRO = (
    "<Macro Site $host $hostport>\n"
    + site("*:$hostport", "$host", "SSLCertificateFile /etc/tls/$host.pem", "SSLProtocol all")
    + "</Macro>\n"
)


def test_a_macro_is_in_force_where_it_is_used() -> None:
    assert config(a=MACRO).endpoints == ()
    found = config(
        a=MACRO + "Listen 8443\nUse Site a.test 443\nUSE site b.test 8443\nUse Site c.test 443\nUndefMacro Site\nUse Site d.test 443\n"
    )
    assert found.endpoints == (Endpoint("127.0.0.1", 443, ("a.test", "c.test")), Endpoint("127.0.0.1", 8443, ("b.test",)))
    assert [file.path for file in found.certificates] == ["/etc/tls/a.test.pem", "/etc/tls/b.test.pem", "/etc/tls/c.test.pem"]
    # The line that undoes the profile is one, however often it is used.
    assert {str(one.place) for one in found.overrides} == {f"{SITES}/a.conf:6"}
    assert [str(one.place) for one in found.unread] == [f"{SITES}/a.conf:14"]


def test_a_macro_that_is_not_known_or_uses_itself_is_named() -> None:
    found = config(
        a="<IfDefine NO>\n<Macro A>\nListen 1\n</Macro>\n</IfDefine>\nUse A\n<Macro B>\nUse B\n</Macro>\nUse B\nUse B too many\n"
    )
    assert {str(one.place) for one in found.unread} == {f"{SITES}/a.conf:6", f"{SITES}/a.conf:8", f"{SITES}/a.conf:11"}
    assert [one.port for one in found.listeners] == [80, 443]


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("<VirtualHost *:443>\nSSLCertificateFile /a.pem\n</VirtualHost>\n", [443]),
        ("<VirtualHost *:443>\n</VirtualHost>\n", []),
        ("<VirtualHost *:443>\nSSLCertificateFile /a.pem\nSSLEngine off\n</VirtualHost>\n", []),
        ("SSLCertificateFile /a.pem\n<VirtualHost *:443 *:80>\nServerName a\n</VirtualHost>\n", [80, 443]),
        ("SSLCertificateFile /a.pem\n<VirtualHost *:80 *:443>\nServerName a\n</VirtualHost>\n", []),
        ("Listen 8443 https\n<VirtualHost *:8443>\nSSLCertificateFile /a.pem\n</VirtualHost>\n", [8443]),
        ("Listen 8443\n<VirtualHost *:8443>\nSSLCertificateFile /a.pem\n</VirtualHost>\n", []),
        ("Listen 8443\n<VirtualHost *:8443>\nProtocol https\nSSLCertificateFile /a.pem\n</VirtualHost>\n", [8443]),
        ("<VirtualHost *:443>\nProtocol http\nSSLCertificateFile /a.pem\n</VirtualHost>\n", []),
    ],
)
def test_a_host_with_a_certificate_on_a_port_of_https_speaks_tls(text: str, ports: list[int]) -> None:
    assert [end.port for end in config(a=text).endpoints] == ports


def test_what_a_proxy_says_comes_before_tls() -> None:
    text = site("*:443", "a.test", "RemoteIPProxyProtocol On")
    assert config(a=text).endpoints == (Endpoint("127.0.0.1", 443, ("a.test",), PROXY),)
    assert config(a="RemoteIPProxyProtocolExceptions 192.0.2.1 127.0.0.0/8\n" + text).endpoints[0].starttls is None


def test_a_host_with_a_name_is_asked_at_its_address() -> None:
    assert config(a=site("www.a.test:443", "a.test")).endpoints == (Endpoint("www.a.test", 443, ("a.test",)),)


def test_a_comment_ends_with_its_line() -> None:
    assert [(token.name, token.place.line) for token in tokens("a", "# a\x0cSSLProtocol all \u2028 SSLEngine on\r\nListen 80\r\n")] == [
        ("listen", 2)
    ]
