# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the memory facts."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, Mapping, Optional

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.observe import now
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.fleet import FleetError, Limits, make_fleet
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.metrics import render_textfile
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.packages import MissingPackageError
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.page import render_page
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.report import render_csv, render_json, render_summary
from ansible_collections.fleetlab.linux.plugins.plugin_utils._free_table import TableError, render

_REPORTS: Dict[str, Callable[[Mapping[str, Any]], str]] = {
    "table": render_summary,
    "json": render_json,
    "csv": render_csv,
    "html": render_page,
    "textfile": render_textfile,
}


def free_table(
    meminfo: Mapping[str, Any], unit: str = "m", percent: bool = False, extended: bool = False, rows: str = "caches", caches: bool = False
) -> str:
    """See L(render)."""
    try:
        return render(meminfo, unit, _truth("percent", percent), _truth("extended", extended), rows, _truth("caches", caches))
    except TableError as error:
        raise AnsibleFilterError(f"free_table: {error}") from error


def _truth(option: str, value: object) -> bool:
    try:
        return bool(boolean(value))
    except TypeError:
        raise TableError(f"{option}: {value!r} is neither true nor false") from None


def meminfo_fleet(
    hostvars: Mapping[str, Any],
    hosts: Optional[Iterable[str]] = None,
    reading: str = "fleet_memory_reading",
    low_below: float = 10.0,
    max_age: float = 0.0,
) -> Dict[str, Any]:
    """See L(make_fleet)."""
    if not isinstance(hostvars, Mapping):
        raise AnsibleFilterError(f"meminfo_fleet: expected hostvars, or facts by host, got {type(hostvars).__name__}")
    if isinstance(hosts, str):
        raise AnsibleFilterError(f"meminfo_fleet: hosts: expected a list of names, got the text {hosts!r}; put it in brackets")
    try:
        return make_fleet(hostvars, hosts, reading, Limits(float(low_below), float(max_age), now()))
    except FleetError as error:
        raise AnsibleFilterError(f"meminfo_fleet: {error}") from error


def meminfo_report(fleet: Mapping[str, Any], form: str = "table") -> str:
    """A fleet as text in one of several forms."""
    if form not in _REPORTS:
        raise AnsibleFilterError(f"meminfo_report: form: {form!r} is unknown; use one of {', '.join(_REPORTS)}")
    try:
        return _REPORTS[form](fleet)
    except MissingPackageError as error:
        raise AnsibleFilterError(f"meminfo_report: {error}") from error
    except (KeyError, TypeError) as error:
        raise AnsibleFilterError(f"meminfo_report: the input is not a result of meminfo_fleet ({type(error).__name__}: {error})") from error


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> Dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"free_table": free_table, "meminfo_fleet": meminfo_fleet, "meminfo_report": meminfo_report}
