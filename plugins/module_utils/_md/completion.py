# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give a member what others have of the blocks that it could not take, such that a run that is killed can be completed.

Which of two blocks is newer shows only as long as the member has its own. So what is to be written is kept in a file first, and
a later run that finds the file writes just that.
"""

from __future__ import annotations

import base64
import json
import os
from typing import List, Sequence, Tuple

from .._core.errors import FleetlabError
from .._core.plan import WriteFile, write_file
from .block_device import Uuid
from .host import Host

_SECTOR = 512

Block = Tuple[int, bytes]
"""The first sector on the member, and what belongs there."""

PlainGap = Tuple[int, int, Sequence[Tuple[str, int]]]
"""As a plan has it: first sector, number of sectors, and where others have them, by device node and first sector there."""


def redo_path(folder: str, uuid: Uuid) -> str:
    """The file for an array."""
    return f"{folder}/fleetlab-md_array-{uuid}.redo"


def complete(host: Host, device: str, slot: int, gaps: Sequence[PlainGap], redo: str) -> None:
    """Bring the member in C(slot) up to date, or complete what a killed run had begun to do with it, whose file is at C(redo).

    The caller removes that.

    :raises FleetlabError: a device cannot be read.
    """
    noted = json.loads(host.text(redo) or "{}")
    if noted.get("slot") == slot:
        blocks = [(int(first), base64.b64decode(data)) for first, data in noted["blocks"]]
    else:
        blocks = [block for gap in gaps for block in _newer_blocks(host, device, gap)]
        shown = [[first, base64.b64encode(data).decode()] for first, data in blocks]
        write_file(WriteFile(redo, json.dumps({"slot": slot, "blocks": shown}), mode=0o600))
    _write(device, blocks)


def newer(own: bytes, others: Sequence[bytes]) -> bytes:
    """Sector by sector what differs from the member's own, of the first of the others that does.

    Where they differ from each other as well, two writes to one place were under way at once, and neither was acknowledged.
    """
    found = bytearray(own)
    for start in range(0, len(own), _SECTOR):
        sector = slice(start, start + _SECTOR)
        found[sector] = next((other[sector] for other in others if other[sector] != own[sector]), own[sector])
    return bytes(found)


def _newer_blocks(host: Host, device: str, gap: PlainGap) -> List[Block]:
    first, size, others = gap
    own = _read(host, device, first, size)
    data = newer(own, [_read(host, node, start, size) for node, start in others])
    return [(first, data)] if data != own else []


def _read(host: Host, node: str, first: int, size: int) -> bytes:
    data = host.read(node, first * _SECTOR, size * _SECTOR)
    if data is None or len(data) != size * _SECTOR:
        raise FleetlabError(
            f"{node}: {size} sectors from {first} cannot be read; nothing was written to any member. Run this again when they can;"
            " to start without what they hold, take the device away and set run_degraded"
        )
    return data


def _write(device: str, blocks: Sequence[Block]) -> None:
    with open(device, "r+b", opener=lambda path, flags: os.open(path, flags | os.O_EXCL)) as stream:
        for first, data in blocks:
            stream.seek(first * _SECTOR)
            stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
