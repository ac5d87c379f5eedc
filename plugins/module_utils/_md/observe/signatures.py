# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the signatures that libblkid recognises on devices, from the JSON of wipefs."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Sequence, Tuple

from ..._core.errors import ObservationError
from ..._core.runner import Runner
from ..model.block_device import Signature


def read_signatures(runner: Runner, nodes: Sequence[str]) -> Dict[str, Tuple[Signature, ...]]:
    """Signatures by device node.

    :raises ObservationError: the answer cannot be understood.
    """
    return parse_signatures(runner.run(["wipefs", "--json", "--no-act", *nodes]).stdout)


def parse_signatures(text: str) -> Dict[str, Tuple[Signature, ...]]:
    """Signatures by device node, from the output of C(wipefs --json --no-act); older versions print nothing if they find nothing.

    :raises ObservationError: the text cannot be understood.
    """
    if not text.strip():
        return {}
    try:
        rows: List[Dict[str, Any]] = json.loads(text)["signatures"]
        found: Dict[str, Tuple[Signature, ...]] = {}
        for row in rows:
            node = f"/dev/{row['device']}"
            found[node] = (*found.get(node, ()), Signature(row["type"], row.get("uuid") or "", row.get("label") or ""))
    except (ValueError, KeyError, TypeError) as error:
        raise ObservationError(f"wipefs --json: the answer cannot be understood ({error!r}): {text[:200]!r}") from None
    return found
