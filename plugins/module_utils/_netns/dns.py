# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resolv.conf that C(ip netns exec) and units with C(NetworkNamespacePath) see. Pure."""

from __future__ import annotations

from . import names
from .wanted import Wanted


def resolv_conf(wanted: Wanted) -> str:
    """The content of the namespace's own resolv.conf."""
    lines = [f"# {names.NOTE}: changes here are lost.", *(f"nameserver {server}" for server in wanted.dns or ())]
    if wanted.dns_search:
        lines.append(f"search {' '.join(wanted.dns_search)}")
    return "".join(f"{line}\n" for line in lines)
