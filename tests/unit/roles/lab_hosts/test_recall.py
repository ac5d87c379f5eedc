# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab on AWS needs on the controller."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import play_role

RECALL = {"name": "fleetlab.linux.lab_hosts", "tasks_from": "recall"}


@pytest.mark.parametrize(("backend", "expected"), [("aws", "the collection amazon.aws is not installed. Nothing was changed"), ("uml", "")])
def test_aws_is_refused_without_its_collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str, expected: str) -> None:
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_SCAN_SYS_PATH", "false")
    for name in ("ansible.posix", "community.general"):
        (folder,) = import_module(f"ansible_collections.{name}").__path__
        link = tmp_path / "collections/ansible_collections" / name.replace(".", "/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(folder)
    hosts = {"here": {"lab_backend": backend, "lab_name": "x", "lab_directory": str(tmp_path)}}
    message = play_role(tmp_path, hosts, **RECALL).get("here", "")
    assert expected in message
    assert bool(message) is bool(expected)


def test_aws_is_accepted_with_its_collection(tmp_path: Path) -> None:
    hosts = {"here": {"lab_backend": "aws", "lab_name": "x", "lab_directory": str(tmp_path)}}
    assert play_role(tmp_path, hosts, **RECALL) == {}
