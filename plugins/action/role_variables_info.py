# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of role_variables_info: it looks at names of variables on the controller, and at the files of the role that runs it."""

from __future__ import annotations

from typing import Any, Dict

from ansible.errors import AnsibleActionFail

from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.local_action import LocalAction
from ansible_collections.fleetlab.linux.plugins.plugin_utils._role_variables import find_unknown, read_known


class ActionModule(LocalAction):
    """Reads only the names of variables: no template is evaluated, and no secret is shown."""

    def answer(self, variables: Dict[str, Any], _options: Dict[str, Any]) -> Dict[str, Any]:
        """Find the variables that the role does not know, and warn of them."""
        if "role_path" not in variables:
            raise AnsibleActionFail("role_variables_info: this task is not part of a role: use it as a task of the role to check")
        known = read_known(str(variables["role_path"]))
        unknown = find_unknown(known, variables)
        shown = [{"name": one.name, "nearest": one.nearest} for one in unknown]
        warnings = {"warnings": [str(one) for one in unknown]} if unknown else {}
        return {"changed": False, "prefix": known.prefix, "unknown": shown, **warnings}
