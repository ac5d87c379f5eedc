# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks that complete a member on which writes failed; the next run can complete a killed run. Pure.

The newer of two blocks can be told only while the member still has its own block. So a run first stores in a file the blocks that it
is going to write, and a later run that finds the file writes these blocks.
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
"""A gap in a plan: first sector, number of sectors, and the copies on other members as device node and first sector."""


def redo_path(folder: str, uuid: Uuid) -> str:
    """The file for an array."""
    return f"{folder}/fleetlab-md_array-{uuid}.redo"


def noted_blocks(text: Optional[str], slot: int) -> Optional[List[Block]]:
    """The blocks that a killed run was going to write to the member in C(slot), from its file; C(None) if the file has none for it."""
    noted = json.loads(text or "{}")
    return [(int(first), base64.b64decode(data)) for first, data in noted["blocks"]] if noted.get("slot") == slot else None


def as_noted(blocks: Sequence[Block], slot: int) -> str:
    """The content of the file that L(noted_blocks) reads."""
    return json.dumps({"slot": slot, "blocks": [[first, base64.b64encode(data).decode()] for first, data in blocks]})


def newer(own: bytes, others: Sequence[bytes]) -> bytes:
    """For each sector, the first of the copies in C(others) that differs from the member's C(own) copy; its own if none differs.

    If the copies in C(others) also differ from each other, two writes to one sector ran at once, and neither was acknowledged.
    """
    found = bytearray(own)
    for start in range(0, len(own), SECTOR):
        sector = slice(start, start + SECTOR)
        found[sector] = next((other[sector] for other in others if other[sector] != own[sector]), own[sector])
    return bytes(found)
