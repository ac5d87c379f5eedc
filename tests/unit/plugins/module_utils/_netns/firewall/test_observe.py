# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which firewall is chosen, and what is refused, by what real kernels answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import CommandError, ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import DEFAULT_TIMEOUT, CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.firewall.abilities import nftables_sample
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.firewall.observe import Asked, observe_firewall

FIXTURES = Path(__file__).resolve().parents[5] / "fixtures" / "firewall"
WHOLE_TABLE = ("nft", "--check", "-j", "-f", "-")
LOOKS = (
    ("nft", "-j", "list"),
    ("nft", "--check"),
    ("modprobe", "--dry-run"),
    ("unshare", "--net"),
    ("iptables", "-V"),
    ("iptables-legacy", "-V"),
    ("iptables-save",),
    ("ip6tables-save",),
    ("iptables-legacy-save",),
    ("ip6tables-legacy-save",),
)
"""What changes nothing on the host, by its first words."""


class Kernel:
    """Answers as a kernel did; programs in C(without) are not installed, and samples with a word of C(rejects) are refused."""

    def __init__(self, folder: str, root: Path, without: Tuple[str, ...] = (), rejects: Tuple[str, ...] = ()) -> None:
        recorded: Dict[str, Any] = json.loads((FIXTURES / folder / "commands.json").read_text(encoding="utf-8"))
        self.answers = {(tuple(one["argv"]), one["stdin"]): one for one in recorded["commands"]}
        # The whole table grows with the module. A kernel that had no family inet for a smaller one has none for it.
        refused = [one for one in recorded["commands"] if tuple(one["argv"]) == WHOLE_TABLE and one["exit_code"] != 0]
        self.answers.update(((WHOLE_TABLE, nftables_sample()), one) for one in refused)
        self.without = without
        self.rejects = rejects
        self.asked: List[Tuple[str, ...]] = []
        for path, content in recorded["files"].items():
            if content is not None:
                (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
                (root / path[1:]).write_text(content, encoding="ascii")

    def run(
        self, argv: Sequence[str], stdin: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT, accept: Sequence[int] = (0,)
    ) -> CommandResult:
        words = tuple(argv)
        self.asked.append(words)
        if words[0] in self.without:
            raise CommandError(words, f"command {words[0]} was not found on this host: install the package {words[0]}", 127)
        if any(word in (stdin or "") for word in self.rejects):
            raise CommandError(words, "exit code 1: Could not process rule", 1)
        if self.rejects and stdin is not None:
            return CommandResult(words, 0, "", "")
        answer = self.answers[words, stdin]
        if answer["exit_code"] not in accept:
            raise CommandError(words, answer["problem"], answer["exit_code"], answer["stderr"])
        return CommandResult(words, answer["exit_code"], answer["stdout"], answer["stderr"])


def refusal(kernel: Kernel, root: Path, choice: str, families: Tuple[int, ...] = (4,)) -> str:
    """The message that a task ends with."""
    with pytest.raises(ObservationError) as caught:
        observe_firewall(kernel, Asked("web", choice, families=families), Host(str(root)))
    return str(caught.value)


@pytest.mark.parametrize("families", [(4,), (4, 6)])
@pytest.mark.parametrize(
    ("folder", "choice", "kind", "program"),
    [
        ("uml-6.1", "auto", "iptables", "iptables-legacy"),
        ("uml-6.1", "iptables", "iptables", "iptables-legacy"),
        ("linux-6.18", "auto", "nftables", "iptables"),
        ("linux-6.18", "nftables", "nftables", "iptables"),
        ("linux-6.18", "iptables", "iptables", "iptables"),
    ],
)
def test_what_the_kernel_can_do_is_chosen(
    tmp_path: Path, folder: str, choice: str, kind: str, program: str, families: Tuple[int, ...]
) -> None:
    kernel = Kernel(folder, tmp_path)
    found = observe_firewall(kernel, Asked("web", choice, families=families), Host(str(tmp_path)))
    assert (found.kind, found.program) == (kind, program)
    assert [argv for argv in kernel.asked if not any(argv[: len(words)] == words for words in LOOKS)] == []


def test_modules_that_could_be_loaded_are_not_loaded_to_find_out(tmp_path: Path) -> None:
    kernel = Kernel("uml-6.1", tmp_path)
    observe_firewall(kernel, Asked("web"), Host(str(tmp_path)))
    tried = [argv for argv in kernel.asked if argv[0] == "unshare"]
    assert tried == [("unshare", "--net", "iptables-restore", "-w", "60")]


def test_modules_that_nobody_may_load_any_more_do_not_count(tmp_path: Path) -> None:
    kernel = Kernel("uml-6.1", tmp_path)
    (tmp_path / "proc/sys/kernel/modules_disabled").write_text("1\n", encoding="ascii")
    kernel.answers = {key: one for key, one in kernel.answers.items() if key[0][0] != "modprobe"}
    with pytest.raises(KeyError, match="iptables-legacy-restore"):
        observe_firewall(kernel, Asked("web"), Host(str(tmp_path)))


def test_another_choice_than_the_kernel_has_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    message = refusal(Kernel("uml-6.1", tmp_path), tmp_path, "nftables")
    assert message.startswith("firewall: nftables cannot be used on this host (Linux ")
    assert message.endswith("this kernel lacks the family inet (CONFIG_NF_TABLES_INET). Choose iptables, or omit firewall")


@pytest.mark.parametrize("families", [(4,), (4, 6)])
@pytest.mark.parametrize("choice", ["auto", "nftables", "iptables"])
@pytest.mark.parametrize("folder", ["uml-7.2", "uml-7.2-debian-13"])
def test_a_kernel_without_families_and_without_tables_is_refused(
    tmp_path: Path, folder: str, choice: str, families: Tuple[int, ...]
) -> None:
    kernel = Kernel(folder, tmp_path)
    assert refusal(kernel, tmp_path, choice, families).split(" (Linux ")[1].partition("), ")[2].partition(" /lib/modules/")[0] == (
        "and nothing was made: nftables: this kernel lacks the family inet (CONFIG_NF_TABLES_INET);"
        " iptables: this kernel lacks the family ip of nf_tables (CONFIG_NF_TABLES_IPV4);"
        " iptables-legacy: this kernel lacks the table filter (CONFIG_IP_NF_FILTER, module iptable_filter),"
        " the table nat (CONFIG_IP_NF_NAT, module iptable_nat)."
        " Add to the kernel, or to the host, the parts that one of these firewalls lacks."
    )
    assert [argv for argv in kernel.asked if not any(argv[: len(words)] == words for words in LOOKS)] == []


@pytest.mark.parametrize("families", [(4,), (4, 6)])
@pytest.mark.parametrize("choice", ["auto", "nftables", "iptables"])
def test_a_kernel_whose_modules_are_gone_is_refused_with_that(tmp_path: Path, choice: str, families: Tuple[int, ...]) -> None:
    message = refusal(Kernel("uml-6.1-without-modules", tmp_path), tmp_path, choice, families)
    assert message.startswith("firewall: neither nftables nor iptables can be used on this host (Linux ")
    assert (
        "and nothing was made: nftables: nft exit code 3: mnl.c:60: Unable to initialize Netlink socket: Protocol not supported"
        " (CONFIG_NF_TABLES, module nf_tables); iptables: iptables exit code 1: iptables: Failed to initialize nft: Protocol not supported;"
        " iptables-legacy: this kernel lacks the table filter (CONFIG_IP_NF_FILTER, module iptable_filter), the table nat"
        " (CONFIG_IP_NF_NAT, module iptable_nat). "
    ) in message
    assert message.endswith("if the kernel was upgraded, reboot.")


@pytest.mark.parametrize("folder", ["uml-6.1", "uml-6.1-without-modules", "uml-7.2", "uml-7.2-debian-13"])
@pytest.mark.parametrize("former", ["nftables", "iptables", None])
def test_what_has_nothing_to_filter_is_never_refused(tmp_path: Path, folder: str, former: Optional[str]) -> None:
    """Nor is a removal, by whatever the namespace was made: a kernel that cannot have rules has none."""
    kernel = Kernel(folder, tmp_path)
    found = observe_firewall(kernel, Asked("web", former or "auto", former, needed=False), Host(str(tmp_path)))
    assert (found.table, found.own, found.chains) == (None, {}, ())


def test_programs_that_are_not_installed_are_named(tmp_path: Path) -> None:
    without = ("iptables", "iptables-legacy")
    message = refusal(Kernel("linux-6.18", tmp_path, without), tmp_path, "iptables")
    assert message.endswith("iptables: it is not installed. Choose nftables, or omit firewall")
    message = refusal(Kernel("linux-6.18", tmp_path, ("nft", *without)), tmp_path, "auto")
    assert "nftables: command nft was not found on this host: install the package nft; iptables: it is not installed." in message
    found = observe_firewall(Kernel("linux-6.18", tmp_path, ("nft",)), Asked("web"), Host(str(tmp_path)))
    assert (found.kind, found.program) == ("iptables", "iptables")


@pytest.mark.parametrize(
    ("word", "lacks"),
    [
        ("masquerade", "masquerade (CONFIG_NFT_MASQ, module nft_masq)"),
        ("type nat", "chains that translate addresses (CONFIG_NFT_NAT, module nft_chain_nat)"),
        ("fib", "types of addresses (CONFIG_NFT_FIB_INET, module nft_fib_inet)"),
    ],
)
def test_a_part_of_nftables_that_the_kernel_lacks_is_named(tmp_path: Path, word: str, lacks: str) -> None:
    # The whole table is JSON, and its parts are as people write them.
    kernel = Kernel("linux-6.18", tmp_path, rejects=(word, '"nftables"'))
    assert f": this kernel lacks {lacks}. Choose iptables" in refusal(kernel, tmp_path, "nftables")


@pytest.mark.parametrize(
    ("word", "lacks"),
    [
        ("*nat\n:probe - [0:0]\n-A PREROUTING", "chains that translate addresses (CONFIG_NFT_NAT, module nft_chain_nat)"),
        ("addrtype", "types of addresses (CONFIG_NETFILTER_XT_MATCH_ADDRTYPE, module xt_addrtype)"),
        ("--to-destination", "DNAT (CONFIG_NETFILTER_XT_NAT, module xt_nat)"),
    ],
)
def test_a_part_of_iptables_that_the_kernel_lacks_is_named(tmp_path: Path, word: str, lacks: str) -> None:
    whole = ":fleetlab-"
    kernel = Kernel("linux-6.18", tmp_path, ("iptables-legacy",), rejects=(word, whole))
    assert f"iptables: this kernel lacks {lacks}. Choose nftables" in refusal(kernel, tmp_path, "iptables")


class Listing:
    """An nft of a version, on a host with the tables of so many namespaces."""

    def __init__(self, version: str, tables: int) -> None:
        chains = [
            {"chain": {"family": "inet", "table": f"fleetlab-netns-n{number}", "name": "input", "type": "filter", "hook": "input"}}
            for number in range(tables)
        ]
        self.text = json.dumps({"nftables": [{"metainfo": {"version": version}}, *chains]})
        self.asked: List[str] = []

    def run(
        self, argv: Sequence[str], stdin: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT, accept: Sequence[int] = (0,)
    ) -> CommandResult:
        self.asked.append(" ".join(argv[3:4]))
        return CommandResult(tuple(argv), 0, self.text, "")


@pytest.mark.parametrize(
    ("version", "tables", "count", "listed"),
    [
        ("1.0.6", 100, 100, "table"),
        ("1.0.6", 100, 2, "table"),
        ("1.0.9", 40, 40, "ruleset"),
        ("1.0.6", 1, 1, "table"),
        # These versions fetch the rules of a table once.
        ("1.1.1", 100, 100, "ruleset"),
        ("1.1.3", 100, 2, "ruleset"),
    ],
)
def test_tables_are_listed_in_the_way_that_takes_this_nft_less_time(
    tmp_path: Path, version: str, tables: int, count: int, listed: str
) -> None:
    nft = Listing(version, tables)
    found = observe_firewall(nft, Asked("n0", count=count), Host(str(tmp_path)))
    assert found.table is not None
    assert nft.asked == ["chains", listed]
