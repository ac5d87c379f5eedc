# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin meminfo."""

from __future__ import annotations

DOCUMENTATION = r"""
name: meminfo
author: fleetlab.linux contributors (@fleetlab)
version_added: 0.1.0
short_description: Reads the memory of all hosts in one pass, and groups the hosts by available memory
description:
  - Reads the hosts of the other inventory sources, all from one process, and gives each host the variable C(meminfo), with the same
    content as RV(fleetlab.linux.meminfo_facts#module:ansible_facts.meminfo).
  - Puts the hosts into the groups C(memory_low), C(memory_ok) and C(memory_unreachable). For a host without a reading, the variable
    C(meminfo_error) gives the reason.
  - The variable C(meminfo_one_pass) repeats C(meminfo) or C(meminfo_error), with the time in C(read_at), for reports. A fact C(meminfo) of
    an earlier play in a fact cache hides the variable C(meminfo), but not C(meminfo_one_pass), so that a report can take the newer
    reading. A host that the module has to read does not have this variable.
  - Uses the connection variables of a host with the precedence of a play, from inventories, C(group_vars), C(host_vars), and the command
    line. Ansible's own ssh plugin makes the connection, with the address, port, user, key, ssh arguments, jump hosts and persistent
    connections that it would use for a task, and C(become) by sudo without a password. A host that needs more, such as a password
    or another connection plugin, is not read; C(meminfo_error) gives the reason, and M(fleetlab.linux.meminfo_facts) can read this host.
    A host with a connection variable that cannot be evaluated gets C(meminfo_error) too.
  - Settings of a playbook are not known yet when the inventory is read, such as C(become) of a play, or variables in folders beside the
    playbook unless C(--playbook-dir) names this folder.
  - ssh checks host keys as the user has configured it, on jump hosts too, but never asks about an unknown key, and refuses a changed key.
    Such a host counts as unreachable, with the reason, and C(known_hosts) gets only the entries that ssh itself would add.
  - A machine with several names that are reached in the same way is read once. With C(connection=local) every host is the controller,
    so that one reading, for each user of C(become), is enough for all hosts.
  - The name of the file has to end in C(meminfo.yml) or C(meminfo.yaml). The file has to be read after the hosts, so give it last. In a
    folder, sources are read in the order of their names.
  - With O(cache) the reading of a host is kept for O(cache_timeout) seconds after the reading, unless the way to read the host or
    O(zfs_arc) changes. A host without a reading is read again.
notes:
  - Hosts behind a gateway are read through it as a jump host (C(ProxyJump)), which needs no program on the gateway, and the controller
    checks the keys of both. If one controller is not enough, several controllers can each read a part of the hosts (O(hosts)).
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
options:
  plugin:
    description: Marks the file as a source of this plugin.
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
    description: Seconds within which a host has to answer.
    type: float
    default: 30
  key_exchange:
    description:
      - Key exchange algorithms, as C(KexAlgorithms) of ssh, such as V(curve25519-sha256), for hosts whose ssh arguments do not name any.
        If omitted, the algorithms of ssh's configuration.
      - Today's default withstands a quantum computer, which elliptic curves alone do not, and takes most of the time of a new connection.
        With OpenSSH 9.2 a connection took 105 ms of the controller's CPU time with the default, and 16 ms with V(curve25519-sha256).
        Use the faster algorithm only for hosts whose recorded traffic may be read in the future.
      - This option does not apply to jump hosts.
    type: str
  min_available_percent:
    description: Hosts with less than this percentage of their memory available are in the group C(memory_low).
    type: float
    default: 10
  zfs_arc:
    description: Count the part of the ZFS cache above its minimum as available.
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
  much_tmpfs: meminfo is defined and (meminfo.accounting.tmpfs or 0) > meminfo.bytes.MemTotal / 4
---
# Only some hosts, with a longer timeout for distant hosts.
plugin: fleetlab.linux.meminfo
hosts: web:!web9
timeout: 60
"""

import hashlib
import json
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.observe import now
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.fleet import ONE_PASS
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.parallel import run_all
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.parse_result import parse_result
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.ssh_command import SECRETS, NotHonoured, names_of_variables, ssh_command
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.variables import HostVariables

_GROUPS = ("memory_low", "memory_ok", "memory_unreachable")
_VARIABLES = ("meminfo", "meminfo_error")

