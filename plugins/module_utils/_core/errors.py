# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors every part of the collection raises.

Each message names the object, the option or command at fault, and what to do about it. A module turns any
L(FleetlabError) into C(fail_json); nothing else is caught.
"""

from __future__ import annotations

from typing import Optional, Sequence, Tuple


class FleetlabError(Exception):
    """Base of all expected failures; C(str) of it is the message a user reads."""


class InputError(FleetlabError):
    """An option has a value that cannot be right; raised before anything is changed."""

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(f"{option}: {problem}")
        self.option = option
        self.problem = problem


class RefusedError(FleetlabError):
    """What was asked would overwrite, stop or remove something the task did not name."""

    def __init__(self, subject: str, found: str, remedy: str) -> None:
        super().__init__(f"{subject}: refused: {found}. {remedy}")
        self.subject = subject
        self.found = found


class ObservationError(FleetlabError):
    """The system gave no answer, or one that cannot be understood."""


class CommandError(FleetlabError):
    """A command could not be started, ran too long, or ended with an exit code that was not expected.

    C(argv) may still hold secrets here: only a masked rendering may be shown. C(brief) is the problem without anything
    that the command said, for commands whose output may hold secrets.
    """

    def __init__(self, argv: Sequence[str], problem: str, exit_code: int = -1, stderr: str = "", brief: Optional[str] = None) -> None:
        super().__init__(f"{' '.join(argv)}: {problem}")
        self.argv: Tuple[str, ...] = tuple(argv)
        self.problem = problem
        self.brief = f"exit code {exit_code}" if brief is None else brief
        self.exit_code = exit_code
        self.stderr = stderr


class StepError(FleetlabError):
    """A step of a plan failed. C(done) lists what had been carried out before it, in order, secrets masked; C(problem) is what went wrong,
    without the step and what came before it."""

    def __init__(self, message: str, step: str, exit_code: int, stderr: str, done: Sequence[str], problem: str = "") -> None:
        super().__init__(message)
        self.problem = problem
        self.step = step
        self.exit_code = exit_code
        self.stderr = stderr
        self.done: Tuple[str, ...] = tuple(done)
