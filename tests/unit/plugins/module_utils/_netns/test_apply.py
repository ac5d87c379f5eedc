# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps that are not commands, on files."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.apply import operations


def test_a_file_goes_with_the_folders_that_become_empty(tmp_path: Path) -> None:
    remove = operations(())["remove_with_empty_folders"]
    folder = tmp_path / "kept" / "a" / "b"
    folder.mkdir(parents=True)
    (tmp_path / "kept" / "of others").touch()
    (folder / "one").touch()
    (folder / "two").touch()
    remove(path=str(folder / "one"))
    assert [path.name for path in folder.iterdir()] == ["two"]
    for _time in range(2):
        remove(path=str(folder / "two"))
        assert [path.name for path in (tmp_path / "kept").iterdir()] == ["of others"]


def test_a_setting_that_the_kernel_does_not_have_is_named() -> None:
    with pytest.raises(ObservationError, match=r"^sysctl net\.ipv4\.no_such_setting cannot be set to 1: "):
        operations(())["set_sysctl"](key="net/ipv4/no_such_setting", value="1")
