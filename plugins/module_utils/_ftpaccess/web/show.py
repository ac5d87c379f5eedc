# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The return values of htaccess_info, and its findings as sentences. Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Mapping, Sequence

from ..conf import walk
from .state import Apache, PathVerdict, Refused


def returned(found: Apache, verdicts: Sequence[PathVerdict], trial: Sequence[Mapping[str, str]] = ()) -> Dict[str, Any]:
    """The return values. C(trial) is what the log said about each file, in the order of the verdicts."""
    return {
        "version": found.version,
        "paths": [_path(one) for one in verdicts],
        "problems": [*_of_configuration(found), *dict.fromkeys(text for one in verdicts for text in problems(one))],
        "trial": [{"path": one.path, "server": one.server, "files": dict(files)} for one, files in zip(verdicts, trial)],
    }


def _path(one: PathVerdict) -> Dict[str, Any]:
    return {
        "path": one.path,
        "server": one.server,
        "in_force": [
            {
                "file": each.file,
                "classes": list(each.override.classes),
                "directives": list(each.override.directives),
                "refused": [_refused(line) for line in each.refused],
            }
            for each in one.in_force
        ],
        "without_effect": [{"file": file, "reason": reason} for file, reason in one.without_effect],
        "problem": one.problem or None,
    }


def _refused(line: Refused) -> Dict[str, Any]:
    return {"line": line.number, "directive": line.directive, "needs": line.needs or None, "unknown": line.is_unknown}


def problems(one: PathVerdict) -> Iterator[str]:
    """What is wrong for a path, a sentence each."""
    subject = f"{one.path} on server {one.server}"
    if one.problem:
        yield f"{subject}: {one.problem}"
    for file, reason in one.without_effect:
        yield f"{subject}: {file} is without effect: {reason}"
    for each in one.in_force:
        for line in each.refused:
            if not line.is_fatal:
                yield f"{subject}: {each.file}:{line.number}: {line.directive} is skipped: it {line.why}"


def _of_configuration(found: Apache) -> Iterator[str]:
    for section in walk(found.main):
        is_pattern = section.kind == "directorymatch" or (section.kind == "directory" and section.arguments[:1] == ("~",))
        if is_pattern or section.kind in ("location", "locationmatch", "files", "filesmatch"):
            for line in section.all("allowoverride"):
                yield f"{line.place}: AllowOverride has no effect in <{section.kind}>: Apache looks for files before it"
