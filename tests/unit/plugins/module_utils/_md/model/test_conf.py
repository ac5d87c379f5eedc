# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mdadm.conf: one line for an array, and every other byte as it was."""

from __future__ import annotations

from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.conf import (
    ConfFile,
    WantedEntry,
    entries,
    uuids_named,
    with_entry,
    without_entry,
)

UUID = "9a13cdde:d60e77ad:e843d30f:7a138702"
PLAIN = UUID.replace(":", "")
OTHER = "11111111:22222222:33333333:44444444"
WANTED = WantedEntry("/dev/md1", ("/dev/md1", "/dev/md/md1", "md1"), PLAIN, UUID, "b1:md1", "1.2")
LINE = f"ARRAY /dev/md1 metadata=1.2 UUID={UUID} name=b1:md1"

REST = """\
# mdadm.conf
#ARRAY /dev/md1 UUID=commented:out
DEVICE partitions containers
HOMEHOST <system>
ARRAY /dev/md0 metadata=1.2 UUID=11111111:22222222:33333333:44444444 name=b1:md0
# the end"""


def edited(content: str) -> str:
    return with_entry([ConfFile("mdadm.conf", content)], WANTED)[0].content


def test_a_missing_line_is_added_at_the_end() -> None:
    assert edited(REST) == f"{REST}\n{LINE}\n"
    assert edited("") == f"{LINE}\n"


def test_a_right_line_is_left_as_it_is() -> None:
    for line in (
        LINE,
        f"ARRAY /dev/md1 UUID={UUID}",
        f"array   /dev/md/md1  uuid={UUID.upper()}   spare-group=lab # mine",
        f"ARRAY md1\n  metadata=1.2\n\n # between\n\tUUID={UUID}",
    ):
        content = f"{line}\n{REST}\n"
        assert edited(content) == content


def test_mdadm_conf_has_no_duplicates() -> None:
    """mrlesmithjr/mdadm#28, salt#15801: a line was added at every run, and the next boot stopped."""
    content = f"ARRAY /dev/md127 UUID={UUID}\n{REST}\nARRAY /dev/md1 UUID={UUID}\nARRAY /dev/md/md1 name=b1:md1 UUID={UUID}\n"
    result = edited(content)
    assert result == f"{REST}\nARRAY /dev/md1 UUID={UUID}\n"
    assert edited(result) == result


def test_an_entry_over_several_lines_is_replaced_whole_and_comments_stay() -> None:
    content = f"ARRAY /dev/md127 level=raid10\n  num-devices=3 # three\n# mine\n\n   UUID={UUID} spare-group=lab\n"
    content += f"\tdevices=/dev/sdb,/dev/sdc\n{REST}"
    assert edited(content) == f"{LINE} spare-group=lab # three\n# mine\n\n{REST}"


def test_words_that_bind_to_device_names_are_dropped() -> None:
    assert edited(f"ARRAY /dev/md1 devices=/dev/sdb,/dev/sdc UUID={UUID}\n") == f"{LINE}\n"


def test_an_ignored_array_is_no_longer_ignored() -> None:
    assert edited(f"ARRAY <ignore> UUID={UUID}\n") == f"{LINE}\n"


def test_the_name_is_taken_from_a_line_of_a_dead_array() -> None:
    assert edited(f"ARRAY /dev/md1 UUID={OTHER}\n") == f"{LINE}\n"


def test_removal_takes_every_line_of_the_array_and_nothing_else() -> None:
    content = f"{REST}\nARRAY /dev/md127 UUID={UUID}\nMAILADDR root\nARRAY /dev/md1\n  UUID={OTHER}\n"
    result = without_entry([ConfFile("mdadm.conf", content)], [PLAIN], WANTED.spellings)[0].content
    assert result == f"{REST}\nMAILADDR root\n"


def test_drop_in_files_count() -> None:
    files = [ConfFile("mdadm.conf", REST), ConfFile("mdadm.conf.d/lab.conf", f"{LINE}\n")]
    assert with_entry(files, WANTED) == tuple(files)
    changed = with_entry([ConfFile("mdadm.conf", f"ARRAY /dev/md9 UUID={UUID}\n"), files[1]], WANTED)
    assert [file.content for file in changed] == ["", f"{LINE}\n"]


def test_names_without_white_space_need_no_quotes_but_may_have_them() -> None:
    found = entries(f'ARRAY "/dev/md1" name=\'b1:md1\' UUID="{UUID}" # "comment\n')
    assert [(entry.device, entry.value("name"), entry.uuid) for entry in found] == [("/dev/md1", "b1:md1", PLAIN)]


def test_keywords_may_be_cut_short() -> None:
    assert [entry.device for entry in entries("arr /dev/md1\nAR /dev/md2\nARRAYS /dev/md3\nAUTO +all\n")] == ["/dev/md1"]


def test_uuids_named() -> None:
    files = [ConfFile("mdadm.conf", f"{REST}\n{LINE}\n")]
    assert uuids_named(files, WANTED.spellings) == [PLAIN]
    assert uuids_named(files, ["/dev/md7"]) == []


LINES = st.sampled_from(
    [
        "# comment",
        "",
        "HOMEHOST <system>",
        "MAILADDR root # us",
        f"ARRAY /dev/md0 UUID={OTHER}",
        f"ARRAY /dev/md1 UUID={UUID}",
        LINE,
        f"ARRAY /dev/md127 UUID={UUID} name=x:y",
        f"ARRAY /dev/md1 UUID={OTHER}",
        "   spare-group=a",
        "\t# indented comment",
    ]
)


@given(st.lists(LINES, max_size=8), st.booleans())
def test_edits_are_idempotent_and_leave_one_line(lines: List[str], newline: bool) -> None:
    content = "\n".join(lines) + ("\n" if newline else "")
    once = edited(content)
    assert edited(once) == once
    mine = [entry for entry in entries(once) if entry.uuid == PLAIN or entry.device in WANTED.spellings]
    assert len(mine) == 1
    assert WANTED.accepts(mine[0])
    foreign = [line for line in lines if line.startswith(("#", "HOME", "MAIL", "ARRAY /dev/md0"))]
    assert [line for line in once.splitlines() if line in foreign] == foreign
    removed = without_entry([ConfFile("mdadm.conf", once)], [PLAIN], WANTED.spellings)[0].content
    assert [line for line in removed.splitlines() if line in foreign] == foreign


@pytest.mark.parametrize("content", ["ARRAY", "ARRAY\n", "ARRAY metadata=1.2 UUID=\n"])
def test_odd_files_do_no_harm(content: str) -> None:
    assert edited(content).endswith(f"{LINE}\n")
    assert edited(content).startswith(content)
