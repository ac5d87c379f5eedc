# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read this host and one namespace on it: C(ip -json), C(nft -j), /proc and the files of earlier runs."""

from __future__ import annotations

import os
import time
from contextlib import nullcontext
from dataclasses import replace
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .._core.errors import InputError, ObservationError
from .._core.remember import Remembering
from .._core.runner import Runner
from . import names, record
from .firewall.observe import Asked, observe_firewall
from .options import naming
from .parse import controller_of, only_loopback_servers, parse_links, parse_properties, parse_routes, parse_sockets
from .state import Files, FoundLink, FoundRoute, Inside, Listener, Record, Service, State
from .wanted import AUTO, DEFAULT, FAMILIES, Wanted

_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}
_SOCKETS = (("tcp", "tcp"), ("tcp", "tcp6"), ("udp", "udp"), ("udp", "udp6"))
_NO_IPV6 = "/proc/sys/net/ipv6/conf/default/disable_ipv6"
_LEAVE_ATTEMPTS = 50
_LEAVE_POLL = 0.02
IP_FORWARD = "net/ipv4/ip_forward"
IP6_FORWARD = "net/ipv6/conf/all/forwarding"


def require_capabilities(status: str) -> None:
    """Refuse early what the kernel would refuse half-way; C(status) is the text of /proc/self/status.

    :raises ObservationError: names what this process may not do.
    """
    effective = next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:")), 0)
    missing = [name for name, bit in _CAPABILITIES.items() if not effective >> bit & 1]
    if missing:
        raise ObservationError(f"this user may neither see nor change network namespaces ({', '.join(missing)} missing): use become")


def observe(runner: Runner, all_wanted: Sequence[Wanted], root: str = "") -> Tuple[State, ...]:
    """Everything that the plans for these namespaces look at; what they have in common is looked at once."""
    require_capabilities(read(f"{root}/proc/self/status") or "")
    records = read_records(root)
    absent = [wanted.name for wanted in all_wanted if not namespace_state(wanted.name, root)[0]]
    host = State(
        links=links_without_leaving(runner, [records[name] for name in absent if name in records]),
        routes=observe_routes(runner, root),
        records=records,
        controller=_controller(root),
        loopback_dns=only_loopback_servers(read(f"{root}/etc/resolv.conf") or ""),
        ipv6=(read(f"{root}{_NO_IPV6}") or "1").strip() == "0",
    )
    sockets = tuple(listeners(root)) if any(wanted.forwards for wanted in all_wanted) else ()
    host = replace(host, listeners=sockets)
    once = Remembering(runner)
    found = []
    for number, wanted in enumerate(all_wanted):
        with naming(number, wanted.name) if len(all_wanted) > 1 else nullcontext():
            found.append(_with_namespace(once, host, wanted, root))
    return tuple(found)


def _with_namespace(runner: Runner, host: State, wanted: Wanted, root: str) -> State:
    name = wanted.name
    exists, stale = namespace_state(name, root)
    former = host.records.get(name)
    needed = wanted.state == "present" and bool(wanted.links)
    choice = wanted.firewall if wanted.state == "present" else former.firewall if former is not None else AUTO
    asked = Asked(name, choice, former.firewall if former is not None else None, needed, wanted.families() or (4,))
    return replace(
        host,
        exists=exists,
        stale=stale,
        inside=observe_inside(runner, name, root) if exists else Inside(),
        listeners=staying(runner, host.listeners, wanted, root) if wanted.forwards else (),
        firewall=observe_firewall(runner, asked, root),
        files=_files(wanted, former, root),
        service=_service(runner, name, root),
        sysctls=_sysctls(wanted, former, host.routes, root),
        processes=tuple(processes_in(name, root)) if wanted.state == "absent" and exists else (),
    )


def namespace_state(name: str, root: str = "") -> Tuple[bool, bool]:
    """Whether the name is that of a namespace, and whether it is a file that no namespace is mounted on."""
    try:
        found = os.stat(root + names.namespace_path(name))
    except FileNotFoundError:
        return False, False
    mounted = found.st_dev == os.stat("/proc/self/ns/net").st_dev
    return mounted, not mounted


def observe_links(runner: Runner, inside: Tuple[str, ...] = ()) -> Tuple[FoundLink, ...]:
    """The interfaces of the host, or with C(-n NAME) those of a namespace."""
    return parse_links(runner.run(("ip", *inside, "-json", "-details", "address", "show")).stdout)


def links_without_leaving(runner: Runner, formers: Sequence[Record], sleep: Callable[[float], None] = time.sleep) -> Tuple[FoundLink, ...]:
    """The interfaces of the host, after the kernel has removed those of namespaces that somebody has just deleted; C(formers) were theirs.

    Their addresses go first, so that for a moment they look like somebody else's.
    """
    links = observe_links(runner)
    ends = {end for former in formers for end in former.ends}
    for _attempt in range(_LEAVE_ATTEMPTS):
        if not any(link.name in ends and link.kind == "veth" and not link.addresses for link in links):
            break
        sleep(_LEAVE_POLL)
        links = observe_links(runner)
    return links


def observe_routes(runner: Runner, root: str = "", inside: Tuple[str, ...] = ()) -> Tuple[FoundRoute, ...]:
    """The routes of the main table, of all families that the kernel has."""
    found: List[FoundRoute] = []
    for family in FAMILIES if has_ipv6(root) else (4,):
        argv = ("ip", *inside, f"-{family}", "-json", "route", "show", "table", "main")
        # A table that has never had a route does not exist yet: that is exit code 2 of some versions.
        found += parse_routes(runner.run(argv, accept=(0, 2)).stdout, family)
    return tuple(found)


