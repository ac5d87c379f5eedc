# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs that cron runs on days of clock changes, on a separate clock that libfaketime makes thirty times as fast.

The entries are ones with a star, as C(tz_cron) writes them, bare ones in the host's own time, and ones below a C(CRON_TZ) of cronie. All
days of all zones of hosts run side by side, each in a mount namespace of its own. What is called writes down the machine's time, from which
that of the daemon follows: its clock began with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from calendar import timegm
from pathlib import Path

from ansible_collections.fleetlab.linux.tests.record.recording import ENVIRONMENT, Folder, package_version, upstream_version

RATE = 30
LORD_HOWE = "Australia/Lord_Howe"
HOSTS = {"sofia": "Europe/Sofia", "lord-howe": LORD_HOWE, "utc": "Etc/UTC"}
STARRED = {
    "sofia": {
        "ours-sofia": ["*/30 3 * * *", "*/59 4 * * *"],
        "ours-utc": ["30 */23,2,3,4 * * *"],
        "ours-kathmandu": ["*/59,15 2 * * *", "*/59,15 3,4 * * *"],
    },
    "lord-howe": {
        "ours-lord-howe": ["*/45 1 * * *", "*/30,15 2 * * *"],
        "ours-utc": ["*/15 1 * * *", "*/15 2 * * *"],
    },
}
"""Entries in which the minutes or the hours begin with a star, by zone of the host."""
BARE = {
    "sofia": {"bare-sofia": "30 3 * * *", "bare-utc": "30 2,3,4 * * *"},
    "lord-howe": {"bare-lord-howe-0145": "45 1 * * *", "bare-lord-howe-0215": "15 2 * * *"},
}
# Sofia's days, also on a host in UTC, where an entry in UTC would be as good as a bare one; and those of Lord Howe.
IN_SOFIA = {"cron_tz-sofia": ("Europe/Sofia", "30 3 * * *")}
IN_UTC = {"cron_tz-utc": ("UTC", "30 0,1 * * *")}
ON_LORD_HOWE = {"cron_tz-lord-howe-0145": (LORD_HOWE, "45 1 * * *"), "cron_tz-lord-howe-0215": (LORD_HOWE, "15 2 * * *")}
DAYS = {
    "2025-03-30": ("2025-03-30T00:20Z", "2025-03-30T02:20Z"),
    "2025-10-26": ("2025-10-25T23:20Z", "2025-10-26T02:40Z"),
    "2025-10-05": ("2025-10-04T14:51Z", "2025-10-04T16:20Z"),
    "2025-04-06": ("2025-04-05T14:21Z", "2025-04-05T15:50Z"),
}
OF_LORD_HOWE = ("2025-10-05", "2025-04-06")


def instant(text: str) -> int:
    """Seconds since 1970 of a minute in UTC."""
    return timegm(time.strptime(text, "%Y-%m-%dT%H:%MZ"))


def record(output: Path) -> None:
    """All days with the installed daemon."""
    is_cronie = Path("/usr/sbin/crond").exists()
    folder = Folder(output / ("cronie" if is_cronie else "cron") / (upstream_version("cronie") if is_cronie else package_version("cron")))
    asked = [(host, day) for host in HOSTS for day in DAYS if _is_asked(host, day, is_cronie)]
    with tempfile.TemporaryDirectory() as top:
        daemons = [_Daemon(Path(top, f"{host}-{day}"), host, day, is_cronie) for host, day in asked]
        time.sleep(max(daemon.seconds for daemon in daemons))
        for daemon in daemons:
            daemon.stop()
            folder.save(f"{daemon.host}-{daemon.day}.txt", daemon.calls())


def _is_asked(host: str, day: str, is_cronie: bool) -> bool:
    return (is_cronie and host != "lord-howe") or (host in STARRED and (day in OF_LORD_HOWE) == (host == "lord-howe"))


def entries(host: str, day: str, is_cronie: bool) -> list[tuple[str | None, str, str]]:
    """An entry of the daemon: a zone or none, the five fields, and a name."""
    found: list[tuple[str | None, str, str]] = [(None, "* * * * *", "every-minute")]
    if (day in OF_LORD_HOWE) == (host == "lord-howe"):
        found += [(None, fields, name) for name, lines in STARRED.get(host, {}).items() for fields in lines]
        found += [(None, fields, name) for name, fields in BARE.get(host, {}).items()]
    if is_cronie and host != "lord-howe":
        of_zones = ON_LORD_HOWE if day in OF_LORD_HOWE else {**IN_SOFIA, **(IN_UTC if host == "sofia" else {})}
        found += [(timezone, fields, name) for name, (timezone, fields) in of_zones.items()]
    return found


class _Daemon:
    """A daemon that runs since its creation."""

    def __init__(self, folder: Path, host: str, day: str, is_cronie: bool) -> None:
        self.host, self.day, self._folder = host, day, folder
        self._window = tuple(map(instant, DAYS[day]))
        self._begin = self._window[0] - 60
        self.seconds = (self._window[1] - self._begin) / RATE
        table = folder / "cron.d"
        table.mkdir(parents=True)
        for number, (zone, fields, name) in enumerate(entries(host, day, is_cronie)):
            head = f"CRON_TZ={zone}\n" if zone else ""
            (table / str(number)).write_text(f"{head}{fields} root echo $(date +\\%s.\\%N) {name} >> {folder}/calls\n", encoding="utf-8")
        (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
        fake = {"FAKETIME": f"@{self._begin} x{RATE}", "FAKETIME_FMT": "%s", "LD_PRELOAD": str(library), "TZ": HOSTS[host]}
        command = ("/usr/sbin/crond", "-n") if is_cronie else ("/usr/sbin/cron", "-f")
        alone = f'mount -t tmpfs tmpfs /run && mount --bind {table} /etc/cron.d && exec "$@"'
        environment = [f"{name}={value}" for name, value in fake.items()]
        launcher = ["unshare", "--mount", "sh", "-c", alone, "sh", "env", *environment, *command]
        self._start = time.time()
        self._process = subprocess.Popen(launcher, env=ENVIRONMENT, start_new_session=True)

    def stop(self) -> None:
        """End the daemon and its jobs."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def calls(self) -> str:
        """The lines of the recording."""
        lines = [line.split(" ") for line in (self._folder / "calls").read_text(encoding="utf-8").splitlines()]
        all_calls = sorted((int(self._begin + (float(real) - self._start) * RATE) // 60 * 60, name) for real, name in lines)
        minutes = [(moment, name) for moment, name in all_calls if self._window[0] <= moment < self._window[1]]
        ends = [moment for moment, name in minutes if name == "every-minute"]
        kept = [(moment, name) for moment, name in minutes if name != "every-minute" or moment in (ends[0], ends[-1])]
        return "".join(f"{time.strftime('%Y-%m-%dT%H:%MZ', time.gmtime(moment))} {name}\n" for moment, name in kept)
