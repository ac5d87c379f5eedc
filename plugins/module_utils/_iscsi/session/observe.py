# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the initiator side of this host, and asks the portals that need a login. The only reader; it changes nothing on the host."""

from __future__ import annotations

import os
import re
import socket
import time
from dataclasses import replace
from typing import Collection, Dict, Iterable, Iterator, Optional, Tuple

from ..._core.errors import CommandError
from ..._core.runner import Runner
from ..._host.block import is_claimed, uses_of
from ..._host.files import Host
from ..._host.mounts import MountTable, read_mount_table
from ..._host.process import name_of, process_ids
from ..names import Portal, lenient_portal
from .exit_codes import LOGIN_REJECTED, NO_RECORD, SILENT, explained
from .logins import needs_login
from .records import DATABASES, LOCK_FILE, NAME_FILE, Record
from .state import Answer, Key, State, Wanted
from .sysfs import read_sessions

CONNECT_LIMIT = 5.0
"""Seconds within which a portal has to accept a TCP connection."""

DISCOVERY_LIMIT = 15.0
"""Seconds within which a portal has to list its targets; iscsiadm itself would try for minutes."""

# iscsiadm holds its lock for milliseconds, and gives up after 30 s if another iscsiadm holds the lock.
_STALE_AFTER = 3.0


def observe(wanted: Wanted, runner: Runner, host: Host) -> State:
    """Records and sessions, the users of disks that the task may remove, and the answers of the portals that need a login."""
    state = read_state(host)
    logins = [one.key for one in wanted.sessions if needs_login(state, one)]
    logouts = [one.key for one in wanted.sessions if one.state != "logged_in"]
    return with_answers(with_users(state, {*logins, *logouts}, host), logins, runner)


def read_state(host: Host) -> State:
    """Records, sessions and devices at this moment. No process is started."""
    text = host.read(NAME_FILE) or ""
    return State(
        name=initiator_name(text),
        name_file=text,
        records=read_records(host),
        sessions=read_sessions(host),
        stale_lock=stale_lock(host),
        daemon=any(name_of(host, pid) == "iscsid" for pid in process_ids(host)),
    )


def initiator_name(text: str) -> Optional[str]:
    """The name in initiatorname.iscsi; the first name counts, as for iscsid. C(None) if there is none."""
    match = re.search(r"^[ \t]*InitiatorName[ \t]*=[ \t]*(\S+)", text, re.MULTILINE)
    return match.group(1) if match else None


def read_records(host: Host) -> Tuple[Record, ...]:
    """All node records, of both databases."""
    folders = [(target, f"{database}/nodes/{target}") for database in DATABASES for target in host.names(f"{database}/nodes")]
    names = [(target, folder, name) for target, folder in folders for name in host.names(folder)]
    return tuple(record for target, folder, name in names for record in _portal_records(host, f"{folder}/{name}", target, name))


def _portal_records(host: Host, path: str, target: str, name: str) -> Iterator[Record]:
    """The records of one portal: a file C(host,port), or a folder C(host,port,tag) with a file for each interface."""
    address, _comma, rest = name.partition(",")
    port = rest.partition(",")[0]
    if not port.isdigit():
        return
    for file in [f"{path}/{interface}" for interface in host.names(path)] if host.is_folder(path) else [path]:
        text = host.read(file)
        if text is not None:
            yield Record(path=file, target=target, portal=lenient_portal(address, int(port)), address=address, text=text)


def stale_lock(host: Host) -> Optional[str]:
    """The path of the lock of a killed iscsiadm: every later iscsiadm would wait 30 s for it and fail. C(None) if there is none."""
    try:
        age = time.time() - os.lstat(host.root + LOCK_FILE).st_ctime
    except OSError:
        return None
    if age < _STALE_AFTER or any(name_of(host, pid) == "iscsiadm" for pid in process_ids(host)):
        return None
    return LOCK_FILE


def with_users(state: State, keys: Collection[Key], host: Host) -> State:
    """The state with the users of every disk of these sessions, so that no session is logged out under a mounted file system or array."""
    table = read_mount_table(host)
    return replace(
        state,
        sessions=tuple(
            replace(one, devices=tuple(replace(disk, users=disk_users(host, disk.device, table)) for disk in one.devices))
            if one.key in keys
            else one
            for one in state.sessions
        ),
    )


def disk_users(host: Host, device: str, table: MountTable) -> Tuple[str, ...]:
    """Mounts, swap areas and holders of a disk and its partitions, in words; empty if the disk is free."""
    name = host.base_name(device)
    uses = tuple(str(use) for use in uses_of(host, name, table))
    # sysfs does not show mounts in other namespaces, nor exports by a target.
    return uses or ((f"{name} is in exclusive use",) if is_claimed(host, device) else ())


def with_answers(state: State, keys: Iterable[Key], runner: Runner) -> State:
    """The state with the answers of these portals; a portal of several targets is asked once."""
    answers: Dict[Portal, Answer] = {}
    by_key = {}
    for target, portal in keys:
        if portal not in answers:
            answers[portal] = ask(portal, runner)
        by_key[(target, portal)] = answers[portal]
    return replace(state, answers=by_key)


def ask(portal: Portal, runner: Runner) -> Answer:
    """Connect to the portal and list its targets.

    :raises CommandError: the failure is on this host, such as an iscsid that does not run.
    """
    peer, problem = _connect(portal)
    if peer is None:
        return Answer(problem=problem)
    # "nonpersistent" keeps the answer out of the node database, which would also get the portal's other targets.
    argv = ("iscsiadm", "-m", "discovery", "-t", "sendtargets", "-p", str(portal), "-o", "nonpersistent")
    try:
        result = runner.run(argv, timeout=DISCOVERY_LIMIT, accept=(0, NO_RECORD, *LOGIN_REJECTED))
    except CommandError as error:
        if error.exit_code not in SILENT:
            raise explained(error, str(portal)) from None
        return Answer(problem=f"answers, but not as an iSCSI target: {explained(error, str(portal)).problem}", peer=peer)
    # A portal may demand credentials for discovery, or refuse it: then the login decides.
    offers = None if result.exit_code in LOGIN_REJECTED else parse_discovery(result.stdout)
    return Answer(peer=peer, offers=offers)


def _connect(portal: Portal) -> Tuple[Optional[Portal], Optional[str]]:
    try:
        with socket.create_connection((portal.host, portal.port), timeout=CONNECT_LIMIT) as connection:
            address = connection.getpeername()
            return lenient_portal(str(address[0]), int(address[1])), None
    except ConnectionRefusedError:
        return None, "refuses the connection: no target listens there"
    except socket.timeout:
        return None, f"did not accept a connection within {CONNECT_LIMIT:g} s: check address, firewall and route"
    except socket.gaierror as error:
        return None, f"has a host name that cannot be resolved: {error.strerror}"
    except OSError as error:
        return None, f"cannot be reached: {error.strerror or error}"


def parse_discovery(text: str) -> Tuple[Tuple[str, Portal, Optional[int]], ...]:
    """Target, portal and portal group tag from the lines C(portal,tag target) of C(iscsiadm).

    The tag is -1 for a target that is offered without an address, because it is at the portal that was asked.
    """
    offers = []
    for line in text.splitlines():
        address, _space, target = line.strip().partition(" ")
        where, _comma, tag = address.rpartition(",")
        host, _colon, port = where.rpartition(":")
        if target and port.isdigit() and re.fullmatch("-1|[0-9]+", tag):
            offers.append((target, lenient_portal(host, int(port)), None if tag == "-1" else int(tag)))
    return tuple(offers)
