# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the processes of a started guest run."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.apply.operations import start_guest

from ..test_plan import lab_of

# Takes the place of the script that enters the lab's namespaces, and notes the CPUs that a process of the guest may use.
ENTER = """#!/bin/sh
sh -c 'grep Cpus_allowed_list /proc/self/status' >"$2.cpus"
exec sleep 2
"""


@pytest.mark.parametrize(("backend", "alone"), [("uml", True), ("qemu", False)])
def test_a_guest_of_user_mode_linux_stays_on_one_cpu(tmp_path: Path, backend: str, alone: bool) -> None:
    lab = dataclasses.replace(lab_of(backend, servers=3), directory=str(tmp_path))
    (tmp_path / "enter").write_text(ENTER, encoding="utf-8")
    (tmp_path / "enter").chmod(0o755)
    cpus = sorted(os.sched_getaffinity(0))
    for position, guest in enumerate(lab.guests):
        folder = Path(lab.guest_directory(guest))
        folder.mkdir(parents=True)
        start_guest(lab, guest.name, Host())
        found = (folder / "start.cpus").read_text(encoding="utf-8").split()[1]
        assert (found == str(cpus[position % len(cpus)])) is (alone or len(cpus) == 1)
