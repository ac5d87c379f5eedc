# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of arrays that cannot work are refused before anything changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import play_role

TARGETS = [{"name": f"server{number}", "host": f"192.0.2.{number}", "port": 3260, "iqn": f"iqn.2026-01.test:{number}"} for number in (1, 2)]


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_names_that_are_not_md_and_a_number_are_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    names = {"leg": ("leg", "md99"), "zero": ("md0", "md99"), "stripe": ("md", "data"), "twice": ("md", "md2"), "path": ("md/", "md99")}
    common = {
        # Nothing listens there: whatever comes after the refusal has no machine to change.
        "ansible_connection": "ssh",
        "ansible_host": "127.0.0.1",
        "ansible_port": 1,
        "storage_client_targets": TARGETS,
        "storage_client_servers": [],
        "storage_client_luns": 2,
        "storage_client_packages": [],
        "storage_chap_secret": "secret-secret",
    }
    hosts = {
        host: {
            **common,
            # Each host has targets of its own, because two writers are refused before the names are.
            "storage_client_targets": [{**target, "iqn": f"{target['iqn']}-{host}"} for target in TARGETS],
            "storage_client_mirror_prefix": prefix,
            "storage_client_stripe": stripe,
        }
        for host, (prefix, stripe) in names.items()
    }
    found = play_role(tmp_path, hosts, *options, name="fleetlab.linux.storage_client")
    said = {host: message.partition(" give the arrays the names ")[2].partition(":")[0] for host, message in found.items()}
    assert said == {host: f"{prefix}1, {prefix}2, {stripe}" for host, (prefix, stripe) in names.items()}
    assert all(message.startswith("storage_client_mirror_prefix and storage_client_stripe") for message in found.values())
