# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of isolated_service.yml after a reboot: connections from other machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .conftest import ask

if TYPE_CHECKING:
    from testinfra.host import Host

    from .conftest import Addresses

testinfra_hosts = ["ansible://storage_servers"]


def test_the_port_that_is_forwarded(host: Host, addresses: Addresses) -> None:
    assert "isolated" in host.run(ask(addresses.client, 10105)).stdout


def test_no_other_port_that_it_listens_on(host: Host, addresses: Addresses) -> None:
    assert host.run(ask(addresses.client, 80)).rc != 0
