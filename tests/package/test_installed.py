# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as a user gets it: built, installed, its documentation shown, its playbooks run by full name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
NAME = "fleetlab.linux"
_NOT_SHIPPED = {"build", "collections", "output", "tests", "molecule", "vars"}
_USED = {"meta", "plugins", "roles", "playbooks", "MANIFEST.json"}
"""What a collection may need when it is used, and the file by which it is known."""


PLAYBOOKS = sorted(path.stem for path in ROOT.glob("playbooks/*.yml"))
ROLES = sorted(path.parents[1].name for path in ROOT.glob("roles/*/meta/argument_specs.yml"))
PLUGINS = sorted(
    (folder.name, path.stem)
    for folder in ROOT.glob("plugins/*")
    if folder.name not in ("module_utils", "doc_fragments", "plugin_utils", "action")
    # Several filters can live in one file; each of them has a file of documentation.
    for path in folder.glob("*.yml" if folder.name == "filter" else "*.py")
)


class Installation:
    """A built archive, and the folder that it was installed to, without all files that no plugin, role or playbook may need."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.collections = place / "collections"
        self.run("ansible-galaxy", "collection", "build", "--output-path", str(place), str(ROOT))
        (self.archive,) = place.glob("*.tar.gz")
        # The collections that it depends on come with the PyPI package, not from Galaxy.
        install = ("ansible-galaxy", "collection", "install", "--offline", "--no-deps")
        self.run(*install, "--collections-path", str(self.collections), str(self.archive))
        for path in (self.collections / "ansible_collections" / "fleetlab" / "linux").iterdir():
            if path.name not in _USED:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def run(self, *argv: str) -> str:
        """Run a command of this environment on the installed collection and return its output."""
        env = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(self.collections), ANSIBLE_NOCOLOR="1", LC_ALL="C.UTF-8")
        program = str(Path(sys.executable).with_name(argv[0]))
        done = subprocess.run([program, *argv[1:]], cwd=self.place, env=env, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(argv)}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("installed"))


def test_archive_has_the_collection_and_no_leftovers(installed: Installation) -> None:
    with tarfile.open(installed.archive) as archive:
        names = archive.getnames()
    assert {"COPYING", "README.md", "meta/runtime.yml"} <= set(names)
    strays = [name for name in names if name.startswith(".") or name.split("/")[0] in _NOT_SHIPPED or "__pycache__" in name]
    assert strays == []


def test_archive_has_what_users_need_and_stays_small(installed: Installation) -> None:
    with tarfile.open(installed.archive) as archive:
        sizes = {member.name: member.size for member in archive.getmembers()}
    assert [name for name in sizes if name.endswith((".png", ".svg")) or name.startswith("changelogs/fragments/")] == []
    # Four fifths of it is the code of plugins and roles, which grows with each subject; all else together is bounded here.
    other = sum(size for name, size in sizes.items() if name.split("/")[0] not in ("plugins", "roles"))
    assert other < 700_000
    assert installed.archive.stat().st_size < 1_000_000


def test_version_is_the_declared_one(installed: Installation) -> None:
    declared = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    listed = json.loads(installed.run("ansible-galaxy", "collection", "list", "--format", "json", NAME))
    assert listed[str(installed.collections / "ansible_collections")] == {NAME: {"version": declared["version"]}}


@pytest.mark.parametrize("kind", sorted({kind for kind, _name in PLUGINS}))
def test_documentation_is_shown(installed: Installation, kind: str) -> None:
    names = [f"{NAME}.{name}" for found, name in PLUGINS if found == kind]
    shown = json.loads(installed.run("ansible-doc", "--json", "--type", kind.rstrip("s"), *names))
    assert sorted(shown) == names
    assert all(entry["doc"]["short_description"] for entry in shown.values())


@pytest.mark.parametrize("role", ROLES)
def test_role_documentation_is_shown(installed: Installation, role: str) -> None:
    shown = json.loads(installed.run("ansible-doc", "--json", "--type", "role", f"{NAME}.{role}"))
    assert "main" in shown[f"{NAME}.{role}"]["entry_points"]


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_playbook_is_found_by_its_full_name(installed: Installation, playbook: str) -> None:
    installed.run("ansible-playbook", "--syntax-check", "--inventory", "localhost,", f"{NAME}.{playbook}")
