# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors that all parts of the collection raise.

Each message names the object, the wrong option or failed command, and the remedy. A module turns every L(FleetlabError) into
C(fail_json); no other exception is caught.
"""

from __future__ import annotations

from typing import Optional, Sequence, Tuple


class FleetlabError(Exception):
    """Base of all expected failures; C(str) of it is the message for the user."""


class InputError(FleetlabError):
    """An option has a wrong value; raised before anything is changed."""

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(f"{option}: {problem}")
        self.option = option
        self.problem = problem


class RefusedError(FleetlabError):
    """The task would overwrite, stop or remove an object that it does not name, or do other harm."""

    def __init__(self, subject: str, found: str, remedy: str) -> None:
        super().__init__(f"{subject}: refused: {found}. {remedy}")
        self.subject = subject
        self.found = found


class ObservationError(FleetlabError):
    """The system gave no answer, or an answer that cannot be understood."""


class CommandError(FleetlabError):
    """A command could not be started, ran too long, or ended with an unexpected exit code.

    C(argv) may still contain secrets: only a masked form may be shown. C(brief) is the problem without any output of the command, for
    commands whose output may contain secrets.
    """

    def __init__(self, argv: Sequence[str], problem: str, exit_code: int = -1, stderr: str = "", brief: Optional[str] = None) -> None:
        super().__init__(f"{' '.join(argv)}: {problem}")
        self.argv: Tuple[str, ...] = tuple(argv)
        self.problem = problem
        self.brief = f"exit code {exit_code}" if brief is None else brief
        self.exit_code = exit_code
        self.stderr = stderr


class StepError(FleetlabError):
    """A step of a plan failed. C(done) lists the steps that were carried out before it, in order, with secrets masked. C(problem) is the
    failure, without the step and the steps before it."""

    def __init__(self, message: str, step: str, exit_code: int, stderr: str, done: Sequence[str], problem: str = "") -> None:
        super().__init__(message)
        self.problem = problem
        self.step = step
        self.exit_code = exit_code
        self.stderr = stderr
        self.done: Tuple[str, ...] = tuple(done)
