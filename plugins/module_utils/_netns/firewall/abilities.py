# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a kernel that the rules of a namespace need: a sample of all rules, and a sample and the names of each part. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Tuple

from ..addresses import Forward
from . import iptables, nftables
from .policy import Policy, Source, Target

_LINK = "v-probe"
_ADDRESSES = {4: ("192.0.2.0/24", "192.0.2.2"), 6: ("2001:db8::/64", "2001:db8::2")}
_NAT_CHAIN = "add chain inet probe probe { type nat hook prerouting priority -100; }"
_LATER_NAT_CHAIN = "add chain inet probe probe { type nat hook postrouting priority 100; }"
_CHAIN = "add chain inet probe probe"


@dataclass(frozen=True)
class Part:
    """A part that a kernel has or lacks. A program fed with C(sample) shows it; C(option) and C(module) are its names in the kernel."""

    name: str
    option: str
    module: str
    sample: str

    def __str__(self) -> str:
        return f"{self.name} ({self.option}{self.module and ', module '}{self.module})"


Groups = Tuple[Tuple[Part, ...], ...]
"""Parts in groups: a group can be tried if the kernel has all parts of the group before it."""


def sample_policy(family: int) -> Policy:
    """A policy with rules of every kind."""
    net, address = _ADDRESSES[family]
    tcp, udp = (Forward("tcp", 80, 80, 8080), Forward("udp", 80, 89))
    return Policy(
        name="probe",
        links=(_LINK,),
        families=(family,),
        sources=(Source(family, _LINK, net, "lo"),),
        targets=tuple(Target(forward, family, _LINK, address, net) for forward in (tcp, udp)),
    )


def nftables_sample() -> str:
    """A whole table. One table serves IPv4 and IPv6, so a sample for IPv4 is enough."""
    return json.dumps({"nftables": nftables.replacement(sample_policy(4))})


def nftables_parts() -> Groups:
    """The parts of a table."""
    rules = (
        ("counters", "CONFIG_NFT_COUNTER", "nft_counter", _CHAIN, "counter"),
        ("states of connections", "CONFIG_NFT_CT", "nft_ct", _CHAIN, "ct state established"),
        ("types of addresses", "CONFIG_NFT_FIB_INET", "nft_fib_inet", _NAT_CHAIN, "fib daddr type local"),
        ("masquerade", "CONFIG_NFT_MASQ", "nft_masq", _LATER_NAT_CHAIN, "masquerade"),
        ("dnat", "CONFIG_NFT_NAT", "nft_nat", _NAT_CHAIN, "dnat ip to 192.0.2.2"),
    )
    return (
        (Part("the family inet", "CONFIG_NF_TABLES_INET", "", "add table inet probe\n"),),
        (Part("chains that translate addresses", "CONFIG_NFT_NAT", "nft_chain_nat", f"add table inet probe\n{_NAT_CHAIN}\n"),),
        tuple(
            Part(name, option, module, f"add table inet probe\n{chain}\nadd rule inet probe probe {rule}\n")
            for name, option, module, chain, rule in rules
        ),
    )


def iptables_sample(family: int) -> str:
    """The input of C(iptables-restore)."""
    return iptables.restore_text({}, iptables.wanted_own(sample_policy(family), family))


def iptables_parts(family: int, by_nftables: bool) -> Groups:
    """The parts of the tables, for the variant that uses nf_tables or for the other variant."""
    destination = _ADDRESSES[family][1]
    rules = (
        ("comments", "CONFIG_NETFILTER_XT_MATCH_COMMENT", "xt_comment", "filter", "-m comment --comment probe -j ACCEPT"),
        ("ports", "CONFIG_NETFILTER_XTABLES", "xt_tcpudp", "filter", "-p tcp -m tcp --dport 80 -j ACCEPT"),
        ("states of connections", "CONFIG_NETFILTER_XT_MATCH_CONNTRACK", "xt_conntrack", "filter", "-m conntrack --ctstate DNAT -j ACCEPT"),
        ("types of addresses", "CONFIG_NETFILTER_XT_MATCH_ADDRTYPE", "xt_addrtype", "filter", "-m addrtype --dst-type LOCAL -j ACCEPT"),
        ("DNAT", "CONFIG_NETFILTER_XT_NAT", "xt_nat", "nat", f"-j DNAT --to-destination {destination}"),
        ("MASQUERADE", "CONFIG_NETFILTER_XT_TARGET_MASQUERADE", "xt_MASQUERADE", "nat", "-j MASQUERADE"),
    )
    tables = _nftables_tables(family) if by_nftables else _legacy_tables(family)
    return (*tables, tuple(Part(name, option, module, _restored(table, f"-A probe {rule}")) for name, option, module, table, rule in rules))


def _nftables_tables(family: int) -> Groups:
    word = "ip" if family == 4 else "ip6"
    return (
        (Part(f"the family {word} of nf_tables", f"CONFIG_NF_TABLES_IPV{family}", "", _restored("filter")),),
        (Part("chains that translate addresses", "CONFIG_NFT_NAT", "nft_chain_nat", _restored("nat", "-A PREROUTING -j probe")),),
        (Part("iptables' rules in nf_tables", "CONFIG_NFT_COMPAT", "nft_compat", _restored("nat", "-A probe -j MASQUERADE")),),
    )


def _legacy_tables(family: int) -> Groups:
    word = "ip" if family == 4 else "ip6"
    tables = (
        Part(f"the table {table}", f"CONFIG_{word.upper()}_NF_{table.upper()}", f"{word}table_{table}", _restored(table))
        for table in ("filter", "nat")
    )
    return (tuple(tables),)


def _restored(table: str, *rules: str) -> str:
    return "".join(f"{line}\n" for line in (f"*{table}", ":probe - [0:0]", *rules, "COMMIT"))
