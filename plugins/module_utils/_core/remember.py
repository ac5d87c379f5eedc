# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A runner that asks a host each question only once, for the observation of many objects."""

from __future__ import annotations

from typing import Dict, Optional, Sequence, Tuple, Union

from .errors import CommandError
from .runner import DEFAULT_TIMEOUT, CommandResult, Runner

_Question = Tuple[Tuple[str, ...], Optional[str], Tuple[int, ...]]


class Remembering:
    """A L(Runner) that keeps all answers. Only for commands that change nothing, and only while nothing is changed."""

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
        """See L(Runner.run); failures are also kept."""
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
