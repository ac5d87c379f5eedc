# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of the files that make up the collection, in the folder structure that Ansible's tools insist on."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_NOT_SOURCES = {".ansible", ".cache", ".git", ".hypothesis", ".lab", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".venv", "build"}


def source_files() -> list[Path]:
    """Paths below the checkout: what git knows or would add; in an unpacked archive, everything but known leftovers."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        found = {Path(name) for name in listed if name}
    else:
        found = {path.relative_to(ROOT) for path in ROOT.rglob("*")}
        found = {path for path in found if path.parts[0] not in _NOT_SOURCES and "__pycache__" not in path.parts}
    return sorted(path for path in found if (ROOT / path).is_file() or (ROOT / path).is_symlink())


def copy_collection(place: Path) -> Path:
    """Copy the sources to C(place)/ansible_collections/fleetlab/linux and return that path."""
    copy = place / "ansible_collections" / "fleetlab" / "linux"
    for path in source_files():
        target = copy / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, target, follow_symlinks=False)
    return copy
