# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call: find the wanted time that is due, run the command at most once for it, keep the record, and say what did not happen."""

from __future__ import annotations

import os
import time

from . import watch
from .job import WITHIN_THE_HOUR, Job
from .schedule import Schedule
from .store import Store, is_done

# More are not counted.
_MOST_MISSED = 1000

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .store import State


def say(job: Job, text: str) -> None:
    """Tell the owner of the job something."""
    from .output import say as say_it

    say_it(job, text)


def pending(job: Job, schedule: Schedule, state: State | None, marked: int | None, now: int) -> int | None:
    """The last wanted time that has come and has no answer yet, None if there is none. One run answers all missed times before it."""
    wanted = schedule.latest(now - job.delay * 60)
    if wanted is None or wanted == marked or (state is not None and is_done(state, wanted)):
        return None
    # A clock that was set back since the declaration says nothing about it.
    if wanted + job.delay * 60 < job.since // 60 * 60 and job.since <= now:
        return None
    return wanted


def due(job: Job, schedule: Schedule, state: State | None, marked: int | None, now: int) -> int | None:
    """The wanted time to be answered now, None if there is none."""
    wanted = pending(job, schedule, state, marked, now)
    if wanted is None or now - job.delay * 60 - wanted <= WITHIN_THE_HOUR:
        return wanted
    return wanted if job.catch_up and _is_known(job, state, wanted, now) else None


def _is_known(job: Job, state: State | None, wanted: int, now: int) -> bool:
    """Whether the job existed at a wanted time."""
    return wanted + job.delay * 60 > (job.since or (now if state is None else state["first_call"]))


def call(job: Job, now: int) -> int:
    """The call by cron. Returns the command's exit code, or 0 if no run was due."""
    schedule = job.schedule()
    store = Store(job.state, lambda text: say(job, text))
    store.prepare(job.declared)
    state = _readable(store)
    if not job.declared and state is not None:
        _warn_when_stale(job, store, state, now)
    if state is not None and not _has_to_act(job, schedule, state, store, now):
        _remind(job, store, state, now)
        return 0
    if not store.lock():
        return _while_locked(job, schedule, store, now)
    answer = None
    try:
        state = store.load(now)
        answer = _act(job, schedule, store, state, now)
        if answer is None or not answer.has_run:
            _remind(job, store, state, now)
    finally:
        store.unlock()
    return 0 if answer is None else answer.told()


def run_now(job: Job, now: int) -> int:
    """Run the job at once, whatever its times. The run is on record, and answers no wanted time."""
    schedule = job.schedule()
    store = Store(job.state, lambda text: say(job, text))
    store.prepare(job.declared)
    if not store.lock():
        say(job, "it is not started now: a run goes on")
        return 1
    try:
        state = store.load(now)
        if goes_on(state):
            say(job, "it is not started now: a run goes on")
            return 1
        answer = Run(job, schedule, store, state, now).start(None)
    finally:
        store.unlock()
    return answer.told()


def _has_to_act(job: Job, schedule: Schedule, state: State, store: Store, now: int) -> bool:
    wanted = pending(job, schedule, state, store.marked(), now)
    return wanted is not None and (_is_known(job, state, wanted, now) or due(job, schedule, state, store.marked(), now) is not None)


def _act(job: Job, schedule: Schedule, store: Store, state: State, now: int) -> Answer | None:
    """Answer the wanted time under the lock; None if there is none: another call may have answered it since."""
    wanted = pending(job, schedule, state, store.marked(), now)
    if wanted is None:
        return None
    if due(job, schedule, state, store.marked(), now) is None:
        return _miss(job, schedule, store, state, wanted) if _is_known(job, state, wanted, now) else None
    if goes_on(state):
        return _overlap(job, store, state, wanted)
    return Run(job, schedule, store, state, now).start(wanted)


class Answer:
    """What became of a wanted time, for the job's hook, which is called when the lock is free again."""

    def __init__(self, job: Job, exit_code: int, wanted: int, text: str, has_run: bool = True) -> None:
        self._job, self._exit_code, self._wanted, self._text = job, exit_code, wanted, text
        self.has_run = has_run

    def told(self) -> int:
        """Call the hook, and return the exit code of the call."""
        if self._job.on_failure or self._job.on_success:
            from .hooks import tell

            tell(self._job, self._exit_code, watch.stamp(self._wanted), self._text)
        return self._exit_code if self.has_run else 0


def _readable(store: Store) -> State | None:
    try:
        return store.read()
    except ValueError:
        # Such a state is set aside under the lock.
        return None


def _remind(job: Job, store: Store, state: State, now: int) -> None:
    if job.declared:
        _warn_when_stale(job, store, state, now)


def _warn_when_stale(job: Job, store: Store, state: State, now: int) -> None:
    """Warn: for a declared job once and again each day; for one of the command line at each call, as the first version did."""
    if watch.is_stale(job, state, now, watch.booted(now)) and (not job.declared or watch.is_to_be_said(store.warned(), now)):
        from .output import say_line

        say_line(job, f"{watch.message(job)} ({job.name})")
        if job.declared:
            store.set_warned(now)


def _while_locked(job: Job, schedule: Schedule, store: Store, now: int) -> int:
    """Do the work of a call that did not get the lock: another call runs the command, for the current wanted time or an earlier one."""
    state = _readable(store)
    wanted = due(job, schedule, state, store.marked(), now)
    if wanted is not None and store.add_overlap(wanted):
        return _say_overlap(job, store, wanted).told()
    if state is not None:
        _remind(job, store, state, now)
    return 0


def _say_overlap(job: Job, store: Store, wanted: int) -> Answer:
    return _not_started(job, store, wanted, "the run before it has not ended")


