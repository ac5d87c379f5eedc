# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storage servers: volumes, target, access control, and the saved configuration for the next boot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from testinfra.host import Host

    from .conftest import Lab

testinfra_hosts = ["ansible://storage_servers"]

_ISCSI = "/sys/kernel/config/target/iscsi"


@pytest.fixture
def tpg(lab: Lab, name: str) -> str:
    """The target portal group in configfs."""
    return f"{_ISCSI}/{lab.prefix}{name}/tpgt_1"


def _read(host: Host, path: str) -> str:
    return str(host.file(path).content_string).strip()


def test_one_volume_group_and_one_volume_on_each_disk(host: Host, lab: Lab) -> None:
    report = json.loads(host.check_output("lvs --reportformat json --units m --nosuffix -o vg_name,lv_name,lv_size,devices"))
    volumes = report["report"][0]["lv"]
    assert len(volumes) == lab.volumes
    assert len({volume["vg_name"] for volume in volumes}) == lab.volumes
    assert {float(volume["lv_size"]) for volume in volumes} == {float(lab.volume_mb)}


def test_only_this_target_is_there(host: Host, name: str, lab: Lab) -> None:
    names = host.file(_ISCSI).listdir()
    assert [name for name in names if name.startswith("iqn.")] == [f"{lab.prefix}{name}"]


def test_the_target_serves_all_volumes(host: Host, lab: Lab, tpg: str) -> None:
    assert _read(host, f"{tpg}/enable") == "1"
    assert sorted(host.file(f"{tpg}/lun").listdir()) == [f"lun_{number}" for number in range(lab.volumes)]


def test_authentication_is_enforced(host: Host, tpg: str) -> None:
    assert _read(host, f"{tpg}/attrib/authentication") == "1"
    assert _read(host, f"{tpg}/attrib/generate_node_acls") == "0"


def test_only_the_clients_may_log_in(host: Host, lab: Lab, tpg: str) -> None:
    assert sorted(host.file(f"{tpg}/acls").listdir()) == [f"{lab.prefix}{client}" for client in lab.clients]
    for client in lab.clients:
        acl = f"{tpg}/acls/{lab.prefix}{client}"
        assert _read(host, f"{acl}/auth/userid") == "storage"
        assert len(_read(host, f"{acl}/auth/password")) == 16
        assert _read(host, f"{acl}/cmdsn_depth") == "512"
        assert _read(host, f"{acl}/attrib/nopin_timeout") == "0"
        mapped = [name for name in host.file(acl).listdir() if name.startswith("lun_")]
        assert len(mapped) == lab.volumes


def test_the_saved_configuration_is_private_and_complete(host: Host, lab: Lab, name: str) -> None:
    saved = host.file("/etc/rtslib-fb-target/saveconfig.json")
    assert saved.mode == 0o600
    content = json.loads(saved.content_string)
    assert len(content["storage_objects"]) == lab.volumes
    assert [target["wwn"] for target in content["targets"]] == [f"{lab.prefix}{name}"]


def test_the_target_is_restored_at_boot(host: Host) -> None:
    assert host.service("rtslib-fb-targetctl").is_enabled
