# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""meminfo_facts as Ansible runs it: without Python on the host, as a module, in check mode, with async; the results are the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible.errors import AnsibleActionFail
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.action.meminfo_facts import ActionModule
from ansible_collections.fleetlab.linux.plugins.module_utils._host import files
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.cgroup import files_to_read
from ansible_collections.fleetlab.linux.plugins.modules import meminfo_facts
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.readings import KERNELS, facts, text
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.test_collect import Host, printed

ROOT = Path(__file__).resolve().parents[4]

PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - fleetlab.linux.meminfo_facts:
      register: raw
    - fleetlab.linux.meminfo_facts:
        zfs_arc: true
        cacheable: false
      check_mode: true
      delegate_to: other
      register: check
    - fleetlab.linux.meminfo_facts:
        method: module
        zfs_arc: true
        cacheable: false
      vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
      register: module
    - fleetlab.linux.meminfo_facts:
      vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
      async: 60
      poll: 1
      register: async
    - fleetlab.linux.meminfo_facts:
        method: telepathy
      ignore_errors: true
      register: wrong
    - ansible.builtin.copy:
        content: >-
          {{ {'raw': raw, 'check': check, 'module': module, 'async': async, 'wrong': wrong, 'fact': ansible_facts.meminfo} | to_json }}
        dest: "{{ result_file }}"
      vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the tasks returned on this machine, whose Python cannot be found but by those that are told where it is."""
    folder = tmp_path_factory.mktemp("action")
    link = folder / "ansible_collections" / "fleetlab" / "linux"
    link.parent.mkdir(parents=True)
    link.symlink_to(ROOT)
    (folder / "play.yml").write_text(PLAYBOOK, encoding="utf-8")
    variables = "ansible_connection=local ansible_python_interpreter=/nowhere/python"
    (folder / "hosts").write_text(f"this {variables}\n[not_in_play]\nother {variables}\n", encoding="utf-8")
    env = dict(
        os.environ,
        ANSIBLE_COLLECTIONS_PATH=str(folder),
        ANSIBLE_HOME=str(folder / "home"),
        ANSIBLE_INJECT_FACT_VARS="false",
        LC_ALL="C.UTF-8",
    )
    argv = ["-i", "hosts", "--limit", "this", "-e", f"result_file={folder}/results.json", "play.yml"]
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", *argv], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    loaded: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return loaded


def fields(value: Any, place: str = "") -> dict[str, Any]:
    """Every field of a result by its path."""
    if not isinstance(value, dict):
        return {place: value}
    return {path: entry for key, inner in value.items() for path, entry in fields(inner, f"{place}.{key}").items()}


def read_by_module(host: Host, page_size: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The result of the module on a host."""
    monkeypatch.setattr(meminfo_facts, "Host", lambda: files.Host(str(host.root)))
    monkeypatch.setattr(os, "sysconf", lambda _name: page_size)
    with patch_module_args({"zfs_arc": True}), pytest.raises(SystemExit):
        meminfo_facts.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return {name: result[name] for name in ("changed", "ansible_facts")}


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_module_and_the_action_agree_exactly_on_the_same_files(
    kernel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    host = Host(tmp_path, kernel)
    for path in files_to_read(text(kernel, "cgroup")):
        host.write(
            path, "anon 1\ninactive_file 8192\ntotal_inactive_file 4096\n" if path.endswith("stat") else f"{268435456 - len(path)}\n"
        )
    monkeypatch.setattr(time, "time", lambda: 1764172800.123)
    by_action = run_action(host.run(["sh"]), zfs_arc=True)
    by_module = read_by_module(host, int(text(kernel, "pagesize") or 4096), monkeypatch, capsys)
    # As JSON has it, with a list for a tuple.
    assert fields(json.loads(json.dumps(by_action))) == fields(by_module)


def test_the_module_imports_no_more_than_it_reads_with(tmp_path: Path) -> None:
    """Every file is compiled anew on every host, which takes longer than to read the host."""
    link = tmp_path / "ansible_collections" / "fleetlab" / "linux"
    link.parent.mkdir(parents=True)
    link.symlink_to(Path(__file__).resolve().parents[4])
    program = "import sys; import ansible_collections.fleetlab.linux.plugins.modules.meminfo_facts; print(*sys.modules)"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    prefix = "ansible_collections.fleetlab.linux.plugins.module_utils."
    found = {name[len(prefix) :] for name in done.stdout.split() if name.startswith(prefix)}
    assert {name for name in found if "." in name and not name.startswith("_meminfo.")} == {"_core.errors", "_host.files"}


def test_the_module_and_the_action_agree_field_by_field(results: dict[str, Any]) -> None:
    action, module = fields(results["check"]["meminfo"]), fields(results["module"]["meminfo"])
    assert action.keys() == module.keys()
    total = action[".bytes.MemTotal"]
    for path, value in action.items():
        if isinstance(value, int) and isinstance(module[path], int) and not isinstance(value, bool):
            # Memory moves between two readings; nothing else does.
            assert abs(value - module[path]) <= total // 4, path
        elif not isinstance(value, float):
            assert value == module[path] or path.startswith(".accounting"), path


@pytest.mark.parametrize("name", ["raw", "check", "module", "async"])
def test_nothing_ever_changes(results: dict[str, Any], name: str) -> None:
    assert results[name]["changed"] is False
    assert not results[name].get("failed")


def test_facts_are_facts_and_the_rest_is_not(results: dict[str, Any]) -> None:
    for name in ("raw", "async"):
        assert results[name]["ansible_facts"]["meminfo"]["available"]["bytes"] > 0
        assert "meminfo" not in results[name]
    for name in ("check", "module"):
        assert "meminfo" not in results[name].get("ansible_facts", {})
    assert results["fact"]["kernel"] == results["raw"]["ansible_facts"]["meminfo"]["kernel"]


def test_wrong_options_are_named(results: dict[str, Any]) -> None:
    assert results["wrong"]["failed"] is True
    assert "telepathy" in results["wrong"]["msg"]


LOADED = """
import sys
from ansible import constants, context
from ansible.plugins.loader import action_loader, init_plugin_loader
init_plugin_loader()
assert action_loader.get("fleetlab.linux.meminfo_facts", class_only=True).__name__ == "ActionModule"
print(",".join(sorted(constants.config.get_configuration_definitions("connection", sys.argv[1]))))
"""


@pytest.mark.parametrize(("transport", "option"), [("ssh", "pipelining"), ("no_such_plugin", "")])
def test_workers_find_the_connection_s_plugin_loaded(transport: str, option: str, tmp_path: Path) -> None:
    """In the process that reads the action before there are workers; a plugin that there is none of is left to the tasks that need it."""
    link = tmp_path / "ansible_collections" / "fleetlab" / "linux"
    link.parent.mkdir(parents=True)
    link.symlink_to(ROOT)
    env = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(tmp_path), ANSIBLE_HOME=str(tmp_path), ANSIBLE_TRANSPORT=transport)
    done = subprocess.run([sys.executable, "-c", LOADED, transport], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert option in done.stdout.strip().split(",")


def run_action(stdout: str, code: int = 0, stderr: str = "", **options: Any) -> dict[str, Any]:
    """The result of the action on a host that prints this."""
    task = mock.Mock(async_val=0, args=options, check_mode=False, diff=False, action="fleetlab.linux.meminfo_facts")
    action = ActionModule(task, mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock())
    answer = {"stdout": stdout, "stderr": stderr, "rc": code}
    with mock.patch.object(action, "_low_level_execute_command", return_value=answer) as command:
        result: dict[str, Any] = action.run(task_vars={})
    assert command.call_count == 1
    return result


def test_one_command_brings_everything() -> None:
    result = run_action("Welcome!\r\n" + printed("3.2").replace("\n", "\r\n"))
    assert result["ansible_facts"]["meminfo"].pop("read_at") == pytest.approx(time.time(), abs=3600)
    assert result == {"changed": False, "ansible_facts": {"meminfo": facts("3.2")}}


@pytest.mark.parametrize(
    ("stdout", "stderr", "code", "reason"),
    [
        ("", "/bin/sh: not found", 127, r"printed no reading .* \(exit code 127: /bin/sh: not found\)"),
        (printed("3.2")[:900], "", 0, "incomplete"),
        ("This account is currently not available.", "", 1, "currently not available"),
        (printed("3.2").replace("MemFree:", "MemFree: -"), "", 0, "MemFree"),
    ],
)
def test_what_is_no_reading_fails_the_host_with_the_reason(stdout: str, stderr: str, code: int, reason: str) -> None:
    with pytest.raises(AnsibleActionFail, match=reason):
        run_action(stdout, code, stderr)


@pytest.mark.parametrize("method", ["raw", "module"])
def test_the_memory_of_the_controller_is_not_taken_for_that_of_a_network_device(method: str) -> None:
    task = mock.Mock(async_val=0, args={"method": method}, check_mode=False, diff=False, action="fleetlab.linux.meminfo_facts")
    connection = mock.Mock(force_persistence=True, transport="ansible.netcommon.network_cli")
    action = ActionModule(task, connection, mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock())
    with pytest.raises(AnsibleActionFail, match=r"the connection ansible\.netcommon\.network_cli runs commands on the controller"):
        action.run(task_vars={})


def test_the_processes_of_a_low_host_are_read_and_of_no_other() -> None:
    printed_by_host = printed("6.18")
    percent = facts("6.18")["available"]["percent"]
    task = mock.Mock(
        async_val=0, args={"processes_below": percent + 0.1}, check_mode=False, diff=False, action="fleetlab.linux.meminfo_facts"
    )
    action = ActionModule(task, mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock())
    answers = [{"stdout": output, "stderr": "", "rc": 0} for output in (printed_by_host, text("6.18", "processes"))]
    with mock.patch.object(action, "_low_level_execute_command", side_effect=answers):
        found = action.run(task_vars={})["ansible_facts"]["meminfo"]
    assert [process["command"] for process in found["processes"]] == ["python3", "process_api", "sleep"]
    assert "processes" not in run_action(printed_by_host, processes_below=percent)["ansible_facts"]["meminfo"]


def test_the_module_reads_the_processes_too(capsys: pytest.CaptureFixture[str]) -> None:
    with patch_module_args({"processes_below": 100.1}), pytest.raises(SystemExit):
        meminfo_facts.main()
    processes = json.loads(capsys.readouterr().out)["ansible_facts"]["meminfo"]["processes"]
    assert 1 <= len(processes) <= 10