def _not_started(job: Job, store: Store, wanted: int, why: str) -> Answer:
    text = f"the run wanted at {watch.stamp(wanted)} was not started: {why}"
    say(job, text)
    store.log(f"{watch.stamp(time.time())} wanted={watch.stamp(wanted)} not started, {why}")
    return Answer(job, 1, wanted, text, has_run=False)


def _miss(job: Job, schedule: Schedule, store: Store, state: State, wanted: int) -> Answer:
    """Give up a wanted time, and say so once."""
    earlier = _missed_before(job, schedule, state, wanted)
    state["missed"] = state.get("missed", 0) + 1 + earlier
    store.mark_done(state, wanted, None)
    store.write(state)
    remedy = "catch_up: true" if job.declared else "--catch-up"
    more = f", and {earlier} before it" if earlier else ""
    return _not_started(job, store, wanted, f"no call came within an hour of it{more}: the host or cron was down; {remedy} runs it later")


def _missed_before(job: Job, schedule: Schedule, state: State, wanted: int) -> int:
    """The number of wanted times without an answer between the last one with an answer and C(wanted)."""
    answered = [end for _start, end in state["runs"] if end < wanted]
    begin = max([job.since or state["first_call"], *answered])
    number = 0
    for instant in schedule.following(begin):
        if instant >= wanted or number >= _MOST_MISSED:
            break
        number += 1
    return number


def goes_on(state: State) -> bool:
    """Whether the command in the record still runs, also after its runner was killed."""
    running = state.get("running")
    if running is None:
        return False
    from .execute import identity

    return running["identity"] is not None and identity(running["pid"]) == running["identity"]


def _overlap(job: Job, store: Store, state: State, wanted: int) -> Answer:
    store.mark_done(state, wanted, None)
    state["overlaps"] += 1
    store.write(state)
    return _say_overlap(job, store, wanted)


class Run:
    """One run of the command, under the lock."""

    def __init__(self, job: Job, schedule: Schedule, store: Store, state: State, now: int) -> None:
        self._job, self._schedule, self._store, self._state, self._now = job, schedule, store, state, now

    def start(self, wanted: int | None) -> Answer:
        """Run the command for a wanted time, or at the request of somebody."""
        from .execute import NOT_STARTED, Process, identity

        job, store, state = self._job, self._store, self._state
        _note_endless(job, store, state)
        process = collector = None
        try:
            if job.declared:
                from .output import Collector

                collector = Collector(job, store.lock_descriptor)
            process = Process(job, store.lock_descriptor, collector.descriptor if collector else None)
        except OSError as error:
            say(job, f"no process can be made for the command: {error.strerror}")
        if collector is not None:
            collector.release()
        clock = time.monotonic()
        self._begin(
            wanted, process and {"pid": process.pid, "identity": identity(process.pid), "wanted": self._now if wanted is None else wanted}
        )
        exit_code = process.run(job.timeout, lambda text: say(job, text)) if process else NOT_STARTED
        if collector is not None:
            collector.wait()
        self._end(exit_code, round(time.monotonic() - clock, 3))
        text = f"the run wanted at {watch.stamp(state['last_wanted'])} ended with exit code {exit_code}"
        return Answer(job, exit_code, state["last_wanted"], text)

    def _begin(self, wanted: int | None, running: object) -> None:
        # The record is written before the command starts, so from here on this wanted time counts as answered.
        following = self._now if wanted is None else wanted
        if wanted is not None:
            self._note_missed(wanted)
            self._store.mark_done(self._state, wanted, self._schedule.latest(wanted - 1))
        self._state.update(
            running=running,
            last_start=self._now,
            last_wanted=following,
            host=os.uname().nodename,
            next_wanted=next(self._schedule.following(following), None),
        )
        self._store.write(self._state)

    def _note_missed(self, wanted: int) -> None:
        missed = _missed_before(self._job, self._schedule, self._state, wanted)
        if missed:
            self._state["missed"] = self._state.get("missed", 0) + missed
            before = f"no call came for the wanted times before {watch.stamp(wanted)} ({missed})"
            say(self._job, f"{before}: the host or cron was down; one run is for all")

    def _end(self, exit_code: int, duration: float) -> None:
        job, store, state = self._job, self._store, self._state
        # The clock may be set while a command runs.
        end = self._now + int(duration)
        state.update(running=None, last_end=end, exit_code=exit_code, duration=duration)
        state["consecutive_failures"] = state["consecutive_failures"] + 1 if exit_code else 0
        if exit_code == 0:
            state["last_success"] = end
            store.set_warned(None)
        for missed in store.take_overlaps():
            if not is_done(state, missed):
                store.mark_done(state, missed, None)
                state["overlaps"] += 1
        store.write(state)
        _report(job, store, state)
        if exit_code:
            _remind(job, store, state, end)


def _note_endless(job: Job, store: Store, state: State) -> None:
    """Note a last run without an end on record: its runner was killed, the host went down, or the disk was full."""
    running = state.get("running")
    if running is None:
        return
    wanted = watch.stamp(running["wanted"])
    exit_code = store.logged_exit_code(wanted)
    if exit_code != 0:
        state["consecutive_failures"] += 1
    if exit_code is None:
        store.log(f"{watch.stamp(time.time())} wanted={wanted} has no end on record")
        say(job, f"the run wanted at {wanted} has no end on record: it was killed, or its result could not be written")


def _report(job: Job, store: Store, state: State) -> None:
    store.log(
        f"{watch.stamp(state['last_start'])} wanted={watch.stamp(state['last_wanted'])} "
        f"exit_code={state['exit_code']} duration={state['duration']}"
    )
    if job.textfile is not None:
        from .textfile import write

        try:
            write(job, state)
        except OSError as error:
            say(job, f"the metrics could not be written to {job.textfile}: {error.strerror}")
