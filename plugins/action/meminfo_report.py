# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of meminfo_report: it reads variables and writes files on the controller, and runs nothing on any host."""

from __future__ import annotations

import contextlib
import gc
import os
from typing import Any, Dict, Iterator, Optional

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import apply
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import SystemRunner
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet import files
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.fleet import ONE_PASS, READING, FleetError, Untemplated, make_fleet
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.page import PageError, render_page
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.report import render_csv, render_json, render_summary, render_textfile

_RENDERERS = {"json": render_json, "csv": render_csv, "html": render_page}
_ARGUMENTS: Dict[str, Dict[str, Any]] = {
    "hosts": {"type": "list", "elements": "str"},
    "directory": {"type": "path"},
    "forms": {"type": "list", "elements": "str", "choices": list(_RENDERERS), "default": list(_RENDERERS)},
    "textfile": {"type": "path"},
    "mode": {"type": "raw", "default": "0644"},
    "short_below": {"type": "float", "default": 0},
}


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collection, which took a sixth of the CPU time to look through the variables of all hosts."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class ActionModule(ActionBase):  # type: ignore[misc]  # not typed by Ansible
    """One task for the whole report, because a task for each file took longer than reading the hosts."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """The result of the task."""
        variables = task_vars or {}
        result: Dict[str, Any] = super().run(tmp, variables)
        _validation, options = self.validate_argument_spec(_ARGUMENTS)
        hosts = options["hosts"]
        try:
            with _uncollected():
                hostvars = Untemplated(variables["hostvars"], (READING, ONE_PASS, "meminfo"))
                fleet = make_fleet(hostvars, variables.get("ansible_play_hosts_all", []) if hosts is None else hosts)
                result.update(self._write(fleet, options))
        except (FleetlabError, FleetError, PageError) as error:
            raise AnsibleActionFail(str(error)) from error
        result["table"] = render_summary(fleet).splitlines()
        result["short"] = [row["host"] for row in fleet["hosts"] if row["available_percent"] < options["short_below"]]
        result["fleet"] = fleet
        return result

    def _write(self, fleet: Dict[str, Any], options: Dict[str, Any]) -> Dict[str, Any]:
        """Write the files whose content or permissions differ."""
        mode = files.parse_mode(options["mode"])
        files.check_folder_of("textfile", options["textfile"])
        folder = os.path.realpath(options["directory"]) if options["directory"] and options["forms"] else None
        wanted = {}
        if folder is not None:
            wanted = {os.path.realpath(os.path.join(folder, f"memory.{form}")): _RENDERERS[form](fleet) for form in options["forms"]}
        if options["textfile"]:
            wanted[os.path.realpath(options["textfile"])] = render_textfile(fleet)
        plan = files.plan(files.observe(list(wanted)), wanted, mode, folder, folder is not None and os.path.isdir(folder))
        if not self._task.check_mode:
            apply(plan, SystemRunner(), {files.MAKE_FOLDER: files.make_folder})
        result = {"changed": plan.changed, "commands": plan.commands(), "files": list(wanted)}
        return {**result, "diff": files.diffs(plan)} if self._task.diff else result
