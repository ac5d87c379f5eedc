# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of nginx is read with its includes and blocks."""

from __future__ import annotations

from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.changes import comment_out
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.nginx import MAIN, OWNED, pid_files, read, render
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.profiles import Settings
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.servers import NGINX
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.state import PROXY, Config, Endpoint
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._server_tls.tree import Tree

BASE = """user www-data;
events { worker_connections 768; }
http {
    ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; # Dropping SSLv3, ref: POODLE
    ssl_prefer_server_ciphers on;
    log_format main '$remote_addr { "$request" }; # not a comment';
    include /etc/nginx/conf.d/*.conf;
    include sites-enabled/*;
}
"""
SITE = "/etc/nginx/sites-enabled/a"


def config(text: str, main: str = BASE) -> Config:
    return read(Tree({MAIN: main, SITE: text, OWNED: "Define FLEETLAB_TLS;"}))


def test_endpoints_names_and_overrides_of_a_stock_nginx() -> None:
    found = config(
        "server { listen 80; listen [::]:80; server_name plain.test; }\n"
        "server {\n  listen 443 ssl http2; listen [::]:443 ssl;\n  server_name a.test *.b.test ~^c b.test 192.0.2.1 _;\n"
        '  ssl_certificate a.pem; ssl_certificate "$name.pem";\n  ssl_session_ticket_key /etc/key;\n'
        "  location / { if ($x) { return 301; } }\n  ssl_ciphers 'A:B';\n  ssl_protocols\n    TLSv1.2;\n}\n"
    )
    names = ("a.test", "www.b.test", "b.test", "_")
    assert found.endpoints == (Endpoint("127.0.0.1", 443, names), Endpoint("::1", 443, names))
    assert [str(one) for one in found.overrides] == [
        f"{MAIN}:4: ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3",
        f"{MAIN}:5: ssl_prefer_server_ciphers on",
        f"{SITE}:8: ssl_ciphers A:B (in server at {SITE}:2)",
        f"{SITE}:9: ssl_protocols TLSv1.2 (in server at {SITE}:2)",
    ]
    assert [(one.is_whole, one.lines) for one in found.overrides] == [(True, 1), (True, 1), (True, 1), (True, 2)]
    assert [(file.path, str(file.place)) for file in found.certificates] == [("/etc/nginx/a.pem", f"{SITE}:5")]
    assert [file.path for file in found.ticket_keys] == ["/etc/key"]
    assert found.has_tls
    assert found.reads_owned


def test_two_servers_on_one_line_are_two() -> None:
    plain, secure = "server { listen 80; server_name plain.test; }", "server { listen 443 ssl; server_name a.test; }"
    assert config(f"{plain} {secure}").endpoints == (Endpoint("127.0.0.1", 443, ("a.test",)),)


def test_addresses_of_listeners() -> None:
    text = (
        "server { listen 192.0.2.1:443 ssl; listen *:8443 ssl; listen 192.0.2.2:8443 ssl; listen unix:/run/x ssl; listen 192.0.2.3 ssl; }"
    )
    found = config(text)
    assert {(end.address, end.port) for end in found.endpoints} == {
        ("192.0.2.1", 443),
        ("127.0.0.1", 8443),
        ("192.0.2.2", 8443),
        ("192.0.2.3", 80),
    }
    assert [(one.address, one.port) for one in found.listeners] == [("192.0.2.1", 443), ("0.0.0.0", 8443), ("192.0.2.3", 80)]


def test_servers_of_other_protocols_do_not_count() -> None:
    found = config("", "stream { server { listen 853 ssl; ssl_protocols TLSv1; } }\nhttp { }\n")
    assert (found.has_tls, found.reads_owned, found.overrides) == (False, False, ())


def test_a_line_becomes_a_comment() -> None:
    assert comment_out(NGINX, "a;\n\tb;\nc;", [2]) == "a;\n# nginx_tls: \tb;\nc;"


def test_a_broken_file_is_read_without_an_error() -> None:
    assert config("server { listen 443 ssl; } } } ' \\ server {").has_tls


def test_the_owned_file() -> None:
    lines = render(Settings("intermediate", ("X25519", "prime256v1"))).splitlines()
    assert lines[2] == "ssl_protocols TLSv1.2 TLSv1.3;"
    assert lines[5:] == ["ssl_ecdh_curve X25519:prime256v1;", "ssl_prefer_server_ciphers off;", "ssl_session_tickets off;"]


def test_a_line_is_what_ends_with_a_line_feed() -> None:
    text = "server {\n  # a\x0cb \u2028 c \x85\n  deny all;\n  ssl_protocols TLSv1.2;\n  listen 443 ssl;\n}\n"
    (found,) = config(text, BASE.replace("ssl_", "x_")).overrides
    assert (found.place.line, found.is_whole) == (4, True)
    assert comment_out(NGINX, text, [4]) == text.replace("  ssl_p", "# nginx_tls:   ssl_p")


def test_a_file_that_is_included_twice_gets_one_comment() -> None:
    assert comment_out(NGINX, "a;\nb;\n", [2, 2]) == "a;\n# nginx_tls: b;\n"


def test_hidden_files_match_no_pattern() -> None:
    hidden = {"/etc/nginx/sites-enabled/.a.swp": "server { ssl_protocols TLSv1; }"}
    found = read(Tree({MAIN: BASE.replace("ssl_", "x_"), SITE: "server { listen 443 ssl; }", OWNED: "x;", **hidden}))
    assert found.overrides == ()
    assert found.has_tls


