# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a host on which packages are installed. Nothing is fetched."""

from __future__ import annotations

import os
import re
import time
from typing import Dict, List, Optional, Sequence, Tuple

from ..._core.errors import CommandError, ObservationError, RefusedError
from ..._core.runner import Runner
from ..._host.files import Host as Files
from ..options import Wanted, WantedInfo
from ..parse import QUERY, TARGETS, parse_changed_files, parse_deb, parse_installed, parse_offers, parse_stanzas, parse_targets
from ..state import Deb, Host, Installed, Offer

_SETTINGS = "/etc/dpkg/dpkg.cfg"
_LISTS = ("/var/lib/apt/lists", "/var/lib/apt/lists/partial")


def observe_host(wanted: Wanted, runner: Runner, files: Files) -> Host:
    """What dpkg knows of the packages, and, to go back to the distribution's version, which versions apt knows."""
    if wanted.state == "absent":
        return _observe_leaving(files, runner, wanted)
    if wanted.version is not None:
        return _observe_archive(files, runner, wanted, wanted.version)
    debs = tuple(_read_deb(runner, path) for path in wanted.debs)
    names = [wanted.name, *(deb.name for deb in debs)]
    return Host(read_architecture(runner), read_suite(files), _read_installed(runner, names), debs=debs)


def _observe_archive(files: Files, runner: Runner, wanted: Wanted, version: str) -> Host:
    """The package of an archive, and packages of the same source and version that the host has in another version."""
    offered = _read_offered(runner, wanted.name, version)
    if offered is None:
        found = f"no archive of this host has {version}"
        raise RefusedError(wanted.name, found, "Run apt-get update, or publish it by patched_package_archive. Nothing was changed")
    deb, source = offered
    installed = _read_installed(runner, ())
    others = (_read_offered(runner, one.name, version) for one in installed if one.source == source and one.name != wanted.name)
    debs = (deb, *(other for other, _source in filter(None, others)))
    names = {deb.name for deb in debs}
    return Host(read_architecture(runner), read_suite(files), tuple(one for one in installed if one.name in names), debs=debs)


def _read_offered(runner: Runner, name: str, version: str) -> Optional[Tuple[Deb, str]]:
    """A package of an archive as if it were a file, by the words with which apt installs it; and its source."""
    words = f"{name}={version}"
    answer = runner.run(["apt-cache", "show", "--no-all-versions", words], accept=(0, 100))
    fields = next(parse_stanzas(answer.stdout))
    if fields.get("Version") != version:
        return None
    return parse_deb(words, answer.stdout), fields.get("Source", name).partition(" ")[0]


def _observe_leaving(files: Files, runner: Runner, wanted: Wanted) -> Host:
    """The package, and the patched ones of the same source: versions of one source often need each other."""
    everything = _read_installed(runner, ())
    sources = {package.source for package in everything if package.name == wanted.name}
    installed = tuple(one for one in everything if one.name == wanted.name or (one.is_patched and one.source in sources))
    offers = read_offers(runner, sorted({one.name for one in installed} | {wanted.name}))
    return Host(read_architecture(runner), read_suite(files), installed, offers)


def observe_info(wanted: WantedInfo, runner: Runner, files: Files) -> Host:
    """All that is known of patched packages, and of the named ones."""
    installed = _read_installed(runner, wanted.names)
    if not wanted.names:
        installed = tuple(package for package in installed if package.is_patched)
    names = list(dict.fromkeys([*wanted.names, *(package.name for package in installed)]))
    settings = _read_settings(files)
    changed = [(package.full_name, _verify(runner, package, settings)) for package in installed if package.is_patched and wanted.verify]
    offers = read_offers(runner, names) if names else ()
    return Host(read_architecture(runner), read_suite(files), installed, offers, lists_age=_read_age(files), changed_files=tuple(changed))


def _read_installed(runner: Runner, names: Sequence[str]) -> Tuple[Installed, ...]:
    # The exit code is 1 for names that dpkg does not know.
    return parse_installed(runner.run(["dpkg-query", "--show", f"--showformat={QUERY}", *names], accept=(0, 1)).stdout)


def _read_deb(runner: Runner, path: str) -> Deb:
    try:
        return parse_deb(path, runner.run(["dpkg-deb", "--field", path]).stdout)
    except CommandError as error:
        raise ObservationError(f"debs: {path} cannot be read: {error.problem}. Nothing was changed") from None


def read_architecture(runner: Runner) -> str:
    """The architecture of this host in dpkg's words."""
    return runner.run(["dpkg", "--print-architecture"]).stdout.strip()


def read_suite(files: Files) -> str:
    """The code name of this host's release."""
    return _read_release(files).get("VERSION_CODENAME", "")


def read_is_ubuntu(files: Files) -> bool:
    """Whether this host is an Ubuntu, or of its family."""
    release = _read_release(files)
    return "ubuntu" in f"{release.get('ID', '')} {release.get('ID_LIKE', '')}".split()


def _read_release(files: Files) -> Dict[str, str]:
    lines = (files.read("/etc/os-release") or "").splitlines()
    return {name: value.strip("\"'") for name, _sign, value in (line.partition("=") for line in lines)}


def read_offers(runner: Runner, names: Sequence[str]) -> Tuple[Offer, ...]:
    """The versions of packages in the archives, from the lists that the host has."""
    targets = parse_targets(runner.run(["apt-get", "indextargets", "--format", TARGETS, "Created-By: Packages"]).stdout)
    found: List[Offer] = list(parse_offers(runner.run(["apt-cache", "madison", *names]).stdout, targets))
    return tuple(found)


def _read_settings(files: Files) -> str:
    """The settings of dpkg, in the order in which it reads them."""
    paths = [f"{_SETTINGS}.d/{name}" for name in files.names(f"{_SETTINGS}.d") if re.fullmatch(r"[A-Za-z0-9_-]+", name)]
    return "\n".join(files.read(path) or "" for path in (*paths, _SETTINGS))


def _verify(runner: Runner, package: Installed, settings: str) -> Tuple[str, ...]:
    return parse_changed_files(runner.run(["dpkg", "--verify", package.full_name], accept=(0, 1)).stdout, settings)


def _read_age(files: Files) -> Optional[float]:
    """Seconds since the lists were fetched. The files themselves have the times of the archive."""
    times = [os.stat(files.root + path).st_mtime for path in _LISTS if files.is_folder(path)]
    return max(0.0, time.time() - max(times)) if times else None
