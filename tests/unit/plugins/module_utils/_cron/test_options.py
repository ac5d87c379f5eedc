# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task may say about jobs, and what it is told when it cannot be right."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.options import JOBS, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.state import Definition
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.zone import ZoneError, load

JOB: dict[str, Any] = {"name": "test", "timezone": "Europe/Sofia", "at": [5, 19], "command": "/path/to/test.sh"}


def params(*jobs: dict[str, Any]) -> dict[str, Any]:
    """As Ansible hands them over, every option there."""
    return {"jobs": [{**dict.fromkeys(JOBS.options), **job} for job in jobs]}


def definition(**changes: Any) -> Definition:
    (wanted,) = make_wanted(
        params({**JOB, **changes}), load, lambda user: user in ("root", "games"), lambda path: path in ("/bin/sh", "/bin/bash")
    )
    assert wanted.definition is not None
    return wanted.definition


@pytest.mark.parametrize(
    ("at", "found"),
    [
        ([5, 19], ("05:00", "19:00")),
        (["08"], ("08:00",)),
        ([8], ("08:00",)),
        (["05:30", "5"], ("05:00", "05:30")),
        (["0", "23:59"], ("00:00", "23:59")),
    ],
)
def test_times(at: list[Any], found: tuple[str, ...]) -> None:
    assert definition(at=at).at == found


def test_defaults() -> None:
    made = definition()
    assert (made.user, made.dst, made.catch_up, made.warn_after, made.timeout) == ("root", "once", False, None, None)


def test_days_are_put_in_order() -> None:
    made = definition(weekdays=["sun", "fri#-1", "Mon#2", "mon"], days=[31, -1, 1], months=[12, 1])
    assert made.weekdays == ("mon", "mon#2", "fri#-1", "sun")
    assert made.days == (-1, 1, 31)
    assert made.months == (1, 12)


def test_ranges_stay_ranges() -> None:
    assert definition(at=["8:00-18/10", 5]).at == ("05:00", "08:00-18:00/10")


def test_what_a_command_is_given() -> None:
    options: dict[str, Any] = {"shell": "/bin/bash", "path": "/opt/bin:/bin", "env": {"B": 1, "A": "x y"}, "command_timezone": True}
    made = definition(**options)
    assert (made.shell, made.path, dict(made.env), made.command_timezone) == ("/bin/bash", "/opt/bin:/bin", {"A": "x y", "B": "1"}, True)


