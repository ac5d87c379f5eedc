# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The counters of /proc/meminfo, and the small files read with it. Pure.

A line that cannot be understood costs its counter, which then has no value but a reason in C(problems), and never the host, except
that without MemTotal and MemFree nothing can be reported.

The records of this wing are named tuples and not dataclasses, because dataclasses take seven times as long to create, on every host.
"""

from __future__ import annotations

import re
from typing import Dict, Mapping, NamedTuple, Optional, Tuple

from .._core.errors import ObservationError

KIB = 1024
_LARGEST = 1 << 64
"""The kernel counts bytes in 64 bits; a larger value is a counter that went below zero."""

FILES = ("Active(file)", "Inactive(file)")
_LINE = re.compile(r"([^:]+):\s*(\S+)(?:\s+(\S+))?")
"""Kernels of vendors have names with blanks, such as C(Normal Fallback)."""
_HEADER_OF_2_4 = ("total", "Mem", "Swap")
"""A header and two lines of figures, which kernels 2.4, and patched later ones, print before the counters that repeat them."""
_LONGEST_NAME = 60
_NUMBER = re.compile(r"[0-9]{1,30}")
_LAST_OF_OLD = "VmallocTotal"
"""Every kernel since 2.4 prints this counter, after all counters of the sums except a few new ones."""


class Meminfo(NamedTuple):
    """The counters by the kernel's names: C(sizes) in bytes, plain C(counts), and in C(problems) the reason why a counter has no value."""

    sizes: Mapping[str, int]
    counts: Mapping[str, int]
    problems: Mapping[str, str]
    most_files: Optional[int] = None
    """The most that the file cache can be, in bytes, if the lists of files are larger and therefore not believed."""

    @property
    def files(self) -> Optional[int]:
        """The file cache that can be reclaimed, in bytes, None if it is unknown."""
        if self.most_files is not None:
            return self.most_files
        return None if self.lacks(*FILES) else sum(self.sizes[name] for name in FILES)

    @property
    def total(self) -> int:
        """MemTotal in bytes, above zero."""
        return self.sizes["MemTotal"]

    @property
    def is_whole(self) -> bool:
        """Whether the file is complete; if it is not, a missing counter does not mean zero."""
        return _LAST_OF_OLD in self.sizes

    def lacks(self, *names: str) -> Optional[str]:
        """Why these counters cannot be summed up, or None if they can."""
        for name in names:
            if name not in self.sizes:
                return f"{name}: {self.problems.get(name, 'not in /proc/meminfo')}"
        return None


def parse_meminfo(text: str) -> Meminfo:
    """The counters of a host.

    :raises ObservationError: MemTotal or MemFree is missing or not plausible.
    """
    sizes: Dict[str, int] = {}
    counts: Dict[str, int] = {}
    problems: Dict[str, str] = {}
    for line in text.splitlines():
        name = line.partition(":")[0].strip()[:_LONGEST_NAME]
        if not name or name in _HEADER_OF_2_4:
            continue
        match = _LINE.fullmatch(line.strip())
        value, problem = _value(name, *match.groups()[1:]) if match else (0, f"cannot understand the line {line.strip()[:80]!r}")
        if name in sizes or name in counts or name in problems:
            problem = "occurs twice; is this the output of one machine?"
            sizes.pop(name, None)
            counts.pop(name, None)
        if problem is not None:
            problems[name] = problem
        elif match and match.group(3) is None:
            counts[name] = value
        else:
            sizes[name] = value
    return _checked(Meminfo(sizes, counts, problems))


def _value(name: str, number: str, unit: Optional[str]) -> Tuple[int, Optional[str]]:
    if unit not in (None, "kB"):
        return 0, f"has the unit {unit!r}, not kB"
    if unit is None and not name.startswith("HugePages_"):
        return 0, "has no unit"
    value = whole_number(number)
    if value is None:
        return 0, f"is not a whole number: {number[:40]!r}"
    value *= KIB if unit else 1
    if value >= _LARGEST:
        return 0, f"went below zero in the kernel, which shows as {number} kB"
    return value, None


def _checked(info: Meminfo) -> Meminfo:
    for name in ("MemTotal", "MemFree"):
        problem = info.lacks(name)
        if problem is not None:
            raise ObservationError(f"/proc/meminfo: {problem}; without it this host's memory cannot be reported")
    if not info.total > 0:
        raise ObservationError("/proc/meminfo: MemTotal is 0; is /proc of this host mounted?")
    if info.sizes["MemFree"] > info.total:
        raise ObservationError(f"/proc/meminfo: MemFree is {info.sizes['MemFree']} bytes, more than MemTotal, {info.total}: not plausible")
    return info


def whole_number(text: str) -> Optional[int]:
    """A number of ASCII digits, or None. C(int) is not enough, because it accepts signs, underscores and digits of other scripts."""
    return int(text) if _NUMBER.fullmatch(text) else None


def parse_min_free(text: Optional[str]) -> Optional[int]:
    """Bytes of C(vm.min_free_kbytes)."""
    value = whole_number((text or "").strip())
    return None if value is None or value * KIB >= _LARGEST else value * KIB


def parse_release(text: Optional[str]) -> Optional[Tuple[int, int, int]]:
    """Version, patch level and sublevel of a kernel release such as C(6.1.0-18-amd64)."""
    match = re.match(r"([0-9]{1,3})\.([0-9]{1,5})(?:\.([0-9]{1,5}))?", (text or "").strip(), re.ASCII)
    return (int(match.group(1)), int(match.group(2)), int(match.group(3) or 0)) if match else None


def parse_page_size(text: Optional[str]) -> Optional[int]:
    """Bytes of a page, from the output of getconf or a line C(KernelPageSize: 4 kB) of a mapping; None for other texts."""
    text = (text or "").strip()
    match = re.match(r"KernelPageSize:\s+([0-9]+) kB", text)
    value = int(match.group(1)) * KIB if match else whole_number(text)
    return value if value and 4 * KIB <= value <= KIB * KIB and value & (value - 1) == 0 else None
