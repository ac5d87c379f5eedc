# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong declarations are refused by the name of the option, before the host is looked at."""

from __future__ import annotations

from typing import Any, Dict

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError
from ansible_collections.fleetlab.linux.plugins.module_utils._md.options import make_wanted, make_wanted_array
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.machine import DEFAULTS, want

TWO = ["/dev/sdb", "/dev/sdc"]
THREE = [*TWO, "/dev/sdd"]


@pytest.mark.parametrize(
    ("option", "options"),
    [
        ("level", {"level": None}),
        ("devices", {"devices": None}),
        ("devices", {"devices": []}),
        ("devices", {"devices": ["/dev/sdb"]}),
        ("devices", {"devices": ["/dev/sdb", "/dev/sdb"]}),
        ("devices", {"devices": ["sdb", "/dev/sdc"]}),
        ("devices", {"devices": ["/dev/sdb\n/dev/sdd", "/dev/sdc"]}),
        ("spares", {"level": "raid0", "spares": ["/dev/sdx"]}),
        ("spares", {"spares": ["../sdx"]}),
        ("layout", {"level": "raid10", "layout": "o4", "devices": THREE}),
        ("layout", {"level": "raid10", "layout": "x9", "devices": THREE}),
        ("layout", {"level": "raid10", "layout": "", "devices": THREE}),
        ("layout", {"level": "raid1", "layout": "n2"}),
        ("chunk", {"level": "raid0", "chunk": 0}),
        ("chunk", {"level": "raid0", "chunk": -64}),
        ("chunk", {"level": "raid0", "chunk": 3}),
        ("chunk", {"level": "raid0", "chunk": 96}),
        ("chunk", {"level": "raid0", "chunk": 131072}),
        ("chunk", {"level": "raid1", "chunk": 64}),
        ("bitmap", {"level": "raid0", "bitmap": "internal"}),
        ("size_tolerance", {"size_tolerance": -1}),
        ("size_tolerance", {"size_tolerance": 101}),
        ("wait_timeout", {"wait_timeout": 0}),
        ("homehost", {"homehost": "a:b"}),
        ("homehost", {"homehost": "<none>"}),
        ("failure_domains", {"failure_domains": {"/dev/sdb": "a"}}),
        ("failure_domains", {"failure_domains": {"/dev/sdb": "a", "/dev/sdc": "b", "/dev/sdz": "c"}}),
    ],
)
def test_wrong_options(option: str, options: Dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        want(**{"level": "raid1", "devices": TWO, **options})
    assert caught.value.option == option


WRONG_NAMES = ["", "-x", "../x", "a/b", "a b", "md512", "md01", "7", "d0", "md_d0", "x" * 32, "ä", "a:b", "x\ny"]


@pytest.mark.parametrize("name", WRONG_NAMES)
def test_wrong_names(name: str) -> None:
    with pytest.raises(InputError, match="name"):
        want(name, level="raid1", devices=TWO)
    with pytest.raises(InputError, match="name"):
        want(name, state="absent")


def test_the_entry_of_a_list_is_named() -> None:
    with pytest.raises(InputError, match=r"^arrays\[2\]\.chunk: 3 KiB"):
        make_wanted_array("arrays[2].", {**DEFAULTS, "name": "md1", "level": "raid0", "devices": TWO, "chunk": 3}, "b1")


def test_a_name_may_be_declared_once() -> None:
    entries = [{**DEFAULTS, "name": "md1", "state": state} for state in ("absent", "stopped")]
    with pytest.raises(InputError, match=r"^arrays\[1\]: array md1 is named twice: arrays\[0\] has it already"):
        make_wanted({"arrays": entries}, "b1")


def test_nodes_and_labels() -> None:
    numbered, named = want("md1", level="raid1", devices=TWO), want("data", level="raid1", devices=TWO)
    assert (numbered.node, numbered.kernel_name, numbered.label) == ("/dev/md1", "md1", "b1:md1")
    assert (named.node, named.kernel_name, named.label) == ("/dev/md/data", None, "b1:data")
    assert want("x" * 29, level="raid1", devices=TWO).label == "x" * 29
    assert want("md1", level="raid1", devices=TWO, homehost="lab.example").label == "lab.example:md1"


def test_defaults_of_levels() -> None:
    mirror = want("md1", level="raid1e", devices=THREE)
    assert (mirror.level, mirror.layout, mirror.layout_word, mirror.bitmap_to_create) == ("raid10", "o3", 66305, "internal")
    assert want("md1", level="raid0", devices=TWO).bitmap_to_create == "none"
    assert want("md1", level="raid1", devices=TWO, bitmap="none").bitmap_to_create == "none"
