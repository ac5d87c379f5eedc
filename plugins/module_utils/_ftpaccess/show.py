# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The return values and the diff, and findings as sentences. Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Mapping, Sequence

from .._core.plan import Plan
from .conf import walk
from .options import WantedCure
from .state import Configuration, CureState, Verdict


def returned(found: Configuration, verdicts: Sequence[Verdict], trial: Sequence[Mapping[str, Any]] = ()) -> Dict[str, Any]:
    """The return values. C(trial) is what the logins saw, in the order of the verdicts."""
    return {
        "version": found.version,
        "users": [_user(one) for one in verdicts],
        "trial": [{"name": one.account.name, "server": one.server, **facts} for one, facts in zip(verdicts, trial)],
        "problems": [*_of_configuration(found), *(text for one in verdicts for text in problems(one))],
    }


def _user(one: Verdict) -> Dict[str, Any]:
    return {
        "name": one.account.name,
        "source": one.account.source,
        "server": one.server,
        "port": one.port,
        "anonymous": one.is_anonymous,
        "home": one.account.home,
        "root": one.root,
        "starts": one.starts,
        "may_write": one.may_write,
        "depends_on_client": one.depends_on_client,
        "in_force": [
            {
                "file": each.file,
                "limits": [{"commands": list(rule.commands), "rules": list(rule.rules)} for rule in each.limits],
                "warnings": list(each.warnings),
            }
            for each in one.in_force
        ],
        "without_effect": [{"file": each.file, "reason": each.reason, "covered": each.is_covered} for each in one.without_effect],
        "around": [{"file": file, "way": way} for file, way in one.around],
        "writable_by_user": [{"file": file, "way": way} for file, way in one.writable],
        "problem": one.problem or None,
    }


def problems(one: Verdict) -> Iterator[str]:
    """What is wrong for one user, a sentence each."""
    subject = f"{one.account.name} on server {one.server} (port {one.port})"
    if one.problem:
        yield f"{subject}: cannot log in: {one.problem}"
    for each in one.without_effect:
        if each.is_covered:
            continue
        yield f"{subject}: {each.file} is without effect: {each.reason}"
    for forced in one.in_force:
        yield from (f"{subject}: {forced.file}, {text}" for text in forced.warnings)
    for file, way in one.around:
        yield f"{subject}: {file} does not hold for {way}"
    for file in dict.fromkeys(file for file, _way in one.writable):
        ways = ", ".join(way for name, way in one.writable if name == file)
        yield f"{subject}: the user may replace {file} by FTP ({ways})"


def _of_configuration(found: Configuration) -> Iterator[str]:
    if "mod_vroot.c" in found.modules:
        yield f"{found.path}: mod_vroot is loaded, which has roots and rules of its own: believe a trial only"
    for section in walk(found.main):
        if section.kind in ("ifuser", "ifgroup", "ifclass", "ifauthenticated"):
            for line in section.all("defaultroot"):
                yield f"{line.place}: DefaultRoot has no effect in <{section.kind}>, because the root is set before mod_ifsession"
        for line in section.all("allowoverride") if section.kind == "directory" else ():
            yield f"{line.place}: AllowOverride in <Directory> does not keep ProFTPD from a file that the first folder of a session has"


def before(state: CureState) -> Mapping[str, Any]:
    """The file, and which rules hold for each user."""
    return {"file": state.text or "", "users": _users(state.before)}


def after(state: CureState) -> Mapping[str, Any]:
    """The file, and which rules hold for each user, after the plan."""
    return {"file": state.wanted, "users": _users(state.after)}


def _users(verdicts: Sequence[Verdict]) -> Dict[str, Any]:
    return {f"{one.account.name} on server {one.server}": _rules(one) for one in verdicts}


def _rules(one: Verdict) -> Mapping[str, Any]:
    covered = [each.file for each in one.without_effect if each.is_covered]
    return {
        "may_write": one.may_write,
        "rules_of": sorted([*(each.file for each in one.in_force), *covered]),
        "without_effect": sorted(each.file for each in one.without_effect if not each.is_covered),
        "around": sorted(dict.fromkeys(file for file, _way in one.around)),
    }


def cured(_state: CureState, _wanted: WantedCure, made: Plan) -> Mapping[str, Any]:
    """The return values of ftpaccess."""
    return {"users": {name: {"before": rules, "after": made.after["users"].get(name)} for name, rules in made.before["users"].items()}}
