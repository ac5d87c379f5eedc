# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install Python packages into the environment of the Python that runs this; the arguments are those of C(pip install).

uv installs them, in seconds where pip takes more than a minute for the files of "ansible", from the index of pip's configuration.
If uv fails, for example because it has no counterpart of an option of pip's configuration, pip installs the packages.
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
    """The sections in the output of C(pip config list): V(global), the names of commands, and V(:env:) for environment variables."""
    settings: dict[str, dict[str, str]] = {}
    for line in listed.splitlines():
        name, value = line.split("=", 1)
        section, option = name.rsplit(".", 1)
        settings.setdefault(section, {})[option] = str(ast.literal_eval(value))
    return settings


def ask_pip(*arguments: str) -> str:
    """The output of pip. An environment of uv has no pip, so the one on the PATH is run."""
    pip = [sys.executable, "-m", "pip"] if importlib.util.find_spec("pip") else ["pip"]
    return subprocess.run([*pip, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def read_pip_settings() -> dict[str, dict[str, str]]:
    """The configuration of pip for this user."""
    return pip_settings(ask_pip("config", "list"))


def uv_environment(settings: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The environment variables by which uv uses the indexes of pip, and chooses the best version of all indexes, as pip does."""
    found = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_PYTHON_DOWNLOADS": "never"}
    for section in ("global", "install", ":env:"):
        for option, value in settings.get(section, {}).items():
            if option in _COUNTERPARTS:
                found[_COUNTERPARTS[option]] = " ".join(value.split())
    return found


def _uv() -> str:
    """The path of uv in this environment, installed if it is missing; empty if it cannot be installed."""
    path = Path(sys.executable).with_name("uv")
    if not path.exists():
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check", "--no-input", UV]
        subprocess.run(install, check=False, capture_output=True)
    return str(path) if path.exists() else ""


def main(arguments: list[str]) -> int:
    """Return the exit code of the program that installed the packages."""
    uv = _uv()
    if uv:
        # The user's own variables for uv take precedence.
        env = {**uv_environment(read_pip_settings()), **os.environ}
        if subprocess.run([uv, "pip", "install", "--quiet", "--python", sys.executable, *arguments], env=env, check=False).returncode == 0:
            return 0
    print("uv could not install the Python packages: pip is asked to", file=sys.stderr)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check", "--no-input"]
    return subprocess.run([*pip, *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
