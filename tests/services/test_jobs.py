# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs in a time zone, after a reboot: the next times are the right ones, and the machine's cron runs them."""

from __future__ import annotations

import datetime
import time
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from testinfra.host import Host

testinfra_hosts = ["ansible://storage_clients"]

SOFIA = ZoneInfo("Europe/Sofia")


def job(host: Host, name: str) -> dict[str, Any]:
    """The report of tz_cron_info for one job."""
    jobs = host.ansible("fleetlab.linux.tz_cron_info", check=False)["jobs"]
    (found,) = [found for found in jobs if found["name"] == name]
    return dict(found)


def wanted(now: datetime.datetime) -> list[datetime.datetime]:
    """The next five times at which it is 5 or 19 o'clock in Sofia."""
    today = now.astimezone(SOFIA).date()
    days = [today + datetime.timedelta(days=number) for number in range(4)]
    times = [datetime.datetime(day.year, day.month, day.day, hour, tzinfo=SOFIA) for day in days for hour in (5, 19)]
    return [moment for moment in times if moment > now][:5]


def has_come(last: dict[str, Any] | None) -> bool:
    """Whether the example has run, which it may only at 5 and at 19 o'clock in Sofia: such a time may have come since the reboot."""
    if last is None:
        return False
    moment = datetime.datetime.fromisoformat(last["wanted"]).astimezone(SOFIA)
    assert (moment.hour, moment.minute) in ((5, 0), (19, 0))
    return True


def test_the_example_of_the_posts(host: Host) -> None:
    found = job(host, "test")
    now = datetime.datetime.fromtimestamp(float(host.check_output("date +%s")), datetime.timezone.utc)
    assert (found["problem"], found["stale"]) == (None, False)
    has_come(found["last"])
    expected = wanted(now)
    for clock in ("utc", "host", "job"):
        assert [datetime.datetime.fromisoformat(moment[clock]) for moment in found["next_runs"]] == expected
    assert [moment["job"][11:16] for moment in found["next_runs"]] == [moment.strftime("%H:%M") for moment in expected]


def test_a_check_says_whether_it_has_succeeded(host: Host) -> None:
    done = host.run("run-at --check --job test")
    if has_come(job(host, "test")["last"]):
        assert (done.rc, done.stdout[:2]) == (0, "OK")
    else:
        assert done.rc == 1
        # Cron calls the job at each quarter of an hour, perhaps since the reboot.
        assert done.stdout.strip() in ("WARNING - test has not been called yet", "WARNING - test: no success yet")


def test_a_call_at_another_time_does_nothing(host: Host) -> None:
    done = host.run("/usr/local/bin/run-at --job test")
    assert (done.rc, done.stdout, done.stderr) == (0, "", "")
    assert host.file("/var/tmp/fleetlab-test").exists is has_come(job(host, "test")["last"])


def test_cron_has_run_one_whose_time_has_come(host: Host) -> None:
    limit = time.monotonic() + 240
    while not (last := job(host, "soon")["last"]) and time.monotonic() < limit:
        time.sleep(5)
    assert last, "cron has not run it within 4 minutes"
    assert (last["exit_code"], last["consecutive_failures"]) == (0, 0)
    assert host.file("/var/tmp/fleetlab-soon").exists
    assert host.run("run-at --check --job soon").rc == 0
