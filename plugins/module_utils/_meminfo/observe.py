# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reader of the module: the same files as the shell command reads, on the host itself."""

from __future__ import annotations

import os
from typing import Dict, Optional

from .._core.errors import ObservationError
from . import collect
from .cgroup import files_to_read
from .collect import Reading


def read_host() -> Reading:
    """One reading of this machine.

    :raises ObservationError: /proc/meminfo cannot be read.
    """
    meminfo = _read(collect.MEMINFO)
    if meminfo is None:
        raise ObservationError(f"cannot read {collect.MEMINFO}; is /proc mounted?")
    self_cgroup = _read(collect.SELF_CGROUP)
    groups: Dict[str, str] = {}
    for path in files_to_read(self_cgroup):
        text = _read(path)
        if text is not None:
            groups[path] = text
    return Reading(
        meminfo=meminfo,
        zoneinfo=_read(collect.ZONEINFO),
        min_free_kbytes=_read(collect.MIN_FREE),
        osrelease=_read(collect.OSRELEASE),
        page_size=str(os.sysconf("SC_PAGE_SIZE")),
        self_cgroup=self_cgroup,
        arcstats=_read(collect.ARCSTATS),
        groups=groups,
    )


def _read(path: str) -> Optional[str]:
    try:
        # At one go, so that the counters are of one moment.
        with open(path, "rb", buffering=1 << 20) as file:
            return file.read().decode("utf-8", "replace")
    except OSError:
        return None
