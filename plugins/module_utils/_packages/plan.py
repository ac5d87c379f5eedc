# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the state of a host or a builder to the steps. Pure."""

from __future__ import annotations

import hashlib
from typing import Any, Dict, List, Optional, Tuple

from .._core.plan import Command, Operation, Plan, Step
from .checks import check_absent, check_builder, check_host
from .options import Wanted
from .state import Builder, Built, Deb, Host, Installed, Offer
from .versions import compare, local_version, newest

_APT = (
    "apt-get",
    "--yes",
    "--no-remove",
    "--no-install-recommends",
    "--allow-change-held-packages",
    # Unattended upgrades hold the lock for minutes.
    "--option=DPkg::Lock::Timeout=300",
    "--option=Dpkg::Options::=--force-confold",
)
_TIMEOUT = 4 * 3600.0
"""Seconds for an installation. apt that is killed leaves packages half configured, so this only ends one that hangs."""


def plan_host(state: Host, wanted: Wanted) -> Plan:
    """Install and hold, or go back to the distribution's version."""
    return _plan_absent(state, wanted) if wanted.state == "absent" else _plan_present(state, wanted)


def chosen(state: Host, wanted: Wanted) -> Tuple[Deb, ...]:
    """The files to be installed: the package itself, and packages of the same build that the host has in any version."""
    return tuple(deb for deb in state.debs if deb.name == wanted.name or state.find(deb.name))


def _plan_present(state: Host, wanted: Wanted) -> Plan:
    check_host(state, wanted)
    debs = chosen(state, wanted)
    other = [deb for deb in debs if not _is_installed(state, deb)]
    unheld = [deb for deb in debs if wanted.is_held != _is_held(state, deb)]
    steps: List[Step] = []
    if other:
        # apt also installs what the package depends on, and dpkg alone does not.
        # Another builder may give other patches the same version, which apt takes for installed.
        again = ("--reinstall",) if any(_has_version(state, deb) for deb in other) else ()
        steps.append(Command((*_APT, *again, "install", *(deb.path for deb in other)), timeout=_TIMEOUT))
    if wanted.check and (other or unheld):
        steps.append(Command(wanted.check))
    # apt clears no hold, but a package that was not installed before has none.
    names = [_full_name(deb) for deb in debs if deb in unheld or (deb in other and wanted.is_held)]
    if names:
        steps.append(Command(("apt-mark", "hold" if wanted.is_held else "unhold", *names)))
    after = {deb.name: {"version": deb.version, "held": wanted.is_held, "patches": deb.patches} for deb in debs}
    return Plan(wanted.name, _before(state, [deb.name for deb in debs]), after, tuple(steps))


def _plan_absent(state: Host, wanted: Wanted) -> Plan:
    installed = state.find(wanted.name)
    if installed is None or not installed.is_patched:
        before = _before(state, [wanted.name])
        return Plan(wanted.name, before, before)
    leaving = [one for one in state.installed if one.is_patched]
    versions = {one.full_name: distribution_version(state, one.name) for one in leaving}
    for one in leaving:
        check_absent(one, versions[one.full_name])
    steps: List[Step] = []
    # First, because a hold of a package without patches is somebody else's, which a second run leaves alone.
    held = [one.full_name for one in leaving if one.is_held]
    if held:
        steps.append(Command(("apt-mark", "unhold", *held)))
    back = [f"{name}={version}" for name, version in versions.items()]
    steps.append(Command((*_APT, "--allow-downgrades", "install", *back), timeout=_TIMEOUT))
    after = {one.name: {"version": versions[one.full_name], "held": False, "patches": ""} for one in leaving}
    return Plan(wanted.name, _before(state, list(after)), after, tuple(steps))


def distribution_version(state: Host, name: str) -> Optional[str]:
    """The newest version in the archives that nobody patched."""
    versions = [offer.version for offer in of_release(state, name)]
    return newest(versions) if versions else None


