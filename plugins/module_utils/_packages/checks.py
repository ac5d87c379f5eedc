# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused on a host and on a builder. Pure."""

from __future__ import annotations

from typing import Iterable, Optional

from .._core.errors import RefusedError
from .options import Wanted
from .state import Builder, Deb, Host, Installed
from .versions import compare, wrong_order

NOTHING = "Nothing was changed"
_ROOM = 2 << 30


def check_host(state: Host, wanted: Wanted) -> None:
    """Refuse files that are not for this host, and packages that somebody else holds.

    :raises RefusedError: with what was found, and the remedy.
    """
    if wanted.name not in {deb.name for deb in state.debs}:
        found = f"the debs are {', '.join(deb.name for deb in state.debs)}, and {wanted.name} is none of them"
        raise RefusedError(wanted.name, found, f"Give the files of the build of {wanted.name}. {NOTHING}")
    for deb in state.debs:
        problem = next(filter(None, _deb_problems(deb, state, wanted)), "")
        if problem:
            raise RefusedError(deb.path, problem, NOTHING)


def _deb_problems(deb: Deb, state: Host, wanted: Wanted) -> Iterable[str]:
    if not deb.base:
        yield "it was not built by patched_package: it has no field Fleetlab-Base"
    if deb.architecture not in (state.architecture, "all"):
        yield f"it is for {deb.architecture}, this host is {state.architecture}; build it on a host of this architecture"
    if deb.suite != state.suite:
        yield f"it was built for {deb.suite}, this host runs {state.suite}; build it with suite: {state.suite}"
    if deb.is_essential and not wanted.allow_essential:
        yield f"{deb.name} is essential: a host without a working one may not start; set allow_essential to true"
    others = [one for one in state.installed if one.name == deb.name and one.architecture not in (state.architecture, "all")]
    if any(one.version != deb.version for one in others):
        names = ", ".join(f"{one.full_name} {one.version}" for one in others)
        yield f"{names} is installed, too, and needs the same version; remove it, if nobody needs it"
    installed = state.find(deb.name)
    if installed:
        yield from _installed_problems(deb, installed)


def _installed_problems(deb: Deb, installed: Installed) -> Iterable[str]:
    if installed.is_held and not installed.is_patched:
        yield f"{installed.name} {installed.version} is held, and not by patched_package; if nobody needs that, run apt-mark unhold"
    if compare(installed.version, deb.version) > 0 and installed.base == deb.base:
        found = f"{installed.name} {installed.version} is a build of the same {deb.base} that sorts above {deb.version}"
        yield f"{found}; run state: absent first"
    elif compare(installed.version, deb.version) > 0:
        yield f"{installed.name} {installed.version} is installed, which is newer than {deb.version}; build it again from the newer version"


def check_absent(installed: Installed, version: Optional[str]) -> None:
    """Refuse to go back where no archive has the distribution's package."""
    if version is None:
        found = f"no archive of this host has a version of {installed.name} without the patches"
        raise RefusedError(installed.full_name, found, f"Run apt-get update, or add the distribution's archive. {NOTHING}")


def check_builder(state: Builder, wanted: Wanted, version: str) -> None:
    """Refuse what cannot become a right package.

    :raises RefusedError: with what was found, and the remedy.
    """
    problem = next(filter(None, _builder_problems(state, wanted, version)), "")
    if problem:
        raise RefusedError(f"{wanted.name} {state.candidate.version}", problem, NOTHING)


def _builder_problems(state: Builder, wanted: Wanted, version: str) -> Iterable[str]:
    if state.candidate.is_essential and not wanted.allow_essential:
        yield "it is essential: a host without a working one may not start; set allow_essential to true"
    yield state.problem
    wrong = wrong_order(state.candidate.version, version, state.is_ubuntu)
    if wrong:
        yield f"{version} does not sort between {state.candidate.version} and what may follow it, such as {', '.join(wrong)}"
    if state.free < _ROOM:
        yield f"{wanted.directory} has {state.free >> 20} MiB free, a build needs {_ROOM >> 20}; free some, or set directory"
