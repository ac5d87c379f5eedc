# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out whether the kernel accepts the rules of a namespace, without a change on the host.

nft checks a whole table in a transaction that the kernel discards, and that no listener for changes sees. iptables cannot do that, because
to list a table creates the table and loads its module. So a module that modprobe could load counts as loaded. A module that modprobe does
not know is built in or missing: then rules are tried in a network namespace that lasts as long as the command.
"""

from __future__ import annotations

from typing import Sequence

from ..._core.errors import CommandError
from ..._core.runner import Runner
from ..._host.files import Host
from . import abilities, iptables
from .abilities import Groups

_CHECK = ("nft", "--check")
_ELSEWHERE = ("unshare", "--net")
_MODULES_DISABLED = "/proc/sys/kernel/modules_disabled"
_MODULES = "/lib/modules"


def nftables_problem(runner: Runner) -> str:
    """Why nftables cannot make the rules of a namespace; empty if it can."""
    try:
        runner.run((*_CHECK, "-j", "-f", "-"), stdin=abilities.nftables_sample())
    except CommandError as error:
        return _missing(runner, (*_CHECK, "-f", "-"), abilities.nftables_parts()) or f"{error.argv[0]} {error.problem}"
    return ""


def iptables_problem(runner: Runner, program: str, family: int, by_nftables: bool, host: Host) -> str:
    """Why a variant of iptables cannot make the rules of a namespace; empty if it can. C(by_nftables): the variant uses nf_tables."""
    parts = abilities.iptables_parts(family, by_nftables)
    if not by_nftables and _can_be_loaded(runner, [part.module for group in parts for part in group], host):
        return ""
    restore = (*_ELSEWHERE, iptables.command(program, family, "-restore"), *iptables.WAIT)
    # Without its tables the other parts are not tried, because each trial can load modules.
    missing = _missing(runner, restore, parts[:1])
    if missing:
        return missing
    try:
        runner.run(restore, stdin=abilities.iptables_sample(family))
    except CommandError as error:
        return _missing(runner, restore, parts[1:]) or f"{error.argv[0]} {error.problem}"
    return ""


def without_modules(host: Host) -> str:
    """A hint if the modules of the running kernel are not on the host, as after an upgrade without a reboot; else empty."""
    release = host.kernel()
    if host.is_folder(f"{_MODULES}/{release}"):
        return ""
    return f" {_MODULES}/{release} does not exist: if the kernel was upgraded, reboot."


def _missing(runner: Runner, argv: Sequence[str], groups: Groups) -> str:
    for group in groups:
        missing = [part for part in group if not _works(runner, argv, part.sample)]
        if missing:
            return f"this kernel lacks {', '.join(str(part) for part in missing)}"
    return ""


def _works(runner: Runner, argv: Sequence[str], text: str) -> bool:
    try:
        runner.run(argv, stdin=text)
    except CommandError:
        return False
    return True


def _can_be_loaded(runner: Runner, modules: Sequence[str], host: Host) -> bool:
    """Whether all modules are loaded, or would be loaded by the program that needs them."""
    if host.value(_MODULES_DISABLED) != "0":
        return False
    try:
        runner.run(("modprobe", "--dry-run", "--quiet", "--all", *modules))
    except CommandError:
        return False
    return True
