# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of meminfo_facts: one command on the host, everything else on the controller."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Dict, Optional

from ansible import constants, context
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import connection_loader, get_shell_plugin

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.collect import COMMAND, parse_output
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.facts import ARGUMENTS, as_result, make_facts
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.observe import now

_MODULE = "fleetlab.linux.meminfo_facts"


def load_for_all_hosts() -> None:
    """Load what each worker would load for itself: half of what a host costs the controller is ssh's plugin, its documentation above all.

    Ansible reads this file once before it forks a worker for each host, and they inherit what is loaded by then. Hosts that are reached in
    another way than by default lose nothing.
    """
    # What cannot be loaded is named by the tasks that need it.
    with suppress(AnsibleError, ImportError):
        connection_loader.get(context.CLIARGS.get("connection", constants.DEFAULT_TRANSPORT), class_only=True)
        get_shell_plugin(executable="/bin/sh")


load_for_all_hosts()


class ActionModule(ActionBase):  # type: ignore[misc]  # not typed by Ansible
    """Reads a host without Python; hands over to the module where the host has to work on its own."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """The result of the task."""
        result: Dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(ARGUMENTS)
        if options["method"] == "module" or self._task.async_val:
            # Nobody listens to a command that goes on after the connection has ended: only a module leaves its result behind.
            result.update(self._execute_module(module_name=_MODULE, task_vars=task_vars, wrap_async=self._task.async_val))
            return result
        printed = self._low_level_execute_command(COMMAND, executable="/bin/sh")
        try:
            facts = make_facts(parse_output(printed["stdout"]), options["zfs_arc"])
        except FleetlabError as error:
            raise AnsibleActionFail(_explain(error, printed)) from error
        result.update(as_result(facts, options["cacheable"], now()))
        return result


def _explain(error: FleetlabError, printed: Dict[str, Any]) -> str:
    """The error, and what the host said of it where its command failed as a whole."""
    stderr = printed.get("stderr", "").strip()
    return f"{error} (exit code {printed['rc']}: {stderr[-300:]})" if printed["rc"] and stderr else str(error)