def of_release(state: Host, name: str) -> Tuple[Offer, ...]:
    """The versions that nobody patched, of the host's release where it has one.

    A host may know archives of which apt installs nothing by itself, such as backports or the next release.
    """
    offers = tuple(offer for offer in state.offers if offer.name == name and not offer.is_local)
    return tuple(offer for offer in offers if _is_of_release(offer.suite, state.suite)) or offers


def _is_of_release(suite: str, release: str) -> bool:
    is_part = suite == release or suite.startswith(f"{release}-")
    return is_part and "backports" not in suite and not suite.endswith("-proposed")


def _is_installed(state: Host, deb: Deb) -> bool:
    found = state.find(deb.name)
    return found is not None and (found.version, found.patches) == (deb.version, deb.patches)


def _has_version(state: Host, deb: Deb) -> bool:
    found = state.find(deb.name)
    return found is not None and found.version == deb.version


def _is_held(state: Host, deb: Deb) -> bool:
    found = state.find(deb.name)
    return found is not None and found.is_held


def _full_name(deb: Deb) -> str:
    return deb.name if deb.architecture == "all" else f"{deb.name}:{deb.architecture}"


def _before(state: Host, names: List[str]) -> Dict[str, Any]:
    found: List[Tuple[str, Optional[Installed]]] = [(name, state.find(name)) for name in names]
    return {
        name: {"version": package.version, "held": package.is_held, "patches": package.patches} if package else None
        for name, package in found
    }


def patch_key(state: Builder, wanted: Wanted) -> str:
    """The patches of a build and its kind, as one digest."""
    parts = [wanted.name, state.suite, state.architecture, wanted.suffix, *(f"{patch.name}={patch.digest}" for patch in state.patches)]
    return hashlib.sha256("\n".join(parts).encode("utf-8")).hexdigest()


def build_key(state: Builder, wanted: Wanted) -> str:
    """What a build depends on, as one digest: the same key needs no second build."""
    parts = [patch_key(state, wanted), state.candidate.version, state.candidate.source_version]
    return hashlib.sha256("\n".join(parts).encode("utf-8")).hexdigest()


def find_built(state: Builder, wanted: Wanted) -> Optional[Built]:
    """The finished build of the same source with the same patches; if the distribution is not followed, also of an older source."""
    key = build_key(state, wanted)
    same = [built for built in state.built if built.patch_key == patch_key(state, wanted)]
    exact = next((built for built in same if built.key == key), None)
    if exact or wanted.is_following or not same:
        return exact
    last = newest(built.version for built in same)
    return next(built for built in same if built.version == last)


def next_version(state: Builder, wanted: Wanted) -> str:
    """A version that no build has: a build with other patches follows the earlier ones of the same base."""
    taken = {built.version for built in state.built}
    number = 1
    while local_version(state.candidate.version, wanted.suffix, number, state.is_ubuntu) in taken:
        number += 1
    return local_version(state.candidate.version, wanted.suffix, number, state.is_ubuntu)


def describe_patches(state: Builder) -> str:
    """The patches as one line, for the field of the package."""
    return ", ".join(f"{patch.name}={patch.digest[:12]}" for patch in state.patches)


def plan_builder(state: Builder, wanted: Wanted) -> Plan:
    """Build once."""
    built = find_built(state, wanted)
    version, base = (built.version, built.base) if built else (next_version(state, wanted), state.candidate.version)
    after = {"version": version, "base": base, "patches": describe_patches(state), "suite": state.suite}
    if built:
        moved = f"{wanted.name}: the archive has {state.candidate.version}, newer than {base}, which was patched; follow: true builds it"
        return Plan(wanted.name, after, after, warnings=(moved,) if compare(state.candidate.version, base) > 0 else ())
    check_builder(state, wanted, version)
    step = Operation(
        "build", {"source": f"{state.candidate.source}={state.candidate.source_version}", "version": version, "suite": state.suite}
    )
    last = next((each for each in reversed(state.built)), None)
    before = {"version": last.version if last else "", "base": last.base if last else "", "patches": "", "suite": state.suite}
    return Plan(wanted.name, before, after, (step,))
