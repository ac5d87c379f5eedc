# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The readings under tests/fixtures/proc, by kernel, and the cases of public reports under tests/fixtures/memory-cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.collect import Reading
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.facts import make_facts

PROC = Path(__file__).resolve().parents[4] / "fixtures" / "proc"
CASES = PROC.parent / "memory-cases"
KERNELS = sorted(path.name for path in PROC.iterdir() if path.is_dir())
POSTS = ("3.2-posts-plain", "3.2-posts-extended")
CONTAINERS = ("5.15-lxc", "6.18-container")


def text(kernel: str, name: str) -> str | None:
    """One file of a kernel, None if there is none."""
    folder = CASES / kernel
    path = (folder if folder.exists() else PROC / kernel) / name
    return path.read_text(encoding="utf-8") if path.exists() else None


def tables(kernel: str) -> dict[str, str]:
    """The files of control groups and of huge pages, by path."""
    found: dict[str, str] = {}
    for name in ("groups.json", "hugepages.json"):
        found.update(json.loads(text(kernel, name) or "{}"))
    return found


def reading(kernel: str, **changes: Any) -> Reading:
    """The reading of a kernel; C(changes) replace files."""
    meminfo = text(kernel, "meminfo")
    assert meminfo is not None
    files: dict[str, Any] = {
        "meminfo": meminfo,
        "zoneinfo": text(kernel, "zoneinfo"),
        "min_free_kbytes": text(kernel, "min_free_kbytes"),
        "osrelease": text(kernel, "osrelease"),
        "page_size": text(kernel, "pagesize"),
        "self_cgroup": text(kernel, "cgroup"),
        "arcstats": text(kernel, "arcstats"),
        "pressure": text(kernel, "pressure"),
        "vmstat": text(kernel, "vmstat"),
        "init_cgroup": text(kernel, "init_cgroup"),
        "groups": json.loads(text(kernel, "groups.json") or "{}"),
        "hugepages": json.loads(text(kernel, "hugepages.json") or "{}"),
    }
    return Reading(**{**files, **changes})


def facts(kernel: str, **changes: Any) -> dict[str, Any]:
    """The facts of a kernel."""
    return make_facts(reading(kernel, **changes))


def with_counter(kernel: str, name: str, value: str) -> str:
    """The meminfo of a kernel with another value (with its unit) for one counter."""
    meminfo = text(kernel, "meminfo")
    assert meminfo is not None
    return "".join(f"{name}: {value}\n" if line.startswith(f"{name}:") else line for line in meminfo.splitlines(keepends=True))


def without_counter(kernel: str, *names: str) -> str:
    """The meminfo of a kernel without some counters."""
    meminfo = text(kernel, "meminfo")
    assert meminfo is not None
    return "".join(line for line in meminfo.splitlines(keepends=True) if line.partition(":")[0] not in names)
