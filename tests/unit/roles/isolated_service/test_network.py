# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which network a service runs is read from the namespaces of all its processes, by netns_info."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import Stubs, play_role

VERIFY = {"name": "fleetlab.linux.isolated_service", "tasks_from": "verify"}


def verify(folder: Path, network: str, state: str, dns_current: bool = True) -> str:
    """What is said of a service with processes in that network; nothing where it has the network that it shall have."""
    service = {"network": network, "dns_current": dns_current, "sockets": [], "local_peers": []}
    Stubs(folder, {"private_tmp": {"restart_needed": False, "problems": []}, "netns_info": {"service": service}})
    variables = {"isolated_service_name": "web", "isolated_service_netns": "fleetlab-none", "isolated_service_state": state}
    return play_role(folder, {"here": variables}, **VERIFY).get("here", "")


@pytest.mark.parametrize(
    ("network", "state", "dns_current", "expected"),
    [
        ("out", "absent", True, ""),
        ("in", "absent", True, "its network namespace is 'in', not 'out'"),
        # PrivateNetwork=yes, or another namespace in the unit.
        ("other", "absent", True, ""),
        ("out", "present", True, "its network namespace is 'out', not 'in'"),
        ("other", "present", True, "its network namespace is 'other', not 'in'"),
        # A unit whose processes are those of other units, such as Debian's postgresql.
        ("none", "present", True, ""),
        ("in", "present", False, "it sees other files of DNS than those declared"),
    ],
)
def test_the_network_of_all_processes_is_compared(tmp_path: Path, network: str, state: str, dns_current: bool, expected: str) -> None:
    message = verify(tmp_path, network, state, dns_current)
    assert expected in message
    assert bool(message) is bool(expected)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("ActiveState=active SubState=running Result=success NRestarts=0", ""),
        ("ActiveState=failed SubState=failed Result=exit-code NRestarts=0", "web.service ran before, and ended after its restart"),
        ("ActiveState=activating SubState=auto-restart Result=exit-code NRestarts=1", "Result=exit-code, NRestarts=1"),
        ("ActiveState=active SubState=running Result=success NRestarts=2", "NRestarts=2"),
    ],
)
def test_a_service_that_ends_after_the_restart_is_an_error(tmp_path: Path, state: str, expected: str) -> None:
    program = tmp_path / "bin/systemctl"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' {state}\n", encoding="utf-8")
    program.chmod(0o755)
    include = {"name": "fleetlab.linux.isolated_service", "tasks_from": "runs"}
    message = play_role(tmp_path, {"here": {"isolated_service_name": "web"}}, path=str(program.parent), **include).get("here", "")
    assert expected in message
    assert bool(message) is bool(expected)