@pytest.mark.parametrize(
    ("changes", "option", "says"),
    [
        ({"at": [24]}, "at", "'24' is neither an hour"),
        ({"at": [-1]}, "at", "'-1' is neither an hour"),
        ({"at": ["5:60"]}, "at", "'5:60'"),
        ({"at": ["5:3"]}, "at", "'5:3'"),
        ({"at": ["٥"]}, "at", "neither an hour"),
        ({"at": [5.5]}, "at", "'5.5' is neither an hour"),
        ({"at": [True]}, "at", "'True' is neither an hour"),
        ({"at": [1170]}, "at", "if it was written as 19:30, put that in quotes"),
        ({"at": []}, "at", "no time is given"),
        ({"at": [8, "08"]}, "at", "08:00 is given twice, as '8' and as '08'"),
        ({"at": [5, "05:00"]}, "at", "05:00 is given twice"),
        ({"timezone": "Europe/Sophia"}, "timezone", "the nearest are Europe/Sofia"),
        ({"timezone": "sofia"}, "timezone", "the nearest are Europe/Sofia"),
        ({"timezone": "New York"}, "timezone", "America/New_York"),
        ({"timezone": "../../etc/passwd"}, "timezone", "is not a name of the tz database"),
        ({"timezone": "/etc/localtime"}, "timezone", "is not a name of the tz database"),
        ({"timezone": "Europe/../Europe/Sofia"}, "timezone", "is not a name of the tz database"),
        ({"timezone": ""}, "timezone", "is not a name of the tz database"),
        ({"timezone": "posix/Europe/Sofia"}, "timezone", "is not a name of the tz database"),
        ({"timezone": "Europe"}, "timezone", "has no zone 'Europe'"),
        ({"timezone": "zone1970.tab"}, "timezone", "is not a name of the tz database"),
        ({"timezone": "EST5EDT,M3.2.0,M11.1.0"}, "timezone", "is not a name of the tz database"),
        ({"timezone": None}, "timezone", "is needed"),
        ({"at": None}, "at", "is needed"),
        ({"command": None}, "command", "is needed"),
        ({"command": ""}, "command", "is empty"),
        ({"command": " \n"}, "command", "is empty"),
        ({"command": "a\0b"}, "command", "NUL"),
        ({"command": "echo \ud800"}, "command", r"has '\ud800', which is not a character of UTF-8"),
        ({"user": "a\0b"}, "user", "NUL"),
        ({"user": "\udcff"}, "user", "not a character of UTF-8"),
        ({"textfile": "/var/a\0b"}, "textfile", "NUL"),
        ({"textfile": "/var/\udcff"}, "textfile", "not a character of UTF-8"),
        ({"user": "nobody-known"}, "user", "there is no user 'nobody-known'"),
        ({"user": "root games"}, "user", "there is no user"),
        ({"user": ""}, "user", "there is no user"),
        ({"weekdays": []}, "weekdays", "is an empty list"),
        ({"weekdays": ["mon", "Mon"]}, "weekdays", "given twice"),
        ({"weekdays": ["someday"]}, "weekdays", "'someday' is neither a day such as mon nor one of a month such as mon#2"),
        ({"weekdays": ["mon#6"]}, "weekdays", "'mon#6' is neither"),
        ({"weekdays": ["mon#0"]}, "weekdays", "'mon#0' is neither"),
        ({"days": [-32]}, "days", "-32 is not a day of a month"),
        ({"months": [13]}, "months", "13 is not a month"),
        ({"months": [-1]}, "months", "-1 is not a month"),
        ({"months": [2, 4], "days": [30, 31], "weekdays": ["mon#1"]}, "days", "the job would never run"),
        ({"at": ["08:00-18:00"]}, "at", "is not a range such as 08:00-18:00/10"),
        ({"at": ["18:00-08:00/10"]}, "at", "is not a range"),
        ({"at": ["08:00/10"]}, "at", "neither an hour"),
        ({"at": ["08:00-18:00/0"]}, "at", "is not a range"),
        ({"at": ["08:00-09:00/30", "8:30"]}, "at", "08:30 is given twice"),
        ({"shell": "/bin/zsh"}, "shell", "'/bin/zsh' is not the absolute path of a program"),
        ({"shell": "bash"}, "shell", "is not the absolute path"),
        ({"path": "bin:/usr/bin"}, "path", "not a list of absolute folders"),
        ({"path": ""}, "path", "not a list of absolute folders"),
        ({"env": {"1A": "x"}}, "env", "'1A' cannot be the name of a variable"),
        ({"env": {"A": True}}, "env", "the value of A is not a text"),
        ({"env": {"A": "a\0b"}}, "env", "NUL"),
        ({"env": {"PATH": "/bin"}}, "env", "PATH has an option of its own, path"),
        ({"env": {"TZ": "UTC"}, "command_timezone": True}, "env", "TZ excludes command_timezone"),
        ({"on_failure": "https://a b"}, "on_failure", "begins like a URL"),
        ({"on_failure": "http:/x"}, "on_failure", "begins like a URL"),
        ({"on_success": ""}, "on_success", "is empty"),
        ({"spread": 0}, "spread", "not between 1 and 1440 minutes"),
        ({"timezone": "UTC+3"}, "timezone", "always 3 hours ahead of UTC are Etc/GMT-3, whose sign is reversed"),
        ({"timezone": "GMT+2"}, "timezone", "Etc/GMT-2"),
        ({"timezone": "EET+2"}, "timezone", "'EET+2' is an offset from UTC and not a zone"),
        ({"timezone": "UTC-5:30"}, "timezone", "is an offset from UTC"),
        ({"timezone": "PST"}, "timezone", "looks like an abbreviation: several zones may use it"),
        ({"days": [0]}, "days", "0 is not a day of a month"),
        ({"days": [32]}, "days", "32 is not a day of a month"),
        ({"days": []}, "days", "is an empty list"),
        ({"warn_after": 0}, "warn_after", "not between 1 and"),
        ({"timeout": -5}, "timeout", "not between 1 and"),
        ({"netns": "../x"}, "netns", "cannot be the name"),
        ({"netns": "-x"}, "netns", "cannot be the name"),
        ({"textfile": "relative"}, "textfile", "is not the absolute path"),
        ({"textfile": "/var/../etc"}, "textfile", "is not the absolute path"),
        ({"purge": True}, "purge", "needs state: absent"),
    ],
)
def test_wrong_input_names_the_option_and_the_problem(changes: dict[str, Any], option: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        definition(**changes)
    assert caught.value.option == f"jobs[0].{option}"
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["", "-x", "a/b", "../x", "a b", "a.b", "x" * 65, "a\n", "ü", None])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_name_that_can_be_no_file_of_cron_is_refused(name: Any, state: str) -> None:
    with pytest.raises(InputError, match="name"):
        make_wanted(params({**JOB, "name": name, "state": state}), load, lambda user: True, lambda path: True)


def test_a_job_that_is_named_twice_is_refused() -> None:
    with pytest.raises(InputError, match=r"jobs\[1\]: job 'test' is named twice: jobs\[0\] has it already"):
        make_wanted(params(JOB, {"name": "test", "state": "absent"}), load, lambda user: True, lambda path: True)


def test_a_host_without_zone_data(tmp_path: Any) -> None:
    with pytest.raises(ZoneError, match=r"no zone data in .*: install the package tzdata"):
        load("Europe/Sofia", f"{tmp_path}/missing")
