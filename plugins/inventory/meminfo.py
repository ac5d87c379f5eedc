# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin meminfo."""

from __future__ import annotations

DOCUMENTATION = r"""
name: meminfo
author: fleetlab.linux contributors (@fleetlab)
version_added: 0.1.0
short_description: Reads the memory of all hosts in one pass, and groups them by it
description:
  - Reads the hosts that other inventory sources brought, all from one process, and gives each the variable C(meminfo), in the same
    shape as RV(fleetlab.linux.meminfo_facts#module:ansible_facts.meminfo).
  - Puts them into the groups C(memory_low), C(memory_ok) and C(memory_unreachable). The variable C(meminfo_error) of a host without a
    reading says why there is none.
  - Follows what the inventory says about a host, through Ansible's own ssh plugin - address, port, user, key, ssh arguments, jump hosts,
    host keys - and C(become) by sudo without a password. A host that needs more, such as a password or another connection plugin, is
    not read; it is named in C(meminfo_error), and M(fleetlab.linux.meminfo_facts) reads it.
  - Names of the same machine that are reached in the same way are read once. With C(connection=local) every host is the controller,
    so that one reading, for each user that C(become) names, serves all of them.
  - The file has to end in C(meminfo.yml) or C(meminfo.yaml), and to be read after the hosts, so give it last. In a folder, sources are
    read in the order of their names.
  - Unknown host keys are not asked for; such a host is named as unreachable.
requirements:
  - ClusterShell (Python package, on the controller)
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
options:
  plugin:
    description: Says that the file is for this plugin.
    required: true
    choices: [fleetlab.linux.meminfo]
  hosts:
    description: A pattern of hosts to read.
    type: str
    default: all
  fanout:
    description: How many hosts are read at the same time.
    type: int
    default: 64
  timeout:
    description: Seconds that a host may take.
    type: float
    default: 30
  min_available_percent:
    description: Below this part of C(MemTotal) a host is in the group C(memory_low).
    type: float
    default: 10
  zfs_arc:
    description: Count what the ZFS cache can give back as available.
    type: bool
    default: false
seealso:
  - module: fleetlab.linux.meminfo_facts
"""

EXAMPLES = r"""
# ansible-inventory -i hosts -i fleet.meminfo.yml --graph
# ansible -i hosts -i fleet.meminfo.yml memory_low -m ansible.builtin.command -a 'ps --sort=-rss'
plugin: fleetlab.linux.meminfo
min_available_percent: 15
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/meminfo
cache_timeout: 300
keyed_groups:
  - key: meminfo.available.source | default('none')
    prefix: meminfo
groups:
  much_tmpfs: meminfo is defined and meminfo.accounting.tmpfs > meminfo.bytes.MemTotal / 4
---
# Only some hosts, and patient with those far away.
plugin: fleetlab.linux.meminfo
hosts: web:!web9
timeout: 60
"""

from typing import Any, Dict, List, Mapping

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.helpers import get_group_vars
from ansible.inventory.manager import InventoryManager
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.vars import combine_vars
from ansible.vars.plugins import get_vars_from_inventory_sources

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.collect import parse_output
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.facts import make_facts
from ansible_collections.fleetlab.linux.plugins.plugin_utils.meminfo_pass import MISSING, Outcome, run_all
from ansible_collections.fleetlab.linux.plugins.plugin_utils.meminfo_routes import NotHonoured, route

