# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of iscsi_session: their argument spec, and the checks that turn them into a L(Wanted). Pure; raises InputError only."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple

from ..._core.entries import Entries, Entry
from ..._core.errors import InputError
from ..names import CHAP_SPEC, DEFAULT_PORT, chap_secrets, check_iqn, check_target_name, make_chap, make_portal
from .records import PARAMETER_KEYS, TIMEOUT_KEYS
from .state import Luns, Wanted, WantedSession

PRESETS: Mapping[str, Mapping[str, int]] = {
    "default": {
        "replacement_timeout": 120,
        "noop_out_interval": 5,
        "noop_out_timeout": 5,
        "login_timeout": 30,
        "logout_timeout": 15,
    },
    # A silent target is noticed after at most 3 + 3 s, and 10 s later md gets the errors of its commands: as measured, reads and writes
    # stall for 16.5 s when a server dies, and an outage of 10 s ejects no member. This is far below the 30 s of the SCSI command timer,
    # whose error handling would block the disk for minutes. A login that hangs is repeated within the 10 s. See docs/timeouts.md.
    "md": {
        "replacement_timeout": 10,
        "noop_out_interval": 3,
        "noop_out_timeout": 3,
        "login_timeout": 5,
        "logout_timeout": 15,
    },
}
_MOST_SECONDS = 86400
_MOST_LUN = 16383
_MOST_MB = 1 << 40

ENTRIES = Entries(
    key="sessions",
    names=("target", "portal"),
    options={
        "portal": {
            "type": "dict",
            "options": {"host": {"type": "str", "required": True}, "port": {"type": "int", "default": DEFAULT_PORT}},
        },
        "target": {"type": "str"},
        "state": {"type": "str", "choices": ["logged_in", "logged_out", "absent"]},
        "chap": {"type": "dict", "options": CHAP_SPEC},
        "startup": {"type": "str", "choices": ["automatic", "manual", "onboot"]},
        "parameters": {"type": "dict", "options": {name: {"type": "int"} for name in PARAMETER_KEYS}},
        "timeouts": {
            "type": "dict",
            "options": {"preset": {"type": "str", "choices": list(PRESETS)}, **{name: {"type": "int"} for name in TIMEOUT_KEYS}},
        },
        "relogin": {"type": "bool"},
        "wait_for_luns": {"type": "raw"},
        "lun_mb": {"type": "int"},
        "wait_timeout": {"type": "int"},
    },
    defaults={"state": "logged_in", "relogin": False, "wait_timeout": 60},
)
"""The options of one session, at the top level of a task and in an entry of C(sessions)."""


def argument_spec() -> Dict[str, Any]:
    """The options of the module."""
    return {**ENTRIES.argument_spec(), "initiator_name": {"type": "str"}}


def make_wanted(params: Mapping[str, Any]) -> Wanted:
    """Check every option: the sessions of a task, in its order, and the initiator name.

    :raises InputError: an option is not valid.
    """
    name = params["initiator_name"]
    if name is not None:
        check_iqn("initiator_name", name)
    sessions = tuple(_make_session(entry) for entry in ENTRIES.read(params))
    ENTRIES.check_twice(sessions, lambda session: session.key, lambda session: session.label)
    return Wanted(sessions, name)


def secrets_of(params: Mapping[str, Any]) -> Tuple[str, ...]:
    """Every secret in the options, also in options that are not valid."""
    return chap_secrets([params, *(params["sessions"] or ())])


def _make_session(entry: Entry) -> WantedSession:
    prefix, options = entry.prefix, entry.options
    startup, wait_timeout = options["startup"], options["wait_timeout"]
    if startup is None and options["state"] == "logged_in":
        startup = "automatic"
    least_mb = options["lun_mb"] or 0
    if not 0 <= least_mb <= _MOST_MB:
        raise InputError(f"{prefix}lun_mb", f"{least_mb} is not a size from 1 to {_MOST_MB} MiB")
    if not 1 <= wait_timeout <= 3600:
        raise InputError(f"{prefix}wait_timeout", f"{wait_timeout} is not between 1 and 3600 seconds")
    return WantedSession(
        target=check_target_name(f"{prefix}target", options["target"]),
        portal=make_portal(f"{prefix}portal", options["portal"]["host"], options["portal"]["port"]),
        state=options["state"],
        chap=make_chap(f"{prefix}chap", options["chap"]),
        startup=startup,
        timeouts=_make_timeouts(f"{prefix}timeouts", options["timeouts"]),
        relogin=options["relogin"],
        parameters=_make_parameters(f"{prefix}parameters", options["parameters"]),
        luns=_make_luns(f"{prefix}wait_for_luns", options["wait_for_luns"]),
        least_mb=least_mb,
        wait_timeout=wait_timeout,
    )


def _make_timeouts(option: str, value: Optional[Mapping[str, Any]]) -> Mapping[str, int]:
    if value is None:
        return {}
    timeouts = dict(PRESETS[value["preset"]]) if value["preset"] is not None else {}
    for name in TIMEOUT_KEYS:
        if value[name] is not None:
            timeouts[name] = value[name]
    for name, seconds in timeouts.items():
        least = 1 if name in ("login_timeout", "logout_timeout") else 0
        if not least <= seconds <= _MOST_SECONDS:
            raise InputError(f"{option}.{name}", f"{seconds} is not between {least} and {_MOST_SECONDS} seconds")
    return timeouts


def _make_parameters(option: str, value: Optional[Mapping[str, Any]]) -> Mapping[str, int]:
    parameters = {name: value[name] for name in PARAMETER_KEYS if value[name] is not None} if value is not None else {}
    most = parameters.get("cmds_max")
    if most is not None and (not 2 <= most <= 2048 or most & (most - 1)):
        raise InputError(f"{option}.cmds_max", f"{most} is not a power of two from 2 to 2048")
    depth = parameters.get("queue_depth", 1)
    if not 1 <= depth <= 1024:
        raise InputError(f"{option}.queue_depth", f"{depth} is not between 1 and 1024")
    return parameters


def _make_luns(option: str, value: Any) -> Luns:
    if value is None:
        return Luns()
    if isinstance(value, list):
        numbers = tuple(_number(option, item, 0) for item in value)
        if len(set(numbers)) != len(numbers):
            raise InputError(option, "a LUN is named twice")
        return Luns(numbers=tuple(sorted(numbers)))
    return Luns(count=_number(option, value, 1))


def _number(option: str, value: Any, least: int) -> int:
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()) or not least <= int(text) <= _MOST_LUN:
        raise InputError(
            option, f"'{value}' is neither the number of LUNs to wait for ({least} or more) nor a list of LUN numbers up to {_MOST_LUN}"
        )
    return int(text)
