# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded hosts as trees of files."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check.tree import Tree

FIXTURES = Path(__file__).resolve().parents[5] / "fixtures"
MDADM = sorted((FIXTURES / "mdadm").iterdir())
SCENES = sorted(path for folder in MDADM for path in folder.glob("*.json"))


def put(tree: Tree, path: str, text: str) -> None:
    """Write a file of the tree."""
    file = Path(tree.root + path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def add_arrays(tree: Tree, scene: Path) -> None:
    """The arrays that a scene of mdadm recorded."""
    answers = json.loads(scene.read_text(encoding="utf-8"))
    for key, answer in answers.items():
        method, _blank, path = key.partition(" ")
        if method == "text" and path.startswith(("/sys/block/", "/run/mdadm/")):
            put(tree, path, f"{answer}\n")
        elif method == "content" and path.startswith("/etc/mdadm"):
            put(tree, path, answer[0])
        elif method == "target" and path.endswith("/block"):
            link = Path(tree.root + path)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(answer)


def add_sessions(tree: Tree, failed: bool = False) -> None:
    """The four recorded sessions that are logged in, or also the fifth, which has failed."""
    for line in (FIXTURES / "sysfs_iscsi/6.1/five_sessions.txt").read_text(encoding="utf-8").splitlines():
        name, tab, value = line.partition("\t")
        if tab and " -> " not in line and (failed or "/session25/" not in name):
            put(tree, name, f"{value}\n")


def add_target(tree: Tree) -> None:
    """The target that was recorded, saved for boot."""
    recorded = json.loads((FIXTURES / "configfs/6.1/one_target.json").read_text(encoding="utf-8"))
    for name, content in recorded.items():
        path = Path(tree.root) / "sys/kernel/config/target" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        elif "link" in content:
            path.symlink_to(content["link"])
        else:
            path.mkdir(exist_ok=True)
    saved = (FIXTURES / "rtslib").glob("*/one_target.json")
    put(tree, "/etc/rtslib-fb-target/saveconfig.json", next(saved).read_text(encoding="utf-8"))