_GROUPS = ("memory_low", "memory_ok", "memory_unreachable")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]  # not typed by Ansible
    """Reads the hosts that are there, and adds what it found to them."""

    NAME = "fleetlab.linux.meminfo"

    def verify_file(self, path: str) -> bool:
        """Whether the file is meant for this plugin, by its name."""
        return bool(super().verify_file(path)) and path.endswith(("meminfo.yml", "meminfo.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Read the hosts, or take what the cache has of them."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        if MISSING is not None:
            raise AnsibleParserError(f"the inventory plugin meminfo needs the Python package ClusterShell on the controller: {MISSING}")
        hosts = self._hosts()
        if not hosts:
            self.display.warning(f"{path}: there are no hosts to read; name this file after those with the hosts")
        key = self.get_cache_key(path)
        cached = self._cached(key) if cache and self.get_option("cache") else {}
        # A host that failed is asked again, and so is one that came since.
        found = {host: cached[host] for host in hosts if "meminfo" in cached.get(host, {})}
        found.update(self._read([host for host in hosts if host not in found]))
        if self.get_option("cache"):
            self._cache[key] = found
        self._populate(found)

    def _cached(self, key: str) -> Mapping[str, Any]:
        try:
            return dict(self._cache[key])
        except KeyError:
            return {}

    def _hosts(self) -> List[str]:
        """The names that the pattern gives among the hosts of the sources before this one."""
        # Ansible does this after the last source; before it, groups are not yet in the group all.
        self.inventory.reconcile_inventory()
        manager = InventoryManager(loader=self.loader, sources=None, parse=False)
        manager._inventory = self.inventory
        return [host.name for host in manager.get_hosts(self.get_option("hosts"), ignore_limits=True)]

    def _read(self, hosts: List[str]) -> Dict[str, Dict[str, Any]]:
        """C(meminfo) or C(meminfo_error) of each host."""
        found: Dict[str, Dict[str, Any]] = {}
        commands: Dict[str, List[str]] = {}
        for host in hosts:
            try:
                commands[host] = route(host, self._connection_variables(host))
            except NotHonoured as error:
                found[host] = {"meminfo_error": f"not gathered in one pass ({error}); use the module meminfo_facts"}
            except AnsibleError as error:
                found[host] = {"meminfo_error": f"its connection variables can not be worked out: {error}"}
        timeout, zfs_arc = self.get_option("timeout"), self.get_option("zfs_arc")
        outcomes = run_all(commands, self.get_option("fanout"), timeout)
        # Names of one machine share an outcome, and so what is worked out of it.
        results = {id(outcome): _result(outcome, timeout, zfs_arc) for outcome in {id(one): one for one in outcomes.values()}.values()}
        found.update({host: results[id(outcome)] for host, outcome in outcomes.items()})
        return found

    def _variables(self, host: str) -> Dict[str, Any]:
        """What the sources so far, and the folders host_vars and group_vars beside them, say about the host and its groups."""
        entity = self.inventory.hosts[host]
        sources = self.inventory.processed_sources
        groups = entity.get_groups()
        found: Dict[str, Any] = combine_vars(
            combine_vars(get_group_vars(groups), get_vars_from_inventory_sources(self.loader, sources, groups, "all")),
            combine_vars(entity.get_vars(), get_vars_from_inventory_sources(self.loader, sources, [entity], "all")),
        )
        return found

    def _connection_variables(self, host: str) -> Dict[str, Any]:
        """What says how to reach the host, with the templates in it worked out."""
        variables = self._variables(host)
        variables["inventory_hostname"] = host
        self.templar.available_variables = variables
        return {name: self.templar.template(value) for name, value in variables.items() if name.startswith(("ansible_", "inventory_"))}

    def _populate(self, found: Mapping[str, Mapping[str, Any]]) -> None:
        for group in _GROUPS:
            self.inventory.add_group(group)
        least = self.get_option("min_available_percent")
        constructed = [self.get_option(name) for name in ("compose", "groups", "keyed_groups")]
        for host, result in found.items():
            entity = self.inventory.hosts[host]
            for name, value in result.items():
                # Not the inventory's own set_variable, which notes the file that each of hundreds of figures would have come from.
                entity.set_variable(name, value)
            self.inventory.add_child(_group(result, least), host)
            if any(constructed):
                self._construct(host, constructed)

    def _construct(self, host: str, constructed: List[Any]) -> None:
        strict = self.get_option("strict")
        compose, groups, keyed_groups = constructed
        variables = self._variables(host)
        self._set_composite_vars(compose, variables, host, strict=strict)
        self._add_host_to_composed_groups(groups, variables, host, strict=strict)
        self._add_host_to_keyed_groups(keyed_groups, variables, host, strict=strict)


def _group(result: Mapping[str, Any], least: float) -> str:
    if "meminfo" not in result:
        return "memory_unreachable"
    return "memory_low" if result["meminfo"]["available"]["percent"] < least else "memory_ok"


def _result(outcome: Outcome, timeout: float, zfs_arc: bool) -> Dict[str, Any]:
    """The facts in what a host printed, or why there are none."""
    if outcome.exit_code is None:
        return {"meminfo_error": f"took longer than {timeout:g} s"}
    said = outcome.stderr.decode("utf-8", "replace").strip()[-300:]
    if outcome.exit_code and not outcome.stdout:
        return {"meminfo_error": said or f"ended with exit code {outcome.exit_code} without a word"}
    try:
        return {"meminfo": make_facts(parse_output(outcome.stdout.decode("utf-8", "replace")), zfs_arc)}
    except FleetlabError as error:
        return {"meminfo_error": f"{error} (exit code {outcome.exit_code}: {said})" if outcome.exit_code else str(error)}
