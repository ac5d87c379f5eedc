# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The refusal of a module's options before the role changes anything."""

from __future__ import annotations

from typing import Any, NoReturn

from ansible_collections.fleetlab.linux.plugins.plugin_utils._storage.refused import refusal

SESSION = {"portal": {"host": "192.0.2.1", "port": 3260}, "target": "iqn.2026-01.com.example.storage:server1", "wait_for_luns": 5}


class Lazy(dict[str, Any]):
    """A dictionary like those of Ansible's templates, which bring all variables of a host with them when they are copied."""

    def __deepcopy__(self, memo: object) -> NoReturn:
        raise AssertionError("copied")


def test_options_of_templates_are_judged_without_copies_of_the_variables() -> None:
    assert refusal(Lazy(initiator_name="iqn.2026-01.com.example.storage:client1", sessions=[Lazy(SESSION)]), "iscsi_session") == ""


def test_options_that_the_module_would_refuse_are_named() -> None:
    assert "wait_for_luns" in refusal({"sessions": [{**SESSION, "wait_for_luns": "many"}]}, "iscsi_session")
    assert "iqn" in refusal({"sessions": [{**SESSION, "target": "server 1"}]}, "iscsi_session")
