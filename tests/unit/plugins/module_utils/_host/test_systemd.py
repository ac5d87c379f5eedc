# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemctl shows, as it was recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._host.systemd import parse_properties, words

RECORDED = sorted((Path(__file__).resolve().parents[4] / "fixtures" / "systemd").glob("*/show_escaped.txt"))


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.parent.name)
def test_words_with_special_characters_are_read_as_they_are(file: Path) -> None:
    found = {name: words(value) for name, value in parse_properties(file.read_text(encoding="utf-8")).items()}
    assert found == {
        "DropInPaths": ("/etc/systemd/system/demo\\x2done.service.d/a.conf",),
        "JoinsNamespaceOf": ("demo\\x2dtwo.service",),
        "Environment": ("TMPDIR=/tmp/a b", "A=b"),
        "TriggeredBy": ("demo\\x2done.socket",),
    }


def test_an_empty_list_has_no_words() -> None:
    assert words("") == words(" ") == ()
