# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of tls_report: it reads variables and writes files on the controller, and runs nothing on any host."""

from __future__ import annotations

from typing import Any, Dict

from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.local_action import LocalAction
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.matrix_files import write_matrix
from ansible_collections.fleetlab.linux.plugins.plugin_utils._tls.matrix import FAIL_ON, REGISTERED, make_matrix
from ansible_collections.fleetlab.linux.plugins.plugin_utils._tls.report import RENDERERS, render_table, render_textfile

_ARGUMENTS: Dict[str, Dict[str, Any]] = {
    "hosts": {"type": "list", "elements": "str", "required": True},
    "directory": {"type": "path"},
    "forms": {"type": "list", "elements": "str", "choices": ["json", "html"], "default": ["json", "html"]},
    "textfile": {"type": "path"},
    "mode": {"type": "raw", "default": "0644"},
    "fail_on": {"type": "list", "elements": "str", "choices": list(FAIL_ON), "default": ["no_forward_secrecy"]},
}


class ActionModule(LocalAction):
    """One task for the whole report."""

    arguments = _ARGUMENTS

    def answer(self, variables: Dict[str, Any], options: Dict[str, Any]) -> Dict[str, Any]:
        """Write the files, and return the table."""
        known = {host: _registered(variables["hostvars"][host]) for host in options["hosts"]}
        matrix = make_matrix(options["hosts"], known, options["fail_on"])
        written = write_matrix("tls", RENDERERS, render_textfile, matrix, options, self._task.check_mode, self._task.diff)
        return {**written, "table": render_table(matrix).splitlines(), "missed": matrix["missed"], "matrix": matrix}


def _registered(variables: Any) -> Dict[str, Any]:
    """The results of the role's tasks on a host."""
    return {name: variables[name] for name in REGISTERED.values() if name in variables}
