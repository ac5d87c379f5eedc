# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Earlier runs: a small file for each, with the available memory of each host, and the time axis that they make. Pure."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence

MOST = 48
"""The most runs of a time axis. More would make the page of five thousand hosts too long."""
_NAME = re.compile(r"memory-[0-9]{8}T[0-9]{6}Z\.json")


class Run(NamedTuple):
    """One run: the time of its last reading, and the available percent of its hosts."""

    read_at: float
    available_percent: Mapping[str, float]


class HistoryError(ValueError):
    """A file is not that of a run; the message names it."""


def run_of(fleet: Mapping[str, Any]) -> Optional[Run]:
    """The run of a fleet; None without a reading whose time is known."""
    last = fleet["read"]["last"]
    return None if last is None else Run(last, {row["host"]: row["available_percent"] for row in fleet["hosts"]})


def name_of(run: Run) -> str:
    """The name of its file. The same readings have the same file."""
    return datetime.fromtimestamp(run.read_at, timezone.utc).strftime("memory-%Y%m%dT%H%M%SZ.json")


def newest(names: Iterable[str], without: str) -> List[str]:
    """The files of the newest earlier runs among the names in a folder, oldest first."""
    return sorted(name for name in names if _NAME.fullmatch(name) and name < without)[1 - MOST :]


def render(run: Run) -> str:
    """The content of a file."""
    return json.dumps({"read_at": run.read_at, "available_percent": run.available_percent}, sort_keys=True) + "\n"


def parse(name: str, text: str) -> Run:
    """The run in a file.

    :raises HistoryError: the file has other content.
    """
    try:
        content = json.loads(text)
        return Run(float(content["read_at"]), {str(host): float(value) for host, value in content["available_percent"].items()})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise HistoryError(f"{name}: is not the file of a run, and is skipped ({type(error).__name__}: {error})") from None


def axis(runs: Sequence[Run], hosts: Sequence[str]) -> Dict[str, Any]:
    """The times of the runs, and for each host its values, null where a run does not know the host."""
    return {
        "times": [round(run.read_at) for run in runs],
        "hosts": [[None if host not in run.available_percent else round(run.available_percent[host], 1) for run in runs] for host in hosts],
    }
