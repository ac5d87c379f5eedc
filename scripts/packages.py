# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install Python packages into the environment of the Python that runs this; the arguments are those of C(pip install).

uv does it, in seconds where pip takes more than a minute for the files of "ansible", and takes from pip where packages come from.
What uv cannot do, pip is asked to: whoever has set pip up in a way that uv has no words for still gets the packages.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Mapping

UV = "uv>=0.9,<1"

_COUNTERPARTS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "constraint": "UV_CONSTRAINT",
    "trusted-host": "UV_INSECURE_HOST",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}


def pip_settings(listed: str) -> dict[str, dict[str, str]]:
    """The sections of what C(pip config list) prints: V(global), the names of commands, and V(:env:) for environment variables."""
    settings: dict[str, dict[str, str]] = {}
    for line in listed.splitlines():
        name, value = line.split("=", 1)
        section, option = name.rsplit(".", 1)
        settings.setdefault(section, {})[option] = str(ast.literal_eval(value))
    return settings


def ask_pip(*arguments: str) -> str:
    """What pip prints; an environment that uv made has none of its own, and takes the one on the PATH."""
    pip = [sys.executable, "-m", "pip"] if importlib.util.find_spec("pip") else ["pip"]
    return subprocess.run([*pip, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def read_pip_settings() -> dict[str, dict[str, str]]:
    """How pip is set up for this user."""
    return pip_settings(ask_pip("config", "list"))


def uv_environment(settings: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The environment variables that make uv take packages from where pip does, and as pip does the best of all places."""
    found = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_PYTHON_DOWNLOADS": "never"}
    for section in ("global", "install", ":env:"):
        for option, value in settings.get(section, {}).items():
            if option in _COUNTERPARTS:
                found[_COUNTERPARTS[option]] = " ".join(value.split())
    return found


def _uv() -> str:
    """Its path in this environment, where it is put when it is not there; empty where it cannot be had."""
    path = Path(sys.executable).with_name("uv")
    if not path.exists():
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check", "--no-input", UV]
        subprocess.run(install, check=False, capture_output=True)
    return str(path) if path.exists() else ""


def main(arguments: list[str]) -> int:
    """Return the exit code of what installed the packages."""
    uv = _uv()
    if uv:
        # What the user has told uv itself counts more.
        env = {**uv_environment(read_pip_settings()), **os.environ}
        if subprocess.run([uv, "pip", "install", "--quiet", "--python", sys.executable, *arguments], env=env, check=False).returncode == 0:
            return 0
    print("uv could not install the Python packages: pip is asked to", file=sys.stderr)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check", "--no-input"]
    return subprocess.run([*pip, *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
