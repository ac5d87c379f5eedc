# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a host that does not exist."""

from __future__ import annotations

from typing import Dict, List, Optional


class Tree:
    """Files of a host."""

    def __init__(self, files: Dict[str, str]) -> None:
        self.files = files

    def read(self, path: str) -> Optional[str]:
        return self.files.get(path)

    def names(self, folder: str) -> List[str]:
        start = folder.rstrip("/") + "/"
        return sorted({path[len(start) :].split("/")[0] for path in self.files if path.startswith(start)})

    def is_folder(self, path: str) -> bool:
        return bool(self.names(path))

    def exists(self, path: str) -> bool:
        return path in self.files or self.is_folder(path)
