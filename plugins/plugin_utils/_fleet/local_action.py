# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of actions that read variables and write files on the controller, and run nothing on any host."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Dict, Mapping, Optional, Tuple, Type

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError


class LocalAction(ActionBase):  # type: ignore[misc]  # not typed by Ansible
    """An action by its options and its answer. C(failures) are the errors whose text is the message of the failed task."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False
    arguments: ClassVar[Dict[str, Dict[str, Any]]] = {}
    failures: ClassVar[Tuple[Type[Exception], ...]] = (FleetlabError,)

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """The result of the task."""
        variables = task_vars or {}
        result: Dict[str, Any] = super().run(tmp, variables)
        _validation, options = self.validate_argument_spec(self.arguments)
        try:
            result.update(self.answer(variables, options))
        except self.failures as error:
            raise AnsibleActionFail(str(error)) from error
        return result

    @abstractmethod
    def answer(self, variables: Dict[str, Any], options: Dict[str, Any]) -> Mapping[str, Any]:
        """The return values, from the variables of the play and the options of the task."""
