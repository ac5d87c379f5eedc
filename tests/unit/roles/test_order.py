# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists keep the order that the user gave them."""

from __future__ import annotations

import re

import pytest

from .role_files import ROOT

# Ansible works these out with sets of Python, whose order changes from one run to the next. Only their length does not depend on it.
_SETS = re.compile(r"\| *(?:difference|intersect|symmetric_difference|union)\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)(?! *\| *length)")


@pytest.mark.parametrize("folder", ["playbooks", "roles"])
def test_no_list_is_in_the_order_of_a_set(folder: str) -> None:
    files = [file for file in (ROOT / folder).rglob("*") if file.suffix in (".j2", ".yml")]
    assert files
    assert {str(file): found for file in files if (found := _SETS.findall(file.read_text(encoding="utf-8")))} == {}


def test_the_pattern_finds_one() -> None:
    assert _SETS.search("{{ one | difference(two | map(attribute='name')) | join(', ') }}")
    assert not _SETS.search("{{ one | difference(two | selectattr('device') | map(attribute='name')) | length == 0 }}")
