# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of throughput_agent: it waits for the results of a process that was started earlier. All else is the module's."""

from __future__ import annotations

import json
import re
import shlex
import time
from typing import Any, Callable, Dict, List, Optional

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError, InputError, ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.options import AGENT_SPEC
from ansible_collections.fleetlab.linux.plugins.plugin_utils._throughput.matrix import progress_line

_POLL = 1.0
_FOLDER = re.compile(r"/[^\s]*/fleetlab-throughput-[A-Za-z0-9_]+")


class ActionModule(ActionBase):  # type: ignore[misc]  # not typed by Ansible
    """Polls with one command of the shell each time, because a module would take the processor that is measured."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False
    clock: Callable[[], float] = staticmethod(time.monotonic)
    sleep: Callable[[float], None] = staticmethod(time.sleep)

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """The result of the task."""
        variables = task_vars or {}
        result: Dict[str, Any] = super().run(tmp, variables)
        if self._task.args.get("part") != "collect":
            result.update(self._execute_module(module_name="fleetlab.linux.throughput_agent", task_vars=variables))
            return result
        _validation, options = self.validate_argument_spec(AGENT_SPEC)
        folder = options["folder"] or ""
        result.update(changed=False)
        try:
            if folder and not _FOLDER.fullmatch(folder):
                raise InputError("folder", f"{folder} is no folder that the part start has returned")
            host = str(variables.get("inventory_hostname", ""))
            result["results"] = self._collect(host, folder, options["limit"]) if folder and not self._task.check_mode else []
        except FleetlabError as error:
            # Returned and not raised, so that the role's failed_when applies.
            result.update(failed=True, msg=str(error))
        return result

    def _collect(self, host: str, folder: str, limit: int) -> List[Dict[str, Any]]:
        """Wait for the last result, show each, and remove the folder."""
        end = self.clock() + limit
        results: List[Dict[str, Any]] = []
        quoted = shlex.quote(folder)
        while True:
            printed = self._low_level_execute_command(f"cat {quoted}/results.jsonl")["stdout"]
            # The last line may still be incomplete.
            found = [json.loads(line) for line in printed.split("\n")[:-1] if line.startswith("{")]
            for one in found[len(results) :]:
                if "ended" in one:
                    self._low_level_execute_command(f"rm -r {quoted}")
                    return results
                Display().display(progress_line(host, one))
                results.append(one)
            if self.clock() >= end:
                raise ObservationError(f"{len(results)} results came within {limit} s, and not the last: the process in {folder} was ended")
            self.sleep(_POLL)
