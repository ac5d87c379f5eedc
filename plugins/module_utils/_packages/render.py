# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a source package with a new version and the fields of patched packages; the configuration of a private apt. Pure."""

from __future__ import annotations

import re
from email.utils import formatdate
from typing import Dict, Sequence, Tuple

_MAINTAINER = "patched_package <root@localhost>"
_SECTION = re.compile(r"^Package:.*$", re.MULTILINE)


def add_changelog(text: str, version: str, suite: str, patches: str, now: float) -> str:
    """A changelog with a new first entry. C(now) is in seconds since 1970."""
    source = text.partition(" ")[0]
    entry = f"{source} ({version}) {suite}; urgency=medium\n\n  * Local patches: {patches}\n\n -- {_MAINTAINER}  {formatdate(now)}\n\n"
    return entry + text


def add_fields(control: str, fields: Dict[str, str]) -> str:
    """debian/control, with fields that come out of C(dpkg-query) for each binary package. XB stands for fields of binary packages."""
    lines = "".join(f"\nXB-{name}: {value}" for name, value in fields.items())
    return _SECTION.sub(lambda found: found.group(0) + lines, control)


def render_apt(folder: str, architecture: str) -> str:
    """The configuration of an apt with lists of its own, which knows nothing of the host's sources, cache and installed packages."""
    values = {
        "Dir::Etc::sourcelist": f"{folder}/sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": f"{folder}/lists",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": f"{folder}/cache",
        # Images of containers switch these off, and apt then reads all lists each time.
        "Dir::Cache::pkgcache": "pkgcache.bin",
        "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "root",
        "APT::Get::AllowUnauthenticated": "false",
        "Acquire::AllowInsecureRepositories": "false",
        "Acquire::AllowWeakRepositories": "false",
        "Acquire::AllowDowngradeToInsecureRepositories": "false",
        "Acquire::Languages": "none",
        "APT::Update::Error-Mode": "any",
    }
    return "".join(f'{name} "{value}";\n' for name, value in values.items())


def make_lines(targets: str, suite: str) -> Tuple[str, ...]:
    """The sources of a suite for apt, from those of the host: the same archives, the suite itself, its updates and security updates."""
    releases = (suite, f"{suite}-updates", f"{suite}-security")
    found = (line.split("|") for line in targets.splitlines())
    # The last word is the distribution's own label of origin.
    own = [words for words in found if len(words) == 6 and words[1] in releases and words[3] in ("Debian", "Ubuntu")]
    return tuple(dict.fromkeys(f"deb {words[0]} {words[1]} {words[2]}" for words in own))


def with_sources(lines: Sequence[str]) -> str:
    """The content of a sources.list, in which each archive also gives its sources."""
    both = [line for each in lines for line in (re.sub(r"^deb(-src)?", "deb", each), re.sub(r"^deb(-src)?", "deb-src", each))]
    return "".join(f"{line}\n" for line in dict.fromkeys(both))
