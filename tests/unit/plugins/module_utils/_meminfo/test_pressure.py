# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for memory, and programs that were killed for lack of it."""

from __future__ import annotations

from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.pressure import describe, parse_oom_kills
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.readings import facts, text


def test_the_recorded_pressure() -> None:
    found = facts("6.18")
    assert found["pressure"] == {
        "some": {"avg10": 0.32, "avg60": 0.22, "avg300": 0.05, "total": 198427},
        "full": {"avg10": 0.0, "avg60": 0.0, "avg300": 0.0, "total": 14835},
        "reason": None,
    }
    assert found["oom_kills"] == 1


def test_a_kernel_without_them_gives_the_reason() -> None:
    found = facts("3.2")
    assert (found["pressure"]["some"], found["pressure"]["full"], found["oom_kills"]) == (None, None, None)
    assert "before 4.20" in found["pressure"]["reason"]


def test_what_is_no_figure_is_left_out() -> None:
    recorded = text("6.18", "pressure") or ""
    damaged = describe(recorded.replace("avg10=0.", "avg10=0..", 1))
    assert damaged["some"] is None
    assert damaged["full"] is not None
    assert parse_oom_kills("oom_kill many\n") is None
