# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The walk of Apache to a path. That it is right, tests/network/test_htaccess.py proves by requests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.conf import parse, read_lines
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.web.directives import classes_by_directive
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.web.options import make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.web.rehearsal import (
    answer,
    configuration,
    differences,
    mark,
    provable,
    proved,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.web.show import returned
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.web.state import AccessText, Apache, Folder, PathVerdict
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.web.verdict import document_root, file_names, judge, server_names

LISTING = Path(__file__).parents[5] / "tests" / "fixtures" / "apache2" / "2.4.71" / "directives"
NEEDS = {**classes_by_directive(LISTING.read_text(encoding="utf-8")), "somethingofamodule": ("Indexes",)}
TYPE = "AddType text/plain .txt\n"
OFF = "<Directory />\nAllowOverride None\n</Directory>\n"


def apache(text: str, modules: tuple[str, ...] = ()) -> Apache:
    loads = (("dir_module", "/m/dir.so"), ("php7_module", "/m/php.so"))
    return Apache("apache2", "2.4", parse(read_lines(text, "/etc/a.conf")), modules, loads, needs=NEEDS)


def walk(text: str, *folders: Folder, modules: tuple[str, ...] = ()) -> PathVerdict:
    return judge(apache(OFF + text, modules), "main", "/srv/a", folders)


def folder(path: str, text: str = TYPE, error: str = "") -> Folder:
    return Folder(path, (AccessText(f"{path.rstrip('/')}/.htaccess", text, error),))


SRV = "<Directory /srv>\nAllowOverride {}\n</Directory>\n"
WAY = (folder("/"), folder("/srv"), folder("/srv/a"))


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("", []),
        (SRV.format("All"), ["/srv/.htaccess", "/srv/a/.htaccess"]),
        (SRV.format("All") + "<Directory /srv/a/>\nAllowOverride None\n</Directory>", ["/srv/.htaccess"]),
        ("<Directory /*/a>\nAllowOverride FileInfo\n</Directory>", ["/srv/a/.htaccess"]),
        ("<Directory ~ ^/srv>\nAllowOverride All\n</Directory>", []),
        ("<Directory /[^x]*/[^a]>\nAllowOverride All\n</Directory>", []),
        ("<Directory /[^x]*/[^b]>\nAllowOverride All\n</Directory>", ["/srv/a/.htaccess"]),
        ("<Directory /srv>\nAllowOverrideList AddType\n</Directory>", ["/srv/.htaccess", "/srv/a/.htaccess"]),
    ],
)
def test_files_that_are_read(text: str, files: list[str]) -> None:
    assert [each.file for each in walk(text, *WAY).in_force] == files


@pytest.mark.parametrize(
    ("override", "text", "lines"),
    [
        ("FileInfo", TYPE, []),
        ("AuthConfig", TYPE, [1]),
        ("FileInfo", "# a comment\nRequire all granted\n", [2]),
        ("FileInfo", "<IfModule mod_no.c>\n<IfModule mod_dir.c>\nRequire x\n</IfModule>\nRequire x\n</IfModule>\n", []),
        ("FileInfo", "<IfModule mod_dir.c>\nRequire x\n</IfModule>\n", [2]),
        ("FileInfo", "<IfModule !mod_no.c>\nRequire x\n</IfModule>\n", [2]),
        ("All", "Listen 80\n", [1]),
        ("All", "SomethingOfAModule on\n", []),
        ("AuthConfig", "<RequireAny>\nRequire x\n</RequireAny>\n<Files x>\nOptions None\n</Files>\n", [5]),
        ("Options=Indexes", "Options Indexes\n", []),
        ("Options=Indexes,MultiViews", "Options -Indexes +ExecCGI\n", [1]),
        ("Options=All", "Options None\nOptions +IncludesNOEXEC\nOptions +MultiViews\n", [3]),
        ("FileInfo", "SSLCipherSuite HIGH\nCGIPassAuth on\n", [1, 2]),
        ("All", "AllowMethods GET\n", [1]),
        ("Limit", "<Limit GET>\nOrder allow,deny\n</Limit>\n", []),
        ("Indexes", "<Limit GET>\n</Limit>\n", [1]),
        ("FileInfo", "AddType text/plain \\ \nRequire x\n", [2]),
        ("FileInfo", "AddType text/plain \\\r\nRequire\r\n", []),
        ("FileInfo", "<IfFile /no>\nRequire x\n</IfFile>\n<IfSection files>\nRequire x\n</IfSection>\n", [5]),
    ],
)
def test_lines_that_a_file_may_not_have(override: str, text: str, lines: list[int]) -> None:
    found = walk(SRV.format(override), folder("/srv", text), modules=("mod_dir.c",))
    assert [line.number for line in found.in_force[0].refused] == lines
    assert bool(found.problem) == bool(lines)


