# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of role_variables_info: it looks at names of variables on the controller, and at the files of the role that runs it."""

from __future__ import annotations

from typing import Any, Dict, Optional

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.fleetlab.linux.plugins.plugin_utils._role_variables import find_unknown, read_known


class ActionModule(ActionBase):  # type: ignore[misc]  # not typed by Ansible
    """Reads only the names of variables: no template is evaluated, and no secret is shown."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """The result of the task."""
        variables = task_vars or {}
        result: Dict[str, Any] = super().run(tmp, variables)
        self.validate_argument_spec({})
        if "role_path" not in variables:
            raise AnsibleActionFail("role_variables_info: this task is not part of a role: use it as a task of the role to check")
        known = read_known(str(variables["role_path"]))
        unknown = find_unknown(known, variables)
        result.update(changed=False, prefix=known.prefix, unknown=[{"name": one.name, "nearest": one.nearest} for one in unknown])
        if unknown:
            result["warnings"] = [str(one) for one in unknown]
        return result
