# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits, and the verdict on files. That they are right, tests/network/test_ftpaccess.py proves by logins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.accounts import Server, servers
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.checks import check
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.conf import parse, read_lines
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.limits import is_filtered, may, may_store, warnings
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.options import Wanted, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.rehearsal import differences, expected, rehearse
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.show import returned
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.state import AccessFile, Account, Configuration, Seen
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.verdict import Case, judge, matches

ALICE = Account("alice", "/etc/passwd", 1001, 1001, "/home/alice/files", "/bin/sh", ("alice", "web"), (1001, 50))
DENY = "<Limit WRITE>\nDenyAll\n</Limit>\n"


def server(text: str) -> Server:
    return servers(parse(read_lines(text, "/etc/p.conf")))[0]


def file(folder: str, text: str = DENY, is_replaceable: bool = False, is_writable: bool = False, has_folders: bool = False) -> AccessFile:
    return AccessFile(folder, text, "", len(text), is_replaceable, is_writable, has_folders)


def case(text: str, root: str = "/", above: tuple[AccessFile, ...] = (), below: tuple[AccessFile, ...] = ()) -> Case:
    return Case(server(text), ALICE, Seen(root, "/home/alice/files", above, below))


@pytest.mark.parametrize(
    ("rules", "command", "is_allowed"),
    [
        ("DenyAll", "STOR", False),
        ("DenyAll", "RETR", True),
        ("AllowUser alice\nDenyAll", "STOR", True),
        ("AllowUser bob\nDenyAll", "STOR", False),
        ("DenyUser bob", "STOR", True),
        ("DenyUser !bob", "STOR", False),
        ("AllowGroup web,alice\nDenyAll", "STOR", True),
        ("AllowGroup web,wheel\nDenyAll", "STOR", False),
        ("AllowGroup OR web,wheel\nDenyAll", "STOR", True),
        ("AllowUser regex ^al\nDenyAll", "STOR", True),
        ("AllowUser regex ^al(\nDenyAll", "STOR", False),
        ("Deny from all", "STOR", False),
        ("Allow from all\nDenyAll", "STOR", True),
        ("Deny from 192.0.2.1", "STOR", True),
        ("DenyAll off", "STOR", True),
        ("DenyAll off\nDenyAll", "STOR", True),
        ("DenyAll junk", "STOR", True),
        ("DenyAll junk\nDenyAll yes", "STOR", False),
        ("AllowAll no\nDenyAll", "STOR", False),
        ("Order deny,allow", "STOR", False),
        ("Order deny,allow\nAllowAll", "STOR", True),
    ],
)
def test_a_limit(rules: str, command: str, is_allowed: bool) -> None:
    section = parse(read_lines(f"<Limit WRITE>\n{rules}\n</Limit>", "f"))
    assert may((section,), command, ALICE) == is_allowed


def test_the_inner_section_and_the_narrower_command_count() -> None:
    inner, outer = (parse(read_lines(text, "f")) for text in ("<Limit WRITE>\nAllowAll\n</Limit>", DENY))
    assert may((inner, outer), "STOR", ALICE)
    assert not may((outer, inner), "STOR", ALICE)
    both = parse(read_lines(f"<Limit STOR>\nAllowAll\n</Limit>\n{DENY}", "f"))
    assert (may((both,), "STOR", ALICE), may((both,), "DELE", ALICE)) == (True, False)


def test_lines_that_are_skipped() -> None:
    tree = parse(read_lines("Umask 022\nPort 21\n<Limit ALL>\nDenyAl\nDenyAll junk\n</Limit>", "f"), is_lenient=True)
    assert [text.split(":")[0] for text in warnings(tree)] == ["line 2", "line 4", "line 5"]


@pytest.mark.parametrize(
    ("inner", "outer", "is_allowed"),
    [
        ("DenyAll", "", False),
        ("DenyAll\n<Limit ALL>\nAllowAll\n</Limit>", "", False),
        ("DenyAll\nAllowAll", "", True),
        ("Umask 022", "DenyAll", True),
    ],
)
def test_a_denyall_alone_counts_in_the_innermost_section(inner: str, outer: str, is_allowed: bool) -> None:
    assert may_store([parse(read_lines(text, "f")) for text in (inner, outer)], ALICE) == is_allowed


