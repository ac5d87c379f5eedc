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
    (wanted,) = make_wanted(params({**JOB, **changes}), load, lambda user: user in ("root", "games"))
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
    made = definition(weekdays=["sun", "mon"], days=[31, 1])
    assert made.weekdays == ("mon", "sun")
    assert made.days == (1, 31)


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
        ({"weekdays": ["mon", "mon"]}, "weekdays", "given twice"),
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
        make_wanted(params({**JOB, "name": name, "state": state}), load, lambda user: True)


def test_a_job_that_is_named_twice_is_refused() -> None:
    with pytest.raises(InputError, match=r"jobs\[1\]: job 'test' is named twice: jobs\[0\] has it already"):
        make_wanted(params(JOB, {"name": "test", "state": "absent"}), load, lambda user: True)


def test_a_host_without_zone_data(tmp_path: Any) -> None:
    with pytest.raises(ZoneError, match=r"no zone data in .*: install the package tzdata"):
        load("Europe/Sofia", f"{tmp_path}/missing")