def test_the_file_of_the_process_id() -> None:
    assert list(pid_files(Tree({MAIN: f"pid /run/nginx/nginx.pid;\n{BASE}"}))) == ["/run/nginx/nginx.pid"]
    assert list(pid_files(Tree({MAIN: BASE}))) == []


def test_names_without_whose_addresses_nginx_does_not_start() -> None:
    text = (
        "upstream up { server B.internal:8080 weight=5; server 192.0.2.1; server unix:/run/x; }\n"
        "server { listen 443 ssl; location / { proxy_pass http://app.internal:80/path; } location /b { proxy_pass https://$host; }\n"
        "location /c { fastcgi_pass php:9000; } }\n"
    )
    found = config(text, f"{BASE}stream {{ server {{ listen 853; proxy_pass dns.internal:53; }} }}\n")
    assert set(found.hosts) - {"unix"} == {"b.internal", "app.internal", "php", "dns.internal"}


def test_a_server_that_refuses_unknown_names_is_not_asked_for_them() -> None:
    refusing = "server { listen 443 ssl default_server; server_name _ old.test; ssl_reject_handshake on; }\n"
    assert config("server { listen 443 ssl; server_name a.test; }\n" + refusing).endpoints == (
        Endpoint("127.0.0.1", 443, ("a.test",), takes_all=False),
    )
    assert not config(refusing).has_tls
    # The first is the default where none says so.
    first = "server { listen 443 ssl; server_name a.test; }\n" + refusing.replace(" default_server", "")
    assert config(first).endpoints == (Endpoint("127.0.0.1", 443, ("a.test",)),)


def test_what_a_proxy_says_comes_before_tls() -> None:
    text = "server { listen 443 ssl proxy_protocol; server_name a.test; }\nserver { listen 443 ssl; server_name b.test; }\n"
    assert config(text).endpoints == (Endpoint("127.0.0.1", 443, ("a.test", "b.test"), PROXY),)


def test_ports_names_and_other_ways_to_listen() -> None:
    text = "server { listen 127.0.0.1:8443-8445 ssl; listen 444 quic reuseport; listen www.a.test:443 ssl; server_name .a.test; }"
    found = config(text)
    assert [(end.address, end.port) for end in found.endpoints] == [
        *(("127.0.0.1", port) for port in (8443, 8444, 8445)),
        ("www.a.test", 443),
    ]
    assert {end.names for end in found.endpoints} == {("a.test",)}
    assert {one.port for one in found.listeners} == {443, 8443, 8444, 8445}


def test_hosts_whose_addresses_nginx_asks_for_when_it_starts() -> None:
    main = f"mail {{ auth_http mail.internal:9000/auth; }}\n{BASE}"
    logs = "access_log syslog:server=logs.internal:514,tag=a; error_log syslog:server=[2001:db8::1] info;"
    text = f"server {{ {logs} proxy_pass http://app.internal/; }}"
    assert config(text, main).hosts == ("app.internal", "logs.internal", "mail.internal")


def test_commands_of_openssl_that_have_nothing_to_do_with_a_profile_stay() -> None:
    other = "ssl_conf_command Options KTLS;\nssl_conf_command Options PrioritizeChaCha,-Bugs;\nssl_conf_command DHParameters /a.pem;\n"
    undoing = "ssl_conf_command Ciphersuites TLS_AES_128_CCM_SHA256;\nssl_conf_command Options KTLS,SessionTicket;\n"
    found = config(f"server {{\n{other}{undoing}}}")
    assert [one.place.line for one in found.overrides if one.place.file == SITE] == [5, 6]


LUA = """server {
  content_by_lua_block {
    -- don't count this {, nor [[ this
    local a = "}" .. '\\'}' .. [==[ ]] } ]==] --[[ }
    }]]
    if a then ngx.say({1, {2}}) end
  }
  ssl_protocols TLSv1;
  location ~ ^/\\{id\\}x[^\\}]*$ { return 301 https://${host}${uri}/a\\;b"; }
  listen 443 ssl;
}
"""


def test_lua_and_escaped_signs_end_no_block() -> None:
    found = config(LUA)
    assert [str(one) for one in found.overrides if one.place.file == SITE] == [f"{SITE}:8: ssl_protocols TLSv1 (in server at {SITE}:1)"]
    assert [end.port for end in found.endpoints] == [443]
    assert config("server { listen 443 ssl; a_by_lua_block { {").has_tls


def test_a_setting_of_several_lines_becomes_a_comment() -> None:
    text = "server {\n  ssl_ciphers\n    'A:\n    B'; # old\n  ssl_ciphers # why\n    'C'; ssl_protocols\n    TLSv1;\n}"
    found = [one for one in config(text).overrides if one.place.file == SITE]
    assert [(one.place.line, one.lines, one.is_whole) for one in found] == [(2, 3, True), (5, 2, False), (6, 2, False)]


def test_nginx_stays_in_the_foreground_by_its_own_word_or_by_ours() -> None:
    assert NGINX.foreground(Tree({MAIN: BASE})) == ("nginx", "-g", "daemon off;")
    assert NGINX.foreground(Tree({MAIN: "daemon off;\n" + BASE})) == ("nginx",)