def test_a_line_that_is_skipped_ends_nothing() -> None:
    found = walk(SRV.format("AuthConfig Nonfatal=Override"), folder("/srv"))
    assert found.problem == ""
    assert returned(apache(""), [found])["problems"] == [
        "/srv/a on server main: /srv/.htaccess:1: AddType is skipped: it needs AllowOverride FileInfo"
    ]


def test_what_ends_the_walk() -> None:
    found = walk(SRV.format("All"), folder("/srv", "", "Permission denied"), folder("/srv/a"))
    assert found.problem == "the server cannot read /srv/.htaccess (Permission denied): requests get 403"
    assert [file for file, _reason in found.without_effect] == ["/srv/.htaccess", "/srv/a/.htaccess"]


def test_the_way_ends_where_the_server_cannot_go() -> None:
    closed = Folder("/srv/a", error="cannot be reached by the server (Permission denied): requests get 403")
    assert walk(SRV.format("All"), folder("/srv"), closed).problem == f"/srv/a {closed.error}"
    assert walk(SRV.format("AuthConfig"), folder("/srv"), closed).problem.endswith("requests get 500")


@pytest.mark.parametrize(
    ("options", "same", "follows"),
    [
        ("Options FollowSymLinks", False, True),
        ("Options None", False, False),
        ("Options Indexes", False, False),
        ("Options +Indexes", False, True),
        ("Options -FollowSymLinks", False, False),
        ("Options SymLinksIfOwnerMatch", True, True),
        ("Options SymLinksIfOwnerMatch", False, False),
    ],
)
def test_links(options: str, same: bool, follows: bool) -> None:
    link = Folder("/srv/a", (AccessText("/srv/a/.htaccess"),), is_link=True, has_owner_of_target=same)
    found = walk(f"<Directory /srv>\nAllowOverride All\n{options}\n</Directory>", folder("/srv"), link)
    assert (len(found.in_force) == 2) == follows
    assert (found.problem == "") == follows


def test_servers_have_names_roots_and_names_of_files() -> None:
    text = "DocumentRoot /m\nAccessFileName .a .b\n<VirtualHost *:80>\nServerName x\nDocumentRoot /x\nAccessFileName .c\n</VirtualHost>"
    found = apache(text)
    assert server_names(found) == ("*:80 x",)
    assert server_names(apache("")) == ("main",)
    assert (document_root(found, "*:80 x"), file_names(found, "*:80 x")) == ("/x", (".c",))
    assert (document_root(found, "main"), file_names(found, "main")) == ("/m", (".a", ".b"))


def test_servers_with_one_name_are_two() -> None:
    text = "".join(f"<VirtualHost *:80>\nDocumentRoot {root}\n</VirtualHost>\n" for root in ("/a", "/b"))
    found = apache(text)
    names = server_names(found)
    assert names == ("*:80 (/etc/a.conf:1)", "*:80 (/etc/a.conf:4)")
    assert [document_root(found, name) for name in names] == ["/a", "/b"]


def test_the_first_name_counts() -> None:
    both = Folder("/srv", (AccessText("/srv/.a"), AccessText("/srv/.b")))
    found = walk(SRV.format("All"), both)
    assert ([each.file for each in found.in_force], found.without_effect) == (
        ["/srv/.a"],
        (("/srv/.b", "/srv/.a counts first (AccessFileName)"),),
    )


def test_the_throwaway_server_has_the_sections_and_no_programs() -> None:
    found = apache(
        "CustomLog /var/log/x y\nUser www\n<Directory /srv>\nAllowOverride All\nSetHandler x\n</Directory>\n<Location />\n</Location>"
    )
    text = configuration(found, [("main", "/srv/a b")], "/run/x")
    assert "LoadModule dir_module /m/dir.so" in text
    assert 'DocumentRoot "/srv/a b"' in text
    assert "<directory /srv>\n  AllowOverride All\n</directory>" in text
    assert not any(word in text for word in ("php", "/var/log", "SetHandler", "ocation"))


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("[core:alert] /a/.htaccess: Invalid command 'FleetlabTrial', perhaps misspelled", "read"),
        ("[core:alert] /a/.htaccess: Require not allowed here", "Require not allowed here"),
        ("[core:alert] /a/.htaccess: order takes one argument, 'allow,deny'", "order takes one argument, 'allow,deny'"),
        ("[core:crit] AH00529: /a/.htaccess pcfg_openfile: unable to check htaccess file, ensure it is readable", "not readable"),
        ("", ""),
    ],
)
def test_what_the_log_says(log: str, said: str) -> None:
    assert answer(log, "/a/.htaccess") == said


