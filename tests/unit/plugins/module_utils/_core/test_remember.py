# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A runner that asks once."""

from __future__ import annotations

from typing import List, Optional, Sequence

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import CommandError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.remember import Remembering
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import DEFAULT_TIMEOUT, CommandResult


class Counting:
    """Gives every answer a number, and fails where it is told to."""

    def __init__(self) -> None:
        self.asked: List[str] = []

    def run(
        self, argv: Sequence[str], stdin: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT, accept: Sequence[int] = (0,)
    ) -> CommandResult:
        self.asked.append(argv[0])
        if argv[0] == "fails" and 1 not in accept:
            raise CommandError(argv, f"exit code 1, number {len(self.asked)}", 1)
        return CommandResult(tuple(argv), 0, f"{len(self.asked)}", "")


def test_the_same_question_is_asked_once() -> None:
    runner = Counting()
    once = Remembering(runner)
    assert [once.run(["ip", "link"]).stdout, once.run(("ip", "link")).stdout] == ["1", "1"]
    assert [once.run(["ip", "route"]).stdout, once.run(["ip", "link"], stdin="x").stdout] == ["2", "3"]
    assert Remembering(runner).run(["ip", "link"]).stdout == "4"


def test_a_failure_is_remembered_for_the_same_question_only() -> None:
    runner = Counting()
    once = Remembering(runner)
    for _time in range(2):
        with pytest.raises(CommandError, match="number 1"):
            once.run(["fails"])
    assert once.run(["fails"], accept=(0, 1)).stdout == "2"
    assert runner.asked == ["fails", "fails"]
