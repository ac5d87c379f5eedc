# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of meminfo_report: it reads variables and writes files on the controller, and runs nothing on any host."""

from __future__ import annotations

import contextlib
import gc
from typing import Any, Dict, Iterator

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.observe import now
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet import files, outputs
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.fleet import (
    ONE_PASS,
    READING,
    FleetError,
    Limits,
    Untemplated,
    make_fleet,
)
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.local_action import LocalAction
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.packages import MissingPackageError
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.problems import short_hosts, threshold_problems
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.report import render_summary

_ONLY_IN_FILES = {"parts", "problems", "processes", "source_reason", "unexplained_reason"}
"""Ansible copies each value of a result several times, which would take half of the time of a report of hundreds of hosts."""
_ARGUMENTS: Dict[str, Dict[str, Any]] = {
    "hosts": {"type": "list", "elements": "str"},
    "directory": {"type": "path"},
    "forms": {"type": "list", "elements": "str", "choices": list(outputs.RENDERERS), "default": list(outputs.RENDERERS)},
    "textfile": {"type": "path"},
    "history": {"type": "path"},
    "mode": {"type": "raw", "default": "0644"},
    "short_below": {"type": "float", "default": 0},
    "low_below": {"type": "float", "default": 10},
    "max_age": {"type": "float", "default": 3600},
    "show": {"type": "bool", "default": False},
}


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collection, which took a sixth of the CPU time to look through the variables of all hosts."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class ActionModule(LocalAction):
    """One task for the whole report, because a task for each file took longer than reading the hosts."""

    arguments = _ARGUMENTS
    failures = (FleetlabError, FleetError, MissingPackageError)

    def answer(self, variables: Dict[str, Any], options: Dict[str, Any]) -> Dict[str, Any]:
        """Write the files, and return the table and the hosts."""
        with _uncollected():
            fleet = self._fleet(variables, options)
            result = self._report(fleet, options)
        result["short"] = short_hosts(fleet, options["short_below"])
        result["fleet"] = {**fleet, "hosts": [{name: row[name] for name in row.keys() - _ONLY_IN_FILES} for row in fleet["hosts"]]}
        result["problems"] = result["unwritten"] + threshold_problems(fleet, options["short_below"])
        if options["show"]:
            # As the result of a task, Ansible would print a list of quoted lines.
            self._display.display("\n".join(result["table"] + self._said))
        if result["unwritten"]:
            result.update(failed=True, msg="; ".join(result["unwritten"]))
        return result

    def _fleet(self, variables: Dict[str, Any], options: Dict[str, Any]) -> Dict[str, Any]:
        hostvars = Untemplated(variables["hostvars"], (READING, ONE_PASS, "meminfo"))
        hosts = variables.get("ansible_play_hosts_all", []) if options["hosts"] is None else options["hosts"]
        return make_fleet(hostvars, hosts, limits=Limits(options["low_below"], options["max_age"], now()))

    def _report(self, fleet: Dict[str, Any], options: Dict[str, Any]) -> Dict[str, Any]:
        """Write the files whose content or permissions differ."""
        mode = files.parse_mode(options["mode"])
        files.check_folder_of("textfile", options["textfile"])
        table = render_summary(fleet).splitlines()
        shown, warnings = outputs.with_history(fleet, options["history"]) if options["history"] else (fleet, [])
        wanted = outputs.outputs(shown, options)
        plans, problems = outputs.plan_all(wanted, mode)
        if not self._task.check_mode:
            problems += outputs.write_all(plans)
        self._said = outputs.say_all(wanted, self._task.check_mode)
        result = {
            "changed": any(plan.changed for plan in plans),
            "commands": [command for plan in plans for command in plan.commands()],
            "files": [path for output in wanted for path in output.contents],
            "table": table,
            "unwritten": problems,
            "warnings": warnings,
        }
        return {**result, "diff": [diff for plan in plans for diff in files.diffs(plan)]} if self._task.diff else result
