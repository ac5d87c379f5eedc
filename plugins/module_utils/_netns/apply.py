# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a plan that are not commands: the removal of files with their folders, and settings of the kernel."""

from __future__ import annotations

import os
import shlex
from functools import partial

from .._core.errors import ObservationError
from .._core.plan import Operations
from .._core.runner import Runner
from .._host.conntrack import forget, observe_flows
from .firewall.flows import Ways, is_stale
from .firewall.iptables import WAIT, rule_number


def operations(_wanted: object, runner: Runner) -> Operations:
    """The operations of plans, by name."""
    return {
        "remove_with_empty_folders": _remove_with_empty_folders,
        "set_sysctl": _set_sysctl,
        "insert_before": partial(_insert_before, runner),
        "forget_flows": _forget_flows,
    }


def _insert_before(runner: Runner, tool: str, chain: str, rule: str, before: str) -> None:
    number = rule_number(runner.run((tool, *WAIT, "-S", chain)).stdout, before)
    if number is None:
        raise ObservationError(f"{tool}: the rule '{before}' has vanished from the chain {chain} meanwhile: run the task again")
    runner.run((tool, *WAIT, "-I", chain, str(number), *shlex.split(rule)))


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
