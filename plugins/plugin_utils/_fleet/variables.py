# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of hosts while the inventory is still being read, with the same precedence as in a play."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping

from ansible import context
from ansible.inventory.manager import InventoryManager
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager


class HostVariables:
    """The variables of the hosts from the sources that were read before."""

    def __init__(self, inventory: Any, loader: Any, path: str) -> None:
        """:arg path: the source that is being read. The folders beside it count like the folders beside the other sources."""
        # Ansible does this after the last source. Before that, groups are not in the group all yet.
        inventory.reconcile_inventory()
        self._manager = InventoryManager(loader=loader, sources=None, parse=False)
        self._manager._inventory = inventory
        self._manager._sources = [*inventory.processed_sources, path]
        self._variables = VariableManager(loader=loader, inventory=self._manager)
        # The folder of the playbook is unknown unless an option names it. Ansible's substitute, the current folder, may belong to another
        # project.
        self._variables.safe_basedir = bool(context.CLIARGS.get("basedir"))
        HostVars(self._manager, self._variables, loader)
        self._templar = Templar(loader=loader)
        self._found: Dict[str, Mapping[str, Any]] = {}

    def hosts(self, pattern: str) -> List[str]:
        """The names of the hosts that match a pattern."""
        return [host.name for host in self._manager.get_hosts(pattern, ignore_limits=True)]

    def variables(self, host: str) -> Mapping[str, Any]:
        """The variables of a host, as in a play: from inventories, host_vars, group_vars, plugins, the fact cache and the command line."""
        if host not in self._found:
            self._found[host] = self._variables.get_vars(host=self._manager.hosts[host])
        return self._found[host]

    def evaluated(self, host: str, names: Iterable[str]) -> Dict[str, Any]:
        """The defined variables among C(names), with their templates evaluated.

        :raises AnsibleError: a template cannot be evaluated.
        """
        variables = self.variables(host)
        self._templar.available_variables = variables
        return {name: self._templar.template(variables[name]) for name in names if name in variables}
