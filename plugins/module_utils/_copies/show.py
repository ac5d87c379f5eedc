# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The return values of copy_check. Pure."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import Any, Dict, List, Sequence

from .checks import CORRUPTS, FREED, judge, worst
from .memory import is_affected
from .state import Finding


def returned(findings: Sequence[Finding]) -> Dict[str, Any]:
    """The results, the worst verdict, and a sentence for each problem."""
    results = [_result(finding) for finding in findings]
    return {
        "results": results,
        "verdict": worst(result["verdict"] for result in results),
        "problems": [_problem(result) for result in results if result["verdict"] in (CORRUPTS, FREED)],
    }


def _result(finding: Finding) -> Dict[str, Any]:
    verdict, reason = judge(finding)
    damaged = [copied.difference for copied in finding.copies if copied.difference]
    return {
        "path": finding.path,
        "filesystem": finding.filesystem,
        "command": list(finding.command),
        "version": finding.program.version,
        "affected_by_version": is_affected(finding.program),
        "layout": finding.layout,
        "proved": not finding.unproved,
        "verdict": verdict,
        "reason": reason,
        "copies": len(finding.copies),
        "damaged": len(damaged),
        "equal": not damaged,
        "first_difference": asdict(damaged[0]) if damaged else None,
        "guard": finding.guarded.guard if finding.guarded else None,
        "memory_errors": _errors(finding),
        "seconds": finding.seconds,
    }


def _errors(finding: Finding) -> List[str]:
    return list(finding.guarded.errors) if finding.guarded else []


def _problem(result: Dict[str, Any]) -> str:
    text = f"{shlex.join(result['command'])} on {result['path']} ({result['filesystem']}), layout {result['layout']}: {result['reason']}"
    first = result["first_difference"]
    if first:
        text += f"; the first difference is {first['length']} bytes of {first['what']} at {first['offset']}"
    return text
