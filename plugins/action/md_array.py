# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module md_array, and does its waiting from here.

A module cannot print anything while it runs, and a resync can take hours. The action polls the resync with one raw command each time,
prints its progress, and then runs the module again, which reports the new state and plans the steps that had to wait.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Mapping, Optional

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.fleetlab.linux.plugins.module_utils._md.progress import Progress, parse_progress, progress_command

_POLL = 1.0
_LINE_EVERY = 5.0
_BEGIN_WITHIN = 10.0
"""Seconds within which the kernel begins a resync, if it begins one at all."""

_TURNS = 8
"""Healing, growth in devices, growth in size and a check take one turn each; a member that fails again takes one more."""


class _WaitError(Exception):
    """The action gave up waiting; the text is for the user."""


class ActionModule(ActionBase):  # type: ignore[misc]
    """See the documentation of the module."""

    clock: Callable[[], float] = staticmethod(time.monotonic)
    sleep: Callable[[float], None] = staticmethod(time.sleep)

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """The module's result, after all resyncs and checks that it asked to wait for."""
        result: Dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        host = str(variables.get("inventory_hostname", ""))
        answer = self._module(variables)
        result.update(answer)
        checked = False
        turns = 0
        try:
            while not answer.get("failed") and (answer["waits"] or (answer["checks"] and not checked)):
                turns += 1
                if turns > _TURNS:
                    raise _WaitError("the arrays do not become idle: rebuilt members fail again. The kernel's log (dmesg) may say why")
                if answer["waits"]:
                    self._wait(host, answer["waits"])
                elif not answer.get("changed"):
                    # The module has planned no change, so its judgement whether these arrays may be checked is for their present state.
                    self._start_checks(answer["checks"])
                    self._wait(host, answer["checks"])
                    checked = True
                answer = self._module(variables)
                result = _merged(result, answer)
        except _WaitError as error:
            result.update(failed=True, msg=str(error))
        result.pop("waits", None)
        result.pop("checks", None)
        return result

    def _module(self, variables: Mapping[str, Any]) -> Dict[str, Any]:
        answer: Dict[str, Any] = self._execute_module(module_name="fleetlab.linux.md_array", task_vars=variables)
        # In check mode there is nothing to wait for.
        return {"waits": [], "checks": [], **answer}

    def _start_checks(self, arrays: List[Dict[str, Any]]) -> None:
        for array in arrays:
            action = f"/sys/block/{array['kernel_name']}/md/sync_action"
            # A check that runs already, from an interrupted task or by cron, is as good as a new one.
            answer = self._low_level_execute_command(f"grep -q '^check$' {action} || echo check > {action}")
            if answer["rc"] != 0:
                raise _WaitError(f"array {array['name']}: the kernel refuses to check it: {answer['stderr'].strip()}")

    def _wait(self, host: str, arrays: List[Dict[str, Any]]) -> None:
        """Wait until all these arrays are idle. Each array has its own limit in seconds."""
        start = shown = self.clock()
        left = {array["kernel_name"]: array for array in arrays}
        worked = dict.fromkeys(left, start)
        while True:
            now = self.clock()
            found = self._look(left)
            left = {name: array for name, array in left.items() if found[name].working or found[name].begins}
            if not left:
                return
            worked.update({name: now for name in left if found[name].working})
            for name, array in left.items():
                _check_limit(array, found[name], now - start, now - worked[name])
            if now - shown >= _LINE_EVERY:
                shown = now
                Display().display(f"{host}: " + ", ".join(found[name].line(array["name"]) for name, array in left.items()))
            self.sleep(_POLL)

    def _look(self, arrays: Mapping[str, Dict[str, Any]]) -> Dict[str, Progress]:
        answer = self._low_level_execute_command(progress_command(sorted(arrays)))
        found = parse_progress(answer["stdout"])
        for name, array in arrays.items():
            if name not in found:
                raise _WaitError(f"array {array['name']} ({name}) was stopped while the task waited for it")
        return found


def _check_limit(array: Mapping[str, Any], found: Progress, waited: float, idle: float) -> None:
    if idle >= _BEGIN_WITHIN:
        raise _WaitError(
            f"array {array['name']}: the kernel has not begun to make it whole for {idle:.0f} s. The kernel's log (dmesg) may say why"
        )
    if waited >= array["timeout"]:
        raise _WaitError(
            f"array {array['name']}: {found.action} is at {found.percent:g} % after {waited:.0f} s and goes on. Run the task again,"
            " or raise wait_timeout"
        )


def _merged(first: Dict[str, Any], second: Dict[str, Any]) -> Dict[str, Any]:
    """One result of two runs of the module: the state of the second run, and the steps of both."""
    result = {**first, **second, "changed": bool(first.get("changed") or second.get("changed"))}
    for name in ("commands", "healed"):
        result[name] = [*first.get(name, []), *second.get(name, [])]
    if "warnings" in first:
        result["warnings"] = list(dict.fromkeys([*first["warnings"], *second.get("warnings", [])]))
    if "diff" in first and "diff" in second:
        result["diff"] = {**first["diff"], "after": second["diff"]["after"]}
    return result
