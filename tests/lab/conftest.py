# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a storage lab should be, from its inventory; the tests look at it from outside, on whatever backend it runs.

Run by molecule, or by hand: pytest --connection=ansible --ansible-inventory=.lab/inventory.yml tests/lab
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from testinfra.utils.ansible_runner import AnsibleRunner

if TYPE_CHECKING:
    from testinfra.host import Host


@dataclass(frozen=True)
class Lab:
    """The declared names and numbers, with which the tests compare the machines. Sizes in MiB."""

    servers: dict[str, str]
    clients: dict[str, str]
    volumes: int
    volume_mb: int
    mtu: int
    prefix: str = "iqn.2026-01.com.example.storage:"

    @property
    def addresses(self) -> dict[str, str]:
        """Every machine's address by its name."""
        return {**self.servers, **self.clients}


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Lab:
    """The lab as its inventory declares it."""
    runner = AnsibleRunner(request.config.getoption("ansible_inventory"))
    variables: dict[str, dict[str, Any]] = {name: runner.get_variables(name) for name in runner.get_hosts("lab")}
    servers, clients = sorted(runner.get_hosts("storage_servers")), sorted(runner.get_hosts("storage_clients"))
    first = variables[servers[0]]
    return Lab(
        # On AWS the machines reach each other by other addresses than those by which they are reached.
        servers={name: variables[name].get("storage_address", variables[name]["ansible_host"]) for name in servers},
        clients={name: variables[name].get("storage_address", variables[name]["ansible_host"]) for name in clients},
        volumes=len(first["storage_server_devices"]),
        volume_mb=first["storage_server_volume_mb"],
        mtu=first["jumbo_frames_mtu"],
    )


@pytest.fixture
def name(host: Host) -> str:
    """The inventory name of the machine a test runs against."""
    return str(host.backend.get_pytest_id()).rpartition("://")[2]
