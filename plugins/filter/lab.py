# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the lab on this host."""

from __future__ import annotations

from typing import Any, Callable, Dict

from ansible_collections.fleetlab.linux.plugins.plugin_utils._lab_guests import make_guests


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> Dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"lab_guests": make_guests}
