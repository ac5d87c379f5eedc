# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another host of the inventory, on which an action runs a module of its own.

Ansible connects a task to one host. The plugins of its connection are public, and here they are set up for a second host from the
variables of that host, as C(delegate_to) would.
"""

from __future__ import annotations

import os
from copy import copy
from typing import Any, Dict, Mapping

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import become_loader

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError, ObservationError

_NEEDED = ("inventory_hostname", "playbook_dir", "inventory_dir")


class Peer(ActionBase):  # type: ignore[misc]  # not typed by Ansible
    """The same task on another host. Only its method C(module) is used."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> Dict[str, Any]:
        """An action has this method; this one is never run as a task."""
        raise NotImplementedError

    def module(self, name: str, arguments: Mapping[str, Any], variables: Dict[str, Any]) -> Dict[str, Any]:
        """Run a module there.

        :raises ObservationError: the host cannot be reached.
        """
        try:
            answer: Dict[str, Any] = self._execute_module(module_name=name, module_args=dict(arguments), task_vars=variables)
        except AnsibleConnectionFailure as error:
            # Ansible would take this one for a failure of the task's own host, and leave that host out from then on.
            raise ObservationError(f"{variables['inventory_hostname']} cannot be reached: {error}") from None
        return answer


def variables_of(hostvars: Mapping[str, Mapping[str, Any]], host: str) -> Dict[str, Any]:
    """The variables of a host by which Ansible connects to it and runs modules there.

    :raises InputError: the host is not in the inventory.
    """
    if host not in hostvars:
        raise InputError("to", f"{host} is not a host of the inventory: name one of its hosts. Nothing was sent")
    found = hostvars[host]
    variables = {name: found[name] for name in found if name.startswith("ansible_") or name in _NEEDED}
    return {**variables, "inventory_hostname": host, "ansible_facts": dict(variables.get("ansible_facts", {}))}


def connect(action: ActionBase, host: str, variables: Mapping[str, Any]) -> Peer:
    """An action like this one, on another host."""
    task = action._task.copy(exclude_parent=False)
    task.delegate_to = None
    context = copy(action._play_context)
    context.remote_addr = variables.get("ansible_host", host)
    context.connection = variables.get("ansible_connection", task.connection)
    connection = action._shared_loader_obj.connection_loader.get(
        context.connection, context, new_stdin=None, task_uuid=task._uuid, ansible_playbook_pid=str(os.getppid())
    )
    if connection is None:
        raise AnsibleActionFail(f"{host}: the connection plugin {context.connection} was not found")
    _become(connection, task, variables)
    _set_options(connection, task, context, variables)
    shared = action._shared_loader_obj
    return Peer(task, connection, context, action._loader, action._templar, shared)


def _become(connection: Any, task: Any, variables: Mapping[str, Any]) -> None:
    wanted = variables.get("ansible_become")
    if not (task.become if wanted is None else boolean(wanted)):
        connection.set_become_plugin(None)
        return
    method = variables.get("ansible_become_method") or task.become_method or "sudo"
    plugin = become_loader.get(method)
    if plugin is None:
        raise AnsibleActionFail(f"the become plugin {method} was not found")
    connection.set_become_plugin(plugin)


def _set_options(connection: Any, task: Any, context: Any, variables: Mapping[str, Any]) -> None:
    """Give the plugins their options: keywords of the task, and variables of the host."""
    keywords = task.dump_attrs()
    # The keyword timeout is that of the task, and retries are the task's too.
    keywords["timeout"] = context.timeout
    keywords.pop("retries", None)
    if context.password:
        keywords["password"] = context.password
    _set(connection, "connection", keywords, variables)
    _set(connection._shell, "shell", keywords, variables)
    if connection.become is not None:
        if context.become_pass:
            keywords["become_pass"] = context.become_pass
        _set(connection.become, "become", keywords, variables)


def _set(plugin: Any, kind: str, keywords: Mapping[str, Any], variables: Mapping[str, Any]) -> None:
    names = constants.config.get_plugin_vars(kind, plugin._load_name)
    plugin.set_options(task_keys=keywords, var_options={name: variables[name] for name in names if name in variables})
