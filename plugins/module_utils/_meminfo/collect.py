# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One reading of a host's memory: the files, the shell command that reads them, and the parser of its output.

The command needs a POSIX shell with grep. It is one line, without quotes that another login shell would interpret differently. grep
prints the name of the file before every line, so that text of other programs is not taken for a figure, and reads /proc/meminfo in one
read. Of the several lines for each CPU in each zone of /proc/zoneinfo, only the needed lines are sent.
"""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, NamedTuple, Optional

from .._core.errors import ObservationError
from .cgroup import STATISTICS

MEMINFO = "/proc/meminfo"
ZONEINFO = "/proc/zoneinfo"
MIN_FREE = "/proc/sys/vm/min_free_kbytes"
OSRELEASE = "/proc/sys/kernel/osrelease"
SELF_CGROUP = "/proc/self/cgroup"
INIT_CGROUP = "/proc/1/cgroup"
ARCSTATS = "/proc/spl/kstat/zfs/arcstats"
PRESSURE = "/proc/pressure/memory"
VMSTAT = "/proc/vmstat"
HUGEPAGES = "/sys/kernel/mm/hugepages"
HUGEPAGE_FILES = ("nr_hugepages", "free_hugepages")

_BEGIN = "fleetlab-meminfo-1 begin"
_END = "fleetlab-meminfo-1 end"
_PAGE_SIZE = "pagesize"

_WANTED = (
    f"^[^ ].*:|^Node|^[0-9]|^max|^(size|c_min|oom_kill|nr_zspages|{'|'.join(STATISTICS)}) |^(some|full) avg10="
    "| (boost|low|high|present|managed|protection:|count:) "
)
"""Every counter with a colon, zones and their figures, plain numbers, and the needed lines of the other files."""
_NEEDED = re.compile(_WANTED)

COMMAND = (
    "LC_ALL=C; GREP_OPTIONS=; export LC_ALL GREP_OPTIONS; echo; "
    f'echo "{_BEGIN}"; '
    # The page size is taken from the shell's own first mapping, because getconf takes another process and is not on all hosts.
    'p=; { while read -r n c d; do case $n in KernelPageSize:) p="$n $c $d"; break;; esac; done </proc/self/smaps; } 2>/dev/null; '
    '[ -n "$p" ] || p=$(getconf PAGESIZE 2>/dev/null); '
    f"echo {_PAGE_SIZE}:$p; "
    # The process's own group and every group above it, because each has its own limit.
    "v=; w=; { while IFS=: read -r n c d; do case $n:$c in 0:) w=$d;; *:memory|*:memory,*|*,memory|*,memory,*) v=$d;; esac; "
    f"done <{SELF_CGROUP}; }} 2>/dev/null; "
    'if [ -n "$v" ]; then r=/sys/fs/cgroup/memory; d=$v; l=limit_in_bytes; u=usage_in_bytes; '
    "else r=/sys/fs/cgroup; d=$w; l=max; u=current; fi; "
    f"set -- {MEMINFO} {ZONEINFO} {MIN_FREE} {OSRELEASE} {SELF_CGROUP} {INIT_CGROUP} {ARCSTATS} {PRESSURE} {VMSTAT} "
    f"{' '.join(f'{HUGEPAGES}/*/{name}' for name in HUGEPAGE_FILES)}; "
    'while d=${d%/}; do set -- "$@" "$r$d/memory.$l" "$r$d/memory.$u" "$r$d/memory.stat"; '
    "case $d in */*) d=${d%/*};; *) break;; esac; done; "
    f'grep -s -E "{_WANTED}" "$@"; '
    f'echo "{_END}"'
)
"""Prints a reading for L(parse_output). Always ends with exit code 0."""

_TAG = re.compile(r"(/proc/[a-z_/0-9]+|/sys/fs/cgroup.*/memory\.[a-z_]+|/sys/kernel/mm/hugepages/[^/:]+/[a-z_]+):(.*)")
_FOREIGN = "foreign text inside the line; does the host write messages to every terminal?"


class Reading(NamedTuple):
    """The text of each file, None for a file that does not exist. C(groups) and C(hugepages) are files by path."""

    meminfo: str
    zoneinfo: Optional[str] = None
    min_free_kbytes: Optional[str] = None
    osrelease: Optional[str] = None
    page_size: Optional[str] = None
    self_cgroup: Optional[str] = None
    arcstats: Optional[str] = None
    groups: Optional[Mapping[str, str]] = None
    pressure: Optional[str] = None
    vmstat: Optional[str] = None
    init_cgroup: Optional[str] = None
    hugepages: Optional[Mapping[str, str]] = None


def needed(text: Optional[str]) -> Optional[str]:
    """The lines of a file that the command would send, so that all ways of reading a host give the same."""
    return None if text is None else "\n".join(line for line in text.splitlines() if _NEEDED.search(line))


def parse_output(text: str) -> Reading:
    """The reading in the output of a host, which may have other text before, between and after the lines of the reading.

    :raises ObservationError: there is no reading, it is incomplete, or there are two.
    """
    files: Dict[str, List[str]] = {}
    page_size: Optional[str] = None
    for line in _between_marks(text):
        match = _TAG.fullmatch(line)
        if match:
            files.setdefault(match.group(1), []).append(match.group(2))
        elif line.startswith(f"{_PAGE_SIZE}:"):
            page_size = line.partition(":")[2]
        elif f"{MEMINFO}:" in line:
            # The counter is lost and not the host.
            counter = line.partition(f"{MEMINFO}:")[2].partition(":")[0]
            files.setdefault(MEMINFO, []).append(f"{counter}: {_FOREIGN}")
        elif f"{ZONEINFO}:" in line:
            files.setdefault(ZONEINFO, []).append(f"Node: {_FOREIGN}")
    texts = {path: "\n".join(lines) for path, lines in files.items()}
    if MEMINFO not in texts:
        raise ObservationError(f"the host could not read {MEMINFO}; is /proc mounted, and does it have grep?")
    return Reading(
        meminfo=texts[MEMINFO],
        zoneinfo=texts.get(ZONEINFO),
        min_free_kbytes=texts.get(MIN_FREE),
        osrelease=texts.get(OSRELEASE),
        page_size=page_size,
        self_cgroup=texts.get(SELF_CGROUP),
        arcstats=texts.get(ARCSTATS),
        groups={path: value for path, value in texts.items() if path.startswith("/sys/fs/")},
        init_cgroup=texts.get(INIT_CGROUP),
        hugepages={path: value for path, value in texts.items() if path.startswith(HUGEPAGES)},
        pressure=texts.get(PRESSURE),
        vmstat=texts.get(VMSTAT),
    )


def _between_marks(text: str) -> List[str]:
    lines = [line.rstrip("\r") for line in text.split("\n")]
    begins = [number for number, line in enumerate(lines) if line == _BEGIN]
    ends = [number for number, line in enumerate(lines) if line == _END]
    if not begins:
        raise ObservationError(f"the host printed no reading of its memory, but: {_excerpt(text)}")
    if not ends:
        raise ObservationError(f"the reading is incomplete, it ends with {lines[-1][-120:]!r}; was the connection lost?")
    if len(begins) > 1 or len(ends) > 1 or ends[0] < begins[0]:
        raise ObservationError("the host printed more than one reading; run the command once")
    return lines[begins[0] + 1 : ends[0]]


def _excerpt(text: str) -> str:
    return repr(text.strip()[-300:]) if text.strip() else "nothing at all"
