# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a builder: the newest source of the archive, the finished builds, and whether the patches apply to the source."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from dataclasses import replace
from typing import List, Sequence, Tuple

from ..._core.errors import CommandError, ObservationError, RefusedError
from ..._core.plan import WriteFile, write_file
from ..._core.runner import Runner
from ..._host.files import Host
from ..checks import NOTHING
from ..options import Wanted
from ..parse import TARGETS, parse_candidate
from ..plan import find_built
from ..render import make_lines, render_apt, with_sources
from ..state import Builder, Built, Candidate, Patch
from .host import read_architecture, read_is_ubuntu, read_suite
from .source import apply_patches, fetch, unpack

RECORD = "built.json"


def observe_builder(wanted: Wanted, runner: Runner, files: Host) -> Builder:
    """The state of a builder. Only lists and caches of this module are written."""
    patches = tuple(read_patch(path) for path in wanted.patches)
    architecture, suite = read_architecture(runner), wanted.suite or read_suite(files)
    os.makedirs(wanted.directory, mode=0o755, exist_ok=True)
    lines = wanted.sources or make_lines(_read_targets(runner, wanted), suite)
    if not lines:
        found = f"apt of this host has no archive of {suite}"
        raise RefusedError(wanted.name, found, f"Give sources, such as 'deb http://archive.example.org/debian {suite} main'. {NOTHING}")
    config = _prepare_apt(runner, wanted, lines, architecture)
    candidate = _read_candidate(runner, config, wanted)
    free = shutil.disk_usage(wanted.directory).free
    is_ubuntu = read_is_ubuntu(files) or any("ubuntu" in line.lower() for line in lines)
    state = Builder(architecture, suite, tuple(lines), candidate, patches, _read_built(wanted), free, is_ubuntu=is_ubuntu)
    return state if find_built(state, wanted) else replace(state, problem=_try_patches(runner, config, state, wanted))


def _read_targets(runner: Runner, wanted: Wanted) -> str:
    """The archives of this host. Images of containers have no cache of packages, and apt then reads all lists to name them."""
    folder = os.path.join(wanted.directory, ".apt-host")
    os.makedirs(os.path.join(folder, "archives", "partial"), exist_ok=True)
    values = (f"Dir::Cache={folder}", "Dir::Cache::pkgcache=pkgcache.bin", "Dir::Cache::srcpkgcache=srcpkgcache.bin")
    options = [f"--option={value}" for value in values]
    return runner.run(["apt-get", *options, "indextargets", "--format", TARGETS, "Created-By: Packages"]).stdout


def read_patch(path: str) -> Patch:
    """A patch as it is, with the ends of its lines."""
    try:
        with open(path, "rb") as stream:
            content = stream.read()
    except OSError as error:
        raise ObservationError(f"patches: {path} cannot be read: {error}. {NOTHING}") from None
    # Sources in older encodings have patches in older encodings.
    return Patch(os.path.basename(path), content.decode("utf-8", "surrogateescape"), hashlib.sha256(content).hexdigest())


def apt_folder(wanted: Wanted, lines: Sequence[str]) -> str:
    """The folder of the private apt for these sources."""
    digest = hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest()
    return os.path.join(wanted.directory, f".apt-{digest[:16]}")


def _prepare_apt(runner: Runner, wanted: Wanted, lines: Sequence[str], architecture: str) -> str:
    """The path of a configuration whose lists are at most C(max_lists_age) old."""
    folder = apt_folder(wanted, lines)
    for name in ("lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    config, stamp = os.path.join(folder, "apt.conf"), os.path.join(folder, "updated")
    _keep(WriteFile(os.path.join(folder, "sources.list"), with_sources(lines), 0o600))
    _keep(WriteFile(config, render_apt(folder, architecture)))
    if not os.path.exists(stamp) or time.time() - os.stat(stamp).st_mtime > wanted.max_lists_age:
        runner.run(["apt-get", f"--config-file={config}", "update"], timeout=300)
        write_file(WriteFile(stamp, ""))
    return config


def _keep(step: WriteFile) -> None:
    """Write a file that has another content or mode: to write waits for the disk, which may take longer than all else of a second run."""
    found = Host().content(step.path)
    if found != (step.content, step.mode):
        write_file(step)


def _read_candidate(runner: Runner, config: str, wanted: Wanted) -> Candidate:
    try:
        return parse_candidate(runner.run(["apt-cache", f"--config-file={config}", "show", wanted.name]).stdout)
    except CommandError:
        raise RefusedError(wanted.name, "the archive has no package of this name", f"Correct name or sources. {NOTHING}") from None


def _read_built(wanted: Wanted) -> Tuple[Built, ...]:
    folder = os.path.join(wanted.directory, wanted.name)
    records: List[Built] = []
    for version in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        path = os.path.join(folder, version, RECORD)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as stream:
                record = json.load(stream)
            debs = tuple(os.path.join(folder, version, name) for name in record["debs"])
            records.append(Built(record["version"], record["base"], record["key"], record["patch_key"], debs))
    return tuple(records)


def _try_patches(runner: Runner, config: str, state: Builder, wanted: Wanted) -> str:
    """Why the patches do not apply, empty if they do. They are tried in a copy that is thrown away."""
    with tempfile.TemporaryDirectory(prefix=".try-", dir=wanted.directory) as work:
        fetch(runner, config, state.candidate, work)
        return apply_patches(runner, unpack(runner, work), state.patches)
