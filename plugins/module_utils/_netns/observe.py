# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read this host and the namespaces on it: C(ip -json), C(nft -j), /proc and the files of earlier runs."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .._core.errors import InputError, ObservationError
from .._core.remember import Remembering
from .._core.runner import Runner
from .._host import systemd
from .._host.conntrack import observe_flows
from .._host.entering import NAMED
from .._host.files import Host
from .._host.process import in_namespace, parent_of, processes_of_cgroup
from .._host.sockets import open_sockets
from . import names, record
from .addresses import DEFAULT, FAMILIES, interface
from .firewall.observe import Asked, observe_firewall, observe_rules
from .links import Veth
from .names import IP6_FORWARD, IP_FORWARD, accept_ra, only_unicast, route_localnet
from .options import naming
from .parse import (
    controller_of,
    only_loopback_servers,
    parse_all_routes,
    parse_answers,
    parse_links,
    parse_local_peers,
    parse_neighbours,
    parse_routes,
    parse_sockets,
)
from .state import Details, Files, FoundLink, FoundRoute, Inside, Joined, Listener, Record, Service, State
from .wanted import AUTO, Wanted

_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}
_SOCKETS = (("tcp", "tcp"), ("tcp", "tcp6"), ("udp", "udp"), ("udp", "udp6"))
_NO_IPV6 = "/proc/sys/net/ipv6/conf/default/disable_ipv6"
_TRACKING = "/proc/sys/net/netfilter"
_INSIDE = "address show\nneighbor show nud permanent\nroute show table all\n"
_LEAVE_ATTEMPTS = 50
_LEAVE_POLL = 0.02


def require_capabilities(host: Host) -> None:
    """Refuse early, where the kernel would refuse in the middle of the run.

    :raises ObservationError: this process has no permission to change networks.
    """
    status = host.read("/proc/self/status") or ""
    effective = next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:")), 0)
    missing = [name for name, bit in _CAPABILITIES.items() if not effective >> bit & 1]
    if missing:
        raise ObservationError(f"this user can neither see nor change network namespaces ({', '.join(missing)} missing): use become")


def observe(all_wanted: Sequence[Wanted], runner: Runner, host: Host) -> Tuple[State, ...]:
    """The states for the plans of these namespaces. The parts of the host are read once."""
    records = read_records(host)
    absent = [wanted.name for wanted in all_wanted if not namespace_state(host, wanted.name)[0]]
    common = State(
        links=links_without_leaving(runner, [records[name] for name in absent if name in records]),
        routes=_observe_routes(runner, host),
        listeners=tuple(_listeners(host)) if any(wanted.forwards for wanted in all_wanted) else (),
        records=records,
        controller=_controller(host),
        loopback_dns=only_loopback_servers(host.read("/etc/resolv.conf") or ""),
        nsswitch=host.read("/etc/nsswitch.conf") or "",
        ipv6=host.value(_NO_IPV6) == "0",
        inhabited=_inhabited(all_wanted, records),
        flows=observe_flows() if _has_flows(host, all_wanted, records) else (),
    )
    once = Remembering(runner)
    found = []
    for wanted in all_wanted:
        with naming(wanted.prefix, wanted.name):
            found.append(_with_namespace(once, host, common, wanted, len(all_wanted)))
    return tuple(found)


def _has_flows(host: Host, all_wanted: Sequence[Wanted], records: Mapping[str, Record]) -> bool:
    """Whether flows can be on a wrong way: the kernel tracks flows, and there are namespaces or new forwards of UDP."""
    concerned = any(wanted.name in records or any(one.protocol == "udp" for one in wanted.forwards) for wanted in all_wanted)
    return concerned and host.is_folder(_TRACKING)


def _inhabited(all_wanted: Sequence[Wanted], records: Mapping[str, Record]) -> Tuple[str, ...]:
    """The subnets of namespaces after the task, so that each of its namespaces is planned with the same subnets in each run."""
    named = {wanted.name for wanted in all_wanted}
    known = [str(interface(address).network) for one in records.values() if one.name not in named for _link, address in one.addresses]
    coming = [str(one.network) for wanted in all_wanted for link in wanted.host_links for one in link.addresses]
    return tuple(dict.fromkeys([*known, *coming]))