def has_ipv6(root: str = "") -> bool:
    """Whether the kernel has IPv6."""
    return os.path.isdir(f"{root}/proc/sys/net/ipv6")


def observe_inside(runner: Runner, name: str, root: str = "") -> Inside:
    """Links and routes of a namespace."""
    return Inside(observe_links(runner, ("-n", name)), observe_routes(runner, root, ("-n", name)))


def read_records(root: str = "") -> Dict[str, Record]:
    """The records of all namespaces; one below /run counts more, as it is younger than the boot."""
    found: Dict[str, Record] = {}
    for folder in (names.LASTING_FOLDER, names.PASSING_FOLDER):
        for file in _names(root + folder):
            if file.endswith(".json") and not file.startswith("."):
                path = f"{root}{folder}/{file}"
                one = record.parse(path, read(path) or "")
                found[one.name] = one
    return found


def read_record(name: str, root: str = "") -> Optional[Record]:
    """The record of one namespace."""
    for persist in (False, True):
        path = root + names.record_path(name, persist)
        text = read(path)
        if text is not None:
            return record.parse(path, text)
    return None


def processes_in(name: str, root: str = "") -> Iterator[Tuple[int, str]]:
    """Number and name of the processes that live in a namespace."""
    inode = os.stat(root + names.namespace_path(name)).st_ino
    for pid in _names(f"{root}/proc"):
        if not pid.isdigit():
            continue
        try:
            inside = os.stat(f"{root}/proc/{pid}/ns/net").st_ino == inode
        except OSError:
            continue
        if inside:
            yield int(pid), (read(f"{root}/proc/{pid}/comm") or "?").strip()


def listeners(root: str) -> Iterator[Listener]:
    """The sockets of the host's services. The kernel looks through large tables for them."""
    for protocol, table in _SOCKETS:
        yield from parse_sockets(protocol, read(f"{root}/proc/net/{table}") or "")


def staying(runner: Runner, found: Sequence[Listener], wanted: Wanted, root: str) -> Tuple[Listener, ...]:
    """The sockets of services that stay: those that move inside leave theirs at their restart."""
    moving = {inode for service in wanted.services for inode in _sockets_of(runner, service, root)}
    return tuple(one for one in found if one.inode not in moving)


def _sockets_of(runner: Runner, service: str, root: str) -> Iterator[int]:
    if not os.path.isdir(f"{root}/run/systemd/system"):
        return
    argv = ("systemctl", "show", "--property=LoadState,ControlGroup", "--", service)
    found = parse_properties(runner.run(argv).stdout)
    if found.get("LoadState") == "not-found":
        raise InputError("services", f"there is no unit {service} on this host: correct the name, or leave it out")
    group = found.get("ControlGroup", "")
    for hierarchy in ("", "/systemd") if group else ():
        for folder, _folders, _files in os.walk(f"{root}/sys/fs/cgroup{hierarchy}{group}"):
            for pid in (read(f"{folder}/cgroup.procs") or "").split():
                yield from _sockets_of_process(f"{root}/proc/{pid}/fd")


def _sockets_of_process(folder: str) -> Iterator[int]:
    for descriptor in _names(folder):
        try:
            target = os.readlink(f"{folder}/{descriptor}")
        except OSError:
            continue
        if target.startswith("socket:["):
            yield int(target[len("socket:[") : -1])


def _files(wanted: Wanted, former: Optional[Record], root: str) -> Files:
    name = wanted.name
    persist = former.persist if former is not None else wanted.persist
    return Files(
        record=read(root + names.record_path(name, persist)),
        other_record=os.path.exists(root + names.record_path(name, not persist)),
        script=read(root + names.script_path(name)),
        unit=read(root + names.unit_path(name)),
        resolv_conf=read(root + names.resolv_conf_path(name)),
    )


def _service(runner: Runner, name: str, root: str) -> Service:
    if not os.path.isdir(f"{root}/run/systemd/system"):
        return Service()
    argv = ("systemctl", "show", "--property=ActiveState,UnitFileState", names.unit(name))
    found = parse_properties(runner.run(argv).stdout)
    return Service(True, found.get("UnitFileState") == "enabled", found.get("ActiveState") == "active")


def _sysctls(wanted: Wanted, former: Optional[Record], routes: Tuple[FoundRoute, ...], root: str) -> Mapping[str, Optional[str]]:
    keys = [IP_FORWARD, IP6_FORWARD, *(former.sysctls if former is not None else ())]
    keys += [route_localnet(link.name) for link in wanted.links]
    ways = [route.link for route in routes if route.to == DEFAULT and route.family == 6]
    keys += [accept_ra(link) for link in [*ways, wanted.nat.masquerade if wanted.nat is not None else AUTO]]
    return {key: _sysctl(key, root) for key in keys}


def route_localnet(link: str) -> str:
    """The setting that lets the host's loopback addresses reach a link."""
    return f"net/ipv4/conf/{link}/route_localnet"


def accept_ra(link: str) -> str:
    """The setting that says whether an interface goes on listening to routers when the host is one itself."""
    return f"net/ipv6/conf/{link}/accept_ra"


def _sysctl(key: str, root: str) -> Optional[str]:
    text = read(f"{root}/proc/sys/{key}")
    return None if text is None else text.strip()


def _controller(root: str) -> Optional[Tuple[str, int]]:
    """Client and port of the ssh connection that this runs over; sudo hides them from all but the ancestors."""
    pid = os.getpid()
    while pid > 1:
        found = controller_of(read(f"{root}/proc/{pid}/environ") or "")
        if found is not None:
            return found
        status = read(f"{root}/proc/{pid}/status") or ""
        pid = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("PPid:")), 0)
    return None


def read(path: str) -> Optional[str]:
    """The content of a file, or None where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return None


def _names(folder: str) -> List[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
