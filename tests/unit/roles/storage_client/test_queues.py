# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role hands to disk_queue, and when."""

from __future__ import annotations

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import load, task


def test_the_rule_has_the_declared_settings() -> None:
    options = task("storage_client", "queues.yml", "Queues | Udev rule, and disks that follow the rule")["fleetlab.linux.disk_queue"]
    assert options == {"path": "{{ storage_client_queue_file }}", "settings": "{{ storage_client_queue }}"}
    defaults = load("storage_client", "defaults/main.yml")
    assert (defaults["storage_client_queue"], defaults["storage_client_queue_file"]) == (
        {"scheduler": "none"},
        "/etc/udev/rules.d/60-storage-client.rules",
    )


def test_they_are_looked_at_when_the_logins_have_brought_them_and_before_arrays_use_them() -> None:
    """Before the first login there is no disk that could say that it does not take a value."""
    included = [
        task["ansible.builtin.include_tasks"]["file"]
        for task in load("storage_client", "tasks/main.yml")
        if "ansible.builtin.include_tasks" in task
    ]
    assert included.index("sessions.yml") < included.index("queues.yml") < included.index("arrays.yml")
