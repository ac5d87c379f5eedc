# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of Debian packages, compared as dpkg does (deb-version(7)), and the versions of patched packages. Pure."""

from __future__ import annotations

import re
from functools import cmp_to_key
from typing import Iterable, Iterator, List, Tuple

_PARTS = re.compile(r"(\D*)(\d*)")
_UBUNTU = re.compile(r"(ubuntu|build)\d")
"""Ubuntu's own part of a version: C(1.0-1ubuntu0.1) and C(1.0-1build1) come after C(1.0-1) of Debian."""
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


def local_version(base: str, suffix: str, number: int, is_ubuntu: bool = False) -> str:
    """The version of a patched package: newer than C(base), and older than whatever the distribution makes of C(base).

    What Ubuntu makes of a version of Debian begins with a letter, and letters are less than a plus sign, but more than an a.
    """
    before = "a0" if is_ubuntu and not _UBUNTU.search(base) else ""
    return f"{base}{before}+0{suffix}{number}"


def is_local(version: str) -> bool:
    """Whether a version is one of a patched package."""
    return _LOCAL.search(version) is not None


def later_versions(base: str, is_ubuntu: bool = False) -> Iterator[str]:
    """What the distribution may call its next version: a new build, an update of a stable release, a new revision."""
    build = re.search(r"\+b(\d+)$", base)
    plain = base[: build.start()] if build else base
    yield f"{plain}+b{int(build.group(1)) + 1 if build else 1}"
    yield f"{plain}+deb12u1"
    yield f"{plain}+deb13u1"
    if "ubuntu" in plain:
        yield f"{plain}.1"
    elif is_ubuntu:
        debian = re.sub(r"build\d+$", "", plain)
        yield from (f"{debian}build99", f"{debian}ubuntu0.1", f"{debian}ubuntu1")
    last = re.search(r"(\d+)(\D*)$", plain)
    if last:
        yield f"{plain[: last.start()]}{int(last.group(1)) + 1}"


def wrong_order(base: str, local: str, is_ubuntu: bool = False) -> List[str]:
    """The versions against which a local version does not sort as it has to. Empty if all is well."""
    wrong = [later for later in later_versions(base, is_ubuntu) if compare(later, base) > 0 and compare(local, later) >= 0]
    return wrong + ([base] if compare(local, base) <= 0 else [])
