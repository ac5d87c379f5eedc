# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chains of other programs that see forwarded packets, in the listings of C(nft -j), and a namespace's rules in them. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..names import PREFIX, tag
from ..state import ForwardChain, Opened
from .nftables import ACCEPT, normal
from .verdicts import DROPS, ENDS, GOES, Verdict, catch_alls, drops_all, may_drop, reached

_END = ("drop", "reject")
_LINK_KEYS = ("iifname", "oifname", "iif", "oif")
Elements = Sequence[Tuple[Any, Mapping[str, Any]]]
"""The keys and verdicts of a map with a name."""


def forward_chains(listing: Mapping[str, Any]) -> List[Tuple[str, str, str, bool]]:
    """The chains of other programs that see forwarded packets: family, table, name, and whether the policy drops."""
    chains = [entry["chain"] for entry in listing.get("nftables", []) if "chain" in entry]
    return [
        (one["family"], one["table"], one["name"], one.get("policy") == "drop")
        for one in chains
        if one.get("hook") == "forward" and one["family"] in ("ip", "ip6", "inet") and not one["table"].startswith(PREFIX)
    ]


def other_nat(listing: Mapping[str, Any]) -> bool:
    """Whether other programs translate addresses, so that they need forwarding too."""
    chains = [entry["chain"] for entry in listing.get("nftables", []) if "chain" in entry]
    return any(one.get("type") == "nat" and not one["table"].startswith(PREFIX) for one in chains)


def is_iptables(family: str, table_name: str, chain: str) -> bool:
    """Whether iptables made the chain through nftables, so that only iptables may change it."""
    return family in ("ip", "ip6") and (table_name, chain) == ("filter", "FORWARD")


def read_chain(listing: Mapping[str, Any], found: Tuple[str, str, str, bool], name: str, texts: Mapping[str, str]) -> ForwardChain:
    """One chain of L(forward_chains). C(listing) has its rules, and if they lead to other chains the rules of these chains.

    C(texts) are the rules as nft prints them for people, by handle.
    """
    family, table_name, chain, policy_drops = found
    chains = foreign_chains(listing)
    drops = policy_drops or drops_all(chains, chain)
    ends = catch_alls(chains, chain, policy_drops) if drops else ()
    return ForwardChain(
        program="nft",
        family=family,
        table=table_name,
        chain=chain,
        drops=drops,
        ours=tuple(one for one in _opened(listing, name) if one.place[0] in reached(chains, chain)),
        may_drop=policy_drops or may_drop(chains, chain),
        used=policy_drops or bool(chains.get(chain)) or any(rule["chain"] == chain and not _is_ours(rule) for rule in _rules_in(listing)),
        ends=ends,
        texts=tuple((where, texts.get(where, "")) for _chain, where in ends if where is not None),
    )


def _rules_in(listing: Mapping[str, Any]) -> List[Mapping[str, Any]]:
    return [entry["rule"] for entry in listing.get("nftables", []) if "rule" in entry]


def _opened(listing: Mapping[str, Any], name: str) -> Iterator[Opened]:
    following: Dict[str, Optional[str]] = {}
    for rule in reversed(_rules_in(listing)):
        if rule.get("comment") == tag(name):
            yield Opened((rule["chain"], following.get(rule["chain"])), str(rule["handle"]), opened_link(rule["expr"]))
        elif not _is_ours(rule):
            following[rule["chain"]] = str(rule.get("handle", ""))


def texts_by_handle(listing: str) -> Dict[str, str]:
    """The rules of the text that C(nft -a list table) prints; the numbers of counters are 0."""
    found = {}
    for line in listing.splitlines():
        rule, mark, handle = line.strip().rpartition(" # handle ")
        if mark and not rule.endswith("{"):
            found[handle] = re.sub(r"packets [0-9]+ bytes [0-9]+", "packets 0 bytes 0", rule)
    return found


def _is_ours(rule: Mapping[str, Any]) -> bool:
    return str(rule.get("comment", "")).startswith(PREFIX)


def foreign_chains(listing: Mapping[str, Any]) -> Dict[str, List[Verdict]]:
    """The rules of other programs in the listing of a chain or a table, by chain."""
    entries = listing.get("nftables", [])
    found: Dict[str, List[Verdict]] = {entry["chain"]["name"]: [] for entry in entries if "chain" in entry}
    maps = {f"@{entry['map']['name']}": entry["map"].get("elem", ()) for entry in entries if "map" in entry}
    for rule in _rules_in(listing):
        if not _is_ours(rule):
            where = str(rule.get("handle", ""))
            found.setdefault(rule["chain"], []).extend(replace(one, where=where) for one in _verdicts(rule["expr"], maps))
    return found


def _verdicts(rule: Sequence[Mapping[str, Any]], maps: Mapping[str, Elements]) -> Iterator[Verdict]:
    always = by_link = True
    for statement in rule:
        if "vmap" in statement:
            yield from _of_map(statement["vmap"], by_link, maps)
        yield from _verdict(statement, always, by_link)
        passes = bool({"counter", "log"} & set(statement))
        always = always and passes
        by_link = by_link and (passes or _is_link(statement.get("match", {}).get("left")))


def _of_map(vmap: Mapping[str, Any], by_link: bool, maps: Mapping[str, Elements]) -> Iterator[Verdict]:
    name = vmap["data"] if isinstance(vmap["data"], str) else ""
    if name and name not in maps:
        # The listing of a chain does not have the elements of a map with a name: they are where the rule leads to.
        yield Verdict(False, GOES, name)
    for _key, value in maps.get(name, ()) if name else vmap["data"]["set"]:
        yield from _verdict(value, False, by_link and _is_link(vmap["key"]))


def _is_link(left: Any) -> bool:
    return isinstance(left, Mapping) and isinstance(left.get("meta"), Mapping) and left["meta"].get("key") in _LINK_KEYS


def _verdict(statement: Mapping[str, Any], always: bool, by_link: bool) -> Iterator[Verdict]:
    for word in statement:
        if word in _END:
            yield Verdict(always, DROPS, by_link=by_link)
        elif word in ("jump", "goto"):
            yield Verdict(always, GOES if word == "jump" else ENDS, statement[word]["target"], by_link)
        elif word in ("accept", "return"):
            yield Verdict(always, ENDS, by_link=by_link)


def opened_link(rule: Sequence[Mapping[str, Any]]) -> str:
    """The packets that a namespace's rule in a foreign chain lets through, such as C(iifname v-web); empty for a rule that was edited."""
    plain = [normal(one) for one in rule]
    if len(plain) == 2 and plain[1] == ACCEPT and "match" in plain[0]:
        left: Optional[Any] = plain[0]["match"]["left"]
        if isinstance(left, dict) and "meta" in left:
            return f"{left['meta']['key']} {plain[0]['match']['right']}"
    return ""
