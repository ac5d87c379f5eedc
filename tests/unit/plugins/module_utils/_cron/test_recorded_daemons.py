# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Debian's cron, cronie and systemd did on days when clocks changed, as recorded, and what the runner makes of their calls.

The entries are in C(tests/record/cron_scenes.py).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.call import due
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.job import Job
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.schedule import Schedule, parse_times
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.zone import load
from ansible_collections.fleetlab.linux.tests.record.cron_scenes import DAYS, HOSTS, OF_LORD_HOWE, STARRED, instant

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures"
MARCH, OCTOBER = "2025-03-30", "2025-10-26"


def versions(tool: str) -> list[str]:
    """Folders of recordings."""
    return sorted(f"{tool}/{path.name}" for path in (FIXTURES / tool).iterdir() if path.is_dir())


every_cron = pytest.mark.parametrize("daemon", versions("cron"))
every_cronie = pytest.mark.parametrize("daemon", versions("cronie"))
every_daemon = pytest.mark.parametrize("daemon", versions("cron") + versions("cronie"))
every_systemd = pytest.mark.parametrize("systemd", versions("systemd"))
WINDOWS = {
    (host, day): window for host in ("sofia", "lord-howe") for day, window in DAYS.items() if (day in OF_LORD_HOWE) == (host == "lord-howe")
}


def recorded(daemon: str, day: str, host: str = "sofia") -> dict[str, list[int]]:
    """When cron called what, on one of the days."""
    found: dict[str, list[int]] = {}
    for line in (FIXTURES / daemon / f"{host}-{day}.txt").read_text(encoding="utf-8").splitlines():
        moment, what = line.split()
        found.setdefault(what, []).append(instant(moment))
    return found


def clock(moments: list[int]) -> list[str]:
    """Hours and minutes in UTC."""
    return [f"{moment // 3600 % 24:02d}:{moment // 60 % 60:02d}" for moment in moments]


def answered(schedule: Schedule, calls: list[int]) -> list[str]:
    """The wanted times that the runner answers in these calls, as hours in UTC."""
    # What was wanted before the recording began is answered.
    state: dict[str, Any] = {"runs": [[0, calls[0] - 1]], "first_call": 0}
    found = []
    for now in calls:
        wanted = due(Job("test", "", [], [], ""), schedule, state, None, now)
        if wanted is not None:
            assert now == wanted
            state["runs"].append([wanted, wanted])
            found.append(f"{wanted // 3600 % 24:02d}:{wanted // 60 % 60:02d}")
    return found


def numbers(field: str, end: int) -> set[int]:
    """The numbers of a field of cron that begins with a star or has none."""
    parts = [range(0, end, int(part[2:])) if part.startswith("*/") else [int(part)] for part in field.split(",")]
    return {number for part in parts for number in part}


# The jobs that the starred entries were made for.
JOBS = {
    "sofia": {
        "ours-sofia": ("Europe/Sofia", ["03:30"]),
        "ours-utc": ("Etc/UTC", ["00:30", "01:30"]),
        "ours-kathmandu": ("Asia/Kathmandu", ["06:00", "06:45", "07:00"]),
    },
    "lord-howe": {"ours-lord-howe": ("Australia/Lord_Howe", ["01:45", "02:15"])},
}


