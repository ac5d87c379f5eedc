# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-test sanity on this checkout, with only the package index of pip's configuration.

ansible-test needs a folder named ansible_collections/fleetlab/linux, so it gets a copy. It would download a script that installs pip
into its environments. Every Python contains pip, so a script that uses this one is put into the cache of the download.
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import tempfile
import types
from pathlib import Path

from ansible_test._internal import python_requirements

from ansible_collections.fleetlab.linux.scripts import matrix, packages

ROOT = Path(__file__).resolve().parents[1]

_INSTALL_PIP = "import ensurepip\n\nensurepip.bootstrap()\n"


def source_files() -> list[Path]:
    """The paths of all files of the checkout that git tracks or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.split("\0")
    # git lists a deleted file until the deletion is committed.
    return [Path(name) for name in sorted(set(listed)) if name and (ROOT / name).exists()]


def copy_collection(place: Path) -> Path:
    """Copy the sources to C(place)/ansible_collections/fleetlab/linux and return that path."""
    copy = place / "ansible_collections" / "fleetlab" / "linux"
    for path in source_files():
        target = copy / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, target, follow_symlinks=False)
    return copy


def _own_home() -> Path:
    """A separate home folder that is kept after the run, so that its environments are created only once.

    Each version of ansible-test has its own folder, because two versions may run at the same time.
    """
    home = ROOT / ".cache" / "ansible-test" / matrix.own_core()
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    # Only the version of pip is used, as part of the file's name.
    python = types.SimpleNamespace(version="{}.{}".format(*sys.version_info))
    version = python_requirements.get_venv_packages(python)["pip"]
    (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(_INSTALL_PIP, encoding="utf-8")
    _copy_pip_settings(home)
    return home


def _copy_pip_settings(home: Path) -> None:
    """Configure pip as for the user, because ansible-test removes pip's environment variables."""
    settings = configparser.RawConfigParser()
    settings["global"] = {"cache-dir": packages.ask_pip("cache", "dir").strip(), "quiet": "2"}
    # Environment variables take precedence over files.
    for name, options in sorted(packages.read_pip_settings().items(), key=lambda section: section[0] == ":env:"):
        section = "global" if name == ":env:" else name
        if not settings.has_section(section):
            settings.add_section(section)
        for option, value in options.items():
            settings[section][option] = value.replace("\n", "\n ")
    file = home / ".config" / "pip" / "pip.conf"
    file.parent.mkdir(parents=True, exist_ok=True)
    # The address of an index may contain a password.
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        settings.write(stream)


def main() -> int:
    """Return the exit code of ansible-test. Its reports are in tests/output/sanity, in a folder for each version."""
    path = os.pathsep.join([str(Path(sys.executable).parent), matrix.search_path()])
    env = dict(os.environ, HOME=str(_own_home()), LC_ALL="C.UTF-8", PATH=path)
    reports = ROOT / "tests" / "output" / "sanity" / matrix.own_core()
    shutil.rmtree(reports, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="fleetlab-sanity-") as place:
        copy = copy_collection(Path(place))
        command = ["ansible-test", "sanity", "--color", "no", "--junit", *sys.argv[1:]]
        exit_code = subprocess.run(command, cwd=copy, env=env, check=False).returncode
        shutil.copytree(copy / "tests" / "output" / "junit", reports, dirs_exist_ok=True)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
