# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fault from its injection to its row in the table."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from . import oracle, traffic
from .lab import Lab, Run
from .table import Row, Table
from .traffic import Account, Traffic

STALL_GOAL = 20.0
"""Seconds that no read or write may take at a server's death, with the default timeouts."""


@dataclass
class Data:
    """The known data on the client: the SHA-256 of each known file."""

    sums: dict[str, str] = field(default_factory=dict)


@dataclass
class Stage:
    """The observations of one fault: notes in words, the accounts of its traffic, and the goal for its stall."""

    row: str
    fault: str
    goal: float | None = None
    notes: list[str] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    problem: str = ""

    @property
    def longest(self) -> float | None:
        """The longest time of a read or a write in seconds; None without traffic."""
        return max((account.longest for account in self.accounts), default=None)

    @property
    def errors(self) -> list[str]:
        """The results of reads, writes and passes of fio. Operations that ended with the client itself are not counted."""
        return [error for account in self.accounts if account.ended for error in account.errors]

    @property
    def seen(self) -> str:
        """The row of the table."""
        said = [f"{len(self.errors)} errors ({self.errors[0]})" if self.errors else "no error"]
        return "; ".join([*(said if any(account.ended for account in self.accounts) else []), *self.notes])


class Scene:
    """A fault, or several one after the other, in a lab with traffic: C(with) begins and ends it.

    C(stall) is the most that a read or write may take where there is a goal for it, C(errors) whether the client may see any; a C(quiet)
    scene begins without traffic. What is not healed by the test itself is healed at the end, by the playbook alone. Then everything is
    held against the oracle, and a row is added for each fault: faults of one scene share its heal and what is found after it.
    """

    def __init__(self, lab: Lab, table: Table, data: Data, row: str, fault: str, *, stall: float | None, errors: bool, quiet: bool) -> None:
        self.lab = lab
        self._table, self._data = table, data
        self._errors, self._quiet = errors, quiet
        self._word = f"faults: row {row}: {fault}: {time.time():.0f}"
        self._stages = [Stage(row, fault, stall)]
        self._traffic: Traffic | None = None
        self._logs = 0
        self._outcome = Row(row, fault, "")
        self._settled = False
        self._asked = False
        self._same_data = "equal"

    @property
    def traffic(self) -> Traffic:
        """The running traffic."""
        assert self._traffic is not None, "no traffic is running"
        return self._traffic

    def note(self, text: str) -> None:
        """Add an observation to the row."""
        self._stages[-1].notes.append(text)

    def then(self, row: str, fault: str, *, stall: float | None = None, quiet: bool = False) -> None:
        """Begin the row of a further fault, after or on top of this one; later observations belong to it."""
        if self._traffic is not None:
            self.end_traffic()
        self._stages.append(Stage(row, fault, stall))
        if not quiet:
            self.begin_traffic()

    def begin_traffic(self) -> None:
        """Start reads, writes and fio."""
        self._logs += 1
        log = self.lab.logs / f"traffic-{self._stages[-1].row}-{self._logs}-{time.time():.0f}.log"
        self._traffic = Traffic(self.lab, log)

    def end_traffic(self, *, lost: bool = False) -> Account:
        """End the traffic; C(lost) after a power cut of the client."""
        seen = self.traffic.lost() if lost else self.traffic.stop()
        self._traffic = None
        self._stages[-1].accounts.append(seen)
        return seen

    def heal(self, *arguments: str) -> Run:
        """Run the playbook, and wait for the end of resyncs; the table shows the time of both together."""
        start = time.monotonic()
        run = self.lab.playbook(*arguments)
        oracle.converges(run)
        if self._traffic is not None:
            self.end_traffic()
        oracle.wait_whole(self.lab)
        self._outcome = replace(self._outcome, heal=time.monotonic() - start)
        # Where nothing was left to heal, this run has already shown that one more finds nothing to do.
        self._settled = run.changed == 0
        return run

    def new_data(self) -> None:
        """Begin with new data after a fault that destroys the data; the table says so."""
        self._data.sums = traffic.seed(self.lab)
        self._same_data = "new data"
        for stage in self._stages:
            stage.accounts.clear()

    def __enter__(self) -> Scene:
        oracle.mark(self.lab, self._word)
        if not self._quiet:
            self.begin_traffic()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                self._finish()
        except BaseException as problem:
            error = problem
            raise
        finally:
            if self._traffic is not None:
                self.end_traffic()
            if error is not None and not any(stage.problem for stage in self._stages):
                self._blame(error)
            for stage in self._stages:
                row = replace(self._outcome, row=stage.row, fault=stage.fault, seen=stage.seen, stall=stage.longest, goal=stage.goal)
                self._table.add(replace(row, result=stage.problem or "ok"))

    def _blame(self, error: BaseException) -> None:
        """An error before the oracle belongs to the last fault; an error of the oracle belongs to all faults of the scene."""
        text = f"FAILED: {(str(error).strip() or type(error).__name__).splitlines()[0][:100]}"
        for stage in self._stages:
            stage.problem = text if self._asked or stage is self._stages[-1] else f"not judged: row {self._stages[-1].row} failed"

    def _finish(self) -> None:
        self._asked = True
        if self._outcome.heal is None:
            self.heal()
        if self._traffic is not None:
            self.end_traffic()
        if not self._settled:
            oracle.changes_nothing(self.lab.playbook())
        sums = traffic.checksums(self.lab)
        equal = sums == self._data.sums
        found = oracle.mismatches(self.lab)
        self._outcome = replace(self._outcome, mismatches=sum(found.values()), checksum=self._same_data if equal else "DIFFERENT")
        assert equal, f"checksums differ: {sums}, known are {self._data.sums}"
        assert not any(found.values()), f"copies differ: mismatch_cnt {found}"
        acknowledged: dict[int, int] = {}
        for account in self._accounts():
            acknowledged.update(account.acknowledged)
        lost = oracle.lost_writes(self.lab, acknowledged)
        assert not lost, f"{len(lost)} acknowledged writes lost: {lost[:3]}"
        complaints = oracle.complaints(self.lab, self._word)
        assert self._errors or not complaints, f"the kernels complain: {complaints[:5]}"
        self._hold_against_goals()

    def _accounts(self) -> list[Account]:
        return [account for stage in self._stages for account in stage.accounts]

    def _hold_against_goals(self) -> None:
        for stage in self._stages:
            if stage.errors and not self._errors:
                stage.problem = f"FAILED: the client saw {len(stage.errors)} errors: {stage.errors[:3]}"
            elif stage.goal is not None and stage.longest is not None and stage.longest > stage.goal:
                stage.problem = f"FAILED: a read or write took {stage.longest:.1f} s, at most {stage.goal:g} s is the goal"
        problems = [f"row {stage.row}: {stage.problem}" for stage in self._stages if stage.problem]
        assert not problems, "; ".join(problems)
