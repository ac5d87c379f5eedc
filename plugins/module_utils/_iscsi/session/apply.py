# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of session plans: records, logins, the undo of a failed login, logouts and waits."""

from __future__ import annotations

import os
import time
from typing import Dict, List, Sequence, Tuple

from ..._core.errors import CommandError, ObservationError
from ..._core.plan import Operations, WriteFile, write_file
from ..._core.runner import Runner
from ..._host.files import Host
from ..names import Portal, parse_portal
from .exit_codes import ALREADY_LOGGED_IN, LOGOUT_TRY_AGAIN, NO_RECORD, NO_SESSION, explained, meaning, reported_code
from .observe import read_records
from .records import DATABASES, Record, edit_record
from .state import LOGGED_IN, Session, Wanted, WantedSession, ready_luns, small_luns
from .sysfs import read_sessions, replacement_timeout_file

_PAUSE = 0.2
_LONG_PAUSE = 1.0
_UNDO_LIMIT = 30.0


def operations(wanted: Wanted, runner: Runner, host: Host) -> Operations:
    """The operations of session plans, by name."""
    actions = Actions(wanted.sessions, runner, host)
    names = ("write_record", "log_in", "log_out", "wait_for_session", "set_replacement_timeout", "wait_for_devices")
    return {name: getattr(actions, name) for name in names}


