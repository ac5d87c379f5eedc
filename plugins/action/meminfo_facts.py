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
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.facts import ARGUMENTS, as_result, is_low, make_facts
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.observe import now
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.processes import COMMAND as PROCESSES
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.processes import largest

_MODULE = "fleetlab.linux.meminfo_facts"


def load_for_all_hosts() -> None:
    """Load the plugins of the connection and the shell once. Loading them in each worker takes half of the controller's time for a host.

    Ansible reads this file before it forks a worker for each host, and the workers inherit the loaded plugins. A host with another
    connection plugin than the default loses nothing.
    """
    # The tasks that need a plugin report that it cannot be loaded.
    with suppress(AnsibleError, ImportError):
        connection_loader.get(context.CLIARGS.get("connection", constants.DEFAULT_TRANSPORT), class_only=True)
        get_shell_plugin(executable="/bin/sh")


load_for_all_hosts()


class ActionModule(ActionBase):  # type: ignore[misc]  # not typed by Ansible
    """Reads a host without Python, or runs the module if the options or C(async) ask for it."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """The result of the task."""
        result: Dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(ARGUMENTS)
        # The mark of connections to network devices, which have no base class in common.
        if self._connection.force_persistence is True:
            plugin = self._connection.transport
            raise AnsibleActionFail(f"the connection {plugin} runs commands on the controller, whose memory is not that of this host")
        if options["method"] == "module" or self._task.async_val:
            # Only a module can leave a result on the host; the output of a command is lost when the connection ends.
            result.update(self._execute_module(module_name=_MODULE, task_vars=task_vars, wrap_async=self._task.async_val))
            return result
        printed = self._low_level_execute_command(COMMAND, executable="/bin/sh")
        try:
            facts = make_facts(parse_output(printed["stdout"]), options["zfs_arc"])
        except FleetlabError as error:
            raise AnsibleActionFail(_explain(error, printed)) from error
        if is_low(facts, options["processes_below"]):
            facts["processes"] = largest(self._low_level_execute_command(PROCESSES, executable="/bin/sh")["stdout"])
        result.update(as_result(facts, options["cacheable"], now()))
        return result


def _explain(error: FleetlabError, printed: Dict[str, Any]) -> str:
    """The error, and the host's standard error output if the whole command failed."""
    stderr = printed.get("stderr", "").strip()
    return f"{error} (exit code {printed['rc']}: {stderr[-300:]})" if printed["rc"] and stderr else str(error)
