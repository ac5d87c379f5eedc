# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests that cannot be started: the user sees the message of the module, and not the result with all its planned commands."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import render, task

COMMANDS = {"commands": [["start-guest", "name=server1"]], "done": ["mkdir /srv/lab"]}


@pytest.mark.parametrize("backend", ["uml", "qemu"])
def test_the_result_of_the_module_is_never_printed(backend: str) -> None:
    guests = task("lab_hosts", f"{backend}.yml", "Configure | Guests")
    assert (guests["register"], guests["failed_when"]) == ("lab_hosts_made", False)


@pytest.mark.parametrize(
    ("made", "goes_on"),
    [
        ({"guests": [{"running": True}]}, True),
        # Check mode without a lab.
        ({"guests": [{"running": False}]}, True),
        ({"guests": [{"running": True}, {"running": False}], "msg": "server2: the guest ended", **COMMANDS}, True),
        ({"guests": [{"running": False}], "msg": "server1: the guest ended", **COMMANDS}, False),
        ({"msg": "backend: uml guests need /dev/net/tun"}, False),
    ],
)
def test_without_a_machine_the_play_ends_with_the_message_alone(made: dict[str, Any], goes_on: bool) -> None:
    checked = task("lab_hosts", "main.yml", "Fail without machines")["ansible.builtin.assert"]
    assert render(f"{{{{ {checked['that']} }}}}", lab_hosts_made=made) == str(goes_on)
    assert render(checked["fail_msg"], lab_hosts_made=made) == made.get("msg", "")
