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
  - The variable C(meminfo_one_pass) has the same again, with the time in C(read_at), for reports. A fact C(meminfo) that an earlier play
    left in a fact cache hides the variable C(meminfo), but not this one, so that of the two a report takes the newer. A host that one
    pass leaves to the module does not have it.
  - Follows what Ansible knows of a host, in the precedence of a play, from inventories, C(group_vars), C(host_vars), and the command line.
    Ansible's own ssh plugin makes the connection, with the address, port, user, key, ssh arguments, jump hosts and persistent
    connections that it would use for a task, and C(become) by sudo without a password. A host that needs more, such as a password
    or another connection plugin, is not read; it is named in C(meminfo_error), and M(fleetlab.linux.meminfo_facts) reads it.
    A host with a connection variable that cannot be worked out is named too.
  - What only a playbook says is not known yet when the inventory is read, such as C(become) of a play, or folders beside the playbook
    unless C(--playbook-dir) names it.
  - Host keys are checked by ssh as the user has set it up, on jump hosts too. Unknown ones are not asked for, and a changed one is an
    error; such a host is named as unreachable, with the reason, and C(known_hosts) gets nothing that ssh alone would not add.
  - Names of the same machine that are reached in the same way are read once. With C(connection=local) every host is the controller,
    so that one reading, for each user that C(become) names, serves all of them.
  - The file has to end in C(meminfo.yml) or C(meminfo.yaml), and to be read after the hosts, so give it last. In a folder, sources are
    read in the order of their names.
  - With O(cache) the reading of a host is kept for O(cache_timeout) seconds from when it was read, and as long as it would be read in the
    same way, with the same O(zfs_arc). A host that failed is asked again.
notes:
  - Hosts that only a gateway can reach are read through it as a jump host (C(ProxyJump)), which needs no program there, and the controller
    checks the keys of both. ClusterShell's tree mode is not used. In it the gateway makes the connections, as its own user with its own
    keys, C(known_hosts) and configuration, and with one set of options for all hosts, so that what the inventory says about a host can
    not be followed; it needs ClusterShell on the gateway; and if a gateway fails, its hosts are connected to directly. Where one
    controller is not enough, several can each read their part of the hosts (O(hosts)).
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
  key_exchange:
    description:
      - Algorithms to agree on keys by, as C(KexAlgorithms) of ssh, such as V(curve25519-sha256), for hosts whose ssh arguments do not
        name any. By default those that ssh is set up with.
      - Today's default withstands a quantum computer, which one of elliptic curves alone does not, and is the dearest part of a connection
        that is not open yet. With OpenSSH 9.2 a connection took 105 ms of the controller's CPU time with it, and 16 ms with
        V(curve25519-sha256). The decision is yours, for hosts whose recorded traffic nobody would care to read in years to come.
      - It does not reach jump hosts.
    type: str
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

import hashlib
import json
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.observe import now
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.fleet import ONE_PASS
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.parallel import MISSING, run_all
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.parse_result import parse_result
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.ssh_command import SECRETS, NotHonoured, names_of_variables, ssh_command
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.variables import HostVariables

_GROUPS = ("memory_low", "memory_ok", "memory_unreachable")
_VARIABLES = ("meminfo", "meminfo_error")

_Reading = Dict[str, Any]
"""C(meminfo) or C(meminfo_error), and when, as C(read_at)."""


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
        self._check_options(path)
        known = HostVariables(self.inventory, loader, path)
        hosts = known.hosts(self.get_option("hosts"))
        if not hosts:
            self.display.warning(f"{path}: there are no hosts to read; name this file after those with the hosts")
        commands, found = self._commands(known, hosts)
        key = self.get_cache_key(path)
        cached = self._cached(key, commands) if cache and self.get_option("cache") else {}
        # A host that failed is asked again, and so is one that came since.
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
        """What reads each host, and the variables of those that cannot be read."""
        commands: Dict[str, List[str]] = {}
        found: Dict[str, Dict[str, Any]] = {}
        for host in hosts:
            try:
                commands[host] = _command(known, host, self.get_option("key_exchange"))
            except NotHonoured as error:
                found[host] = {"meminfo_error": f"not gathered in one pass ({error}); use the module meminfo_facts"}
            except AnsibleError as error:
                found[host] = _variables({"meminfo_error": f"its connection variables cannot be worked out: {error}", "read_at": now()})
        return commands, found

    def _way(self, argv: List[str]) -> str:
        """What a reading depends on besides the host: one of the same name elsewhere, or read otherwise, is another."""
        return hashlib.sha256(json.dumps([argv, self.get_option("zfs_arc")]).encode()).hexdigest()

    def _cached(self, key: str, commands: Mapping[str, List[str]]) -> Dict[str, _Reading]:
        """The readings that still count. The time of the whole entry says nothing of theirs: it is written anew whenever one differs."""
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
        # Names of one machine share an outcome, and so what is worked out of it.
        different = {id(outcome): outcome for outcome in outcomes.values()}
        results = {key: _stamped(parse_result(outcome, timeout, zfs_arc), time) for key, outcome in different.items()}
        return {host: results[id(outcome)] for host, outcome in outcomes.items()}

    def _populate(self, known: HostVariables, found: Mapping[str, Mapping[str, Any]]) -> None:
        constructed = [self.get_option(name) for name in ("compose", "groups", "keyed_groups")]
        # Before anything is added: each new member of a group would have Ansible list all groups anew for the next host.
        variables = {host: known.variables(host) for host in found} if any(constructed) else {}
        for group in _GROUPS:
            self.inventory.add_group(group)
        least = self.get_option("min_available_percent")
        for host, result in found.items():
            entity = self.inventory.hosts[host]
            for name, value in result.items():
                # Not the inventory's own set_variable, which notes the file that each of hundreds of figures would have come from.
                entity.set_variable(name, value)
            self.inventory.add_child(_group(result, least), host)
        for host, before in variables.items():
            # What an older reading left in a fact cache is not what this one found.
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
    # Secrets only matter by their being there: nothing is decrypted or asked of a password store for a host that is not read.
    secrets = {name: None for name in SECRETS if name in known.variables(host)}
    return ssh_command(host, {**known.worked_out(host, names_of_variables()), **secrets}, key_exchange)


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
