# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in separate network and mount namespaces: simulates a host, and carries out requests from its standard input.

Each line is a JSON object. C(run) has an argv, C(module) a module of this collection, or another by its full Python name, and its
C(options). With C(kill_before) the module's process is killed before it carries out the step of that number, counted from 0. The answer
is one line of JSON. With the argument C(--here) it simulates nothing: it is started on a host that was made by others.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from ansible.module_utils.testing import patch_module_args

MODULES = "ansible_collections.fleetlab.linux.plugins.modules"
PLAN = "ansible_collections.fleetlab.linux.plugins.module_utils._core.plan"


def make_private() -> None:
    """Mount a separate /run and /etc, so that files there are removed with this process."""
    for argv in (
        ["mount", "--make-rprivate", "/"],
        ["mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        ["cp", "-a", "/etc", "/mnt/etc"],
        ["mount", "--bind", "/mnt/etc", "/etc"],
        ["mount", "-t", "tmpfs", "tmpfs", "/run"],
        ["ip", "link", "set", "dev", "lo", "up"],
    ):
        subprocess.run(argv, check=True)


def run(argv: list[str], text: str | None, limit: float = 30) -> dict[str, Any]:
    """Run a command to its end."""
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False, timeout=limit)
    return {"exit_code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def run_module(name: str, options: dict[str, Any], kill_before: int | None) -> dict[str, Any]:
    """Run a module in a separate process, as Ansible does."""
    module = importlib.import_module(name if "." in name else f"{MODULES}.{name}")
    with tempfile.TemporaryFile() as output:
        pid = os.fork()
        if pid == 0:
            os.dup2(output.fileno(), 1)
            try:
                call(module, options, kill_before)
            finally:
                sys.stdout.flush()
                os._exit(0)
        os.waitpid(pid, 0)
        output.seek(0)
        text = output.read().decode()
    if not text:
        return {"killed": True}
    answer: dict[str, Any] = json.loads(text)
    return answer


def call(module: Any, options: dict[str, Any], kill_before: int | None) -> None:
    if kill_before is not None:
        plan: Any = importlib.import_module(PLAN)
        carry_out, count = plan._carry_out, [0]

        def counted(*arguments: Any) -> None:
            if count[0] == kill_before:
                os._exit(137)
            count[0] += 1
            carry_out(*arguments)

        plan._carry_out = counted
    with patch_module_args(options):
        module.main()


def answer_module(asked: dict[str, Any]) -> dict[str, Any]:
    """Run a module, with C(env) from a parent process with these variables in its environment."""
    env = asked.pop("env", None)
    if env is None:
        return run_module(asked["module"], asked["options"], asked.get("kill_before"))
    argv = [sys.executable, __file__, json.dumps(asked)]
    answer: dict[str, Any] = json.loads(subprocess.run(argv, env={**os.environ, **env}, capture_output=True, check=True).stdout)
    return answer


def main() -> None:
    """Answer requests until the input ends; an argument is a single request."""
    if sys.argv[1:] not in ([], ["--here"]):
        print(json.dumps(answer_module(json.loads(sys.argv[1]))))
        return
    if len(sys.argv) == 1:
        make_private()
    for line in sys.stdin:
        asked = json.loads(line)
        if "run" in asked:
            answer = run(asked["run"], asked.get("stdin"))
        else:
            answer = answer_module(asked)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
