# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the storage benchmark."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Sequence

from ansible.errors import AnsibleFilterError

from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.commands import make_commands
from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.network import ceilings
from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.plan import Settings, describe
from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.report import render_report
from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.results import make_results, parse_lines
from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.scratch import chain_arrays, layout_arrays, make_luns, make_sessions
from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.subjects import BenchmarkError
from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.table import render_table


def plan(options: Mapping[str, Any]) -> Dict[str, Any]:
    """See L(describe). Numbers may be text, as the command line gives them."""
    try:
        settings = Settings(
            extent=str(options["extent"]),
            seconds=float(options["seconds"]),
            warm_up=float(options["warm_up"]),
            repeats=int(options["repeats"]),
            speeds=tuple((float(rate), int(operations)) for rate, operations in options["speeds"]),
            mirror=str(options["mirror"]),
            stripe=str(options["stripe"]),
            servers=int(options["servers"]),
            volumes=int(options["volumes"]),
            only=str(options.get("only", "")),
        )
        return describe(settings)
    except ValueError as error:
        raise AnsibleFilterError(f"storage_benchmark_plan: {error}") from error


def commands(
    stage: Mapping[str, Any], devices: Sequence[Mapping[str, Any]], arrays: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
) -> List[Dict[str, Any]]:
    """See L(make_commands)."""
    try:
        return make_commands(stage, devices, arrays, options)
    except BenchmarkError as error:
        raise AnsibleFilterError(f"storage_benchmark_commands: {error}") from error


def measured(made: Sequence[Mapping[str, Any]], text: str) -> List[Dict[str, Any]]:
    """See L(parse_lines)."""
    try:
        return parse_lines(made, text)
    except BenchmarkError as error:
        raise AnsibleFilterError(f"storage_benchmark_measured: {error}") from error


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> Dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {
            "storage_benchmark_plan": plan,
            "storage_benchmark_commands": commands,
            "storage_benchmark_measured": measured,
            "storage_benchmark_luns": make_luns,
            "storage_benchmark_sessions": make_sessions,
            "storage_benchmark_layouts": layout_arrays,
            "storage_benchmark_chain": chain_arrays,
            "storage_benchmark": make_results,
            "storage_benchmark_network": ceilings,
            "storage_benchmark_table": render_table,
            "storage_benchmark_report": render_report,
        }
