# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the storage benchmark."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Sequence

from ansible.errors import AnsibleFilterError

from ansible_collections.fleetlab.linux.plugins.plugin_utils.storage_benchmark import BenchmarkError, make_results, render_table


def storage_benchmark(runs: Sequence[Mapping[str, Any]], mb_per_s: float = 0, iops: int = 0) -> List[Dict[str, Any]]:
    """See L(make_results)."""
    try:
        return make_results(runs, float(mb_per_s), int(iops))
    except BenchmarkError as error:
        raise AnsibleFilterError(f"storage_benchmark: {error}") from error


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> Dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"storage_benchmark": storage_benchmark, "storage_benchmark_table": render_table}
