# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The labels of SELinux: a file that replaces another has the label of that one, and a new file the label of the policy for its path."""

from __future__ import annotations

import os
import stat
from typing import Optional

try:
    from ansible.module_utils.compat import selinux
except ImportError:
    # A host without libselinux has no SELinux.
    selinux = None

ATTRIBUTE = "security.selinux"


def label_of(path: str) -> Optional[bytes]:
    """The label of a file; none without labels on its file system."""
    try:
        return os.getxattr(path, ATTRIBUTE, follow_symlinks=False)
    except OSError:
        return None


def take_over_label(temporary: str, path: str) -> None:
    """Give the file that is about to replace C(path) the label that belongs there.

    :raises OSError: the host does not let this user change labels.
    """
    wanted = label_of(path) if _is_file(path) else _label_of_policy(path)
    # The kernel has given the temporary file the label of files of its folder, which is mostly the right one. A container may not set any.
    if wanted is not None and wanted != label_of(temporary):
        os.setxattr(temporary, ATTRIBUTE, wanted, follow_symlinks=False)


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def _label_of_policy(path: str) -> Optional[bytes]:
    if selinux is None or selinux.is_selinux_enabled() != 1:
        return None
    code, context = selinux.matchpathcon(os.path.abspath(path), stat.S_IFREG)
    return f"{context}\0".encode("ascii") if code == 0 and context else None