_Reading = Dict[str, Any]
"""C(meminfo) or C(meminfo_error), and the time of the reading as C(read_at)."""


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]  # not typed by Ansible
    """Reads the hosts of the inventory, and adds their readings as variables and groups."""

    NAME = "fleetlab.linux.meminfo"

    def verify_file(self, path: str) -> bool:
        """Whether the file is for this plugin, judged by its name."""
        return bool(super().verify_file(path)) and path.endswith(("meminfo.yml", "meminfo.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Read the hosts, or take their readings from the cache."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        self._check_options(path)
        known = HostVariables(self.inventory, loader, path)
        hosts = known.hosts(self.get_option("hosts"))
        if not hosts:
            self.display.warning(f"{path}: there are no hosts to read; name this file after the sources with the hosts")
        commands, found = self._commands(known, hosts)
        key = self.get_cache_key(path)
        cached = self._cached(key, commands) if cache and self.get_option("cache") else {}
        # Hosts without a reading in the cache are read: hosts that failed and hosts that are new.
        readings = {**cached, **self._read({host: argv for host, argv in commands.items() if host not in cached})}
        if self.get_option("cache"):
            kept = {host: reading for host, reading in readings.items() if "meminfo" in reading}
            self._cache[key] = {host: {"way": self._way(commands[host]), "reading": reading} for host, reading in kept.items()}
        found.update({host: _variables(reading) for host, reading in readings.items()})
        self._populate(known, found)

    def _check_options(self, path: str) -> None:
        for name, least, is_right in (
            ("fanout", "1 or more", self.get_option("fanout") >= 1),
            ("timeout", "more than 0", self.get_option("timeout") > 0),
        ):
            if not is_right:
                raise AnsibleParserError(f"{path}: {name}: {self.get_option(name)!r} is not {least}")

    def _commands(self, known: HostVariables, hosts: List[str]) -> Tuple[Dict[str, List[str]], Dict[str, Dict[str, Any]]]:
        """The command that reads each host, and the variables of hosts that cannot be read."""
        commands: Dict[str, List[str]] = {}
        found: Dict[str, Dict[str, Any]] = {}
        for host in hosts:
            try:
                commands[host] = _command(known, host, self.get_option("key_exchange"))
            except NotHonoured as error:
                found[host] = {"meminfo_error": f"not gathered in one pass ({error}); use the module meminfo_facts"}
            except AnsibleError as error:
                found[host] = _variables({"meminfo_error": f"its connection variables cannot be evaluated: {error}", "read_at": now()})
        return commands, found

    def _way(self, argv: List[str]) -> str:
        """A digest of everything on which a reading depends besides the host's name: the command and the option C(zfs_arc)."""
        return hashlib.sha256(json.dumps([argv, self.get_option("zfs_arc")]).encode()).hexdigest()

    def _cached(self, key: str, commands: Mapping[str, List[str]]) -> Dict[str, _Reading]:
        """The readings that are still valid, by their own times: the cache writes the whole entry again whenever one reading differs."""
        try:
            entry: Mapping[str, Any] = self._cache[key]
        except KeyError:
            return {}
        longest, time = self.get_option("cache_timeout"), now()
        same = {host: entry[host]["reading"] for host, argv in commands.items() if entry.get(host, {}).get("way") == self._way(argv)}
        return {host: reading for host, reading in same.items() if longest == 0 or 0 <= time - reading["read_at"] < longest}

    def _read(self, commands: Mapping[str, List[str]]) -> Dict[str, _Reading]:
        timeout, zfs_arc, time = self.get_option("timeout"), self.get_option("zfs_arc"), now()
        outcomes = run_all(commands, self.get_option("fanout"), timeout)
        # Names of one machine share an outcome, which is parsed only once.
        different = {id(outcome): outcome for outcome in outcomes.values()}
        results = {key: _stamped(parse_result(outcome, timeout, zfs_arc), time) for key, outcome in different.items()}
        return {host: results[id(outcome)] for host, outcome in outcomes.items()}

    def _populate(self, known: HostVariables, found: Mapping[str, Mapping[str, Any]]) -> None:
        constructed = [self.get_option(name) for name in ("compose", "groups", "keyed_groups")]
        # The variables are read before anything is added, because after each new member of a group Ansible would list all groups again.
        variables = {host: known.variables(host) for host in found} if any(constructed) else {}
        for group in _GROUPS:
            self.inventory.add_group(group)
        least = self.get_option("min_available_percent")
        for host, result in found.items():
            entity = self.inventory.hosts[host]
            for name, value in result.items():
                # The inventory's own set_variable is slower: it notes the origin of each of hundreds of figures.
                entity.set_variable(name, value)
            self.inventory.add_child(_group(result, least), host)
        for host, before in variables.items():
            # The variables of an older reading, for example in a fact cache, are dropped.
            self._construct(
                host, {**{name: value for name, value in before.items() if name not in (*_VARIABLES, ONE_PASS)}, **found[host]}, constructed
            )

    def _construct(self, host: str, variables: Dict[str, Any], constructed: List[Any]) -> None:
        strict = self.get_option("strict")
        compose, groups, keyed_groups = constructed
        self._set_composite_vars(compose, variables, host, strict=strict)
        self._add_host_to_composed_groups(groups, variables, host, strict=strict)
        self._add_host_to_keyed_groups(keyed_groups, variables, host, strict=strict)


def _command(known: HostVariables, host: str, key_exchange: Optional[str]) -> List[str]:
    # Only the presence of a secret matters, so nothing is decrypted or fetched from a password store.
    secrets = {name: None for name in SECRETS if name in known.variables(host)}
    return ssh_command(host, {**known.evaluated(host, names_of_variables()), **secrets}, key_exchange)


def _stamped(result: Dict[str, Any], time: float) -> _Reading:
    if "meminfo" in result:
        result["meminfo"]["read_at"] = time
    return {**result, "read_at": time}


def _variables(reading: _Reading) -> Dict[str, Any]:
    return {**{name: reading[name] for name in _VARIABLES if name in reading}, ONE_PASS: reading}


def _group(result: Mapping[str, Any], least: float) -> str:
    if "meminfo" not in result:
        return "memory_unreachable"
    return "memory_low" if result["meminfo"]["available"]["percent"] < least else "memory_ok"
