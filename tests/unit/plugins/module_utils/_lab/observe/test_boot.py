# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for machines that boot, that end, and that never answer, by a runner that plays ssh."""

from __future__ import annotations

import time
from typing import Dict, List, Optional, Sequence, Set, Tuple

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import CommandError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import DEFAULT_TIMEOUT, CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.observe.boot import Machine, Outcome, by_cause, wait_for_boot


class Ssh:
    """Each machine answers with one text after the other; the last one stays. An answer that is a number hangs for so many seconds."""

    def __init__(self, answers: Dict[str, List[object]]) -> None:
        self.answers = answers

    def run(
        self, argv: Sequence[str], stdin: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT, accept: Sequence[int] = (0,)
    ) -> CommandResult:
        answers = self.answers[argv[-2]]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, float):
            time.sleep(min(answer, timeout))
            raise CommandError(argv, "took longer")
        code = 0 if answer in ("running", "degraded", "active") else 255
        return CommandResult(tuple(argv), code, f"{answer}\n" if code == 0 else "", "" if code == 0 else f"{answer}\n")


def wait(answers: Dict[str, List[object]], alive: Set[str], timeout: float = 3) -> Tuple[Outcome, ...]:
    machines = [Machine(name, f"/lab/{name}/console.log", f"token-{name}") for name in answers]
    return wait_for_boot(machines, "/lab/ssh_config", timeout, Ssh(answers), lambda: alive, lambda machine: f"panic of {machine.token}")


@pytest.mark.parametrize("answer", ["running", "degraded", "active"])
def test_a_machine_that_answers_has_booted(answer: str) -> None:
    (outcome,) = wait({"a": ["Connection refused", answer]}, {"token-a"})
    assert outcome.problem == ""
    assert outcome.seconds < 3


def test_a_guest_that_ends_is_not_waited_for_even_while_ssh_hangs() -> None:
    start = time.monotonic()
    ended, booted = wait({"a": [60.0], "b": ["running"]}, {"token-b"}, timeout=60)
    assert time.monotonic() - start < 5
    assert ended.problem == "ended before it had booted: panic of token-a"
    assert booted.problem == ""


def test_a_machine_that_does_not_answer_in_time_is_named_with_the_last_word_of_ssh_and_its_log() -> None:
    (outcome,) = wait({"a": ["Connection refused"]}, {"token-a"}, timeout=1)
    assert by_cause([outcome]) == ["a: not reached by ssh and booted within 1 s (Connection refused): see /lab/a/console.log"]


def test_a_machine_that_is_no_guest_has_no_process_to_end() -> None:
    machine = Machine("a", "the system log of i-1")
    (outcome,) = wait_for_boot([machine], "/c", 3, Ssh({"a": ["running"]}), set, lambda _machine: "")
    assert outcome.problem == ""


def test_all_machines_that_one_cause_stopped_stand_in_one_message() -> None:
    outcomes = [
        Outcome("a", 1, "ended: x"),
        Outcome("b", 1),
        Outcome("c", 1, "ended: x"),
        *(Outcome(name, 1, "late", f"/{name}") for name in "de"),
    ]
    assert by_cause(outcomes) == ["a, c: ended: x", "d, e: late: see /d, /e"]
    assert by_cause(outcomes, "the door is shut") == ["a, c: ended: x", "d, e: late: see /d, /e, or the door is shut"]
