# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines and sections of a configuration of ProFTPD."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.conf import (
    ConfError,
    Section,
    parse,
    read_lines,
    resolve_conditions,
)

TEXT = """
# A comment
DefaultRoot ~ !staff  # not these
ServerName "A \"quoted\" name"
<Global>
  AllowOverride \\
    off
</Global>
<IfModule !mod_tls.c>
  Umask 022
  <Directory "/srv/with blank">
    <Limit WRITE>
      DenyAll
    </Limit>
  </Directory>
</IfModule>
"""


def test_words_quotes_comments_and_continued_lines() -> None:
    lines = read_lines(TEXT.replace('"A "quoted" name"', r'"A \"quoted\" name"'), "/etc/a.conf")
    assert lines[0].words == ("DefaultRoot", "~", "!staff")
    assert lines[0].place == "/etc/a.conf:3"
    assert lines[1].words == ("ServerName", 'A "quoted" name')
    assert lines[3].words == ("AllowOverride", "off")
    assert lines[3].number == 6


def test_what_continues_a_line_differs_between_the_servers() -> None:
    def names(text: str, is_apache: bool) -> list[str]:
        return [line.name for line in read_lines(text, "f", is_apache)]

    assert names(" # old \\\nA", False) == ["a"]
    assert names(" # old \\\nA", True) == []
    assert names("A \\\r\nB", False) == ["a", "b"]
    assert names("A \\\r\nB", True) == ["a"]
    assert names("A \\ \nB", False) == names("A \\ \nB", True) == ["a", "b"]
    assert names("A \\\n# b \\\nC\nD", False) == ["a", "d"]


def test_sections_form_a_tree() -> None:
    tree = parse(read_lines(TEXT, "f"))
    assert [section.kind for section in tree.sections] == ["global", "ifmodule"]
    assert tree.sections[0].value("allowoverride") == "off"
    (directory,) = tree.sections[1].of_kind("directory")
    assert directory.arguments == ("/srv/with blank",)
    assert directory.of_kind("limit")[0].first("denyall") is not None


@pytest.mark.parametrize(("modules", "kinds"), [(["mod_tls.c"], ["global"]), ([], ["global", "directory"])])
def test_conditions_hold_or_not(modules: list[str], kinds: list[str]) -> None:
    tree = resolve_conditions(parse(read_lines(TEXT, "f")), frozenset(modules), frozenset())
    assert [section.kind for section in tree.sections] == kinds


@pytest.mark.parametrize(
    ("text", "words"),
    [("<Limit ALL>\nDenyAll", "f:1: the section <Limit> is not closed"), ("</Limit>", "f:1: </Limit> closes"), ("<A>\n</B>", "f:2: </B>")],
)
def test_a_configuration_that_is_no_tree(text: str, words: str) -> None:
    with pytest.raises(ConfError, match=words):
        parse(read_lines(text, "f"))


def test_a_file_of_a_folder_is_read_leniently() -> None:
    tree = parse(read_lines("<Limt WRITE>\nDenyAll\n</Limt>\n<Limit STOR>\nDenyAll", "f"), is_lenient=True)
    assert tree.first("denyall") is not None
    assert tree.of_kind("limit")[0].arguments == ("STOR",)
    nested = parse(read_lines("<Limit ALL>\n<Limit WRITE>\nDenyAll\n</Limit>\n</Limit>", "f"), is_lenient=True).of_kind("limit")
    assert [(one.arguments, len(one.lines)) for one in nested] == [(("ALL",), 2)]


@given(st.text(alphabet='<>/ab "\\#\n~', max_size=60))
def test_any_text_of_a_user_is_read(text: str) -> None:
    assert isinstance(parse(read_lines(text, "f"), is_lenient=True), Section)
