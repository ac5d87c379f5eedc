# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of iscsi_session, checked and made into what the plan wants. Pure; raises InputError only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .._core.errors import InputError
from .names import Chap, Portal, check_iqn, make_chap, make_portal
from .session_state import AUTH_METHOD_KEY, CHAP_KEYS, STARTUP_KEYS, TIMEOUT_KEYS, Credentials

PRESETS: Mapping[str, Mapping[str, int]] = {
    "default": {
        "replacement_timeout": 120,
        "noop_out_interval": 5,
        "noop_out_timeout": 5,
        "login_timeout": 30,
        "logout_timeout": 15,
    },
    # A silent target is noticed after at most 3 + 3 s, and 10 s later its commands fail up to md: measured, reads and writes stall
    # for 16.5 s when a server dies, and an outage of 10 s ejects no member. Far less than the 30 s of the SCSI command timer, whose
    # error handling would hold the disk for minutes. A login that hangs is tried anew within the 10 s. See docs/timeouts.md.
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
_WAIT_TIMEOUT = 60

OPTION_NAMES = ("portal", "target", "state", "chap", "startup", "timeouts", "relogin", "wait_for_luns", "wait_timeout")
"""The options of one session, at the top level and in an entry of C(sessions)."""


@dataclass(frozen=True)
class Luns:
    """The LUNs to wait for: so many, or exactly these among others."""

    count: int = 0
    numbers: Tuple[int, ...] = ()

    def __str__(self) -> str:
        return ",".join(str(number) for number in self.numbers) or (str(self.count) if self.count else "any")

    def missing(self, present: Sequence[int]) -> List[str]:
        """What is not there yet, in words for an error; empty when all is."""
        absent = [str(number) for number in self.numbers if number not in present]
        if self.count > len(present):
            return [f"{self.count - len(present)} of {self.count}"]
        return absent


@dataclass(frozen=True)
class Wanted:
    """One session as the task wants it; C(None) leaves that part of a record alone."""

    target: str
    portal: Portal
    state: str = "logged_in"
    chap: Optional[Chap] = field(default=None, repr=False)
    startup: Optional[str] = None
    timeouts: Mapping[str, int] = field(default_factory=dict)
    relogin: bool = False
    luns: Luns = field(default_factory=Luns)
    wait_timeout: int = 60

    @property
    def key(self) -> Tuple[str, Portal]:
        """What names the session."""
        return self.target, self.portal

    @property
    def label(self) -> str:
        """What names the session in messages."""
        return f"{self.target} at {self.portal}"

    def settings(self) -> Dict[str, Optional[str]]:
        """The record's keys this asks for; C(None) for those that must not be there."""
        settings: Dict[str, Optional[str]] = {}
        if self.startup is not None:
            settings.update(dict.fromkeys(STARTUP_KEYS, self.startup))
        settings.update({TIMEOUT_KEYS[name]: str(value) for name, value in self.timeouts.items()})
        if self.chap is not None:
            credentials = Credentials.of(self.chap)
            settings[AUTH_METHOD_KEY] = "CHAP"
            settings.update({key: getattr(credentials, name) for name, key in CHAP_KEYS.items()})
        return settings


def make_wanted(params: Mapping[str, Any]) -> Tuple[Wanted, ...]:
    """The sessions a task names, in its order."""
    if params["sessions"] is not None:
        wanted = tuple(_one(f"sessions[{number}].", entry) for number, entry in enumerate(params["sessions"]))
    elif params["target"] is not None:
        wanted = (_one("", params),)
    else:
        wanted = ()
    for number, one in enumerate(wanted):
        if one.key in [other.key for other in wanted[:number]]:
            raise InputError(f"sessions[{number}]", f"{one.label} is named twice")
    return wanted


def check_initiator_name(value: Optional[str]) -> Optional[str]:
    """The option C(initiator_name), if it is given, as a valid name."""
    return None if value is None else check_iqn("initiator_name", value)


def _one(prefix: str, entry: Mapping[str, Any]) -> Wanted:
    target = check_iqn(f"{prefix}target", entry["target"])
    portal = make_portal(f"{prefix}portal", entry["portal"]["host"], entry["portal"]["port"])
    state = entry["state"] or "logged_in"
    startup = entry["startup"]
    if startup is None and state == "logged_in":
        startup = "automatic"
    wait_timeout = _WAIT_TIMEOUT if entry["wait_timeout"] is None else entry["wait_timeout"]
    if not 1 <= wait_timeout <= 3600:
        raise InputError(f"{prefix}wait_timeout", f"{wait_timeout} is not between 1 and 3600 seconds")
    return Wanted(
        target=target,
        portal=portal,
        state=state,
        chap=make_chap(f"{prefix}chap", entry["chap"]),
        startup=startup,
        timeouts=_timeouts(f"{prefix}timeouts", entry["timeouts"]),
        relogin=bool(entry["relogin"]),
        luns=_luns(f"{prefix}wait_for_luns", entry["wait_for_luns"]),
        wait_timeout=wait_timeout,
    )


def _timeouts(option: str, value: Optional[Mapping[str, Any]]) -> Mapping[str, int]:
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


def _luns(option: str, value: Any) -> Luns:
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
            option, f"'{value}' is neither how many LUNs to wait for ({least} or more) nor a list of LUN numbers up to {_MOST_LUN}"
        )
    return int(text)