class Actions:
    """Carries out the operations of one plan; the secrets come from C(wanted), never from the plan's arguments.

    Arguments in C(_shown) are only for the reader of the plan.
    """

    def __init__(self, wanted: Sequence[WantedSession], runner: Runner, host: Host) -> None:
        self._wanted = {one.key: one for one in wanted}
        self._runner = runner
        self._host = host
        self._former: Dict[str, str] = {}

    def write_record(self, target: str, portal: str, **_shown: str) -> None:
        """Write the settings of the task into the records of a portal.

        The file is replaced, because C(iscsiadm -o update) would show the secret to every user in its arguments. The lock of iscsiadm is
        not taken, because readers see either the complete old or the complete new record, and the lock of a killed task would block
        every iscsiadm.
        """
        wanted = self._find(target, portal)
        records = self._records(wanted)
        if not records:
            raise ObservationError(f"{wanted.label}: iscsiadm created no node record below {' or '.join(DATABASES)}")
        for record in records:
            self._former.setdefault(record.path, record.text)
            self._replace(record.path, edit_record(record.text, wanted.settings()))

    def log_in(self, target: str, portal: str, created: bool, limit: int) -> None:
        """Log in to one target at one portal; after a failure, restore the records from before this task."""
        wanted = self._find(target, portal)
        hosts = sorted({record.address for record in self._records(wanted)})
        try:
            for host in hosts:
                argv = self._node(wanted, host) + ("--login",)
                self._runner.run(argv, timeout=limit, accept=(0, ALREADY_LOGGED_IN))
        except CommandError as error:
            undone = self._undo(wanted, hosts, created)
            shown = explained(error, wanted.label)
            raise CommandError(shown.argv, f"{shown.problem}. {undone}", shown.exit_code, shown.stderr) from None
        if not self._sessions(wanted):
            undone = self._undo(wanted, hosts, created)
            raise ObservationError(f"{wanted.label}: {meaning(NO_SESSION, wanted.label)} after the login. {undone}")

    def log_out(self, target: str, portal: str, session: int, limit: int) -> None:
        """Log out one session by its number, which also works without a record and affects no other session."""
        self._end(self._find(target, portal), session, limit)

    def wait_for_session(self, target: str, portal: str, limit: int) -> None:
        """Wait until iscsid has logged a lost session in again."""
        wanted = self._find(target, portal)
        end = time.monotonic() + limit
        while True:
            states = [session.state for session in self._sessions(wanted)]
            if states and all(state == LOGGED_IN for state in states):
                return
            if time.monotonic() >= end:
                raise ObservationError(
                    f"{wanted.label}: the session is {', '.join(states) or 'gone'} and did not come back within {limit} s:"
                    " see the journal of iscsid; if credentials were changed, log it out and in again"
                )
            time.sleep(_PAUSE)

    def set_replacement_timeout(self, session: int, seconds: int, **_shown: str) -> None:
        """Set the seconds that the commands of a running session wait for a lost connection."""
        with open(self._host.root + replacement_timeout_file(session), "w", encoding="ascii") as stream:
            stream.write(str(seconds))

    def wait_for_devices(self, target: str, portal: str, limit: int, **_shown: str) -> None:
        """Wait until the kernel has scanned the session and udev has named the wanted disks."""
        wanted = self._find(target, portal)
        end = time.monotonic() + limit
        settled = False
        while True:
            sessions = self._sessions(wanted)
            missing = wanted.luns.missing(_attached(sessions))
            if not missing and all(session.scanned for session in sessions):
                if not settled:
                    self._runner.run(("udevadm", "settle", f"--timeout={limit}"), timeout=limit + 5, accept=(0, 1))
                    settled, sessions = True, self._sessions(wanted)
                missing = wanted.luns.missing(ready_luns(sessions))
                if not missing and not small_luns(sessions, wanted):
                    return
            if time.monotonic() >= end:
                raise ObservationError(_lun_problem(wanted, missing, sessions, limit))
            time.sleep(_PAUSE)

    def _find(self, target: str, portal: str) -> WantedSession:
        return self._wanted[(target, parse_portal("portal", portal))]

    def _records(self, wanted: WantedSession) -> Tuple[Record, ...]:
        return tuple(one for one in read_records(self._host) if (one.target, one.portal) == wanted.key)

    def _sessions(self, wanted: WantedSession) -> List[Session]:
        return [one for one in read_sessions(self._host) if one.key == wanted.key]

    def _node(self, wanted: WantedSession, host: str) -> Tuple[str, ...]:
        return ("iscsiadm", "-m", "node", "-T", wanted.target, "-p", str(Portal(host, wanted.portal.port)))

    def _end(self, wanted: WantedSession, sid: int, limit: float) -> None:
        argv = ("iscsiadm", "-m", "session", "-r", str(sid), "-u")
        end = time.monotonic() + limit
        while True:
            result = self._runner.run(argv, timeout=limit, accept=(0, *LOGOUT_TRY_AGAIN, NO_RECORD))
            # The kernel decides, because an iscsid that was just started has not found its sessions yet, and then iscsiadm knows none.
            if sid not in [session.sid for session in self._sessions(wanted)]:
                return
            code = reported_code(result.exit_code, result.stderr)
            if code not in (0, *LOGOUT_TRY_AGAIN) or time.monotonic() >= end:
                raise explained(CommandError(argv, "the session still exists", code, result.stderr), wanted.label)
            time.sleep(_LONG_PAUSE)

    def _undo(self, wanted: WantedSession, hosts: Sequence[str], created: bool) -> str:
        """After a failed login: log out the session that iscsid still tries to log in, and restore the records."""
        problems: List[str] = []
        try:
            for session in self._sessions(wanted):
                self._end(wanted, session.sid, _UNDO_LIMIT)
            for host in hosts if created else ():
                self._runner.run(self._node(wanted, host) + ("-o", "delete"), timeout=_UNDO_LIMIT, accept=(0, NO_RECORD))
        except CommandError as error:
            problems.append(str(error))
        for record in self._records(wanted):
            if created:
                # iscsiadm does not remove the record of a session that iscsid still tries to log in.
                _remove_record(self._host.root + record.path)
            elif record.path in self._former:
                self._replace(record.path, self._former[record.path])
        done = "Its new record was removed again" if created else "Its record was not changed"
        return f"{done}, but: {'; '.join(problems)}" if problems else done

    def _replace(self, path: str, text: str) -> None:
        write_file(WriteFile(self._host.root + path, text, mode=0o600, secret=True))


def _remove_record(path: str) -> None:
    os.unlink(path)
    folder = os.path.dirname(path)
    # A portal has one record in the target's folder, or its own folder with a record for each interface.
    if "," in os.path.basename(folder) and not os.listdir(folder):
        os.rmdir(folder)


def _attached(sessions: Sequence[Session]) -> List[int]:
    return sorted({device.lun for session in sessions for device in session.devices if device.size})


def _lun_problem(wanted: WantedSession, missing: Sequence[str], sessions: Sequence[Session], limit: int) -> str:
    small = small_luns(sessions, wanted)
    if small and not missing:
        return (
            f"{wanted.label}: LUN {', '.join(small)} after the sizes were read again, and lun_mb asks for {wanted.least_mb} MiB:"
            " make the volume larger on the target"
        )
    there = ", ".join(str(lun) for lun in _attached(sessions)) or "none"
    what = f"LUNs {', '.join(missing)} did not appear" if missing else "the scan of its LUNs did not end"
    return f"{wanted.label}: {what} within {limit} s (present: {there}): check that the target maps them to this initiator"
