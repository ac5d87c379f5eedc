# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fault from its injection to its row in the table."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from . import oracle, traffic
from .lab import Lab, Run
from .table import Row, Table
from .traffic import Account, Traffic

STALL_GOAL = 20.0
"""Seconds that no read or write may take at a server's death, with the default timeouts."""


@dataclass
class Data:
    """What is known of the data on the client: the SHA-256 of each known file."""

    sums: dict[str, str] = field(default_factory=dict)


class Scene:
    """One fault in a lab with traffic: C(with) begins and ends it, C(heal) brings the lab back with the playbook alone.

    C(stall) is the most that a read or write may take, C(errors) whether the client may see any. What is not healed by the test itself
    is healed at the end. Then everything is held against the oracle and the row is added.
    """

    def __init__(self, lab: Lab, table: Table, data: Data, row: str, fault: str, *, stall: float | None = STALL_GOAL, errors: bool = False):
        self.lab, self.row, self.fault = lab, row, fault
        self._table, self._data = table, data
        self._stall, self._errors = stall, errors
        self._word = f"faults: row {row}: {fault}: {time.time():.0f}"
        self._notes: list[str] = []
        self._healed: float | None = None
        self._settled = False
        self._accounts: list[Account] = []
        self._traffic: Traffic | None = None
        self._number = 0

    @property
    def traffic(self) -> Traffic:
        """The traffic that is running."""
        assert self._traffic is not None, "no traffic is running"
        return self._traffic

    def note(self, text: str) -> None:
        """Something for the row: what was seen."""
        self._notes.append(text)

    def begin_traffic(self) -> None:
        """Start reads, writes and fio."""
        self._number += 1
        self._traffic = Traffic(self.lab, self.lab.logs / f"traffic-{self.row}-{self._number}-{time.time():.0f}.log")

    def end_traffic(self, *, lost: bool = False) -> Account:
        """End them; C(lost) after a power cut of the client."""
        seen = self.traffic.lost() if lost else self.traffic.stop()
        self._traffic = None
        self._accounts.append(seen)
        return seen

    def heal(self, *arguments: str) -> Run:
        """Run the playbook, and wait for what it set going; the time of both together goes into the table."""
        start = time.monotonic()
        run = self.lab.playbook(*arguments)
        oracle.converges(run)
        if self._traffic is not None:
            self.end_traffic()
        oracle.wait_whole(self.lab)
        self._healed = time.monotonic() - start
        # Where nothing was left to heal, this run has already shown that one more finds nothing to do.
        self._settled = run.changed == 0
        return run

    def new_data(self) -> None:
        """Begin with other data, where the fault was one that ends what was there."""
        self._data.sums = traffic.seed(self.lab)
        self._accounts = []

    def __enter__(self) -> Scene:
        oracle.mark(self.lab, self._word)
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
            if error is not None:
                reason = (str(error).strip() or type(error).__name__).splitlines()[0][:100]
                self._table.add(Row(self.row, self.fault, self._seen(), self._longest(), self._healed, result=f"FAILED: {reason}"))

    def _longest(self) -> float | None:
        return max((account.longest for account in self._accounts), default=None)

    def _seen(self) -> str:
        errors = [error for account in self._accounts for error in account.errors]
        said = [f"{len(errors)} errors ({errors[0]})" if errors else "no error"]
        if not any(account.ended for account in self._accounts):
            said = []
        return "; ".join([*said, *self._notes])

    def _finish(self) -> None:
        if self._healed is None:
            self.heal()
        if self._traffic is not None:
            self.end_traffic()
        if not self._settled:
            oracle.changes_nothing(self.lab.playbook())
        sums = traffic.checksums(self.lab)
        found = oracle.mismatches(self.lab)
        assert sums == self._data.sums, f"checksums differ: {sums}, known are {self._data.sums}"
        assert not any(found.values()), f"copies differ: mismatch_cnt {found}"
        acknowledged: dict[int, int] = {}
        for account in self._accounts:
            acknowledged.update(account.acknowledged)
        lost = oracle.lost_writes(self.lab, acknowledged)
        assert not lost, f"{len(lost)} acknowledged writes lost: {lost[:3]}"
        complaints = oracle.complaints(self.lab, self._word)
        assert self._errors or not complaints, f"the kernels complain: {complaints[:5]}"
        self._hold_against_goals()
        self._table.add(Row(self.row, self.fault, self._seen(), self._longest(), self._healed, sum(found.values()), "equal"))

    def _hold_against_goals(self) -> None:
        errors = [error for account in self._accounts for error in account.errors if account.ended]
        assert self._errors or not errors, f"the client saw {len(errors)} errors: {errors[:3]}"
        longest = self._longest()
        if self._stall is not None and longest is not None:
            assert longest <= self._stall, f"a read or write took {longest:.1f} s, at most {self._stall:g} s is the goal"