@pytest.mark.parametrize(
    ("condition", "holds"), [("IfModule mod_a.c", True), ("IfModule !mod_a.c", False), ("IfDefine B", True), ("IfDefine C", False)]
)
def test_conditions_in_a_file_hold_or_not(condition: str, holds: bool) -> None:
    text = f"<{condition}>\n{DENY}</{condition.split()[0]}>\n"
    one = replace(case("", above=(file("/home/alice/files", text),)), modules=("mod_a.c",), defines=("B",))
    (found,) = judge(one).in_force
    assert (bool(found.limits), found.warnings, judge(one).may_write) == (holds, (), not holds)


def test_filtered_paths() -> None:
    chain = (parse(read_lines(r'PathDenyFilter "\.ftpaccess$"', "f")),)
    assert is_filtered(chain, "/a/.ftpaccess")
    assert not is_filtered(chain, "/a/b")
    assert not is_filtered((parse(read_lines("PathDenyFilter none", "f")), *chain), "/a/.ftpaccess")


@pytest.mark.parametrize(
    ("pattern", "folder", "holds"),
    [
        ("/", "/a", True),
        ("/a", "/a", True),
        ("/a", "/a/b/c", True),
        ("/a/", "/a/b", True),
        ("/a", "/ab", False),
        ("/a/*", "/a/b/c", True),
        ("/a/*/c", "/a/b/c/d", True),
        ("/b", "/a", False),
    ],
)
def test_the_paths_of_sections(pattern: str, folder: str, holds: bool) -> None:
    assert matches(pattern, folder) == holds


def test_a_file_above_the_root() -> None:
    found = judge(case("", "/home/alice/files", (file("/home/alice"),)))
    assert [(each.file, each.reason) for each in found.without_effect] == [
        ("/home/alice/.ftpaccess", "outside the session's root /home/alice/files")
    ]
    assert found.may_write


@pytest.mark.parametrize(
    ("text", "one", "reason"),
    [
        ("AllowOverride off", file("/home"), "AllowOverride off (/etc/p.conf:1)"),
        ("<Directory /home>\nAllowOverride off\n</Directory>", file("/home"), ""),
        ("<Global>\nAllowOverride off\n</Global>\nAllowOverride on", file("/home"), ""),
        ("", AccessFile("/home"), "empty"),
        ("", AccessFile("/home", None, "Permission denied", 9), "not readable by alice: Permission denied"),
    ],
)
def test_reasons(text: str, one: AccessFile, reason: str) -> None:
    found = judge(case(text, above=(one,)))
    assert [each.reason for each in found.without_effect] == [reason] * bool(reason)


def test_a_file_deeper_is_switched_off_by_the_section_of_the_first_folder() -> None:
    text = "<Directory /home/alice>\nAllowOverride off\n</Directory>"
    found = judge(case(text, below=(file("/home/alice/files/pub"),)))
    assert found.without_effect[0].reason == "AllowOverride off (/etc/p.conf:2)"


@pytest.mark.parametrize(
    ("version", "has_gap"), [("1.3.8", True), ("1.3.8c", True), ("1.3.9d", True), ("1.3.9e", False), ("1.3.10", False)]
)
def test_versions_that_skip_files(version: str, has_gap: bool) -> None:
    assert Configuration("/etc/p.conf", (), parse(()), version).has_gap == has_gap


def test_a_way_around() -> None:
    deep = file("/home/alice/files/pub", has_folders=True)
    own = file("/home/alice/files", "Umask 022\n")
    assert [path for path, _way in judge(case("", above=(own,), below=(deep,))).around] == ["/home/alice/files/pub/.ftpaccess"]
    assert judge(replace(case("", above=(own,), below=(deep,)), has_gap=False)).around == ()
    assert judge(case("", below=(deep,))).around == ()


