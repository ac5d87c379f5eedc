# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mounted file system and its signs of damage. Frozen data."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

DAMAGE: Mapping[int, str] = {
    errno.EIO: "Input/output error",
    errno.EROFS: "Read-only file system",
    errno.EUCLEAN: "Structure needs cleaning",
}
"""The errors of a new file that are signs of damage. A full file system, or a user without quota, is not damage."""


@dataclass(frozen=True)
class Filesystem:
    """A mounted file system. C(size) is in bytes, C(errors) is ext4's count of errors since its last check; C(None) if they are not known.

    C(refused) is the number of the error with which the file system refused a new file.
    """

    path: str
    source: str
    kind: str
    options: Tuple[str, ...] = ()
    size: Optional[int] = None
    errors: Optional[int] = None
    refused: Optional[int] = None

    @property
    def problems(self) -> List[str]:
        """A sentence for each sign of damage."""
        name = f"the file system of {self.source} on {self.path}"
        found = [f"{name} has met {self.errors} errors"] if self.errors else []
        words = DAMAGE.get(self.refused or 0)
        return [*found, f"{name} takes no files: {words}"] if words else found


def returned(path: Optional[str], found: Optional[Filesystem]) -> Dict[str, Any]:
    """The return values of the module."""
    if found is None:
        return {
            "mounted": False,
            "mount_point": path,
            "source": None,
            "fstype": None,
            "options": [],
            "size": None,
            "errors": None,
            "problems": [],
        }
    return {
        "mounted": True,
        # Not "path": exit_json adds the size and owner of the folder to a result of that name, over the size of the file system.
        "mount_point": found.path,
        "source": found.source,
        "fstype": found.kind,
        "options": list(found.options),
        "size": found.size,
        "errors": found.errors,
        "problems": found.problems,
    }
