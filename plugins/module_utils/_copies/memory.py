# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which versions of coreutils have the bug of https://bugs.gnu.org/12656, and what valgrind reported. Pure."""

from __future__ import annotations

import io
import re
from typing import Iterable, Iterator, Optional, Tuple, Union
from xml.etree import ElementTree

from .state import Guarded, Program

_VERSION = re.compile(r"^(?:cp|mv|install|ginstall|gcp|gmv) \(GNU coreutils\) (\d+)\.(\d+)")
_FIRST, _FIXED = (8, 11), (8, 20)


def is_affected(program: Program) -> Optional[Union[bool, str]]:
    """Whether this version reads memory that it had freed; C(None) for programs of which nothing is known, C(patched) for a patched one."""
    found = _VERSION.match(program.version)
    if found is None:
        return None
    if not _FIRST <= (int(found.group(1)), int(found.group(2))) < _FIXED:
        return False
    return "patched" if program.patches else True


def read_reports(reports: Iterable[str]) -> Guarded:
    """The memory errors in the XML reports of valgrind, one for each process. A report is cut off where its process was killed."""
    errors = [error for report in reports for error in _errors(report)]
    kinds = tuple(dict.fromkeys(kind for kind, _freed in errors))
    return Guarded("valgrind", kinds, any(freed for _kind, freed in errors))


def _errors(report: str) -> Iterator[Tuple[str, bool]]:
    try:
        for _event, element in ElementTree.iterparse(io.BytesIO(report.encode("utf-8"))):
            if element.tag == "error":
                kind = element.findtext("kind") or "unknown"
                yield kind, kind == "InvalidRead" and "free'd" in (element.findtext("auxwhat") or "")
    except ElementTree.ParseError:
        return
