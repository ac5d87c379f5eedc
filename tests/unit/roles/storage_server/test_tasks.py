# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role hands to the modules it uses."""

from __future__ import annotations

import ast

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import load, render, task


def test_no_disk_is_dropped_from_a_group_and_no_volume_shrinks() -> None:
    """Both modules do so by default, over the data that is there; with C(force) they would ask nothing else either."""
    group = task("storage_server", "volumes.yml", "Volumes | Group on each disk")["community.general.lvg"]
    volume = task("storage_server", "volumes.yml", "Volumes | Logical volume in each group")["community.general.lvol"]
    assert group["remove_extra_pvs"] is False
    assert volume["shrink"] is False
    assert {"force", "state"} & {*group, *volume} == set()


def test_luns_have_the_attributes_that_are_declared_for_all() -> None:
    assert load("storage_server", "defaults/main.yml")["storage_server_lun_attributes"] == {}
    assert task("storage_server", "main.yml", "Configure | Target")["fleetlab.linux.iscsi_target"]["luns"] == "{{ storage_server_luns }}"
    template = load("storage_server", "vars/main.yml")["storage_server_luns"]
    volumes = [{"vg": f"storage{number}", "path": f"/dev/storage{number}/volume"} for number in (1, 2)]
    text = render(template, storage_server_volumes=volumes, storage_server_lv="volume", storage_server_lun_attributes={"is_nonrot": 1})
    assert ast.literal_eval(text) == [
        {"lun": 0, "name": "storage1-volume", "path": "/dev/storage1/volume", "attributes": {"is_nonrot": 1}},
        {"lun": 1, "name": "storage2-volume", "path": "/dev/storage2/volume", "attributes": {"is_nonrot": 1}},
    ]
