# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a member gets of the blocks that it could not take, such that a run that is killed can be completed. Pure.

Which of two blocks is newer shows only as long as the member has its own. So a run keeps in a file first what it is going to write,
and a later run that finds the file writes just that.
"""

from __future__ import annotations

import base64
import json
from typing import List, Optional, Sequence, Tuple

from ..model.block_device import Uuid

SECTOR = 512

Block = Tuple[int, bytes]
"""A first sector on the member, and the bytes that belong there."""

PlainGap = Tuple[int, int, Sequence[Tuple[str, int]]]
"""A gap as a plan has it: first sector, number of sectors, and where others have them, by device node and first sector there."""


def redo_path(folder: str, uuid: Uuid) -> str:
    """The file for an array."""
    return f"{folder}/fleetlab-md_array-{uuid}.redo"


def noted_blocks(text: Optional[str], slot: int) -> Optional[List[Block]]:
    """The blocks that a killed run was going to write to the member in C(slot), from its file; C(None) if it left none for this slot."""
    noted = json.loads(text or "{}")
    return [(int(first), base64.b64decode(data)) for first, data in noted["blocks"]] if noted.get("slot") == slot else None


def as_noted(blocks: Sequence[Block], slot: int) -> str:
    """The content of the file that L(noted_blocks) reads."""
    return json.dumps({"slot": slot, "blocks": [[first, base64.b64encode(data).decode()] for first, data in blocks]})


def newer(own: bytes, others: Sequence[bytes]) -> bytes:
    """Sector by sector what differs from the member's own, of the first of the others that does.

    Where the others differ from each other as well, two writes to one place were under way at once, and neither was acknowledged.
    """
    found = bytearray(own)
    for start in range(0, len(own), SECTOR):
        sector = slice(start, start + SECTOR)
        found[sector] = next((other[sector] for other in others if other[sector] != own[sector]), own[sector])
    return bytes(found)
