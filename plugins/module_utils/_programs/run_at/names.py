# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of the tz database that a host has, and what may be meant by one that it does not have."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from typing import Iterator

ZONES = "/usr/share/zoneinfo"

_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-")
# Copies that count leap seconds, and names that are not zones themselves.
_NO_ZONES = ("posix", "right", "localtime", "posixrules", "Factory")
_OFFSET = r"(?:[A-Za-z]{2,5}|Etc/GMT|Etc/UTC)?([+-])(\d{1,2})(?::?(\d\d))?\Z"
_LEGACY = "the package tzdata-legacy (Debian 13, Ubuntu 24.04)"


def is_name(name: str) -> bool:
    """Whether this can be the name of a zone: the path stays in the folder, and is not a copy with leap seconds."""
    parts = name.split("/")
    return parts[0] not in _NO_ZONES and all(part and _NAME.issuperset(part) and part[0] != "-" for part in parts)


def names(folder: str = ZONES) -> list[str]:
    """Every name of the tz database that this host has."""
    found = []
    for place, _folders, files in os.walk(folder):
        for file in files:
            name = os.path.relpath(os.path.join(place, file), folder)
            if is_name(name) and _is_zone(os.path.join(place, file)):
                found.append(name)
    return sorted(found)


def _is_zone(path: str) -> bool:
    try:
        with open(path, "rb") as stream:
            return stream.read(4) == b"TZif"
    except OSError:
        return False


def explain(name: str, folder: str = ZONES) -> str:
    """Why a host cannot use a name, and which names may be meant."""
    # Imported here because it is only needed for this message, and a call of the runner that has nothing to do imports this file.
    import re

    offset = re.match(_OFFSET, name)
    if offset is not None:
        return _explain_offset(name, offset)
    if not is_name(name):
        return f"'{name}' is not a name of the tz database{_nearest(name, folder)}"
    problem = f"the tz database of this host has no zone '{name}'"
    target = dict(_aliases(folder)).get(name)
    if target is not None:
        return f"{problem}, an old name of {target}: use that, or install {_LEGACY}"
    if re.match(r"[A-Z]{2,5}\Z", name):
        return f"{problem}, which looks like an abbreviation: several zones may use it, so take the name of a place such as Europe/Sofia"
    return f"{problem}{_nearest(name, folder) or f'; if it is an old name, it may be in {_LEGACY}'}"


def _explain_offset(name: str, offset: re.Match[str]) -> str:
    """An offset has no daylight saving, and the sign of the zones with a fixed offset is the opposite of the usual one."""
    sign, hours, minutes = offset[1], int(offset[2]), int(offset[3] or 0)
    problem = f"'{name}' is an offset from UTC and not a zone. Take the name of the place, such as Europe/Sofia: clocks there may change"
    if minutes or hours > 12:
        return problem
    ahead = "ahead of" if sign == "+" else "behind"
    fixed = f"Etc/GMT{'-' if sign == '+' else '+'}{hours}" if hours else "Etc/UTC"
    return f"{problem}. Clocks that are always {hours} hours {ahead} UTC are {fixed}, whose sign is reversed by convention"


def _aliases(folder: str) -> Iterator[tuple[str, str]]:
    """Pairs of an old name and the zone that it means. Newer systems list old names such as US/Eastern without installing them."""
    try:
        with open(f"{folder}/tzdata.zi", encoding="utf-8") as stream:
            links = [line.split() for line in stream if line.startswith("L ")]
    except OSError:
        return
    yield from ((link[2], link[1]) for link in links if len(link) == 3)


def _nearest(name: str, folder: str) -> str:
    import difflib

    targets = dict(_aliases(folder))
    known = {known.lower(): known for known in [*targets, *names(folder)] if not known.startswith("Etc/")}
    wanted = name.lower().replace(" ", "_")
    cities = {lower.rpartition("/")[2]: lower for lower in known}
    found = difflib.get_close_matches(wanted, known, 3) + [
        cities[city] for city in difflib.get_close_matches(wanted.rpartition("/")[2], cities, 3)
    ]
    nearest = list(dict.fromkeys(targets.get(known[lower], known[lower]) for lower in found))[:3]
    return f"; the nearest are {', '.join(nearest)}" if nearest else ""