def observe_result(all_wanted: Sequence[Wanted], runner: Runner, host: Host) -> Tuple[State, ...]:
    """The states with only the parts that a task returns."""
    common = State(links=_observe_links(runner), records=read_records(host))
    return tuple(_with_inside(runner, host, common, wanted.name) for wanted in all_wanted)


def observe_details(only: Optional[str], runner: Runner, host: Host) -> Iterator[Details]:
    """All namespaces with a name, or the namespace C(only), each with its details."""
    common = State(links=_observe_links(runner), records=read_records(host, only))
    for name in host.names(NAMED) if only is None else [only]:
        state = _with_inside(runner, host, common, name)
        if state.exists:
            former = common.records.get(name)
            rules = observe_rules(runner, former) if former is not None else ()
            state = replace(state, processes=tuple(_processes_in(host, name)))
            yield Details(name, state, tuple(_listening(runner, name)), tuple(rules))


def _with_inside(runner: Runner, host: Host, common: State, name: str) -> State:
    exists, stale = namespace_state(host, name)
    return replace(common, exists=exists, stale=stale, inside=_observe_inside(runner, name) if exists else Inside())


def _with_namespace(runner: Runner, host: Host, common: State, wanted: Wanted, count: int) -> State:
    name = wanted.name
    state = _with_inside(runner, host, common, name)
    former = state.former(name)
    needed = wanted.state == "present" and bool(wanted.host_links)
    choice = wanted.firewall if wanted.state == "present" else former.firewall or AUTO
    # What is in a namespace that is removed goes with it.
    inside = state.exists and wanted.state == "present"
    asked = Asked(name, choice, former.firewall, needed, inside, wanted.families() or (4,), count)
    return replace(
        state,
        listeners=staying(runner, host, state.listeners, wanted) if wanted.forwards else (),
        firewall=observe_firewall(runner, asked, host),
        files=_files(host, wanted, state),
        service=_service(runner, host, name),
        sysctls=_sysctls(host, wanted, state),
        processes=tuple(_processes_in(host, name)) if wanted.state == "absent" and state.exists else (),
    )


def namespace_state(host: Host, name: str) -> Tuple[bool, bool]:
    """Whether a namespace has this name, and whether the name is a stale file without a mounted namespace."""
    try:
        found = os.stat(host.root + names.namespace_path(name))
    except FileNotFoundError:
        return False, False
    mounted = found.st_dev == os.stat("/proc/self/ns/net").st_dev
    return mounted, not mounted


def _observe_links(runner: Runner) -> Tuple[FoundLink, ...]:
    """The interfaces of the host."""
    return parse_links(runner.run(("ip", "-json", "-details", "address", "show")).stdout)


def links_without_leaving(runner: Runner, formers: Sequence[Record], sleep: Callable[[float], None] = time.sleep) -> Tuple[FoundLink, ...]:
    """The interfaces of the host, after the kernel has removed the ends of namespaces that were just deleted; C(formers) are their records.

    The kernel removes the addresses of such a link first, so that for a moment the link looks like a link that this module did not make.
    """
    links = _observe_links(runner)
    ends = {end for former in formers for end in former.names}
    for _attempt in range(_LEAVE_ATTEMPTS):
        if not any(link.name in ends and link.kind == Veth.kind and not link.addresses for link in links):
            break
        sleep(_LEAVE_POLL)
        links = _observe_links(runner)
    return links


def _observe_routes(runner: Runner, host: Host) -> Tuple[FoundRoute, ...]:
    """The routes of the host's main table, for all families that the kernel has."""
    found: List[FoundRoute] = []
    for family in FAMILIES if host.is_folder("/proc/sys/net/ipv6") else (4,):
        argv = ("ip", f"-{family}", "-json", "route", "show", "table", "main")
        # A table that never had a route does not exist yet; then some versions end with exit code 2.
        found += parse_routes(runner.run(argv, accept=(0, 2)).stdout, family)
    return tuple(found)


