# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A runner for looking at one host on behalf of many objects: a question that was asked before is not asked again."""

from __future__ import annotations

from typing import Dict, Optional, Sequence, Tuple, Union

from .errors import CommandError
from .runner import DEFAULT_TIMEOUT, CommandResult, Runner

_Question = Tuple[Tuple[str, ...], Optional[str], Tuple[int, ...]]


class Remembering:
    """A L(Runner) whose answers hold as long as it lives. Only for commands that look, and only while nothing is changed."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._answers: Dict[_Question, Union[CommandResult, CommandError]] = {}

    def run(
        self,
        argv: Sequence[str],
        stdin: Optional[str] = None,
        timeout: float = DEFAULT_TIMEOUT,
        accept: Sequence[int] = (0,),
    ) -> CommandResult:
        """See L(Runner.run); a failure is remembered as well."""
        question = (tuple(argv), stdin, tuple(accept))
        if question not in self._answers:
            try:
                self._answers[question] = self._runner.run(argv, stdin, timeout, accept)
            except CommandError as error:
                self._answers[question] = error
        answer = self._answers[question]
        if isinstance(answer, CommandError):
            raise answer
        return answer
