# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The storage of a whole cluster, put together from what C(storage-check --json) prints on its hosts. Runs on the controller. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

GOOD, WORKING, BAD = range(3)
"""All is well; it works, but not all is well; broken, degraded or unknown."""


@dataclass(frozen=True)
class Problem:
    """A problem of a host, with the time of its first sight in seconds since 1970; C(None) if that is not known."""

    host: str
    text: str
    level: int
    since: Optional[int] = None


@dataclass(frozen=True)
class Leg:
    """A member of a mirror: C(place) is the LUN on its server, or C(local)."""

    place: str
    device: str
    state: str
    level: int
    path: str = ""


@dataclass(frozen=True)
class Mirror:
    """An array that has no arrays as members; C(legs) are its members by the name of the server."""

    name: str
    level_name: str
    size: int
    state: str
    level: int
    since: Optional[int]
    legs: Mapping[str, Tuple[Leg, ...]]


@dataclass(frozen=True)
class Stack:
    """Mirrors side by side, with the array over them, and its file system. Without an array, C(name) is empty."""

    mirrors: Tuple[Mirror, ...]
    name: str = ""
    level_name: str = ""
    size: int = 0
    state: str = ""
    level: int = GOOD
    mount: str = ""
    mount_level: int = GOOD


@dataclass(frozen=True)
class Server:
    """A server by its name in the inventory, and its exported LUNs; C(state) is empty if all is well."""

    name: str
    targets: Tuple[str, ...]
    luns: Tuple[Tuple[int, str, bool], ...]
    state: str
    level: int


@dataclass(frozen=True)
class Cluster:
    """Everything that the page shows."""

    now: int
    servers: Tuple[Server, ...] = ()
    clients: Mapping[str, Tuple[Stack, ...]] = field(default_factory=dict)
    problems: Tuple[Problem, ...] = ()

    @property
    def level(self) -> int:
        """The worst level of all."""
        return max((problem.level for problem in self.problems), default=GOOD)


Reading = Mapping[str, Any]
"""The object that C(storage-check --json) prints."""


def read_cluster(answers: Mapping[str, Mapping[str, Any]], servers: Sequence[str], now: int) -> Cluster:
    """The cluster from the results of the command on each host, by the names of the inventory."""
    readings: Dict[str, Reading] = {}
    problems: List[Problem] = []
    for host, answer in answers.items():
        reading, reason = _reading(answer)
        if reading is None:
            problems.append(Problem(host, reason, BAD))
        else:
            readings[host] = reading
            problems += [Problem(host, one["text"], one["level"], one["since"]) for one in reading["problems"]]
    shown = tuple(_server(host, readings.get(host), problems) for host in servers)
    owners = {target: server.name for server in shown for target in server.targets}
    clients = {host: _stacks(reading, owners, shown) for host, reading in readings.items() if reading["arrays"] or host not in servers}
    return Cluster(now, shown, clients, tuple(sorted(problems, key=lambda one: (-one.level, one.since or 0, one.host))))


def _reading(answer: Mapping[str, Any]) -> Tuple[Optional[Reading], str]:
    """What a host printed, or why there is nothing."""
    if answer.get("unreachable"):
        return None, "does not answer"
    try:
        found = json.loads(answer.get("stdout") or "")
    except ValueError:
        return None, "has no storage-check: run the role storage_monitor on it"
    return (found, "") if isinstance(found, dict) and "problems" in found else (None, "has a storage-check of another version")


def _server(host: str, reading: Optional[Reading], problems: Sequence[Problem]) -> Server:
    if reading is None:
        return Server(host, (), (), next((one.text for one in problems if one.host == host), "not asked"), BAD)
    targets = reading["targets"]
    luns = tuple((lun["number"], lun["path"], lun["active"]) for target in targets for lun in target["luns"])
    own = [one for one in reading["problems"] if one["key"].startswith("target ")]
    state = "; ".join(one["text"] for one in own) or ("" if targets else "exports nothing")
    level = max([one["level"] for one in own] or [GOOD if targets else WORKING])
    return Server(host, tuple(target["name"] for target in targets), luns, state, level)


def _stacks(reading: Reading, owners: Mapping[str, str], servers: Sequence[Server]) -> Tuple[Stack, ...]:
    arrays = {array["kernel_name"]: array for array in reading["arrays"] if not array["container"]}
    mounts = {mount["device"]: mount for mount in reading["mounts"]}
    disks = _disks(reading, owners, servers)
    over = {name: array for name, array in arrays.items() if any(member["device"] in arrays for member in array["members"])}
    below = {member["device"] for array in over.values() for member in array["members"]}
    stacks = []
    for array in over.values():
        names = [member["device"] for member in array["members"] if member["device"] in arrays]
        stacks.append(_stack(reading, array, [_mirror(reading, arrays[name], disks) for name in names], mounts))
    alone = [array for name, array in arrays.items() if name not in over and name not in below]
    stacks += [_stack(reading, None, [_mirror(reading, array, disks)], mounts, array) for array in alone]
    return tuple(stacks)


