# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner put into a folder as the module puts it on a host, and jobs for it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.fleetlab.linux.plugins.module_utils._cron.program import COMMAND, LIBRARY, files
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.job import DEFINITIONS, STATES

UTC = "Etc/UTC"

DEFINITION: dict[str, Any] = {
    "name": "test",
    "timezone": UTC,
    "at": ["05:00", "19:00"],
    "command": "true",
    "user": None,
    "weekdays": [],
    "days": [],
    "dst": "once",
    "catch_up": False,
    "warn_after": None,
    "timeout": None,
    "netns": None,
    "private_tmp": False,
    "textfile": None,
    "backend": "cron",
}


@dataclass(frozen=True)
class Installation:
    """Everything below one folder; the paths in the files are moved there."""

    root: Path

    @property
    def command(self) -> Path:
        return self.root / COMMAND[1:]

    @property
    def state(self) -> Path:
        return self.root / STATES[1:] / "test" / "state.json"

    def install(self) -> None:
        for path, content in files(sys.executable).items():
            file = self.root / path[1:]
            file.parent.mkdir(parents=True, exist_ok=True)
            for folder in (str(Path(LIBRARY).parent), DEFINITIONS, STATES):
                content = content.replace(f'"{folder}"', f'"{self.root}{folder}"')
            file.write_text(content, encoding="utf-8")
        self.command.chmod(0o755)
        self.state.parent.mkdir(parents=True, mode=0o700)

    def declare(self, **changes: Any) -> None:
        file = self.root / DEFINITIONS[1:] / "test.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({**DEFINITION, **changes}), encoding="utf-8")

    def run(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(self.command), *words], check=False, capture_output=True, text=True, timeout=60, **options)

    def read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.state.read_text(encoding="utf-8"))
        return found