def _observe_inside(runner: Runner, name: str) -> Inside:
    """Links, neighbours and routes of a namespace, which one process of ip reads."""
    argv = ("ip", "-n", name, "-json", "-details", "-batch", "-")
    answers = parse_answers(" ".join(argv), runner.run(argv, stdin=_INSIDE).stdout)
    if len(answers) != _INSIDE.count("\n"):
        raise ObservationError(f"{' '.join(argv)}: links, neighbours and routes of the namespace {name} cannot be read")
    links, neighbours, routes = answers
    return Inside(parse_links(links), parse_all_routes(routes), parse_neighbours(neighbours))


def read_records(host: Host, only: Optional[str] = None) -> Dict[str, Record]:
    """The records of all namespaces, or of the namespace C(only). A record below /run takes precedence: it is younger than the boot."""
    found: Dict[str, Record] = {}
    for folder in (names.LASTING_FOLDER, names.PASSING_FOLDER):
        for file in host.names(folder):
            if file.endswith(".json") and not file.startswith(".") and only in (None, file[: -len(".json")]):
                path = f"{folder}/{file}"
                one = record.parse(path, host.read(path) or "")
                found[one.name] = one
    return found


def _processes_in(host: Host, name: str) -> Iterator[Tuple[int, str]]:
    return in_namespace(host, "net", os.stat(host.root + names.namespace_path(name)).st_ino)


def _listeners(host: Host) -> Iterator[Listener]:
    """The sockets of the host's services. This takes time, because the kernel searches large tables."""
    for protocol, table in _SOCKETS:
        yield from parse_sockets(protocol, host.read(f"/proc/net/{table}") or "")


def _listening(runner: Runner, name: str) -> Iterator[Listener]:
    """The sockets of the services in a namespace."""
    for protocol, table in _SOCKETS:
        # A kernel without IPv6 lacks two of these files.
        result = runner.run(("ip", "netns", "exec", name, "cat", f"/proc/net/{table}"), accept=(0, 1))
        yield from parse_sockets(protocol, result.stdout)


def staying(runner: Runner, host: Host, found: Sequence[Listener], wanted: Wanted) -> Tuple[Listener, ...]:
    """The sockets of services that stay on the host. Services that move into the namespace close theirs at their restart."""
    moving = {inode for service in wanted.services for inode in _sockets_of(runner, host, service)}
    return tuple(one for one in found if one.inode not in moving)


def _sockets_of(runner: Runner, host: Host, service: str) -> Iterator[int]:
    if not systemd.is_running(host):
        return
    found = systemd.show(runner, service, ("LoadState", "ControlGroup"))
    if found.get("LoadState") == "not-found":
        raise InputError("services", f"there is no unit {service} on this host: correct the name, or omit it")
    for pid in processes_of_cgroup(host, found.get("ControlGroup", "")):
        yield from open_sockets(host, pid)


def observe_joined(runner: Runner, host: Host, name: str, service: str) -> Joined:
    """How a service is related to a namespace, from all processes of its control group: an init script has no main process.

    :raises InputError: there is no such unit.
    """
    found = systemd.show(runner, service, ("LoadState", "ControlGroup", "MainPID", "TriggeredBy"))
    if found.get("LoadState") == "not-found":
        raise InputError("service", f"there is no unit {service} on this host: correct the name")
    main = int(found.get("MainPID") or 0)
    pids = processes_of_cgroup(host, found.get("ControlGroup", "")) or ([main] if main else [])
    network = _network_of(host, name, pids)
    return Joined(
        network=network,
        dns_current=all(_sees_dns(host, name, pid) for pid in pids if _has_whole_root(host, pid)) if network == "in" else True,
        sockets=tuple(unit for unit in systemd.words(found.get("TriggeredBy", "")) if unit.endswith(".socket")),
        local_peers=_local_peers(host, pids) if network == "out" else (),
    )


