# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Common code of the scenes of all tools: commands, versions, and the folders of their output."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}


def run(*argv: str, stdin: str | None = None, accept: Sequence[int] = (0,)) -> str:
    """The output of a command; a failed command ends the recording with its message."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    if done.returncode not in accept:
        raise SystemExit(f"record: {' '.join(argv)} ended with exit code {done.returncode}: {done.stderr}{done.stdout}")
    return done.stdout


def package_version(package: str) -> str:
    """The version of an installed Debian package."""
    return run("dpkg-query", "--show", "--showformat=${Version}", package)


def upstream_version(package: str) -> str:
    """The version without Debian's additions."""
    return package_version(package).rpartition("-")[0].rpartition(":")[2]


@dataclass(frozen=True)
class Folder:
    """The folder with the recordings of one version of a tool."""

    path: Path

    def save(self, name: str, text: str) -> None:
        """One recording."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text, encoding="utf-8")
