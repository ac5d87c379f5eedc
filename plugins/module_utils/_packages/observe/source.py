# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch a source, unpack it, and apply patches to it, strictly."""

from __future__ import annotations

import glob
import os
import re
from typing import Sequence

from ..._core.errors import CommandError, ObservationError
from ..._core.runner import Runner
from ..state import Candidate, Patch

TREE = "tree"
_PATCH = ("patch", "--strip=1", "--fuzz=0", "--batch", "--forward", "--no-backup-if-mismatch", "--reject-file=-")
"""Without C(--forward) the program takes a patch that it can apply for one that is to be taken back, and the other way round."""
_BINARY = re.compile(r"^Binary files .+ and .+ differ$", re.MULTILINE)


def fetch(runner: Runner, config: str, candidate: Candidate, folder: str) -> None:
    """Download a source. apt checks it against the signed lists, and every file that is missing is an error."""
    name = f"{candidate.source}={candidate.source_version}"
    argv = ["env", f"--chdir={folder}", "apt-get", f"--config-file={config}", "source", "--download-only", "--only-source", name]
    runner.run(argv, timeout=900)


def unpack(runner: Runner, folder: str) -> str:
    """Unpack a source with the patches of the distribution. Returns the path of its files."""
    descriptions = glob.glob(os.path.join(folder, "*.dsc"))
    if len(descriptions) != 1:
        raise ObservationError(f"{folder}: {len(descriptions)} descriptions of sources were fetched, not one. Nothing was changed")
    tree = os.path.join(folder, TREE)
    # apt has checked the source against the signed lists; the keys of the maintainers are on no host.
    runner.run(["dpkg-source", "--no-check", "--extract", descriptions[0], tree], timeout=600)
    return tree


def apply_patches(runner: Runner, tree: str, patches: Sequence[Patch]) -> str:
    """Apply patches one after the other. Returns why one does not apply without fuzz, or not as a whole; empty if all do."""
    for patch in patches:
        problem = _lacking(patch)
        if problem:
            return f"the patch {patch.name} {problem}"
        # Asked before, because a patch that fails leaves its first parts in the source.
        back = runner.run([*_PATCH, "--reverse", "--dry-run", f"--directory={tree}"], stdin=patch.content, accept=(0, 1, 2))
        try:
            runner.run([*_PATCH, f"--directory={tree}"], stdin=patch.content)
        except CommandError as error:
            if back.exit_code == 0:
                return f"the patch {patch.name} is already in the source; leave it out"
            if "No file to patch" in error.problem:
                found = f"the patch {patch.name} is for files that the source does not have below one leading folder (patch -p1)"
                return f"{found}: {error.problem}; give its files the paths of the source, with a/ and b/ in front"
            return f"the patch {patch.name} does not apply without fuzz: {error.problem}; make it again for this version"
    return ""


def _lacking(patch: Patch) -> str:
    """What the program patch would pass over in silence."""
    if not patch.content.strip():
        return "is empty; was it fetched?"
    binary = _BINARY.search(patch.content)
    return f"has no content for a file: {binary.group(0)!r}; make it without this file, or bring the file in another way" if binary else ""
