# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of throughput_report: it reads variables and writes files on the controller, and runs nothing on any host."""

from __future__ import annotations

from typing import Any, Dict

from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.thresholds import make_thresholds
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.local_action import LocalAction
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.matrix_files import write_matrix
from ansible_collections.fleetlab.linux.plugins.plugin_utils._throughput.matrix import CHECKED, COLLECTED, STARTED, make_matrix
from ansible_collections.fleetlab.linux.plugins.plugin_utils._throughput.report import RENDERERS, render_table, render_textfile
from ansible_collections.fleetlab.linux.plugins.plugin_utils._throughput.schedule import plan_rounds

_ARGUMENTS: Dict[str, Dict[str, Any]] = {
    "hosts": {"type": "list", "elements": "str", "required": True},
    "one": {"type": "str"},
    "directory": {"type": "path"},
    "forms": {"type": "list", "elements": "str", "choices": ["json", "csv", "html"], "default": ["json", "csv", "html"]},
    "textfile": {"type": "path"},
    "mode": {"type": "raw", "default": "0644"},
    "fail_below": {"type": "str"},
    "fail_below_percent": {"type": "float"},
}


class ActionModule(LocalAction):
    """One task for the whole report."""

    arguments = _ARGUMENTS

    def answer(self, variables: Dict[str, Any], options: Dict[str, Any]) -> Dict[str, Any]:
        """Write the files, and return the table."""
        hosts = options["hosts"]
        thresholds = make_thresholds(options["fail_below"], options["fail_below_percent"])
        rounds = plan_rounds(hosts, options["one"] or "")
        matrix = make_matrix(hosts, rounds, {host: _registered(variables["hostvars"][host]) for host in hosts}, thresholds)
        written = write_matrix("throughput", RENDERERS, render_textfile, matrix, options, self._task.check_mode, self._task.diff)
        return {**written, "table": render_table(matrix).splitlines(), "missed": matrix["missed"], "matrix": matrix}


def _registered(variables: Any) -> Dict[str, Any]:
    """The results of the role's tasks on a host."""
    return {name: variables[name] for name in (CHECKED, STARTED, COLLECTED) if name in variables}
