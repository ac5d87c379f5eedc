# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner of a host: runs commands, and names the packages of missing commands."""

from __future__ import annotations

from .._core.runner import SystemRunner
from .distribution import packages_for


def host_runner() -> SystemRunner:
    """The runner for commands on this host."""
    return SystemRunner(packages_for)
