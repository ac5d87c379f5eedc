# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which network a service runs is read from the namespace of its main process."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import OWN_PROCESSES, Stubs, play_role

VERIFY = {"name": "fleetlab.linux.isolated_service", "tasks_from": "verify"}


def verify(folder: Path, pid: int, state: str) -> str:
    """What is said of a service with that main process; nothing where it has the network that it shall have."""
    Stubs(folder, {"private_tmp": {"restart_needed": False, "problems": []}})
    (folder / "bin").mkdir()
    (folder / "bin/systemctl").write_text(f"#!/bin/sh\necho {pid}\n", encoding="utf-8")
    (folder / "bin/systemctl").chmod(0o755)
    variables = {"isolated_service_name": "web", "isolated_service_netns": "fleetlab-none", "isolated_service_state": state}
    return play_role(folder, {"here": variables}, path=str(folder / "bin"), prefix=OWN_PROCESSES, **VERIFY).get("here", "")


@pytest.mark.parametrize(("state", "expected"), [("absent", ""), ("present", "its network namespace is 'out', not 'in'")])
def test_a_process_in_the_network_of_the_host_is_out(tmp_path: Path, state: str, expected: str) -> None:
    message = verify(tmp_path, 1, state)
    assert expected in message
    assert bool(message) is bool(expected)


def test_a_service_without_a_process_is_in_neither_network(tmp_path: Path) -> None:
    assert "its network namespace is 'other', not 'in'" in verify(tmp_path, 0, "present")
