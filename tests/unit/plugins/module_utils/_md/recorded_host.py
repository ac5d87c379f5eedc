# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's answers, recorded and played back. C(tests/record) makes the scenes, and writes them to files."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import CommandResult, SystemRunner
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.wanted import Wanted, WantedArray
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.observe import Observation
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.probe import Probe
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.superblock import PLACE, places

FOLDERS = sorted((Path(__file__).resolve().parents[4] / "fixtures" / "mdadm").iterdir())
"""What was recorded, by version of mdadm."""

_METHODS = {
    **{name: name for name in ("text", "content", "names", "device_number", "hostname", "program")},
    "resolve": "target",
}
"""Methods of a host whose answers are recorded, and the name of each in recordings."""


class RecordedFiles(Host):
    """Gives recorded answers of a host's files; what was not asked when they were recorded is not there."""

    _NOTHING: Dict[str, Any] = {"text": None, "content": None, "names": [], "device_number": [None, ""], "program": False}

    def __init__(self, answers: Dict[str, Any]) -> None:
        super().__init__()
        object.__setattr__(self, "answers", answers)

    def _answer(self, method: str, *arguments: str) -> Any:
        answers: Dict[str, Any] = self.answers  # type: ignore[attr-defined]
        key = " ".join([method, *arguments])
        return answers.get(key, arguments[0] if method == "target" else self._NOTHING.get(method))

    def read(self, path: str) -> Optional[str]:
        found: Optional[str] = self._answer("text", path)
        return found

    def text(self, path: str, errors: str = "replace") -> Optional[str]:
        return self.read(path)

    def content(self, path: str) -> Optional[Tuple[str, int]]:
        found = self._answer("content", path)
        return tuple(found) if found else None

    def names(self, folder: str) -> List[str]:
        found: List[str] = self._answer("names", folder)
        return found

    def exists(self, path: str) -> bool:
        return self.read(path) is not None

    def resolve(self, path: str) -> str:
        return str(self._answer("target", path))

    def device_number(self, path: str) -> Tuple[Optional[str], str]:
        return tuple(self._answer("device_number", path))

    def hostname(self) -> str:
        return str(self._answer("hostname") or "b1")

    def program(self, name: str) -> bool:
        return bool(self._answer("program", name))


class RecordedHost(Probe):
    """Gives recorded answers of a host."""

    def __init__(self, answers: Dict[str, Any]) -> None:
        super().__init__(RecordedFiles(answers))
        self.answers = answers
        self.uuids = 0

    @classmethod
    def load(cls, path: Path) -> RecordedHost:
        """The host recorded in a file."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def read(self, node: str, offset: int, length: int) -> Optional[bytes]:
        found = self.answers.get(f"read {node} {offset}")
        # Only the part that says something is kept, the rest of a block is zero.
        return base64.b64decode(found).ljust(length, b"\0") if found is not None else bytes(length)

    def is_claimed(self, node: str) -> bool:
        return bool(self.answers.get(f"busy {node}"))

    def users(self, number: str) -> List[str]:
        found: List[str] = self.answers.get(f"users {number}", [])
        return found

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


class RecordingFiles(Host):
    """Asks the real host and writes down what it says."""

    def __init__(self, answers: Dict[str, Any]) -> None:
        super().__init__()
        object.__setattr__(self, "answers", answers)

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return _recorded(self.answers, _METHODS[name], found) if name in _METHODS else found

    def exists(self, path: str) -> bool:
        # A recording knows whether a file exists by its content.
        return self.read(path) is not None


class RecordingHost(Probe):
    """Asks the real host and writes down what it says."""

    def __init__(self) -> None:
        self.answers: Dict[str, Any] = {}
        super().__init__(RecordingFiles(self.answers))

    def is_claimed(self, node: str) -> bool:
        return bool(_recorded(self.answers, "busy", super().is_claimed)(node))

    def users(self, number: str) -> List[str]:
        found: List[str] = _recorded(self.answers, "users", super().users)(number)
        return found

    def read(self, node: str, offset: int, length: int) -> Optional[bytes]:
        data = super().read(node, offset, length)
        if data is not None and data.strip(b"\0"):
            self.answers[f"read {node} {offset}"] = base64.b64encode(data.rstrip(b"\0")).decode()
        return data


def _recorded(answers: Dict[str, Any], name: str, ask: Callable[..., Any]) -> Callable[..., Any]:
    def recorded(*arguments: str) -> Any:
        answer = ask(*arguments)
        if answer not in (None, [], False, (None, "")):
            # How bytes that are no text are read does not matter here.
            answers[" ".join([name, *(arguments[:1] if name == "text" else arguments)])] = answer.strip() if name == "text" else answer
        return answer

    return recorded


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
    array = WantedArray("", "md1", "present", host.host.hostname(), level="raid10", devices=tuple(paths))
    state = Observation(host).deep(Wanted((array,)), RecordingRunner(host.answers))
    for device in state.devices.values():
        for _version, offset in places(device.size):
            host.read(device.node, offset, PLACE)
    return host.answers