@every_daemon
@pytest.mark.parametrize(("host", "day", "what"), [(host, day, what) for host, day in WINDOWS for what in STARRED[host]])
def test_cron_fires_the_entry_by_the_clock(daemon: str, host: str, day: str, what: str) -> None:
    zone = load(HOSTS[host])
    fields = [line.split() for line in STARRED[host][what]]
    times = {(hour, minute) for minutes, hours, *_rest in fields for hour in numbers(hours, 24) for minute in numbers(minutes, 60)}
    begin, end = map(instant, WINDOWS[host, day])
    local = {now: (now + zone.offset(now)) // 60 % 1440 for now in range(begin, end, 60)}
    assert recorded(daemon, day, host)[what] == [now for now, minute in local.items() if (minute // 60, minute % 60) in times]


@every_cron
@pytest.mark.parametrize(
    ("what", "dst", "march", "october"),
    [
        ("ours-sofia", "once", ["01:00"], ["00:30"]),
        ("ours-sofia", "skip", [], ["00:30"]),
        ("ours-sofia", "twice", ["01:00"], ["00:30", "01:30"]),
        ("ours-utc", "once", ["00:30", "01:30"], ["00:30", "01:30"]),
        ("ours-kathmandu", "once", ["01:00", "01:15"], ["00:15", "01:00", "01:15"]),
    ],
)
def test_the_runner_called_by_cron(daemon: str, what: str, dst: str, march: list[str], october: list[str]) -> None:
    timezone, at = JOBS["sofia"][what]
    schedule = Schedule(load(timezone), parse_times(at), dst=dst)
    assert answered(schedule, recorded(daemon, MARCH)[what]) == march
    assert answered(schedule, recorded(daemon, OCTOBER)[what]) == october


@every_daemon
@pytest.mark.parametrize(
    ("dst", "october", "april"),
    [
        ("once", ["15:15", "15:30"], ["14:45", "15:45"]),
        ("skip", ["15:15"], ["14:45", "15:45"]),
        ("twice", ["15:15", "15:30"], ["14:45", "15:15", "15:45"]),
    ],
)
def test_the_runner_where_clocks_change_by_half_an_hour(daemon: str, dst: str, october: list[str], april: list[str]) -> None:
    timezone, at = JOBS["lord-howe"]["ours-lord-howe"]
    schedule = Schedule(load(timezone), parse_times(at), dst=dst)
    assert answered(schedule, recorded(daemon, "2025-10-05", "lord-howe")["ours-lord-howe"]) == october
    assert answered(schedule, recorded(daemon, "2025-04-06", "lord-howe")["ours-lord-howe"]) == april


@every_cronie
@pytest.mark.parametrize(
    ("host", "day", "what", "calls"),
    [
        ("utc", MARCH, "cron_tz-sofia", []),
        ("sofia", MARCH, "cron_tz-sofia", []),
        ("utc", OCTOBER, "cron_tz-sofia", ["00:30", "01:30"]),
        ("sofia", OCTOBER, "cron_tz-sofia", ["00:30"]),
        ("utc", "2025-10-05", "cron_tz-lord-howe-0215", []),
        ("sofia", "2025-10-05", "cron_tz-lord-howe-0215", []),
        ("utc", "2025-04-06", "cron_tz-lord-howe-0145", ["14:45", "15:15"]),
        ("sofia", "2025-04-06", "cron_tz-lord-howe-0145", ["14:45", "15:15"]),
        ("sofia", MARCH, "cron_tz-utc", ["00:30", "01:30"]),
        ("sofia", OCTOBER, "cron_tz-utc", ["00:30"]),
    ],
)
def test_cron_tz_leaves_out_and_repeats(daemon: str, host: str, day: str, what: str, calls: list[str]) -> None:
    """The rows of docs/cron.md: nothing where the time is left out, both where it comes twice, but for a host whose clock goes back too."""
    assert clock(recorded(daemon, day, host).get(what, [])) == calls


@every_daemon
def test_a_bare_entry_in_the_zone_of_the_host_runs_once(daemon: str) -> None:
    for host, day, what, calls in (
        ("sofia", MARCH, "bare-sofia", ["01:00"]),
        ("sofia", OCTOBER, "bare-sofia", ["00:30"]),
        ("lord-howe", "2025-10-05", "bare-lord-howe-0215", ["15:30"]),
        ("lord-howe", "2025-04-06", "bare-lord-howe-0145", ["14:45"]),
    ):
        assert clock(recorded(daemon, day, host)[what]) == calls


@every_cron
def test_what_a_bare_entry_loses(daemon: str) -> None:
    """Entries of fixed times are not run in the hour that the host's clock shows again, whatever zone they were meant in."""
    assert instant(f"{OCTOBER}T00:30Z") in recorded(daemon, OCTOBER)["bare-utc"]
    assert instant(f"{OCTOBER}T01:30Z") not in recorded(daemon, OCTOBER)["bare-utc"]
    assert instant(f"{OCTOBER}T01:30Z") in recorded(daemon, OCTOBER)["ours-utc"]
    # One of the hour that is left out is run at its end, which for a job in UTC is a time nobody asked for.
    assert instant(f"{MARCH}T01:00Z") in recorded(daemon, MARCH)["bare-utc"]


def calendars(systemd: str) -> dict[tuple[str, str, str], list[int]]:
    """By day, time and zone, when systemd would start a timer next."""
    found: dict[tuple[str, str, str], list[int]] = {}
    for line in (FIXTURES / systemd / "calendar-on-days-of-change.txt").read_text(encoding="utf-8").splitlines():
        asked = re.search(r"--base-time='(\S+) .*'\*-\*-\* (\d\d:\d\d):00 (\S+)'", line)
        if asked:
            moments = found.setdefault((asked[1], asked[2], asked[3]), [])
        elif line.endswith("UTC"):
            _key, day, clock, _zone = line.split(": ")[1].split()
            moments.append(instant(f"{day}T{clock[:5]}Z"))
    return found


@every_systemd
@pytest.mark.parametrize(
    ("asked", "bare"),
    [
        (("2025-03-29", "03:30", "Europe/Sofia"), []),
        (("2025-10-25", "03:30", "Europe/Sofia"), ["00:30"]),
        (("2025-10-04", "02:15", "Australia/Lord_Howe"), []),
        (("2025-04-05", "01:45", "Australia/Lord_Howe"), ["14:45"]),
    ],
)
def test_what_a_bare_timer_does(systemd: str, asked: tuple[str, str, str], bare: list[str]) -> None:
    """A timer in a zone leaves out what the clocks leave out, so those of the module are in UTC."""
    begin = instant(f"{asked[0]}T12:00Z")
    assert clock([moment for moment in calendars(systemd)[asked] if moment < begin + 86400]) == bare
