# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dpkg and apt print, read. Pure."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Dict, Iterator, List, Sequence, Tuple

from .state import Candidate, Deb, Installed, Offer
from .versions import is_local, newest

FIELDS = (
    "Package",
    "Version",
    "Architecture",
    "db:Status-Want",
    "db:Status-Status",
    "Essential",
    *(f"Fleetlab-{x}" for x in ("Base", "Patches", "Suite")),
    "source:Package",
)
QUERY = "\\t".join(f"${{{field}}}" for field in FIELDS) + "\\n"
"""The format for dpkg-query."""

TARGETS = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(LABEL)|$(CODENAME)"
"""The format for apt-get indextargets."""


def parse_installed(text: str) -> Tuple[Installed, ...]:
    """The installed packages in the output of dpkg-query."""
    found = (line.split("\t") for line in text.splitlines())
    return tuple(
        Installed(words[0], words[1], words[2], words[3] == "hold", words[6], words[7], words[8], words[5] == "yes", words[9])
        for words in found
        if len(words) == len(FIELDS) and words[4] == "installed"
    )


def parse_stanzas(text: str) -> Iterator[Dict[str, str]]:
    """The fields of each stanza, without continued lines."""
    for stanza in re.split(r"\n\n+", text.strip()):
        lines = (line.partition(":") for line in stanza.splitlines() if line[:1].strip())
        yield {name: value.strip() for name, _colon, value in lines}


def parse_deb(path: str, text: str) -> Deb:
    """The fields of a package in a file, as dpkg-deb prints them."""
    fields = next(parse_stanzas(text))
    return Deb(
        path=path,
        name=fields.get("Package", ""),
        version=fields.get("Version", ""),
        architecture=fields.get("Architecture", ""),
        base=fields.get("Fleetlab-Base", ""),
        patches=fields.get("Fleetlab-Patches", ""),
        suite=fields.get("Fleetlab-Suite", ""),
        is_essential=fields.get("Essential") == "yes",
    )


def parse_targets(text: str) -> Dict[Tuple[str, str], Tuple[str, str]]:
    """The label and the code name of each archive, by its address and C(RELEASE/COMPONENT)."""
    found = (line.split("|") for line in text.splitlines())
    return {(words[0].rstrip("/"), _archive(words[1], words[2])): (words[4], words[5]) for words in found if len(words) == 6}


def _archive(release: str, component: str) -> str:
    """An archive as madison names it. One without components is a folder."""
    return f"{release}/{component}" if component and not component.startswith("$") else release


def parse_offers(text: str, targets: Dict[Tuple[str, str], Tuple[str, str]]) -> Tuple[Offer, ...]:
    """The versions in the output of apt-cache madison."""
    offers: List[Offer] = []
    for line in text.splitlines():
        words = [word.strip() for word in line.split("|")]
        if len(words) != 3 or not words[2].endswith("Packages"):
            continue
        address, archive = words[2].split(" ")[:2]
        release = archive.partition("/")[0]
        label, code_name = targets.get((address.rstrip("/"), archive), ("", release))
        # All archives of a release of Ubuntu have the same code name, also those of security updates and backports.
        suite = release if release.startswith(f"{code_name}-") else code_name
        offers.append(Offer(words[0], words[1], label, suite, is_local(words[1])))
    return tuple(dict.fromkeys(offers))


def parse_candidate(text: str) -> Candidate:
    """The newest version in the output of apt-cache show.

    A package without a source of another name and version has none in its stanza.
    """
    stanzas = {fields["Version"]: fields for fields in parse_stanzas(text) if "Version" in fields}
    version = newest(stanzas)
    name, _blank, source_version = stanzas[version].get("Source", stanzas[version]["Package"]).partition(" ")
    return Candidate(version, name, source_version.strip("()") or version, stanzas[version].get("Essential") == "yes")


def parse_changed_files(text: str, settings: str = "") -> Tuple[str, ...]:
    """The changed files in the output of dpkg --verify, without configuration files: those are meant to be changed.

    :arg settings: the files of settings of dpkg, which may say that some files are never installed, as images of containers do.
    """
    found = re.findall(r"^(\S{9}|missing)\s+(?:(c) )?(\S.*)$", text, re.MULTILINE)
    rules = re.findall(r"^\s*path-(exclude|include)[=\s]\s*[\"']?(.+?)[\"']?\s*$", settings, re.MULTILINE)
    return tuple(path for marks, conffile, path in found if not conffile and not (marks == "missing" and _is_left_out(path, rules)))


def _is_left_out(path: str, rules: Sequence[Tuple[str, str]]) -> bool:
    """Whether dpkg installs a file of this path not at all; the last pattern that matches decides."""
    return next((kind == "exclude" for kind, pattern in reversed(rules) if fnmatchcase(path, pattern)), False)
