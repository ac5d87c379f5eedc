# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that make cron or systemd start the runner. Pure.

They contain no time of a zone. At any moment every clock of the world shows the same minute of a quarter of an hour, whatever its zone, so
calls at these minutes of all hours meet each wanted time at its moment, whatever the rules of the job's zone and the clock of the daemon.
"""

from __future__ import annotations

from typing import Iterable

from .._programs.run_at.schedule import parse_times
from .program import COMMAND
from .state import MARK, Definition

_QUARTER = 15


def cron_file(definition: Definition) -> str:
    """The file of a job below /etc/cron.d. It does not contain the job's command, because some characters are syntax for cron."""
    call = f"root {COMMAND} --job {definition.name}"
    lines = [
        f"{MARK}: job {definition.name}, wanted {_when(definition)}.",
        "# The runner is called at each quarter of an hour, because a wanted time can fall on any of them, and decides.",
        "SHELL=/bin/sh",
        f"MAILTO={definition.user}",
        f"{cron_fields(definition.at, definition.delay)} {call}",
    ]
    if definition.catch_up:
        lines.append(f"@reboot {call}")
    return "\n".join(lines) + "\n"


def cron_fields(at: Iterable[str], delay: int) -> str:
    """The five fields of the entry. The star of the hours makes cron go by the clock when the clock of its host changes."""
    return f"{_minutes(at, delay, '{}')} * * * *"


def calendar(at: Iterable[str], delay: int) -> str:
    """The value of OnCalendar=, in UTC, in which no clock changes."""
    return f"*-*-* *:{_minutes(at, delay, '{:02d}')}:00 UTC"


def _minutes(at: Iterable[str], delay: int, form: str) -> str:
    found = sorted({(minute + delay + quarter) % 60 for minute in parse_times(list(at)) for quarter in range(0, 60, _QUARTER)})
    return ",".join(form.format(minute) for minute in found) if len(found) < 60 else "*"


def _when(definition: Definition) -> str:
    days = [", ".join(definition.weekdays)] if definition.weekdays else []
    days += [f"day {_listed(definition.days)} of the month"] if definition.days else []
    days += [f"month {_listed(definition.months)}"] if definition.months else []
    on = f" on {' and '.join(days)}" if days else ""
    late = f", {definition.delay} minutes later on this host" if definition.delay else ""
    return f"at {', '.join(definition.at)} in {definition.timezone}{on}{late}"


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(str(number) for number in numbers)


def service_file(definition: Definition) -> str:
    """The unit that starts the runner. systemd does not log that each call begins and ends; output has the higher level that is logged.

    C(KillMode=process) leaves alone what a command started in the background, as cron does.
    """
    return f"""{MARK}
[Unit]
Description=Job {definition.name}, wanted {_when(definition)}

[Service]
Type=oneshot
ExecStart={COMMAND} --job {definition.name}
KillMode=process
SyslogLevel=notice
LogLevelMax=notice
"""


def timer_file(definition: Definition) -> str:
    """The timer that starts the unit."""
    return f"""{MARK}
[Unit]
Description=When to call job {definition.name}

[Timer]
# The runner is called at each quarter of an hour, because a wanted time can fall on any of them, and decides.
OnCalendar={calendar(definition.at, definition.delay)}
# Until the first call, systemd goes by the time of the boot: if the clock was ahead then, and has been set since, it waits too long.
OnActiveSec=15min
AccuracySec=1s
Persistent={"true" if definition.catch_up else "false"}

[Install]
WantedBy=timers.target
"""
