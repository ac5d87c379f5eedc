# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepare a release: its version in galaxy.yml and in the addresses of pictures, and the fragments of the changelog under it.

The last steps are said, not done.
"""

from __future__ import annotations

import datetime
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_PICTURES = re.compile(r"(https://raw\.githubusercontent\.com/[^/\s]+/[^/\s]+/)\d+\.\d+\.\d+(/docs/)")
_LINE = re.compile(r"^version: (\S+)$", re.MULTILINE)


def with_version(galaxy: str, version: str) -> str:
    """The text of galaxy.yml with this version.

    :raises ValueError: the version is not of the form 1.2.3, or older than the version in the text.
    """
    found = _LINE.search(galaxy)
    wanted, before = _VERSION.fullmatch(version), _VERSION.fullmatch(found.group(1)) if found else None
    if wanted is None:
        raise ValueError(f"{version!r} is not a version: give one such as 1.0.0")
    if before is None:
        raise ValueError("galaxy.yml has no line with a version such as 1.0.0")
    if tuple(map(int, wanted.groups())) < tuple(map(int, before.groups())):
        raise ValueError(f"{version} is older than {before.group()}, the version in galaxy.yml")
    return _LINE.sub(f"version: {version}", galaxy)


def with_pictures(page: str, version: str) -> str:
    """The text of a page that shows its pictures from the tag of this version: the archive does not contain them."""
    return _PICTURES.sub(rf"\g<1>{version}\g<2>", page)


def main(arguments: list[str]) -> int:
    """Entry point; the one argument is the version."""
    if len(arguments) != 1:
        print("usage: nox -s release -- VERSION", file=sys.stderr)
        return 2
    (version,) = arguments
    galaxy = ROOT / "galaxy.yml"
    try:
        text = with_version(galaxy.read_text(encoding="utf-8"), version)
    except ValueError as error:
        print(f"release: {error}; nothing was changed", file=sys.stderr)
        return 2
    if _git("status", "--porcelain"):
        print("release: there are changes that are not committed; nothing was changed", file=sys.stderr)
        return 2
    galaxy.write_text(text, encoding="utf-8")
    for page in ROOT.glob("docs/*.md"):
        page.write_text(with_pictures(page.read_text(encoding="utf-8"), version), encoding="utf-8")
    day = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    command = ["antsibull-changelog", "release", "--version", version, "--date", day]
    collection = ROOT / ".cache" / "collections" / "ansible_collections" / "fleetlab" / "linux"
    if subprocess.run(command, cwd=collection, check=False).returncode:
        print(
            "release: antsibull-changelog failed; git checkout galaxy.yml docs changelogs CHANGELOG.md restores the files", file=sys.stderr
        )
        return 1
    print(f"Now read CHANGELOG.md, commit, run make test, tag the commit {version}, and upload what ansible-galaxy collection build makes.")
    return 0


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
