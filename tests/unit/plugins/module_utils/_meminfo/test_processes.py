# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The largest processes, from recorded output and on this machine."""

from __future__ import annotations

import os
import subprocess

from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.observe import read_processes
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.processes import COMMAND, MOST, largest, mark
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.readings import text

RECORDED = text("6.18", "processes") or ""


def test_the_recorded_processes_by_pss_and_where_it_is_secret_by_rss() -> None:
    assert largest(RECORDED) == [
        {"pid": 20105, "command": "python3", "pss": 44959 << 10, "rss": 49688 << 10, "swap": 0},
        {"pid": 1, "command": "process_api", "pss": None, "rss": 23524 << 10, "swap": 0},
        {"pid": 20103, "command": "sleep", "pss": 162 << 10, "rss": 1812 << 10, "swap": 0},
    ]


def test_ten_at_most_and_kernel_threads_never() -> None:
    lines = [f"{pid}/status:{field}" for pid in range(1, 50) for field in (f"Name:\tp{pid}", f"VmRSS:\t{pid} kB")]
    found = largest(mark([*lines, "99/status:Name:\tkthreadd"]))
    assert [each["pid"] for each in found] == list(range(49, 49 - MOST, -1))


def test_text_before_the_output_and_other_lines_count_for_nothing() -> None:
    assert largest("1/status:Name:\tfake\n1/status:VmRSS:\t9 kB\n" + RECORDED + "motd\n") == largest(RECORDED)
    assert largest("") == []
    assert largest(mark(["7/status:Name:\tx", "7/status:VmRSS:\tmuch kB"]))[0]["rss"] == 0


def test_the_command_and_the_module_find_this_process() -> None:
    printed = subprocess.run(["sh", "-c", COMMAND], capture_output=True, text=True, check=True).stdout
    for output in (printed, read_processes(Host())):
        ours = "\n".join(line for line in output.splitlines() if line.startswith((f"{os.getpid()}/", "fleetlab-")))
        [process] = largest(ours)
        assert 0 < process["pss"] <= process["rss"] + (64 << 10)
    # Passed through any login shell, like the other command.
    assert not set(COMMAND) & set("'!\\\n`")
