# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible knows of hosts while the inventory is still being read: the same that a play will know, in the same precedence."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping

from ansible import context
from ansible.inventory.manager import InventoryManager
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager


class HostVariables:
    """The hosts of the sources so far."""

    def __init__(self, inventory: Any, loader: Any, path: str) -> None:
        """:arg path: the source that is being read: the folders beside it count as those beside the others do."""
        # Ansible does this after the last source; before it, groups are not yet in the group all.
        inventory.reconcile_inventory()
        self._manager = InventoryManager(loader=loader, sources=None, parse=False)
        self._manager._inventory = inventory
        self._manager._sources = [*inventory.processed_sources, path]
        self._variables = VariableManager(loader=loader, inventory=self._manager)
        # Where the playbook is nobody knows yet, unless told; the current folder, which stands in for it, may be another project's.
        self._variables.safe_basedir = bool(context.CLIARGS.get("basedir"))
        HostVars(self._manager, self._variables, loader)
        self._templar = Templar(loader=loader)
        self._found: Dict[str, Mapping[str, Any]] = {}

    def hosts(self, pattern: str) -> List[str]:
        """The names that a pattern gives."""
        return [host.name for host in self._manager.get_hosts(pattern, ignore_limits=True)]

    def variables(self, host: str) -> Mapping[str, Any]:
        """From inventories, the folders host_vars and group_vars, vars plugins, the fact cache and the command line; as first asked for."""
        if host not in self._found:
            self._found[host] = self._variables.get_vars(host=self._manager.hosts[host])
        return self._found[host]

    def worked_out(self, host: str, names: Iterable[str]) -> Dict[str, Any]:
        """Those of the variables that there are, without templates.

        :raises AnsibleError: a template that cannot be worked out.
        """
        variables = self.variables(host)
        self._templar.available_variables = variables
        return {name: self._templar.template(variables[name]) for name in names if name in variables}
