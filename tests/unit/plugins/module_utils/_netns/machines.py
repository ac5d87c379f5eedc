# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host made of data with several namespaces on it: a machine for each, which share what belongs to the host."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Command, Operation, Plan, Step
from ansible_collections.fleetlab.linux.plugins.module_utils._host.systemd import SYSTEM_FOLDER
from ansible_collections.fleetlab.linux.plugins.module_utils._netns import names
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.state import State
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.wanted import Wanted
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._netns.machine import Machine


class Machines:
    """Takes the steps of plans of several namespaces apart, and gives each to the machine of the namespace that it concerns."""

    def __init__(self, system: State, all_names: Sequence[str]) -> None:
        self.machines = {name: Machine(system) for name in all_names}
        self.files: Dict[str, str] = {}
        folders = {SYSTEM_FOLDER}
        for machine in self.machines.values():
            machine.files, machine.folders = self.files, folders

    @property
    def host(self) -> State:
        """What all of them have in common."""
        return next(iter(self.machines.values())).system

    def state(self) -> Any:
        """Everything, but the numbers of links and rules."""
        links = sorted(replace(link, index=0, peer_index=0).name for link in self.host.links)
        own = [
            (
                one.system.exists,
                [replace(link, index=0, peer_index=0) for link in one.system.inside.links],
                one.system.inside.routes,
                [sorted((one.what, one.place[0]) for one in chain.ours) for chain in one.system.firewall.chains],
                replace(one.system.firewall, chains=()),
                one.system.service,
            )
            for one in self.machines.values()
        ]
        return links, self.host.sysctls, self.files, own

    def plan(self, all_wanted: Sequence[Wanted]) -> Plan:
        """Observe and plan."""
        entries = [replace(wanted, prefix=f"namespaces[{number}].") for number, wanted in enumerate(all_wanted)]
        return plan([self.machines[wanted.name].observe(wanted) for wanted in entries], entries)

    def one_by_one(self, all_wanted: Sequence[Wanted]) -> None:
        """A task for each."""
        for wanted in all_wanted:
            machine = self.machines[wanted.name]
            self.carry_out([(wanted.name, step) for step in machine.plan(wanted).steps])

    def apply(self, steps: Sequence[Step]) -> None:
        """Carry steps out."""
        self.carry_out([pair for step in steps for pair in self.apart(step)])

    def carry_out(self, steps: Sequence[Tuple[str, Step]]) -> None:
        """Carry out steps, each on the machine of that name; the others see what the host has become."""
        for name, step in steps:
            machine = self.machines[name]
            machine.apply([step])
            for other in self.machines.values():
                other.change(links=machine.system.links, routes=machine.system.routes, sysctls=machine.system.sysctls)
                other.handles = machine.handles

    def apart(self, step: Step) -> Iterator[Tuple[str, Step]]:
        """The steps for each machine that one step stands for."""
        some, *_others = self.machines
        if isinstance(step, Operation):
            yield from self.operations(step)
        elif not isinstance(step, Command):
            yield some, step
        elif step.argv[0] == "nsenter":
            yield step.argv[1].rpartition("/")[2], step
        elif step.argv[0] == "systemctl":
            for unit in step.argv[2:] or (names.unit(some),):
                yield unit[len(names.PREFIX) : -len(".service")], replace(step, argv=(*step.argv[:2], unit))
        elif step.argv[:2] == ("nft", "-j"):
            yield from self.tables(step)
        elif step.argv == ("nft", "-f", "-") or "-batch" in step.argv:
            first = ("nft",) if step.argv[0] == "nft" else step.argv[:-2]
            for line in (step.stdin or "").splitlines():
                command = Command((*first, *line.split()))
                yield self.concerned(command.argv), command
        else:
            yield self.concerned(step.argv, step.stdin or ""), step

    def operations(self, step: Operation) -> Iterator[Tuple[str, Step]]:
        """An operation for the machine that it concerns; links that are deleted together, one by one."""
        some, *_others = self.machines
        if step.name == "insert_before":
            yield self.concerned(str(step.arguments["rule"]).split()), step
        elif step.name == "delete_links":
            for link in step.arguments["links"]:
                command = Command(("ip", "link", "delete", "dev", link), accept=(0, 1))
                yield self.concerned(command.argv), command
        else:
            yield some, step

    def tables(self, step: Command) -> Iterator[Tuple[str, Step]]:
        """A transaction of tables, each by itself."""
        found: Dict[str, List[Any]] = {}
        for command in json.loads(step.stdin or "")["nftables"]:
            ((_action, what),) = command.items()
            ((kind, one),) = what.items()
            found.setdefault(one["name"] if kind == "table" else one["table"], []).append(command)
        for table, commands in found.items():
            yield table[len(names.PREFIX) :], replace(step, stdin=json.dumps({"nftables": commands}))

    def concerned(self, argv: Sequence[str], text: str = "") -> str:
        """The namespace that a command concerns."""
        for name, machine in self.machines.items():
            words = {name, names.tag(name), f'"{names.tag(name)}"', *(names.chain(name, hook) for hook in ("pre", "in"))}
            handles = [one.where for chain in machine.system.firewall.chains for one in chain.ours]
            if words & set(argv) or any(word in text for word in words - {name}) or argv[-1] in handles:
                return name
            if any(names.tag(name) == word for word in argv):
                return name
        found = [(name, machine.system) for name, machine in self.machines.items()]
        ends = {link.name: name for name, system in found for link in system.links if system.inner_end(link)}
        return next((ends[word] for word in argv if word in ends), next(iter(self.machines)))
