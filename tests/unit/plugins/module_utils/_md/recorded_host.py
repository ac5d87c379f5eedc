# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's answers, recorded and played back. C(tests/record) makes the scenes, and writes them to files."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import CommandResult, SystemRunner
from ansible_collections.fleetlab.linux.plugins.module_utils._md.host import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe import Observation
from ansible_collections.fleetlab.linux.plugins.module_utils._md.superblock import BLOCK, places
from ansible_collections.fleetlab.linux.plugins.module_utils._md.wanted import Wanted

FOLDERS = sorted((Path(__file__).resolve().parents[4] / "fixtures" / "mdadm").iterdir())
"""What was recorded, by version of mdadm."""

_METHODS = ("text", "content", "names", "target", "device_number", "busy", "users", "hostname", "program")


class RecordedHost(Host):
    """Gives recorded answers; what was not asked when they were recorded is not there."""

    _NOTHING: Dict[str, Any] = {
        "text": None,
        "content": None,
        "names": [],
        "device_number": [None, ""],
        "busy": False,
        "users": [],
        "program": False,
    }

    def __init__(self, answers: Dict[str, Any]) -> None:
        self.answers = answers
        self.uuids = 0

    @classmethod
    def load(cls, path: Path) -> RecordedHost:
        """The host recorded in a file."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def _answer(self, method: str, *arguments: str) -> Any:
        key = " ".join([method, *arguments])
        return self.answers.get(key, arguments[0] if method == "target" else self._NOTHING.get(method))

    def text(self, path: str) -> Optional[str]:
        found: Optional[str] = self._answer("text", path)
        return found

    def content(self, path: str) -> Optional[Tuple[str, int]]:
        found = self._answer("content", path)
        return tuple(found) if found else None

    def names(self, folder: str) -> List[str]:
        found: List[str] = self._answer("names", folder)
        return found

    def target(self, path: str) -> str:
        return str(self._answer("target", path))

    def device_number(self, path: str) -> Tuple[Optional[str], str]:
        return tuple(self._answer("device_number", path))

    def read(self, node: str, offset: int, length: int) -> Optional[bytes]:
        found = self.answers.get(f"read {node} {offset}")
        # Only the part that says something is kept, the rest of a block is zero.
        return base64.b64decode(found).ljust(length, b"\0") if found is not None else bytes(length)

    def busy(self, node: str) -> bool:
        return bool(self._answer("busy", node))

    def users(self, number: str) -> List[str]:
        found: List[str] = self._answer("users", number)
        return found

    def hostname(self) -> str:
        return str(self.answers.get("hostname", "b1"))

    def program(self, name: str) -> bool:
        return bool(self._answer("program", name))

    def random_uuid(self) -> str:
        self.uuids += 1
        return f"{self.uuids:032x}"


class RecordedRunner:
    """Answers commands by their recorded output, and keeps what was run."""

    def __init__(self, answers: Dict[str, Any]) -> None:
        self.answers = answers
        self.argvs: List[List[str]] = []

    def run(self, argv: Any, stdin: Any = None, timeout: float = 60.0, accept: Any = (0,)) -> CommandResult:
        self.argvs.append(list(argv))
        answer = self._signatures(argv) if argv[0] == "wipefs" else self.answers.get("run " + " ".join(argv), "")
        return CommandResult(tuple(argv), 0, answer, "")

    def _signatures(self, argv: Any) -> str:
        """Of the devices that are asked for, which may be fewer than when it was recorded."""
        texts = [text for key, text in self.answers.items() if key.startswith("run wipefs ")]
        rows = [row for text in texts if text.strip() for row in json.loads(text)["signatures"]]
        return json.dumps({"signatures": [row for row in rows if f"/dev/{row['device']}" in argv]})


class RecordingHost(Host):
    """Asks the real host and writes down what it says."""

    def __init__(self) -> None:
        self.answers: Dict[str, Any] = {}

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in _METHODS:
            return found

        def recorded(*arguments: str) -> Any:
            answer = found(*arguments)
            if answer not in (None, [], False, (None, "")):
                self.answers[" ".join([name, *arguments])] = answer
            return answer

        return recorded

    def read(self, node: str, offset: int, length: int) -> Optional[bytes]:
        data = super().read(node, offset, length)
        if data is not None and data.strip(b"\0"):
            self.answers[f"read {node} {offset}"] = base64.b64encode(data.rstrip(b"\0")).decode()
        return data


class RecordingRunner(SystemRunner):
    """Runs commands and writes down their output."""

    def __init__(self, answers: Dict[str, Any]) -> None:
        self.answers = answers

    def run(self, argv: Any, stdin: Any = None, timeout: float = 60.0, accept: Any = (0,)) -> CommandResult:
        result = super().run(argv, stdin, timeout, accept)
        self.answers["run " + " ".join(argv)] = result.stdout
        return result


def record_host(paths: Sequence[str]) -> Dict[str, Any]:
    """All that observing the devices C(paths) and all arrays asks of this host."""
    host = RecordingHost()
    wanted = Wanted("", "md1", "present", host.hostname(), level="raid10", devices=tuple(paths))
    state = Observation(host).deep([wanted], RecordingRunner(host.answers))
    for device in state.devices.values():
        for _version, offset in places(device.size):
            host.read(device.node, offset, BLOCK)
    return host.answers
