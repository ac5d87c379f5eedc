# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of one object or of many: the argument spec, what excludes what, defaults, and the names in errors."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.fleetlab.linux.plugins.module_utils._core.entries import Entries
from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError

ENTRIES = Entries(
    key="disks",
    names=("name",),
    options={"name": {"type": "str"}, "size": {"type": "int"}, "state": {"choices": ["present", "absent"]}, "all": {"type": "bool"}},
    defaults={"state": "present"},
    exclusive=(("size", "all"),),
)


def check(**params: Any) -> tuple[dict[str, Any], list[str]]:
    done = ArgumentSpecValidator(ENTRIES.argument_spec(), mutually_exclusive=ENTRIES.mutually_exclusive()).validate(params)
    return done.validated_parameters, done.error_messages


def test_one_object_and_the_defaults_of_what_was_omitted() -> None:
    params, errors = check(name="a", size=3)
    assert errors == []
    (entry,) = ENTRIES.read(params)
    assert (entry.prefix, entry.options) == ("", {"name": "a", "size": 3, "state": "present", "all": None})
    assert ENTRIES.is_one(params)


def test_many_objects_say_which_they_are() -> None:
    params, errors = check(disks=[{"name": "a"}, {"name": "b", "state": "absent", "size": 1}])
    assert errors == []
    entries = ENTRIES.read(params)
    assert [(entry.prefix, entry.options["name"], entry.options["state"]) for entry in entries] == [
        ("disks[0].", "a", "present"),
        ("disks[1].", "b", "absent"),
    ]
    assert not ENTRIES.is_one(params)


def test_an_explicit_null_in_an_entry_has_the_default_too() -> None:
    (entry,) = ENTRIES.read({"disks": [{"name": "a", "state": None}]})
    assert entry.options == {"name": "a", "state": "present"}


def test_a_task_that_names_none() -> None:
    assert ENTRIES.read(check()[0]) == ()
    assert ENTRIES.read(check(disks=[])[0]) == ()


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"name": "a", "disks": []}, "disks|name"),
        ({"state": "absent", "disks": []}, "disks|state"),
        ({"name": "a", "size": 1, "all": True}, "size|all"),
        ({"disks": [{"name": "a", "size": 1, "all": True}]}, "size|all found in disks"),
    ],
)
def test_what_excludes_what(params: dict[str, Any], problem: str) -> None:
    assert check(**params)[1] == [f"parameters are mutually exclusive: {problem}"]


def test_an_entry_needs_its_name() -> None:
    assert check(disks=[{"size": 1}])[1] == ["missing required arguments: name found in disks"]


def test_two_entries_about_one_object() -> None:
    ENTRIES.check_twice(["a", "b"], str.lower, str)
    with pytest.raises(InputError, match=r"^disks\[2\]: A is named twice: disks\[0\] has it already$"):
        ENTRIES.check_twice(["a", "b", "A"], str.lower, str)
