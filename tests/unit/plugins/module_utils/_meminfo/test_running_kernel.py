# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel that runs these tests agrees with the formulas."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

from ansible_collections.fleetlab.linux.plugins.module_utils._host import files
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.available import stand_ins
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.facts import make_facts
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.observe import read_host

_TRIES = 5
"""A kernel does not stop while it prints its counters: the calmest of several readings counts."""


def test_our_formula_gives_the_value_of_the_kernel() -> None:
    errors = []
    for _try in range(_TRIES):
        found = make_facts(read_host(files.Host()))
        formulas = found["available"]["formulas"]
        ours = stand_ins(tuple(found["kernel"]["version"]))[0]
        errors.append(abs(formulas[ours] - formulas["kernel"]) / formulas["kernel"])
    assert min(errors) < 0.001


def test_the_extended_sum_leaves_next_to_nothing() -> None:
    assert min(abs(make_facts(read_host(files.Host()))["accounting"]["extended"]["percent"]) for _try in range(_TRIES)) < 0.2


_WRITTEN = 800 << 20
_FILL = """
mount -t tmpfs -o size={size},mode=700 fleetlab-test {folder} && head -c {bytes} /dev/zero >{folder}/file && echo written && read -r _end
"""
"""In a mount namespace of its own, with which the file system and all that is in it goes, however the test ends."""


def written_into_memory(folder: Path, size: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The facts before and after so many bytes were written to a tmpfs that nobody else sees."""
    script = _FILL.format(folder=shlex.quote(str(folder)), bytes=size, size=size + (1 << 20))
    own_user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    before = make_facts(read_host(files.Host()))
    argv = ["unshare", "--mount", *own_user, "sh", "-c", script]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "written\n"
        after = make_facts(read_host(files.Host()))
        process.communicate("")
    return before, after


def moved(before: dict[str, Any], after: dict[str, Any]) -> dict[str, int]:
    """By how much, for the figures that what is written to tmpfs moves, and for one that it does not."""

    def figures(facts: dict[str, Any]) -> dict[str, int]:
        return {
            "Shmem": facts["bytes"]["Shmem"],
            "Cached": facts["bytes"]["Cached"],
            "tmpfs": facts["accounting"]["tmpfs"],
            "anonymous": facts["free"]["anonymous"],
            "reclaimable": facts["accounting"]["cached_reclaimable"],
            "available": facts["available"]["bytes"],
            "formula": facts["available"]["formulas"][stand_ins(tuple(facts["kernel"]["version"]))[0]],
            "free": facts["free"]["minus_available"]["free"],
        }

    old, new = figures(before), figures(after)
    return {name: new[name] - old[name] for name in old}


def test_what_is_written_to_tmpfs_is_seen_and_no_longer_available(tmp_path: Path) -> None:
    size = min(_WRITTEN, make_facts(read_host(files.Host()))["available"]["bytes"] // 4)
    expected = {"Shmem": 1, "Cached": 1, "tmpfs": 1, "anonymous": 1, "reclaimable": 0, "available": -1, "formula": -1, "free": -1}
    found = [moved(*written_into_memory(tmp_path, size)) for _try in range(_TRIES)]
    # Whatever else the machine does meanwhile moves each of them too.
    errors = {name: min(abs(one[name] / size - part) for one in found) for name, part in expected.items()}
    assert {name: error for name, error in errors.items() if error > 0.25} == {}
