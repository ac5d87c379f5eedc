# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a plan that are not commands: the removal of files with their folders, and settings of the kernel."""

from __future__ import annotations

import os
import shlex
from functools import partial
from typing import List, Sequence, Tuple

from .._core.errors import ObservationError
from .._core.plan import Operations
from .._core.runner import DEFAULT_TIMEOUT, Runner
from .._host.conntrack import forget, observe_flows
from .firewall.flows import Ways, is_stale
from .firewall.iptables import WAIT, rule_number
from .parse import parse_json

_GROUP = "1718379877"
"""The group of links that are being deleted. No other program has a reason to choose this number."""


def operations(_wanted: object, runner: Runner) -> Operations:
    """The operations of plans, by name."""
    return {
        "remove_with_empty_folders": _remove_with_empty_folders,
        "set_sysctl": _set_sysctl,
        "delete_links": partial(_delete_links, runner),
        "insert_before": partial(_insert_before, runner),
        "forget_flows": _forget_flows,
    }


def _insert_before(runner: Runner, tool: str, chain: str, rule: str, before: str) -> None:
    number = rule_number(runner.run((tool, *WAIT, "-S", chain)).stdout, before)
    if number is None:
        raise ObservationError(f"{tool}: the rule '{before}' has vanished from the chain {chain} meanwhile: run the task again")
    runner.run((tool, *WAIT, "-I", chain, str(number), *shlex.split(rule)))


def _delete_links(runner: Runner, links: Sequence[str]) -> None:
    """Delete links that others may have deleted meanwhile. Those of one group the kernel deletes at once.

    A link of another in the group, such as one of a run that was killed, would be deleted too: then each link is deleted alone.
    """
    others = [name for name, group in _groups(runner) if group == _GROUP and name not in links]
    if not others:
        lines = [*(f"link set dev {name} group {_GROUP}" for name in links), f"link delete group {_GROUP}"]
        text = "".join(f"{line}\n" for line in lines)
        runner.run(("ip", "-force", "-batch", "-"), stdin=text, timeout=DEFAULT_TIMEOUT * len(links), accept=(0, 1))
    for name, _group in _groups(runner):
        if name in links:
            runner.run(("ip", "link", "delete", "dev", name), accept=(0, 1))


def _groups(runner: Runner) -> List[Tuple[str, str]]:
    """The links of the host with their groups."""
    found = parse_json("ip -json link show", runner.run(("ip", "-json", "link", "show")).stdout)
    return [(one["ifname"], str(one.get("group", ""))) for one in found if one]


def _forget_flows(ways: Ways) -> None:
    # Flows are looked up once more, because some began since the plan was made.
    forget(flow for flow in observe_flows() or () if is_stale(flow, ways))


def _remove_with_empty_folders(path: str) -> None:
    # In one step, because no later run would know that the empty folder belongs to this module.
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    try:
        os.removedirs(os.path.dirname(path))
    except OSError:
        # A folder with other files stays.
        pass


def _set_sysctl(key: str, value: str) -> None:
    try:
        with open(f"/proc/sys/{key}", "w", encoding="ascii") as stream:
            stream.write(value)
    except OSError as error:
        raise ObservationError(f"sysctl {key.replace('/', '.')} cannot be set to {value}: {error.strerror}") from None
