# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host made of data, on which the steps of plans have the effect that they have on a real one."""

from __future__ import annotations

import ipaddress
import json
import shlex
from dataclasses import replace
from typing import Any, Dict, Sequence, Set

from ansible_collections.fleetlab.linux.plugins.module_utils._core.entries import Entry
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import (
    Command,
    MakeDirectory,
    Operation,
    Plan,
    RemoveFile,
    Step,
    WriteFile,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._host.systemd import SYSTEM_FOLDER
from ansible_collections.fleetlab.linux.plugins.module_utils._netns import names, record
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.firewall import iptables
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.firewall.flows import Ways, is_stale
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.firewall.nftables import listed_table
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.names import (
    IP6_FORWARD,
    IP_FORWARD,
    accept_ra,
    is_of_link,
    only_unicast,
    route_localnet,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.options import ENTRIES, make_namespace
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.state import (
    Files,
    Firewall,
    ForwardChain,
    FoundLink,
    FoundRoute,
    Inside,
    Opened,
    Own,
    Service,
    State,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.wanted import Wanted

UPLINK = FoundLink(2, "eth0", up=True, addresses=("192.0.2.1/24",))
CHAINS = {
    "iptables": ForwardChain(
        "iptables", "ip", "filter", "FORWARD", True, ends=(("FORWARD", None), ("ufw-reject", "-A ufw-reject -j REJECT"))
    ),
    "nft": ForwardChain(
        "nft",
        "inet",
        "firewalld",
        "filter_FORWARD",
        True,
        ends=(("filter_FORWARD", "7"), ("filter_FORWARD", None)),
        texts=(("7", "reject"),),
    ),
}


def want(name: str = "web", **options: Any) -> Wanted:
    """A declaration as the module makes it of a task's options."""
    params: Dict[str, Any] = {option: spec.get("default") for option, spec in ENTRIES.argument_spec().items()}
    for link in options.get("links") or ():
        for option in ENTRIES.options["links"]["options"]:
            link.setdefault(option, None)
    for route in options.get("routes") or ():
        for option in ("via", "link", "metric"):
            route.setdefault(option, None)
    for forward in [*(options.get("forwards") or ()), *((options.get("nat") or {}).get("forwards") or ())]:
        forward.setdefault("protocol", "tcp")
        for option in ("to_port", "address", "sources"):
            forward.setdefault(option, None)
    if options.get("nat") is not None:
        masquerade = options["nat"].get("masquerade", "auto")
        # Ansible makes a list of a single text.
        options["nat"] = {"forwards": None, **options["nat"], "masquerade": [masquerade] if isinstance(masquerade, str) else masquerade}
    return make_namespace(Entry("", {**params, "name": name, **options}))


def empty(*chains: str, kind: str = "nftables", systemd: bool = True) -> State:
    """A host with an uplink, and these chains of others that drop what is forwarded."""
    return State(
        links=(FoundLink(1, "lo", up=True), UPLINK),
        routes=(FoundRoute("default", 4, "eth0", "192.0.2.254"), FoundRoute("192.0.2.0/24", 4, "eth0", protocol="kernel")),
        firewall=Firewall(kind, chains=tuple(CHAINS[chain] for chain in chains)),
        service=Service(systemd),
        sysctls={IP_FORWARD: "0", IP6_FORWARD: "0", accept_ra("eth0"): "1"},
    )


class Machine:
    """Carries steps out on a State, and answers as observe() would."""

    def __init__(self, system: State) -> None:
        self.system = system
        self.files: Dict[str, str] = {}
        self.folders: Set[str] = {SYSTEM_FOLDER}
        self.handles = 10

    def plan(self, wanted: Wanted) -> Plan:
        """Observe and plan."""
        return plan((self.observe(wanted),), (wanted,))

    def observe(self, wanted: Wanted) -> State:
        """What is read for this namespace."""
        found = [record.parse(path, text) for path, text in self.files.items() if path.endswith(".json")]
        records = {one.name: one for one in found}
        former = records.get(wanted.name)
        persist = former.persist if former is not None else wanted.persist
        known = {key: value for key, value in self.system.sysctls.items() if not is_of_link(key)}
        keys = [setting(link.name) for link in wanted.links if self.system.link(link.name) for setting in (route_localnet, only_unicast)]
        own = {key: self.system.sysctls.get(key, "0") for key in keys}
        kind = self.system.firewall.kind if wanted.firewall == "auto" else wanted.firewall
        return replace(
            self.system,
            records=records,
            sysctls={**known, **own},
            firewall=replace(self.system.firewall, kind=kind),
            files=Files(
                record=self.files.get(names.record_path(wanted.name, persist)),
                other_record=names.record_path(wanted.name, not persist) in self.files,
                script=self.files.get(names.script_path(wanted.name)),
                unit=self.files.get(names.unit_path(wanted.name)),
                resolv_conf=self.files.get(names.resolv_conf_path(wanted.name)),
                nsswitch=self.files.get(names.nsswitch_path(wanted.name)),
            ),
        )

    def apply(self, steps: Sequence[Step]) -> None:
        """Carry steps out."""
        for step in steps:
            if isinstance(step, WriteFile):
                assert step.path.rpartition("/")[0] in self.folders
                self.files[step.path] = step.content
            elif isinstance(step, RemoveFile):
                self.files.pop(step.path, None)
            elif isinstance(step, Operation):
                getattr(self, step.name)(**step.arguments)
            elif isinstance(step, MakeDirectory):
                self.folders.add(step.path)
            elif step.argv[0] == "nsenter":
                self.inside(replace(step, argv=step.argv[2:]))
            elif step.argv[0] == "ip":
                self.ip(step)
            elif step.argv[0] == "systemctl":
                self.systemctl(step)
            elif step.argv[0] == "nft":
                self.nft(step)
            else:
                self.iptables(step)

    def remove_with_empty_folders(self, path: str) -> None:
        self.files.pop(path, None)
        folder = path.rpartition("/")[0]
        self.folders -= {folder} if not any(other.startswith(f"{folder}/") for other in self.files) else set()

    def set_sysctl(self, key: str, value: str) -> None:
        self.change(sysctls={**self.system.sysctls, key: value})

    def forget_flows(self, ways: Ways) -> None:
        self.change(flows=tuple(flow for flow in self.system.flows or () if not is_stale(flow, ways)))

    def change(self, **parts: Any) -> None:
        """Put other parts into the State."""
        self.system = replace(self.system, **parts)

    def ip(self, step: Command) -> None:
        words = list(step.argv[1:])
        inside = words[0] == "-n"
        words = words[2:] if inside else words
        if words[:2] == ["netns", "add"]:
            assert not self.system.exists
            self.change(exists=True, inside=Inside((FoundLink(1, "lo"),)))
        elif words[:2] == ["netns", "delete"]:
            for link in self.system.inside.links[1:]:
                self.drop_pair(link)
            firewall = replace(self.system.firewall, inside_table=None, inside_own={})
            self.change(exists=False, inside=Inside(), firewall=firewall)
        elif words[:2] == ["link", "add"]:
            self.add_pair(words[3], words[8])
        elif words[:2] == ["link", "delete"]:
            side = self.system.inside.links if inside else self.system.links
            found = [link for link in side if link.name == words[3]]
            # ip's exit code is 1 then.
            assert found or 1 in step.accept
            for link in found:
                self.drop_pair(link)
        elif words[:2] == ["link", "set"]:
            self.edit(inside, words[3], **({"up": True} if words[4] == "up" else {"mtu": int(words[5])}))
        elif words[0] == "neighbor":
            self.neighbour(words)
        elif words[0] == "address":
            self.address(inside, words)
        else:
            self.route(words)

    def add_pair(self, own: str, peer: str) -> None:
        assert self.system.link(own) is None
        assert self.system.peer(peer) is None
        self.handles += 2
        outer = FoundLink(self.handles, own, "veth", peer_index=self.handles + 1)
        inner = FoundLink(self.handles + 1, peer, "veth", peer_index=self.handles)
        self.change(links=(*self.system.links, outer), inside=replace(self.system.inside, links=(*self.system.inside.links, inner)))

    def drop_pair(self, link: FoundLink) -> None:
        inside = self.system.inside
        lost = [one.name for one in inside.links if one == link or one.is_end_of(link)]
        links = tuple(one for one in self.system.links if one != link and not one.is_end_of(link))
        inner = tuple(one for one in inside.links if one.name not in lost)
        gone = [setting(one.name) for one in self.system.links if one not in links for setting in (route_localnet, only_unicast)]
        self.change(
            links=links,
            inside=Inside(
                inner,
                tuple(route for route in inside.routes if route.link not in lost),
                tuple(one for one in inside.neighbours if one[0] not in lost),
            ),
            sysctls={key: value for key, value in self.system.sysctls.items() if key not in gone},
        )

    def edit(self, inside: bool, name: str, **parts: Any) -> None:
        def edited(links: Sequence[FoundLink]) -> Any:
            assert name in [link.name for link in links]
            return tuple(replace(link, **parts) if link.name == name else link for link in links)

        if inside:
            self.change(inside=replace(self.system.inside, links=edited(self.system.inside.links)))
        else:
            self.change(links=edited(self.system.links))

    def address(self, inside: bool, words: Sequence[str]) -> None:
        action, address, name = words[1], words[2], words[4]
        link = self.system.peer(name) if inside else self.system.link(name)
        assert link is not None
        there = [one for one in link.addresses if one != address]
        if action == "delete":
            assert address in link.addresses
            network = ipaddress.ip_interface(address).network
            if link.addresses[0] == address:
                there = [one for one in there if ipaddress.ip_interface(one).network != network]
        else:
            there.append(address)
        self.edit(inside, name, addresses=tuple(there))

    def neighbour(self, words: Sequence[str]) -> None:
        address, link = words[2], words[-1]
        there = self.system.inside.neighbours
        kept = [one for one in there if one[:2] != (link, address)]
        peer = self.system.peer(link)
        assert peer is not None
        assert peer.up
        if words[1] == "delete":
            assert len(kept) < len(there)
        else:
            kept.append((link, address, words[4]))
        self.change(inside=replace(self.system.inside, neighbours=tuple(kept)))

    def route(self, words: Sequence[str]) -> None:
        if not words[0].startswith("-"):
            # ip takes the family from an address; it does not see any in the word default.
            address = words[words.index("via") + 1] if "via" in words else words[2]
            words = [f"-{ipaddress.ip_network(address).version}", *words]
        family, action, to = int(words[0][1:]), words[2], words[3]
        inside = self.system.inside
        assert len(words) % 2 == 0
        options = dict(zip(words[4::2], words[5::2]))
        metric = int(options["metric"]) if "metric" in options else None
        same = sorted((one for one in inside.routes if (one.family, one.to) == (family, to)), key=lambda one: one.key)
        if action == "replace":
            gone = [one for one in same if one.key == FoundRoute(to, family, metric=metric).key]
        else:
            # Without a metric the kernel takes the first.
            gone = [one for one in same if metric in (None, one.key[2])][:1]
            assert gone
        kept = tuple(one for one in inside.routes if one not in gone)
        if action == "replace":
            link = self.system.peer(options["dev"])
            assert link is not None
            assert link.up
            kept = (*kept, FoundRoute(to, family, options["dev"], options.get("via"), metric, "boot"))
        self.change(inside=replace(inside, routes=kept))

    def systemctl(self, step: Command) -> None:
        parts = {"enable": {"enabled": True}, "disable": {"enabled": False}, "start": {"active": True}, "stop": {"active": False}}
        self.change(service=replace(self.system.service, **parts.get(step.argv[1], {})))

    def nft(self, step: Command) -> None:
        firewall = self.system.firewall
        if step.argv[1] == "-j":
            assert step.stdin is not None
            commands = json.loads(step.stdin)["nftables"]
            # As in nft, "create" fails where there is such a table.
            assert firewall.table is None or "create" not in commands[0]
            added = [content for command in commands for action, content in command.items() if action != "delete"]
            self.change(firewall=replace(firewall, table=listed_table({"nftables": added})))
        elif step.argv[1:3] == ("delete", "table"):
            assert firewall.table is not None
            self.change(firewall=replace(firewall, table=None))
        elif step.argv[1] in ("insert", "add"):
            before = step.argv[7] if step.argv[1] == "insert" else None
            way, link = step.argv[8:10] if before is not None else step.argv[6:8]
            self.open("nft", Opened((step.argv[5], before), str(self.handles), f"{way} {link.strip(chr(34))}"))
        else:
            self.close("nft", step.argv[-1])

    def inside(self, step: Command) -> None:
        """The filter in the namespace: the same as that of the host, elsewhere."""
        firewall = self.system.firewall
        assert self.system.exists
        self.change(firewall=replace(firewall, table=firewall.inside_table, own=firewall.inside_own))
        (self.nft if step.argv[0] == "nft" else self.iptables)(step)
        there = self.system.firewall
        self.change(firewall=replace(there, table=firewall.table, own=firewall.own, inside_table=there.table, inside_own=there.own))

    def insert_before(self, tool: str, chain: str, rule: str, before: str) -> None:
        name = next(word for word in rule.split() if word.startswith(names.PREFIX))[len(names.PREFIX) :]
        self.open(tool, Opened((chain, before), rule, iptables.opened_link(tuple(rule.split()), name)))

    def open(self, program: str, rule: Opened) -> None:
        self.handles += 1
        chains = tuple(replace(one, ours=(*one.ours, rule)) if one.program == program else one for one in self.system.firewall.chains)
        self.change(firewall=replace(self.system.firewall, chains=chains))

    def close(self, program: str, where: str, chain: str = "") -> None:
        chains = tuple(
            replace(one, ours=tuple(rule for rule in one.ours if (rule.where, chain or rule.place[0]) != (where, rule.place[0])))
            if one.program == program
            else one
            for one in self.system.firewall.chains
        )
        assert chains != self.system.firewall.chains
        self.change(firewall=replace(self.system.firewall, chains=chains))

    def iptables(self, step: Command) -> None:
        family = 6 if step.argv[0].startswith("ip6") else 4
        if step.stdin is not None:
            self.restore(family, step.stdin)
        elif "-t" in step.argv:
            at = step.argv.index("-t")
            self.jump(family, step.argv[at + 1], step.argv[at + 2 :])
        elif step.argv[3] == "-A":
            rule = step.argv[5:]
            name = next(word for word in rule if word.startswith(names.PREFIX))[len(names.PREFIX) :]
            self.open("iptables", Opened((step.argv[4], None), shlex.join(rule), iptables.opened_link(rule, name)))
        else:
            self.close("iptables", shlex.join(step.argv[5:]), step.argv[4])

    def restore(self, family: int, text: str) -> None:
        own = dict(self.system.firewall.own.get(family, {}))
        for table, chains in iptables.parse_save(text).items():
            there = own.get(table, Own())
            gone = [line[3:] for line in text.splitlines() if line.startswith("-X ")]
            assert not [rule for rules in there.jumps.values() for rule in rules if rule[-1] in gone]
            kept = {name: rules for name, rules in {**there.chains, **chains}.items() if name not in gone}
            own[table] = Own(kept, there.jumps)
        self.keep(family, own)

    def jump(self, family: int, table: str, words: Sequence[str]) -> None:
        own = dict(self.system.firewall.own.get(family, {}))
        there = own.get(table, Own())
        jumps = dict(there.jumps)
        if words[0] == "-I":
            assert words[-1] in there.chains
            jumps[words[1]] = (tuple(words[3:]), *jumps.get(words[1], ()))
        else:
            rest = list(jumps[words[1]])
            rest.remove(tuple(words[2:]))
            jumps[words[1]] = tuple(rest)
        own[table] = Own(there.chains, {name: rules for name, rules in jumps.items() if rules})
        self.keep(family, own)

    def keep(self, family: int, own: Dict[str, Own]) -> None:
        whole = {table: one for table, one in own.items() if one.chains or one.jumps}
        firewall = self.system.firewall
        others = {number: tables for number, tables in firewall.own.items() if number != family}
        self.change(firewall=replace(firewall, own={**others, **({family: whole} if whole else {})}))
