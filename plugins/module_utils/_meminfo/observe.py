# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the files of a reading on the host itself, and the clock."""

from __future__ import annotations

import os
import re
import time

from .._core.errors import ObservationError
from .._host.files import Host
from . import collect, processes
from .cgroup import files_to_read
from .collect import Reading


def now() -> float:
    """Seconds since 1970. If a host has several readings, in a fact cache or in one pass, the newest counts."""
    return round(time.time(), 3)


def read_host(host: Host) -> Reading:
    """One reading of a host.

    :raises ObservationError: /proc/meminfo cannot be read.
    """
    meminfo = host.read(collect.MEMINFO)
    if meminfo is None:
        raise ObservationError(f"cannot read {collect.MEMINFO}; is /proc mounted?")
    self_cgroup = host.read(collect.SELF_CGROUP)
    groups = {path: host.read(path) for path in files_to_read(self_cgroup)}
    pools = [f"{collect.HUGEPAGES}/{size}/{name}" for size in host.names(collect.HUGEPAGES) for name in collect.HUGEPAGE_FILES]
    return Reading(
        meminfo=collect.needed(meminfo) or "",
        zoneinfo=collect.needed(host.read(collect.ZONEINFO)),
        min_free_kbytes=host.read(collect.MIN_FREE),
        osrelease=host.read(collect.OSRELEASE),
        page_size=str(os.sysconf("SC_PAGE_SIZE")),
        self_cgroup=self_cgroup,
        arcstats=host.read(collect.ARCSTATS),
        groups={path: text for path, text in groups.items() if text is not None},
        init_cgroup=host.read(collect.INIT_CGROUP),
        hugepages={path: host.read(path) or "" for path in pools},
        pressure=host.read(collect.PRESSURE),
        vmstat=host.read(collect.VMSTAT),
    )


def read_processes(host: Host) -> str:
    """All processes, in the form in which the command prints them."""
    wanted = re.compile(processes.WANTED)
    paths = [f"{pid}/{name}" for name in processes.FILES for pid in host.names("/proc") if pid.isdigit()]
    texts = ((path, host.read(f"/proc/{path}") or "") for path in paths)
    return processes.mark([f"{path}:{line}" for path, text in texts for line in text.splitlines() if wanted.match(line)])
