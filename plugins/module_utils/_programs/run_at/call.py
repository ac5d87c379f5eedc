# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call: find the wanted time that is due, run the command at most once for it, keep the record, and warn if there is no success."""

from __future__ import annotations

import os
import sys
import time

from . import watch
from .job import Job
from .schedule import Schedule
from .store import Store, is_done

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .store import State


def say(job: Job, text: str) -> None:
    """Print a message for the owner of the job, to whom cron mails all output."""
    sys.stderr.write(f"run-at: {job.name}: {text}\n")
    sys.stderr.flush()


def due(job: Job, schedule: Schedule, state: State | None, marked: int | None, now: int) -> int | None:
    """The wanted time to be answered now, None if there is none. Only the last counts: one run answers all missed times before it."""
    wanted = schedule.latest(now)
    if wanted is None or wanted == marked or (state is not None and is_done(state, wanted)):
        return None
    if now - wanted <= job.on_time:
        return wanted
    since = job.since or (now if state is None else state["first_call"])
    return wanted if job.catch_up and wanted > since else None


def call(job: Job, now: int) -> int:
    """The call by cron. Returns the command's exit code, or 0 if no run was due."""
    schedule = job.schedule()
    store = Store(job.state, lambda text: say(job, text))
    store.prepare(job.declared)
    state = _readable(store)
    if state is not None and due(job, schedule, state, store.marked(), now) is None:
        _warn_when_stale(job, store, state, now)
        return 0
    if not store.lock():
        return _while_locked(job, schedule, store, now)
    try:
        state = store.load(now)
        # Another call may have answered the time since, before this call got the lock.
        wanted = due(job, schedule, state, store.marked(), now)
        if wanted is None:
            _warn_when_stale(job, store, state, now)
            return 0
        if goes_on(state):
            return _overlap(job, store, state, wanted)
        return _run(job, schedule, store, state, wanted, now)
    finally:
        store.unlock()


def _readable(store: Store) -> State | None:
    try:
        return store.read()
    except ValueError:
        # Such a state is set aside under the lock.
        return None


def _warn_when_stale(job: Job, store: Store, state: State, now: int) -> None:
    if watch.is_stale(job, state, now, watch.booted(now)) and watch.is_to_be_said(store.warned(), now):
        sys.stderr.write(f"{watch.message(job)} ({job.name})\n")
        sys.stderr.flush()
        store.set_warned(now)


def _while_locked(job: Job, schedule: Schedule, store: Store, now: int) -> int:
    """Do the work of a call that did not get the lock: another call runs the command, for the current wanted time or an earlier one."""
    state = _readable(store)
    wanted = due(job, schedule, state, store.marked(), now)
    if wanted is not None and store.add_overlap(wanted):
        _say_overlap(job, store, wanted)
    if state is not None:
        _warn_when_stale(job, store, state, now)
    return 0


def _say_overlap(job: Job, store: Store, wanted: int) -> None:
    say(job, f"the run wanted at {watch.stamp(wanted)} was not started: the run before it has not ended")
    store.log(f"{watch.stamp(time.time())} wanted={watch.stamp(wanted)} not started, the run before it has not ended")


def goes_on(state: State) -> bool:
    """Whether the command in the record still runs, also after its runner was killed."""
    running = state.get("running")
    if running is None:
        return False
    from .execute import identity

    return running["identity"] is not None and identity(running["pid"]) == running["identity"]


def _overlap(job: Job, store: Store, state: State, wanted: int) -> int:
    store.mark_done(state, wanted, None)
    state["overlaps"] += 1
    store.write(state)
    _say_overlap(job, store, wanted)
    return 0


def _run(job: Job, schedule: Schedule, store: Store, state: State, wanted: int, now: int) -> int:
    from .execute import NOT_STARTED, Process, identity

    _note_endless(job, store, state)
    process = None
    try:
        process = Process(job, store.lock_descriptor)
    except OSError as error:
        say(job, f"no process can be made for the command: {error.strerror}")
    clock = time.monotonic()
    # The record is written before the command starts, so from here on this wanted time counts as answered.
    store.mark_done(state, wanted, schedule.latest(wanted - 1))
    state.update(
        running=process and {"pid": process.pid, "identity": identity(process.pid), "wanted": wanted},
        last_start=now,
        last_wanted=wanted,
        host=os.uname().nodename,
        next_wanted=next(schedule.following(wanted), None),
    )
    store.write(state)
    exit_code = process.run(job.timeout, lambda text: say(job, text)) if process else NOT_STARTED
    duration = round(time.monotonic() - clock, 3)
    # The clock may be set while a command runs.
    end = now + int(duration)
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
        _warn_when_stale(job, store, state, end)
    return exit_code


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
