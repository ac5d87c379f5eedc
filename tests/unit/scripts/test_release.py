# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which versions a release may have."""

from __future__ import annotations

import pytest

from ansible_collections.fleetlab.linux.scripts.release import main, with_pictures, with_version

GALAXY = "name: linux\nversion: 0.9.10\nreadme: README.md\n"


@pytest.mark.parametrize("version", ["0.9.10", "0.10.0", "1.0.0"])
def test_the_version_is_replaced_and_nothing_else(version: str) -> None:
    assert with_version(GALAXY, version) == GALAXY.replace("0.9.10", version)


@pytest.mark.parametrize(
    ("galaxy", "version", "words"),
    [
        (GALAXY, "1.0", "is not a version"),
        (GALAXY, "v1.0.0", "is not a version"),
        (GALAXY, "0.9.9", "older than 0.9.10"),
        ("name: linux\n", "1.0.0", "has no line with a version"),
    ],
)
def test_what_is_no_next_version_is_refused(galaxy: str, version: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        with_version(galaxy, version)


@pytest.mark.parametrize("arguments", [[], ["1.0.0", "2.0.0"], ["one"]])
def test_a_wrong_call_changes_nothing(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err


def test_pictures_are_shown_from_the_tag_of_the_release() -> None:
    page = "![a](https://raw.githubusercontent.com/o/r/0.9.10/docs/a.svg) [b](https://raw.githubusercontent.com/o/r/main/docs/b.svg) 0.9.10"
    assert with_pictures(page, "1.0.0") == page.replace("r/0.9.10/", "r/1.0.0/")
