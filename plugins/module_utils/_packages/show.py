# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The return values of patched_package and patched_package_info. Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Tuple

from .._core.plan import Plan
from .options import Wanted, WantedInfo
from .plan import chosen, find_built, of_release
from .state import Builder, Host, Installed, Offer
from .versions import compare

_HOUR = 3600


def returned_builder(state: Builder, wanted: Wanted, plan: Plan) -> Dict[str, Any]:
    """What was built, or in check mode will be."""
    built = find_built(state, wanted)
    return {"version": plan.after["version"], "base": plan.after["base"], "debs": list(built.debs) if built else []}


def returned_host(state: Host, wanted: Wanted, _plan: Plan) -> Dict[str, Any]:
    """What is installed."""
    installed = state.find(wanted.name)
    return {
        "version": installed.version if installed else None,
        "base": installed.base if installed else None,
        "held": installed.is_held if installed else False,
        "packages": [deb.name for deb in chosen(state, wanted)] or [wanted.name],
    }


def returned_info(state: Host, wanted: WantedInfo) -> Dict[str, Any]:
    """All packages, and a sentence for each problem."""
    names = wanted.names or tuple(dict.fromkeys(package.name for package in state.installed))
    packages = [_package(state, name) for name in names]
    stale = state.lists_age is None or state.lists_age > wanted.max_lists_age
    problems = [problem for package in packages for problem in _problems(package)]
    if stale and packages:
        problems.append(("stale", _stale(state.lists_age)))
    return {
        "packages": packages,
        "lists_age": None if state.lists_age is None else int(state.lists_age),
        "findings": list(dict.fromkeys(kind for kind, _text in problems)),
        "problems": [text for _kind, text in problems],
    }


def _stale(age: Optional[float]) -> str:
    since = "were never fetched" if age is None else f"are {int(age // _HOUR)} hours old"
    return f"the package lists {since}, so that no newer version may be seen: run apt-get update"


def _package(state: Host, name: str) -> Dict[str, Any]:
    installed = state.find(name)
    newer = sorted(_newer(state, installed), key=lambda offer: (not offer.is_security, offer.version)) if installed else []
    changed = dict(state.changed_files).get(installed.full_name, ()) if installed else ()
    return {
        "name": name,
        "version": installed.version if installed else None,
        "base": installed.base or None if installed else None,
        "patches": installed.patches.split(", ") if installed and installed.patches else [],
        "held": installed is not None and installed.is_held,
        "lost": installed is None or not installed.is_patched,
        "newer": [{"version": offer.version, "origin": offer.origin, "security": offer.is_security} for offer in newer],
        "masked": installed is not None and any(compare(installed.version, offer.version) > 0 for offer in newer),
        "files_changed": list(changed),
    }


def _newer(state: Host, installed: Installed) -> Iterator[Offer]:
    """The distribution's versions that are newer than the patched version. A version that both archives have is a security update."""
    found: Dict[str, Offer] = {}
    for offer in of_release(state, installed.name):
        is_newer = compare(offer.version, installed.base or installed.version) > 0
        if is_newer and (offer.is_security or offer.version not in found):
            found[offer.version] = offer
    yield from found.values()


def _problems(package: Dict[str, Any]) -> Iterator[Tuple[str, str]]:
    name = package["name"]
    security, newer = ([each["version"] for each in package["newer"] if each["security"] is kind] for kind in (True, False))
    if package["lost"]:
        yield "lost", f"{name}: the patched package is no longer installed, but {package['version'] or 'none'}: install it again"
    if security:
        yield (
            "security",
            f"{name}: the security update {', '.join(security)} is newer than {package['base'] or package['version']}: build it again",
        )
    if newer:
        yield (
            "newer",
            f"{name}: the distribution has {', '.join(newer)}, newer than {package['base'] or package['version']}: build it again",
        )
    if package["masked"]:
        yield "masked", f"{name}: {package['version']} sorts above a newer version of the distribution, which apt will never offer"
    if not package["lost"] and not package["held"]:
        yield "unheld", f"{name}: is not held, so that the next upgrade may replace it: run apt-mark hold {name}"
    if package["files_changed"]:
        yield "files_changed", f"{name}: files differ from the package: {', '.join(package['files_changed'][:3])}"


def failing(found: Dict[str, Any], wanted: WantedInfo) -> List[str]:
    """The findings for which the module fails."""
    return [finding for finding in found["findings"] if finding in wanted.fail_when]
