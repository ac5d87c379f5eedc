# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of throughput_report: it reads variables and writes files on the controller, and runs nothing on any host."""

from __future__ import annotations

from typing import Any, Dict, Optional

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.thresholds import make_thresholds
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


class ActionModule(ActionBase):  # type: ignore[misc]  # not typed by Ansible
    """One task for the whole report."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """The result of the task."""
        variables = task_vars or {}
        result: Dict[str, Any] = super().run(tmp, variables)
        _validation, options = self.validate_argument_spec(_ARGUMENTS)
        hosts = options["hosts"]
        try:
            thresholds = make_thresholds(options["fail_below"], options["fail_below_percent"])
            rounds = plan_rounds(hosts, options["one"] or "")
            matrix = make_matrix(hosts, rounds, {host: _registered(variables["hostvars"][host]) for host in hosts}, thresholds)
            flags = {"check": self._task.check_mode, "diff": self._task.diff}
            result.update(write_matrix("throughput", RENDERERS, render_textfile, matrix, options, **flags))
        except FleetlabError as error:
            raise AnsibleActionFail(str(error)) from error
        result.update(table=render_table(matrix).splitlines(), missed=matrix["missed"], matrix=matrix)
        return result


def _registered(variables: Any) -> Dict[str, Any]:
    """The results of the role's tasks on a host."""
    return {name: variables[name] for name in (CHECKED, STARTED, COLLECTED) if name in variables}
