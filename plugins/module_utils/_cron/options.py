# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of tz_cron. Pure; raises InputError only."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from .._core.entries import Entries
from .._core.errors import InputError
from .._programs.run_at.days import format_weekday, parse_weekday
from .._programs.run_at.job import PATH, SHELL, is_name
from .._programs.run_at.schedule import format_time, format_times, parse_times
from .._programs.run_at.zone import Zone, ZoneError
from .state import Definition, Wanted

JOBS = Entries(
    key="jobs",
    names=("name",),
    options={
        "name": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"]},
        "timezone": {"type": "str"},
        "at": {"type": "list", "elements": "raw"},
        "weekdays": {"type": "list", "elements": "str"},
        "days": {"type": "list", "elements": "int"},
        "months": {"type": "list", "elements": "int"},
        "command": {"type": "str"},
        "user": {"type": "str"},
        "warn_after": {"type": "int"},
        "timeout": {"type": "int"},
        "spread": {"type": "int"},
        "shell": {"type": "path"},
        "path": {"type": "str"},
        "env": {"type": "dict"},
        "command_timezone": {"type": "bool"},
        # The path of a URL is often all that one needs to report in place of the job.
        "on_failure": {"type": "str", "no_log": True},
        "on_success": {"type": "str", "no_log": True},
        "dst": {"type": "str", "choices": ["once", "skip", "twice"]},
        "catch_up": {"type": "bool"},
        "backend": {"type": "str", "choices": ["auto", "cron", "systemd"]},
        "netns": {"type": "str"},
        "private_tmp": {"type": "bool"},
        "textfile": {"type": "path"},
        "purge": {"type": "bool"},
    },
)
"""The options of one job, at the top level and in an entry of C(jobs)."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# Variables that have options of their own.
_OPTION_OF = {"PATH": "path", "SHELL": "shell"}
_URL = re.compile(r"https?://[!-~]+\Z")
_NETNS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z")
_MOST_MINUTES = 366 * 1440
_MOST_SECONDS = 7 * 86400
_MOST_SPREAD = 1440

LoadZone = Callable[[str], Zone]
Has = Callable[[str], bool]


def make_wanted(params: Mapping[str, Any], load_zone: LoadZone, has_user: Has, has_program: Has) -> Tuple[Wanted, ...]:
    """The wanted jobs of a task, in its order.

    :arg load_zone: returns a zone by its name, from the data of the host.
    :arg has_user: tells whether the host has a user with this name.
    :arg has_program: tells whether the host has a program at this path.
    :raises InputError: an option is not valid on this host.
    """
    wanted = tuple(_one(entry.prefix, entry.options, load_zone, has_user, has_program) for entry in JOBS.read(params))
    JOBS.check_twice(wanted, lambda one: one.name, lambda one: f"job '{one.name}'")
    return wanted


def _one(prefix: str, entry: Mapping[str, Any], load_zone: LoadZone, has_user: Has, has_program: Has) -> Wanted:
    name = check_name(f"{prefix}name", entry["name"])
    purge = bool(entry["purge"])
    if entry["state"] == "absent":
        return Wanted(name, purge=purge)
    if purge:
        raise InputError(f"{prefix}purge", "removes log and state, and needs state: absent")
    for option in ("timezone", "at", "command"):
        if entry[option] is None:
            raise InputError(f"{prefix}{option}", "is needed for a job that shall be present")
    definition = Definition(
        name=name,
        timezone=entry["timezone"],
        at=_times(f"{prefix}at", entry["at"]),
        command=_command(f"{prefix}command", entry["command"]),
        user=_user(f"{prefix}user", entry["user"], has_user),
        dst=entry["dst"] or "once",
        catch_up=bool(entry["catch_up"]),
        warn_after=_number(f"{prefix}warn_after", entry["warn_after"], _MOST_MINUTES, "minutes"),
        timeout=_number(f"{prefix}timeout", entry["timeout"], _MOST_SECONDS, "seconds"),
        spread=_number(f"{prefix}spread", entry["spread"], _MOST_SPREAD, "minutes"),
        command_timezone=bool(entry["command_timezone"]),
        on_failure=_hook(f"{prefix}on_failure", entry["on_failure"]),
        on_success=_hook(f"{prefix}on_success", entry["on_success"]),
        netns=_netns(f"{prefix}netns", entry["netns"]),
        private_tmp=bool(entry["private_tmp"]),
        textfile=_textfile(f"{prefix}textfile", entry["textfile"]),
        **_calendar(prefix, entry),
        **_surroundings(prefix, entry, has_program),
    )
    try:
        zone = load_zone(definition.timezone)
    except ZoneError as error:
        raise InputError(f"{prefix}timezone", str(error)) from None
    # Whether a day exists does not depend on the moment from which it is looked for.
    if next(definition.schedule(zone).following(0), None) is None:
        raise InputError(f"{prefix}days", "no day has all that months, days and weekdays ask for, so the job would never run")
    return Wanted(name, definition, zone, entry["backend"] or "auto")


def _calendar(prefix: str, entry: Mapping[str, Any]) -> Dict[str, Any]:
    """The fields of the definition that choose days."""
    return {
        "weekdays": _weekdays(f"{prefix}weekdays", entry["weekdays"]),
        "days": _numbers(f"{prefix}days", entry["days"], 31, "a day of a month, from 1, or from the end of the month, from -1"),
        "months": _numbers(f"{prefix}months", entry["months"], 12, "a month, from 1 to 12"),
    }


def _surroundings(prefix: str, entry: Mapping[str, Any], has_program: Has) -> Dict[str, Any]:
    """The fields of the definition that make the environment of the command."""
    shell = SHELL if entry["shell"] is None else _text(f"{prefix}shell", entry["shell"])
    if not shell.startswith("/") or not has_program(shell):
        raise InputError(f"{prefix}shell", f"'{shell}' is not the absolute path of a program on this host")
    path = PATH if entry["path"] is None else _text(f"{prefix}path", entry["path"])
    if not path or not all(folder.startswith("/") for folder in path.split(":")):
        raise InputError(f"{prefix}path", f"'{path}' is not a list of absolute folders, with colons between them")
    env = _env(f"{prefix}env", entry["env"] or {})
    if "TZ" in env and entry["command_timezone"]:
        raise InputError(f"{prefix}env", "TZ excludes command_timezone, which sets it to the job's zone")
    return {"shell": shell, "path": path, "env": env}


def _env(option: str, values: Mapping[str, Any]) -> Dict[str, str]:
    found: Dict[str, str] = {}
    for name, value in values.items():
        if not isinstance(name, str) or not _VARIABLE.match(name):
            raise InputError(option, f"'{name}' cannot be the name of a variable")
        if name in _OPTION_OF:
            raise InputError(option, f"{name} has an option of its own, {_OPTION_OF[name]}")
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise InputError(option, f"the value of {name} is not a text; put it in quotes")
        found[name] = _text(option, str(value))
    return dict(sorted(found.items()))


def _hook(option: str, value: Optional[str]) -> Optional[str]:
    if value is None:
        return None
    if value.lower().startswith(("http:", "https:")) and not _URL.match(value):
        raise InputError(option, "begins like a URL and is not one: http:// or https://, and no space or other special character")
    return _command(option, value)


def check_name(option: str, name: Optional[str]) -> str:
    """Return the name of a job, which becomes part of the names of files and units.

    :raises InputError: the name is not allowed.
    """
    if name is None or not is_name(name):
        raise InputError(option, f"'{name}' is not 1 to 64 letters, digits, hyphens and underscores that begin with a letter or digit")
    return name


def _times(option: str, values: Sequence[Any]) -> Tuple[str, ...]:
    texts: List[str] = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise InputError(option, f"'{value}' is neither an hour nor a time such as '05:30'")
        texts.append(str(value))
        if isinstance(value, int) and value >= 60:
            # YAML reads 19:30 without quotes as a number of base 60.
            raise InputError(option, f"{value} is not an hour; if it was written as {format_time(value)}, put that in quotes")
    try:
        parse_times(texts)
        return tuple(sorted(format_times(text) for text in texts))
    except ValueError as error:
        raise InputError(option, str(error)) from None


def _command(option: str, value: str) -> str:
    if not value.strip():
        raise InputError(option, "is empty")
    return _text(option, value)


def _text(option: str, value: str) -> str:
    """Return a text that can be an argument of a program and be written to a file.

    :raises InputError: it cannot.
    """
    if "\0" in value:
        raise InputError(option, "has a NUL character, which a command line cannot contain")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError(option, f"has {value[error.start]!a}, which is not a character of UTF-8") from None
    return value


def _user(option: str, value: Optional[str], has_user: Has) -> str:
    user = "root" if value is None else _text(option, value)
    if not user or not has_user(user):
        raise InputError(option, f"there is no user '{user}' on this host")
    return user


def _weekdays(option: str, values: Optional[Sequence[str]]) -> Tuple[str, ...]:
    try:
        found = [parse_weekday(value) for value in values or ()]
    except ValueError as error:
        raise InputError(option, str(error)) from None
    _check_list(option, values if values is None else found)
    return tuple(format_weekday(day) for day in sorted(found))


def _numbers(option: str, values: Optional[Sequence[int]], most: int, meaning: str) -> Tuple[int, ...]:
    _check_list(option, values)
    for value in values or ():
        if not (1 <= value <= most or (most == 31 and -most <= value <= -1)):
            raise InputError(option, f"{value} is not {meaning}")
    return tuple(sorted(values or ()))


def _check_list(option: str, values: Optional[Sequence[Any]]) -> None:
    if values is None:
        return
    if not values:
        raise InputError(option, "is an empty list: omit it to mean every day")
    if len(set(values)) != len(values):
        raise InputError(option, "a value is given twice")


def _number(option: str, value: Optional[int], most: int, unit: str) -> Optional[int]:
    if value is not None and not 1 <= value <= most:
        raise InputError(option, f"{value} is not between 1 and {most} {unit}")
    return value


def _netns(option: str, value: Optional[str]) -> Optional[str]:
    if value is not None and not _NETNS.match(value):
        raise InputError(option, f"'{value}' cannot be the name of a network namespace")
    return value


def _textfile(option: str, value: Optional[str]) -> Optional[str]:
    if value is not None and not (value.startswith("/") and ".." not in value.split("/")):
        raise InputError(option, f"'{value}' is not the absolute path of a folder")
    return None if value is None else _text(option, value).rstrip("/") or "/"
