# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers, accounts, roots and expressions of groups."""

from __future__ import annotations

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.accounts import (
    accounts,
    default_root,
    for_account,
    holds_and,
    holds_or,
    may_log_in,
    servers,
    substitute,
    unlisted_sources,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.conf import Section, parse, read_lines
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.state import Account, Databases

FILES = Databases(
    {
        "/etc/passwd": "root:x:0:0::/root:/bin/sh\nalice:x:1001:1001::/home/alice:/bin/sh\ndaemon:x:2:2::/:/usr/sbin/nologin\n# a note\n",
        "/etc/group": "alice:x:1001:\nweb:x:50:alice,bob\n",
        "/etc/shells": "/bin/sh\n",
        "/etc/ftpusers": "root\n",
        "/etc/users": "virt:x:1001:60::/srv/virt:/bin/sh\nalice:x:9:9::/elsewhere:/bin/sh\n",
        "/etc/groups": "vgroup:x:60:virt\n",
    }
)
ALICE = Account("alice", "/etc/passwd", 1001, 1001, "/home/alice", "/bin/sh", ("alice", "web"), (1001, 50))


def scope(text: str) -> Section:
    return servers(parse(read_lines(text, "f")))[0].scope


def test_an_account_has_its_groups() -> None:
    found = accounts(scope(""), FILES)
    assert list(found) == ["root", "alice", "daemon"]
    assert found["alice"] == ALICE


def test_the_first_source_has_a_name() -> None:
    text = "AuthUserFile /etc/users\nAuthGroupFile /etc/groups"
    found = accounts(scope(text), FILES)
    assert (found["alice"].home, found["virt"].groups) == ("/elsewhere", ("vgroup",))
    assert accounts(scope(f"{text}\nAuthOrder mod_auth_unix.c mod_auth_file.c"), FILES)["alice"].home == "/home/alice"
    assert list(accounts(scope(f"{text}\nAuthOrder mod_auth_file.c"), FILES)) == ["virt", "alice"]


@pytest.mark.parametrize(
    ("text", "names"),
    [("", ["alice"]), ("RequireValidShell off", ["alice", "daemon"]), ("UseFtpUsers off\nRootLogin on", ["root", "alice"])],
)
def test_who_may_log_in(text: str, names: list[str]) -> None:
    found = scope(text)
    assert [one.name for one in accounts(found, FILES).values() if may_log_in(one, found, FILES)] == names


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("", None),
        ("DefaultRoot ~", "~"),
        ("DefaultRoot ~ web", "~"),
        ("DefaultRoot ~ !web\nDefaultRoot /srv", "/srv"),
        ("DefaultRoot ~ web,!alice", None),
        ("<Global>\nDefaultRoot /a\n</Global>\nDefaultRoot /b", "/b"),
    ],
)
def test_the_first_root_that_holds(text: str, root: str | None) -> None:
    assert default_root(scope(text), ALICE) == root


@pytest.mark.parametrize(
    ("path", "made"),
    [("~", "/home/alice"), ("~/x", "/home/alice/x"), ("~bob/x", "/home/bob/x"), ("/h/%u", "/h/alice"), ("/h/%u[0]/%u", "/h/a/alice")],
)
def test_signs_in_paths(path: str, made: str) -> None:
    assert substitute(path, ALICE, {"bob": "/home/bob"}) == made


def test_expressions() -> None:
    assert holds_and(["a", "!b"], ["a", "c"])
    assert not holds_and(["a", "!c"], ["a", "c"])
    assert holds_or(["b", "c"], ["c"])
    assert not holds_or(["b"], ["c"])


def test_sections_of_mod_ifsession() -> None:
    text = "<IfUser alice>\n</IfUser>\n<IfUser AND bob>\n</IfUser>\n<IfGroup OR web,x>\n</IfGroup>\n<IfGroup AND web,x>\n</IfGroup>"
    assert [section.arguments for section in for_account(scope(text), ALICE)] == [("alice",), ("OR", "web,x")]


def test_virtual_servers_have_what_is_global() -> None:
    text = "Port 2121\n<Global>\nUmask 022\n</Global>\n<VirtualHost 192.0.2.1>\nPort 990\nDefaultRoot ~\n</VirtualHost>"
    main, virtual = servers(parse(read_lines(text, "f")))
    assert [(one.name, one.port) for one in (main, virtual)] == [("main", 2121), ("192.0.2.1", 990)]
    assert [one.scope.value("umask") for one in (main, virtual)] == ["022", "022"]
    assert [one.scope.value("defaultroot") for one in (main, virtual)] == ["", "~"]


def test_users_that_cannot_be_listed() -> None:
    assert unlisted_sources(scope("LDAPServer ldap.example.org")) == ("mod_ldap.c",)
    assert unlisted_sources(scope("AuthOrder mod_sql.c")) == ("mod_sql.c",)
    assert unlisted_sources(scope("LoadModule mod_radius.c")) == ()


def test_an_anonymous_login_is_found_by_user_and_alias() -> None:
    (main,) = servers(parse(read_lines("<Anonymous ~ftp>\nUser ftp\nUserAlias anonymous ftp\n</Anonymous>", "f")))
    assert main.anonymous("ftp") is not None
    assert main.anonymous("ftp") == main.anonymous("anonymous")
    assert main.anonymous("alice") is None
