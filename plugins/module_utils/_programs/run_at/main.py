# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of run-at. argparse is not used, because its import takes longer than a call that has nothing to do."""

from __future__ import annotations

import os
import sys
import time

from . import job as jobs
from . import watch
from .job import Job, UsageError

VERSION = "0.1.0"

USAGE = """\
usage: run-at [--check | --now | --next N] --job NAME
       run-at [OPTION ...] HOURS TZ WARN_TIME STATE_FILE COMMAND [ARGUMENT ...]
       run-at --next N HOURS TZ
       run-at --list | --version | --help
"""

HELP = f"""{USAGE}
Runs COMMAND every day at the HOURS of the time zone TZ, in whatever zone the host is. Run it from cron: in the second form once an hour, by
its full path, because cron's PATH is /usr/bin:/bin.

  HOURS       hours, times and ranges, separated by commas: 5,12,19 or 05:30 or 08:00-18:00/10, every ten minutes from 8 to 18 o'clock
  TZ          name of the tz database: Europe/Sofia
  WARN_TIME   minutes without a successful run, after which it warns on standard error: 900
  STATE_FILE  file of the job's record, in a folder that only you or root can write, and that survives a boot; created if it is missing

  --job NAME         run the job that the Ansible module fleetlab.linux.tz_cron declared
  --check            run nothing: report the job to a monitoring system, in one line and by exit code: 0, 1, 2, or 3 for unknown;
                     with --job as root, because only root can read the declaration
  --now              run the command now, whatever the time: to try a job. The run is on record, and no wanted time counts as answered
  --next N           run nothing: show the next N runs
  --list             show the declared jobs
  --dst POLICY       a time that clocks skip on that day: once, twice - at the first moment after the gap, skip - not at all
                     a time that clocks show twice: once, skip - at the first of them, twice - at both
  --timeout SECONDS  end the command and its process group: SIGTERM, and ten seconds later SIGKILL to the remaining processes
  --catch-up         run once, as soon as possible, for times that were missed while the host was off
  --version          show the version
  --help             show this

Each wanted time is answered at most once, whatever the clock does. While a run goes on, no second run is started. A call that comes late
runs a wanted time of the last hour, and says once which one it gave up. At other times it prints nothing.
COMMAND has the environment and the folder of the call; the command of a declared job has those that cron gives to its user.
The warning comes first, at each call; for a declared job after the run, once and again each day.
The record is inside STATE_FILE: unlike the modification time in other such programs, to touch the file changes nothing.
Exit code: the command's; 124 past the timeout; 0 when there was nothing to do; 1 for wrong usage.

  /usr/local/bin/run-at 5,19 Europe/Sofia $(( 15*60 )) /var/lib/run-at-test.state /path/to/test.sh
"""

_WITH_VALUE = ("--job", "--dst", "--timeout", "--next")
_ALONE = ("--check", "--catch-up", "--now", "--list", "--version")


def main(argv: list[str] | None = None) -> int:
    """Run a call and return its exit code."""
    words = sys.argv[1:] if argv is None else argv
    if "--help" in words[:1] or "-h" in words[:1]:
        sys.stdout.write(HELP)
        return 0
    try:
        return _answer(words, int(time.time()))
    except UsageError as error:
        if _is_check(words):
            sys.stdout.write(f"UNKNOWN - {error}\n")
            return watch.UNKNOWN
        sys.stderr.write(f"ERROR: {error}\n")
        return 1


def _answer(words: list[str], now: int) -> int:
    options, rest = _options(list(words))
    if "--version" in options:
        sys.stdout.write(f"run-at {VERSION}\n")
        return 0
    if "--list" in options or "--next" in options:
        return _list(options, rest, now)
    job = parse(options, rest)
    if job.declared:
        # The umask of cron for every caller: for files of the command, and for folders above the state.
        os.umask(0o022)
    if "--check" in options:
        return _check(job, now)
    from .call import call, run_now

    return run_now(job, now) if "--now" in options else call(job, now)


def _list(options: dict[str, str], rest: list[str], now: int) -> int:
    from .listing import all_jobs, next_runs

    if "--list" in options:
        sys.stdout.write(all_jobs(now))
        return 0
    # Times and zone are enough to look ahead.
    words = rest if "--job" in options or len(rest) != 2 else [*rest, "1", "state", "true"]
    sys.stdout.write(next_runs(parse(options, words), _number("--next", options["--next"]), now))
    return 0


def _is_check(words: list[str]) -> bool:
    """Whether the options have --check, even if other options are wrong."""
    rest = iter(words)
    for word in rest:
        if word == "--check" or word == "--" or not word.startswith("-"):
            return word == "--check"
        if word in _WITH_VALUE:
            next(rest, None)
    return False


def parse(options: dict[str, str], rest: list[str]) -> Job:
    """The job of the command line.

    :raises UsageError: the words do not follow the usage.
    """
    name = options.get("--job")
    if len({"--check", "--now", "--next"} & set(options)) > 1:
        raise UsageError(f"only one of --check, --now and --next can be given\n{USAGE}")
    if name is not None:
        if rest or set(options) - {"--job", "--check", "--now", "--next"}:
            raise UsageError(f"--job takes everything else from the job's declaration\n{USAGE}")
        return jobs.load(name)
    if len(rest) < 5:
        raise UsageError(f"HOURS, TZ, WARN_TIME, STATE_FILE and COMMAND are needed\n{USAGE}")
    hours, zone_name, warn_after, state, *command = rest
    if not all(command[:1]):
        raise UsageError("COMMAND is empty")
    job = Job(os.path.basename(state), zone_name, hours.replace(",", " ").split(), command, os.path.abspath(state))
    job.warn_after = _number("WARN_TIME", warn_after)
    job.dst = options.get("--dst", job.dst)
    job.catch_up = "--catch-up" in options
    if "--timeout" in options:
        job.timeout = _number("--timeout", options["--timeout"])
    return job


def _options(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """The options, and the words after them; options of the command are not interpreted."""
    found: dict[str, str] = {}
    while words and words[0].startswith("-"):
        name, equals, value = words.pop(0).partition("=")
        if name in _ALONE and not equals:
            found[name] = ""
        elif name in _WITH_VALUE:
            if not equals and not words:
                raise UsageError(f"{name} needs a value\n{USAGE}")
            found[name] = value if equals else words.pop(0)
        elif name == "--":
            break
        else:
            raise UsageError(f"unknown option {name}\n{USAGE}")
    return found, words


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**8):
        raise UsageError(f"{name}: '{text}' is not a whole number above 0")
    return int(text)


def _check(job: Job, now: int) -> int:
    from .store import Store

    job.schedule()
    store = Store(job.state, print)
    if not job.declared:
        store.refuse_foreign()
    try:
        state = store.read()
    except ValueError as error:
        raise UsageError(f"{job.name}: {store.unreadable(error)}") from None
    code, text = watch.judge(job, state, now, watch.booted(now))
    sys.stdout.write(f"{('OK', 'WARNING', 'CRITICAL')[code]} - {text}\n")
    return code