def _stack(
    reading: Reading,
    array: Optional[Mapping[str, Any]],
    mirrors: Sequence[Mirror],
    mounts: Mapping[str, Mapping[str, Any]],
    mounted: Optional[Mapping[str, Any]] = None,
) -> Stack:
    carrier = array or mounted or {}
    mount = mounts.get(f"/dev/{carrier['kernel_name']}", {"point": "", "state": "mounted"})
    point = mount["point"] if mount["state"] == "mounted" else f"{mount['point']}: {mount['state']}"
    mount_level = GOOD if mount["state"] == "mounted" else BAD
    if array is None:
        return Stack(tuple(mirrors), mount=point, mount_level=mount_level)
    state, level, _since = _state(reading, array)
    return Stack(tuple(mirrors), array["name"], array["level"], array["size"], state, level, point, mount_level)


def _state(reading: Reading, array: Mapping[str, Any]) -> Tuple[str, int, Optional[int]]:
    """The state of an array in a few words, its level, and since when it is not well."""
    own = [one for one in reading["problems"] if one["key"].startswith(f"array {array['name']}: ")]
    busy = f"{array['action']} {100 * array['done'] / array['total']:.0f} %" if array["total"] else ""
    if not own:
        return busy or "ok", GOOD, None
    kinds = ", ".join(dict.fromkeys(one["key"].rpartition(": ")[2] for one in own))
    return f"{kinds}, {busy}" if busy else kinds, max(one["level"] for one in own), min(one["since"] for one in own)


def _mirror(reading: Reading, array: Mapping[str, Any], disks: Mapping[str, Tuple[str, Leg]]) -> Mirror:
    legs: Dict[str, List[Leg]] = {}
    for member in array["members"]:
        server, leg = disks.get(member["device"], ("", Leg("local", member["device"], "", GOOD)))
        good = member["state"] in ("in_sync", "spare", "journal") and member["online"]
        level = GOOD if good else WORKING if member["state"] == "rebuilding" else BAD
        state = member["state"] if member["online"] else f"{member['state']}, does not answer"
        legs.setdefault(server, []).append(Leg(leg.place, leg.device, state.replace("_", " "), level, leg.path))
    state, level, since = _state(reading, array)
    return Mirror(array["name"], array["level"], array["size"], state, level, since, {name: tuple(found) for name, found in legs.items()})


def _disks(reading: Reading, owners: Mapping[str, str], servers: Sequence[Server]) -> Dict[str, Tuple[str, Leg]]:
    """The server of each disk by the disk's name, and the disk as a leg without its state."""
    paths = {(server.name, number): path for server in servers for number, path, _active in server.luns}
    found = {}
    for session in reading["sessions"]:
        # The name of a target that no server of the inventory exports ends in the name of its server, by convention.
        server = owners.get(session["target"]) or session["target"].rpartition(":")[2]
        for disk in session["disks"]:
            leg = Leg(f"LUN {disk['lun']}", disk["device"], "", GOOD, paths.get((server, disk["lun"]), ""))
            found[disk["device"]] = (server, leg)
    return found


def stamp(instant: int) -> str:
    """An instant in UTC, for people."""
    import datetime

    return datetime.datetime.fromtimestamp(instant, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def duration(seconds: int) -> str:
    """A duration in its two largest units."""
    for unit, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit} {seconds % size // part} {smaller}"
    return f"{seconds // 60} min" if seconds >= 60 else f"{max(0, seconds)} s"


def since_words(since: Optional[int], now: int) -> str:
    """Since when, for people; empty if that is not known."""
    return f"since {stamp(since)} ({duration(now - since)})" if since else ""


def lines(cluster: Cluster) -> List[str]:
    """The cluster in lines of text."""
    shown = [f"{'All is well' if cluster.level == GOOD else f'{len(cluster.problems)} problems'}, {stamp(cluster.now)}"]
    for one in cluster.problems:
        shown.append(" ".join(word for word in (f"{one.host}: {one.text}", since_words(one.since, cluster.now)) if word))
    for client, stacks in cluster.clients.items():
        for stack in stacks:
            mirrors = ", ".join(f"{mirror.name} {mirror.state}" for mirror in stack.mirrors)
            over = f"{stack.name} ({stack.level_name}) {stack.state} over " if stack.name else ""
            shown.append(f"{client}: {stack.mount + ' on ' if stack.mount else ''}{over}{mirrors}")
    for server in cluster.servers:
        shown.append(f"{server.name}: {len(server.luns)} LUNs, {server.state or 'ok'}")
    return shown
