# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of Debian packages, compared as dpkg does (deb-version(7)), and the versions of patched packages. Pure."""

from __future__ import annotations

import re
from functools import cmp_to_key
from typing import Iterable, Iterator, List, Tuple

_PARTS = re.compile(r"(\D*)(\d*)")
_LOCAL = re.compile(r"\+0[a-z]+[0-9]+$")


def compare(one: str, other: str) -> int:
    """Negative if C(one) is the older version, 0 if both are equal, else positive."""
    (epoch, *rest), (other_epoch, *other_rest) = _split(one), _split(other)
    if int(epoch) != int(other_epoch):
        return int(epoch) - int(other_epoch)
    return next((found for found in map(_compare_part, rest, other_rest) if found), 0)


def newest(versions: Iterable[str]) -> str:
    """The newest of several versions."""
    return max(versions, key=cmp_to_key(compare))


def _split(version: str) -> Tuple[str, str, str]:
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    return (epoch, upstream, revision) if dash else (epoch, rest, "")


def _compare_part(one: str, other: str) -> int:
    lists: List[List[Tuple[str, str]]] = [_PARTS.findall(text) for text in (one, other)]
    for place in range(max(map(len, lists))):
        (text, digits), (other_text, other_digits) = (each[place] if place < len(each) else ("", "") for each in lists)
        ours, theirs = _weights(text), _weights(other_text)
        # The end of a text is less than every character but the tilde.
        length = max(len(ours), len(theirs)) + 1
        ours, theirs = ours + [0] * (length - len(ours)), theirs + [0] * (length - len(theirs))
        if ours != theirs:
            return 1 if ours > theirs else -1
        if int(digits or 0) != int(other_digits or 0):
            return int(digits or 0) - int(other_digits or 0)
    return 0


def _weights(text: str) -> List[int]:
    return [-1 if char == "~" else ord(char) if char.isalpha() else ord(char) + 256 for char in text]


def local_version(base: str, suffix: str, number: int) -> str:
    """The version of a patched package: newer than C(base), and older than whatever the distribution makes of C(base)."""
    return f"{base}+0{suffix}{number}"


def is_local(version: str) -> bool:
    """Whether a version is one of a patched package."""
    return _LOCAL.search(version) is not None


def later_versions(base: str) -> Iterator[str]:
    """What the distribution may call its next version: a new build, an update of a stable release, a new revision."""
    build = re.search(r"\+b(\d+)$", base)
    plain = base[: build.start()] if build else base
    yield f"{plain}+b{int(build.group(1)) + 1 if build else 1}"
    yield f"{plain}+deb12u1"
    yield f"{plain}+deb13u1"
    if "ubuntu" in plain:
        yield f"{plain}.1"
    last = re.search(r"(\d+)(\D*)$", plain)
    if last:
        yield f"{plain[: last.start()]}{int(last.group(1)) + 1}"


def wrong_order(base: str, local: str) -> List[str]:
    """The versions against which a local version does not sort as it has to. Empty if all is well."""
    wrong = [later for later in later_versions(base) if compare(later, base) > 0 and compare(local, later) >= 0]
    return wrong + ([base] if compare(local, base) <= 0 else [])