@pytest.mark.parametrize(
    ("text", "limits", "ways"),
    [
        ("", "<Limit STOR>\nDenyAll\n</Limit>", ["DELE", "RNFR and RNTO"]),
        ("", DENY, []),
        ("AllowOverwrite on", "<Limit DELE RNFR>\nDenyAll\n</Limit>", ["STOR"]),
        ('PathDenyFilter "ftpaccess"', "Umask 022", []),
    ],
)
def test_files_that_the_user_may_replace(text: str, limits: str, ways: list[str]) -> None:
    found = judge(case(text, above=(file("/home/alice", limits, is_replaceable=True, is_writable=True),)))
    assert [way for _file, way in found.writable] == ways


def configuration(text: str) -> Configuration:
    lines = read_lines(text, "/etc/p.conf")
    return Configuration("/etc/p.conf", lines, parse(lines), "1.3.8")


CONF = """
Port 21
SystemLog /var/log/p.log
TLSEngine on
DefaultRoot ~ "a group"
<Limit LOGIN>
  DenyAll
</Limit>
<VirtualHost 192.0.2.1>
  Port 990
  AuthUserFile /etc/users
</VirtualHost>
"""


def test_the_throwaway_server_has_the_same_rules_and_nothing_else() -> None:
    made = rehearse(configuration(CONF), [ALICE], "HASH", "/run/x")
    lines = made.files[made.config].splitlines()
    assert lines[:3] == ['DefaultRoot ~ "a group"', "<VirtualHost 127.0.0.1>", "Port 2122"]
    assert not any("/var/log" in line or "TLS" in line or "LOGIN" in line or "192.0.2.1" in line for line in lines)
    assert made.ports == (2121, 2122)
    assert made.files["/run/x/users.1"] == "alice:HASH:1001:1001::/home/alice/files:/bin/sh\n"
    assert made.files["/run/x/groups.0"] == "alice:x:1001:alice\nweb:x:50:alice\n"


def test_a_difference_is_named() -> None:
    found = judge(case("", "/home/alice", (file("/home/alice"),)))
    right = expected(found)
    assert right == {"login": True, "starts": "/files", "parsed": ["/.ftpaccess"], "deeper": [], "may_write": False}
    assert list(differences(found, right)) == []
    assert list(differences(found, {**right, "parsed": []})) == ["alice on server main: parsed: computed ['/.ftpaccess'], seen []"]


def test_problems_of_the_configuration_are_named() -> None:
    text = "<IfUser bob>\nDefaultRoot ~\n</IfUser>\n<Directory /home>\nAllowOverride off\n</Directory>"
    found = replace(configuration(text), modules=("mod_vroot.c",))
    assert [problem.split(":")[0] for problem in returned(found, [])["problems"]] == ["/etc/p.conf"] * 3


def test_refusals() -> None:
    found = configuration("VRootEngine on")
    wanted = make_wanted({"config": "/etc/p.conf", "users": [], "walk": 2, "trial": True})
    with pytest.raises(RefusedError, match="mod_vroot is not loaded"):
        check(found, [], wanted)
    check(replace(found, modules=("mod_vroot.c",)), [], wanted)
    with pytest.raises(RefusedError, match=r"ProFTPD is started with /etc/other\.conf"):
        check(replace(found, others=("/etc/other.conf",)), [], wanted)
    loop = replace(case(""), seen=Seen("/", "/a", is_loop=True, problem="/a: Too many levels of symbolic links"))
    with pytest.raises(RefusedError, match="circle of symbolic links"):
        check(configuration(""), [loop], Wanted("/etc/p.conf"))
    many = [replace(case(""), account=replace(ALICE, name=f"u{number}")) for number in range(201)]
    with pytest.raises(RefusedError, match="201 users"):
        check(configuration(""), many, wanted)
    check(configuration(""), many, replace(wanted, users=("u1",)))


@pytest.mark.parametrize(("text", "count"), [("", 1), ("AllowOverride off", 0), ("AllowOverride on", 1)])
def test_rules_that_the_server_is_told_not_to_read_get_no_section(text: str, count: int) -> None:
    found = judge(case(text, root="/home/alice/files", above=(file("/home/alice", "<Limit ALL>\nAllowAll\n</Limit>\n"),)))
    assert [each.reason for each in found.without_effect] == ["outside the session's root /home/alice/files"]
    assert len(found.to_cover) == count
