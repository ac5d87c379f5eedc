# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts in a limited time: users write the regular expressions in their files, and one may need longer than the universe is old."""

from __future__ import annotations

import signal
from typing import Callable, Iterable, NoReturn, Tuple, TypeVar

from ..._core.errors import ObservationError
from ..state import Verdict
from ..verdict import Case, judge

_LIMIT = 10.0
_Result = TypeVar("_Result")


def judge_all(cases: Iterable[Case]) -> Tuple[Verdict, ...]:
    """The verdict on each case.

    :raises ObservationError: one takes too long; with the name of the user.
    """
    return tuple(_judge(case) for case in cases)


def _judge(case: Case) -> Verdict:
    return within(_LIMIT, f"{case.account.name} on server {case.server.name}", lambda: judge(case))


def within(limit: float, subject: str, work: Callable[[], _Result]) -> _Result:
    """What C(work) returns. The interpreter looks for signals also while it matches an expression."""

    def end(_number: int, _frame: object) -> NoReturn:
        raise ObservationError(
            f"{subject}: judging the rules took longer than {limit:g} s. Look for a regular expression in the user's .ftpaccess files"
        )

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        return work()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
