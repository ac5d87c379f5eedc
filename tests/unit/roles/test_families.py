# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What another family of distributions names otherwise has its name there."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.fleetlab.linux.plugins.filter.host import packages
from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import load, render


def default(role: str, name: str, facts: dict[str, Any]) -> str:
    return render(load(role, "defaults/main.yml")[name], ansible_facts=facts, storage_client_filesystem="ext4").strip()


@pytest.mark.parametrize(
    ("facts", "services", "file"),
    [
        ({"os_family": "Debian"}, "['open-iscsi']", "/etc/mdadm/mdadm.conf.d/storage-server.conf"),
        ({"os_family": "RedHat"}, "['iscsi']", "/etc/mdadm.conf.d/storage-server.conf"),
        # The lab gathers none: it is Debian, with all packages in its image.
        ({}, "['open-iscsi']", "/etc/mdadm/mdadm.conf.d/storage-server.conf"),
    ],
)
def test_services_and_files_are_those_of_the_family(facts: dict[str, Any], services: str, file: str) -> None:
    assert default("storage_client", "storage_client_services", facts) == services
    assert default("storage_server", "storage_server_mdadm_file", facts) == file


@pytest.mark.parametrize(
    ("family", "server", "client"),
    [
        ("Debian", ["lvm2", "python3-rtslib-fb", "targetcli-fb"], ["mdadm", "open-iscsi"]),
        ("RedHat", ["lvm2", "python3-rtslib", "target-restore", "targetcli"], ["mdadm", "iscsi-initiator-utils"]),
    ],
)
def test_packages_are_those_of_the_family(family: str, server: list[str], client: list[str]) -> None:
    assert default("storage_server", "storage_server_packages", {"os_family": family}) == str(server)
    assert default("storage_client", "storage_client_packages", {"os_family": family}) == str(client)


def test_a_family_that_is_not_known_is_refused_by_name() -> None:
    with pytest.raises(AnsibleFilterError, match="host_packages: 'Plan9' is not a known family of distributions"):
        packages("Plan9", "storage_client")
