# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of a host from /proc. A process that ends while it is read is skipped."""

from __future__ import annotations

import os
from typing import Container, Iterator, List, Optional, Tuple

from .files import Host


def process_ids(host: Host) -> List[int]:
    """The ids of all processes that this process can see."""
    return sorted(int(name) for name in host.names("/proc") if name.isdigit())


def name_of(host: Host, pid: int) -> str:
    """The kernel's name of a process."""
    return host.value(f"/proc/{pid}/comm") or "?"


def own_processes(host: Host, names: Container[str]) -> Iterator[int]:
    """The processes with one of the kernel's names C(names); those of containers, which have numbers of their own, do not count."""
    own = host.link("/proc/self/ns/pid")
    return (pid for pid in process_ids(host) if name_of(host, pid) in names and host.link(f"/proc/{pid}/ns/pid") == own)


def arguments_of(host: Host, pid: int) -> Tuple[str, ...]:
    """The argv of a process; empty for a thread of the kernel."""
    return tuple((host.read(f"/proc/{pid}/cmdline") or "").split("\0")[:-1])


def parent_of(host: Host, pid: int) -> int:
    """The process id of the parent, 0 if there is none."""
    status = (host.read(f"/proc/{pid}/status") or "").splitlines()
    return next((int(line.split()[1]) for line in status if line.startswith("PPid:")), 0)


def start_time(host: Host, pid: int) -> Optional[int]:
    """The start time of a process, in ticks since the boot; C(None) if it does not run."""
    # The name of the program, in parentheses, may contain any characters.
    fields = (host.read(f"/proc/{pid}/stat") or "").rpartition(")")[2].split()
    return int(fields[19]) if fields and fields[0] != "Z" else None


def in_namespace(host: Host, kind: str, inode: int) -> Iterator[Tuple[int, str]]:
    """Id and name of each process in the namespace of C(kind), such as C(net), with this inode."""
    for pid in process_ids(host):
        try:
            if os.stat(f"{host.root}/proc/{pid}/ns/{kind}").st_ino == inode:
                yield pid, name_of(host, pid)
        except OSError:
            continue


def with_device_open(host: Host, number: str) -> List[str]:
    """The processes that have the block device with the C(major:minor) C(number) open, as C(name[pid])."""
    return [f"{name_of(host, pid)}[{pid}]" for pid in process_ids(host) if _has_open(host, pid, number)]


def _has_open(host: Host, pid: int, number: str) -> bool:
    folder = f"/proc/{pid}/fd"
    return any(host.device_number(f"{folder}/{descriptor}")[0] == number for descriptor in host.names(folder))


def is_in_cgroup(host: Host, pid: int, group: str) -> bool:
    """Whether the process is in a control group of systemd's hierarchy, or in a group below it."""
    for line in (host.read(f"/proc/{pid}/cgroup") or "").splitlines():
        _number, controllers, path = (line.split(":", 2) + ["", ""])[:3]
        if controllers in ("", "name=systemd") and (path == group or path.startswith(f"{group}/")):
            return True
    return False


def processes_of_cgroup(host: Host, group: str) -> List[int]:
    """The processes of a control group and of the groups below it, in both layouts of the hierarchies."""
    found: List[int] = []
    for hierarchy in ("", "/systemd") if group else ():
        for folder, _folders, _files in os.walk(f"{host.root}/sys/fs/cgroup{hierarchy}{group}"):
            path = folder[len(host.root) :]
            found += [int(pid) for pid in (host.read(f"{path}/cgroup.procs") or "").split()]
    return found
