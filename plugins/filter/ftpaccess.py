# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter of the role ftpaccess_audit."""

from __future__ import annotations

from typing import Any, Callable, Dict

from ansible_collections.fleetlab.linux.plugins.plugin_utils._ftpaccess_report import make_report


class FilterModule:
    """The filter by its name."""

    def filters(self) -> Dict[str, Callable[..., Any]]:
        """See the documentation beside this file."""
        return {"ftpaccess_report": make_report}
