# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The versions of ansible-core that the collection supports, their Pythons, and the Pythons that this machine has."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Callable, Iterable, Optional, Sequence

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Core:
    """One version of ansible-core: the requirements for pip, the Pythons of controllers, and the Pythons only of managed hosts."""

    version: str
    requirements: tuple[str, ...]
    controllers: tuple[str, ...]
    targets: tuple[str, ...]


# 2.22 is only a release candidate so far, which pip installs only if the requirement names it.
CORES = (
    Core("2.19", ("ansible-core>=2.19.1,<2.20", "ansible>=12.1,<13"), ("3.11", "3.12", "3.13"), ("3.8", "3.9", "3.10")),
    Core("2.20", ("ansible-core>=2.20,<2.21", "ansible>=13,<14"), ("3.12", "3.13", "3.14"), ("3.9", "3.10", "3.11")),
    Core("2.21", ("ansible-core>=2.21,<2.22", "ansible>=14,<15"), ("3.12", "3.13", "3.14"), ("3.9", "3.10", "3.11")),
    Core("2.22", ("ansible-core>=2.22.0rc1,<2.23",), ("3.13", "3.14"), ("3.9", "3.10", "3.11", "3.12")),
)


@functools.cache
def search_path() -> str:
    """PATH, followed by every Python of pyenv, and without pyenv's shims, which refuse to run."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if shutil.which("pyenv"):
        root = Path(subprocess.run(["pyenv", "root"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip())
        folders = [folder for folder in folders if Path(folder) != root / "shims"]
        folders += [str(folder) for folder in sorted(root.glob("versions/*/bin"))]
    return os.pathsep.join(folders)


@functools.cache
def find_python(version: str) -> Optional[str]:
    """The path of a Python of this machine that can make virtual environments, by its version, such as V(3.12)."""
    python = shutil.which(f"python{version}", path=search_path())
    if python is None:
        return None
    return python if subprocess.run([python, "-c", "import ensurepip, venv"], check=False, capture_output=True).returncode == 0 else None


@dataclass(frozen=True)
class Pair:
    """One version of ansible-core, and one Python."""

    core: str
    python: str


def newest_found(pythons: Sequence[str], has: Callable[[str], object] = find_python) -> tuple[str, ...]:
    """The newest of these Pythons that this machine has; if it has none, the newest of all, to be reported as missing."""
    return tuple([python for python in pythons if has(python)][-1:]) or (pythons[-1],)


def newest_controller(has: Callable[[str], object], cores: Iterable[Core] = CORES) -> Optional[Pair]:
    """The newest released ansible-core that supports a Python of this machine, with the newest such Python."""
    released = [core for core in cores if not any("rc" in requirement for requirement in core.requirements)]
    found = [Pair(core.version, python) for core in released for python in core.controllers if has(python)]
    return found[-1] if found else None


def oldest_target(has: Callable[[str], object], cores: Iterable[Core] = CORES) -> Optional[Pair]:
    """The oldest Python of this machine that only managed hosts can have, with the oldest ansible-core that supports it."""
    found = [Pair(core.version, python) for core in cores for python in core.targets if has(python)]
    return min(found, key=lambda pair: (_number(pair.python), _number(pair.core)), default=None)


def own_core() -> str:
    """The version of ansible-core in the environment that runs this, such as V(2.19)."""
    return ".".join(metadata.version("ansible-core").split(".")[:2])


def other_requirements() -> list[str]:
    """The lines of requirements.txt besides Ansible itself."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith("ansible")]


def link_module_utils(installed: Path) -> str:
    """Create a folder with only the parts of an installed Ansible that are sent to a managed host with a module, and return its path."""
    sent = installed / "sent" / "ansible"
    sent.mkdir(parents=True, exist_ok=True)
    (sent / "__init__.py").touch()
    link = sent / "module_utils"
    if not link.is_symlink():
        link.symlink_to(installed / "ansible" / "module_utils")
    return str(sent.parent)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
