# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target that works and is saved has no problem; everything else is told with its remedy."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Portal
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.problems import problems
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.show import info
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.state import Backstore, Boot, Saved, State, Target

IQN, KEY = "iqn.2026-01.com.example:s1", ("block", "vol1")
STORE = Backstore(plugin="block", name="vol1", path="/dev/vg/vol1", serial="1", size=1 << 30, device="253:0")
TARGET = Target(IQN, True, {}, {Portal("0.0.0.0"): "0.0.0.0:3260"}, {0: KEY})
WELL = State(Saved("/s", targets={IQN: TARGET}, backstores={KEY: STORE}), Boot(""), targets={IQN: TARGET}, backstores={KEY: STORE})


def running(target: Target, **changes: object) -> State:
    return replace(WELL, targets={IQN: target}, saved=replace(WELL.saved, targets={IQN: target}), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", [WELL, State(Saved("/s"), Boot(""))])
def test_all_is_well(state: State) -> None:
    assert problems(state) == info(state)["problems"] == []


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (running(replace(TARGET, enabled=False)), f"target {IQN} is disabled"),
        (running(replace(TARGET, portals={})), f"target {IQN} has no portal"),
        (running(replace(TARGET, luns={0: KEY, 3: None})), f"target {IQN}: LUN 3 has no storage object"),
        (
            replace(WELL, backstores={KEY: replace(STORE, device=None)}),
            f"target {IQN}: the storage of LUN 0, /dev/vg/vol1, is gone; bring it back",
        ),
        (replace(WELL, saved=Saved("/s")), f"target {IQN} would not come back at boot"),
        (replace(WELL, targets={}), f"target {IQN} is saved for boot and does not run"),
    ],
)
def test_every_finding_names_the_target_and_a_remedy(state: State, text: str) -> None:
    found = problems(state)
    assert [one for one in found if one.startswith(text) and "; " in one], json.dumps(found)
    assert problems(state, "iqn.2026-01.com.example:other") == []