def _local_peers(host: Host, pids: Sequence[int]) -> Tuple[Listener, ...]:
    inodes = {inode for pid in pids for inode in open_sockets(host, pid)}
    tables = [(protocol, host.read(f"/proc/net/{table}") or "") for protocol, table in _SOCKETS[:2]] if inodes else []
    peers = {peer for protocol, text in tables for peer in parse_local_peers(protocol, text, inodes)}
    # Its own ports come along.
    own = {one.port for protocol, text in tables for one in parse_sockets(protocol, text) if one.inode in inodes}
    return tuple(sorted((one for one in peers if one.port not in own), key=lambda one: (one.port, one.address)))


def _network_of(host: Host, name: str, pids: Sequence[int]) -> str:
    inside, outside = _inode(host, names.namespace_path(name)), _inode(host, "/proc/1/ns/net")
    found = {_inode(host, f"/proc/{pid}/ns/net") for pid in pids} - {0}
    if not found:
        return "none"
    return "in" if found == {inside} else "out" if found == {outside} else "other"


def _inode(host: Host, path: str) -> int:
    try:
        return os.stat(host.root + path).st_ino
    except OSError:
        return 0


def _has_whole_root(host: Host, pid: int) -> bool:
    """Whether a process runs, and sees the root of its mounts: one in a chroot has no files of DNS, or files of its own."""
    root = f"/proc/{pid}/root"
    return host.exists(root) and host.link(root) in ("", "/")


def _sees_dns(host: Host, name: str, pid: int) -> bool:
    """Whether a process sees the namespace's files of DNS, or those of the host where the namespace has none."""
    for path, own in (("/etc/resolv.conf", names.resolv_conf_path(name)), ("/etc/nsswitch.conf", names.nsswitch_path(name))):
        expected = host.read(own)
        # An absolute link would lead out of the root of the process. systemd mounts over the file that the link leads to, too.
        if host.read(f"/proc/{pid}/root{host.resolve(path)}") != (expected if expected is not None else host.read(path)):
            return False
    return True


def _files(host: Host, wanted: Wanted, state: State) -> Files:
    name = wanted.name
    persist = state.former(name).persist if name in state.records else wanted.persist
    return Files(
        record=host.read(names.record_path(name, persist)),
        other_record=host.exists(names.record_path(name, not persist)),
        script=host.read(names.script_path(name)),
        unit=host.read(names.unit_path(name)),
        resolv_conf=host.read(names.resolv_conf_path(name)),
        nsswitch=host.read(names.nsswitch_path(name)),
    )


def _service(runner: Runner, host: Host, name: str) -> Service:
    if not systemd.is_running(host):
        return Service()
    found = systemd.show(runner, names.unit(name), ("ActiveState", "UnitFileState"))
    return Service(True, found.get("UnitFileState") == "enabled", found.get("ActiveState") == "active")


def _sysctls(host: Host, wanted: Wanted, state: State) -> Mapping[str, Optional[str]]:
    keys = [IP_FORWARD, IP6_FORWARD, *state.former(wanted.name).sysctls]
    keys += [setting(link.name) for link in wanted.host_links for setting in (route_localnet, only_unicast)]
    ways = [route.link for route in state.routes if route.to == DEFAULT and route.family == 6]
    keys += [accept_ra(link) for link in [*ways, *(wanted.nat.masquerade if wanted.nat is not None else (AUTO,))]]
    return {key: host.value(f"/proc/sys/{key}") for key in keys}


def _controller(host: Host) -> Optional[Tuple[str, int]]:
    """Client and port of the ssh connection of this run, from the environments of ancestors, because sudo hides them from this process."""
    pid = os.getpid()
    while pid > 1:
        found = controller_of(host.read(f"/proc/{pid}/environ") or "")
        if found is not None:
            return found
        pid = parent_of(host, pid)
    return None