def test_differences_are_named() -> None:
    server = apache(SRV.format("AuthConfig"))
    found = walk(SRV.format("AuthConfig"), folder("/"), folder("/srv"))
    right = {"/.htaccess": "", "/srv/.htaccess": "AddType not allowed here"}
    assert list(differences(server, found, right)) == []
    assert list(differences(server, found, {**right, "/.htaccess": "read"})) == [
        "/srv/a on server main: /.htaccess: computed without effect, seen read"
    ]
    assert list(differences(server, found, {**right, "/srv/.htaccess": ""})) == [
        "/srv/a on server main: /srv/.htaccess: computed in force, AddType refused, seen not read"
    ]


@pytest.mark.parametrize(
    ("override", "text", "unproved", "said"),
    [
        ("FileInfo", "SSLCipherSuite HIGH\n", ("sslciphersuite",), "read"),
        ("Options=Indexes", "Options +ExecCGI\n", (), "Option ExecCGI not allowed here"),
        ("All", "Order allow, deny\n", (), "order takes one argument"),
    ],
)
def test_what_apache_says_in_other_words_is_no_difference(override: str, text: str, unproved: tuple[str, ...], said: str) -> None:
    server = replace(apache(""), unproved=unproved)
    found = walk(SRV.format(override), folder("/srv", text))
    assert list(differences(server, found, {"/srv/.htaccess": said})) == []


def test_what_only_apache_can_say_is_a_problem() -> None:
    found = walk(SRV.format("All"), folder("/srv"))
    assert proved(found, {"/srv/.htaccess": "read"}) == found
    assert proved(found, {"/srv/.htaccess": "order takes one argument"}).problem == (
        "/srv/.htaccess: order takes one argument: requests get 500"
    )


def test_unknown_lines_that_are_let_pass_need_a_harder_mark() -> None:
    assert mark(apache("")) == "FleetlabTrial"
    assert mark(apache(SRV.format("All Nonfatal=Unknown"))) == "</FleetlabTrial>"


def test_an_override_at_the_wrong_place_is_named() -> None:
    found = returned(apache("<Location /x>\nAllowOverride All\n</Location>\n<Directory ~ x>\nAllowOverride All\n</Directory>"), [])
    assert [text.split(":")[1] for text in found["problems"]] == ["2", "5"]


def test_options() -> None:
    assert make_wanted({"config": None, "paths": ["/a/", "/a"], "trial": False}).paths == ("/a",)
    with pytest.raises(InputError, match="config"):
        make_wanted({"config": "a.conf", "paths": [], "trial": False})


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("php_value a 1\n", [1]),
        ("<IfModule mod_php.c>\nphp_value a 1\n</IfModule>\n", []),
        ("<IfModule mod_php.c>\n<IfModule mod_no.c>\nphp_value a 1\n</IfModule>\nphp_value a 1\n</IfModule>\nphp_value a 1\n", [7]),
        ("<IfVersion < 2.4>\nphp_value a 1\n</IfVersion>\n", []),
        ("<IfVersion 2.4>\nphp_value a 1\n</IfVersion>\n", [2]),
        ("<IfVersion !> 2.4.99>\nphp_value a 1\n</IfVersion>\n", [2]),
        ("<IfVersion ~ ^2>\nphp_value a 1\n</IfVersion>\n", [2]),
        ("<IfDirective php_value>\nphp_value a 1\n</IfDirective>\n", []),
        ("<IfDirective !php_value>\nRequire a\n</IfDirective>\n", []),
        ("<IfDefine !HERE>\nphp_value a 1\n</IfDefine>\n", []),
        ("<Files x>\nphp_value a 1\n</Files>\n", [2]),
    ],
)
def test_a_directive_of_a_missing_module_ends_requests_unless_its_guard_does_not_hold(text: str, lines: list[int]) -> None:
    found = replace(apache(OFF + SRV.format("All")), version="2.4", defines=("HERE",))
    verdict = judge(found, "main", "/srv/a", (folder("/srv", text),))
    assert [line.number for line in verdict.in_force[0].refused if line.is_unknown] == lines
    assert bool(verdict.problem) == bool(lines)
    passing = replace(found, main=apache(OFF + SRV.format("All Nonfatal=Unknown")).main)
    assert not judge(passing, "main", "/srv/a", (folder("/srv", text),)).problem


def test_signs_that_nobody_sees_are_shown() -> None:
    found = apache(OFF + SRV.format("All"))
    verdict = judge(found, "main", "/srv/a", (folder("/srv", f"\ufeff{TYPE}"),))
    assert verdict.problem.startswith("/srv/.htaccess:1: \\xef\\xbb\\xbfAddType is misspelled")


def test_a_trial_leaves_out_lines_whose_module_it_does_not_load() -> None:
    found = replace(apache(OFF), unproved=("ssloptions",))
    assert provable(found, "SSLOptions \\\n +StdEnvVars\nAddType a b") == "#SSLOptions \\\n# +StdEnvVars\nAddType a b"
