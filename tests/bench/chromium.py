# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless Chromium, spoken to through two pipes."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# The sandbox needs a user that is not root, and pages here are our own.
_OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-pipe")
_LONGEST = 1 << 20


class Browser:
    """One page of the browser."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._number, self._buffer, self._session = 0, b"", ""
        self._target = ""

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command of the DevTools protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            data = os.read(self._reading, _LONGEST)
            if not data:
                raise SystemExit("the browser ended")
            self._buffer += data
        text, _zero, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def open(self, page: Path, width: int, height: int, *, dark: bool = False) -> None:
        """Open a file in a new tab, and close the one before."""
        self._session, before = "", self._target
        self._target = self.call("Target.createTarget", url="about:blank")["targetId"]
        if before:
            self.call("Target.closeTarget", targetId=before)
        self._session = self.call("Target.attachToTarget", targetId=self._target, flatten=True)["sessionId"]
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Page.navigate", url=page.absolute().as_uri())

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page; a promise is awaited.

        :raises SystemExit: it raised an error.
        """
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise SystemExit(f"{expression}: {found['exceptionDetails']['exception'].get('description')}")
        return found["result"].get("value")

    def picture(self) -> bytes:
        """What the window shows, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of this machine."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        raise SystemExit(f"none of {', '.join(_NAMES)} was found: install Debian's package chromium-headless-shell")
    commands, results = os.pipe(), os.pipe()

    # The browser reads its third file and writes the fourth.
    script = f'exec "$@" 3<&{commands[0]} 4>&{results[1]}'
    with tempfile.TemporaryDirectory(prefix="fleetlab-chromium-", ignore_cleanup_errors=True) as profile:
        argv = ["sh", "-c", script, "sh", program, *_OPTIONS, f"--user-data-dir={profile}"]
        with subprocess.Popen(argv, pass_fds=(commands[0], results[1]), stderr=subprocess.DEVNULL) as process:
            os.close(commands[0])
            os.close(results[1])
            try:
                yield Browser(results[0], commands[1])
            finally:
                process.terminate()
