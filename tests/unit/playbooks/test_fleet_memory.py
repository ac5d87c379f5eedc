# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook fleet_memory on this machine under several names, one of which does not answer."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.plugin_utils import _free_table as free_table
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.fleet import make_fleet
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.metrics import render_textfile
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.page import render_page
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.report import render_csv, render_json, render_summary
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.readings import facts as reading

ROOT = Path(__file__).resolve().parents[3]

INVENTORY = """
web1 ansible_connection=local
web2 ansible_connection=local
old1 ansible_connection=local
dead ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1
"""

AFTER = """
- ansible.builtin.import_playbook: fleetlab.linux.fleet_memory
- hosts: memory_low
  gather_facts: false
  tasks:
    - ansible.builtin.debug: {msg: "low {{ inventory_hostname }}"}
- hosts: localhost
  gather_facts: false
  vars:
    fleet: "{{ hostvars | fleetlab.linux.meminfo_fleet(['web1', 'dead']) }}"
  tasks:
    - ansible.builtin.assert:
        that:
          - groups['memory_unreachable'] == ['dead']
          - fleet | community.general.json_query('hosts[?available_percent < `101`].host') == ['web1']
          - fleet | community.general.json_query('failed[0].host') == 'dead'
"""


class Runner:
    """Runs playbooks in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        link = folder / "collections" / "ansible_collections" / "fleetlab" / "linux"
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT)
        (folder / "hosts").write_text(INVENTORY, encoding="utf-8")
        (folder / "after.yml").write_text(AFTER, encoding="utf-8")

    def run(self, playbook: str, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        """Run it, without looking at how it ended."""
        env = dict(
            os.environ,
            ANSIBLE_COLLECTIONS_PATH=str(self.folder / "collections"),
            ANSIBLE_HOME=str(self.folder / "home"),
            ANSIBLE_INJECT_FACT_VARS="false",
            LC_ALL="C.UTF-8",
            PWD="/nowhere",
            PYTHONPATH=os.pathsep.join([str(self.folder / "python"), os.environ.get("PYTHONPATH", "")]),
        )
        argv = ["-i", "hosts", "-e", json.dumps(variables), *options, playbook]
        command = [sys.executable, "-m", "ansible", "playbook", *argv]
        return subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def test_the_report_is_printed_and_written(runner: Runner) -> None:
    metrics = runner.folder / "fleet.prom"
    done = runner.run("fleetlab.linux.fleet_memory", fleet_memory_textfile=str(metrics))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 hosts, 1 without a reading" in done.stdout
    assert "No reading: dead: " in done.stdout
    written = json.loads((runner.folder / "fleet_memory" / "memory.json").read_text(encoding="utf-8"))
    assert sorted(row["host"] for row in written["hosts"]) == ["old1", "web1", "web2"]
    assert "Connection refused" in written["failed"][0]["reason"]
    rows = list(csv.DictReader((runner.folder / "fleet_memory" / "memory.csv").open(encoding="utf-8")))
    assert [row["host"] for row in rows] == [row["host"] for row in written["hosts"]] + ["dead"]
    assert (runner.folder / "fleet_memory" / "memory.html").read_text(encoding="utf-8").count("web1") >= 1
    assert f"File: {runner.folder / 'fleet_memory' / 'memory.json'}" in done.stdout.splitlines()
    assert 'fleet_memory_up{host="dead"} 0.0' in metrics.read_text(encoding="utf-8")


def test_check_mode_reads_and_prints_and_writes_nothing(runner: Runner) -> None:
    before = sorted(path.name for path in runner.folder.iterdir())
    done = runner.run("fleetlab.linux.fleet_memory", "--check", fleet_memory_pattern="web*")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 hosts, 0 without a reading" in done.stdout
    assert "Would be written: /" in done.stdout
    assert "File: " not in done.stdout
    assert sorted(path.name for path in runner.folder.iterdir() if path.name != "home") == before


def test_a_second_report_of_the_same_facts_changes_nothing(runner: Runner) -> None:
    variables = {
        "fleet_memory_textfile": str(runner.folder / "fleet.prom"),
        "fleet_memory_forms": ["json", "csv"],
        "fleet_memory_mode": "0640",
    }
    facts = json.dumps({"all": {"hosts": {"a": {"meminfo": reading("6.1")}, "b": {"meminfo": reading("3.2")}}}})
    (runner.folder / "hosts").write_text(facts, encoding="utf-8")
    (runner.folder / "hosts").rename(runner.folder / "hosts.yml")
    (runner.folder / "hosts").symlink_to("hosts.yml")
    folder = runner.folder / "fleet_memory"
    shown = runner.run("fleetlab.linux.fleet_memory", "--check", "--diff", fleet_memory_gather="false", **variables)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "changed=1" in shown.stdout
    assert "+host,available_percent," in shown.stdout
    assert not folder.exists()
    assert "changed=1" in runner.run("fleetlab.linux.fleet_memory", fleet_memory_gather="false", **variables).stdout
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {"memory.json": 0o640, "memory.csv": 0o640}
    assert "changed=0" in runner.run("fleetlab.linux.fleet_memory", "--diff", fleet_memory_gather="false", **variables).stdout


WRONG = """
- hosts: localhost
  gather_facts: false
  tasks:
    - fleetlab.linux.meminfo_report:
        hosts: [localhost]
        directory: wrong
        mode: rwx
      ignore_errors: true
      register: mode
    - fleetlab.linux.meminfo_report:
        directory: wrong
        forms: [pdf]
      ignore_errors: true
      register: form
    - ansible.builtin.assert:
        that:
          - "'is not the octal mode' in mode.msg"
          - "'pdf' in form.msg"
"""


def test_wrong_options_are_refused_before_anything_is_written(runner: Runner) -> None:
    (runner.folder / "wrong.yml").write_text(WRONG, encoding="utf-8")
    done = runner.run("wrong.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (runner.folder / "wrong").exists()


def test_too_little_fails_after_everything_was_written(runner: Runner) -> None:
    done = runner.run("fleetlab.linux.fleet_memory", fleet_memory_fail_below="100.5", fleet_memory_forms=["json"])
    assert done.returncode != 0
    assert "Less than 100.5 % of the memory is available on" in done.stdout + done.stderr
    assert (runner.folder / "fleet_memory" / "memory.json").exists()


@pytest.mark.parametrize("gather", ["true", "false"])
def test_a_limit_limits_the_report(runner: Runner, gather: str) -> None:
    done = runner.run("fleetlab.linux.fleet_memory", "--limit", "web1:dead", fleet_memory_forms=["json"], fleet_memory_gather=gather)
    assert done.returncode == 0, done.stdout + done.stderr
    written = json.loads((runner.folder / "fleet_memory" / "memory.json").read_text(encoding="utf-8"))
    assert [row["host"] for row in written["hosts"]] == (["web1"] if gather == "true" else [])
    assert [entry["host"] for entry in written["failed"]] == (["dead"] if gather == "true" else ["dead", "web1"])


def test_a_threshold_that_no_host_was_compared_with_fails(runner: Runner) -> None:
    done = runner.run("fleetlab.linux.fleet_memory", "--limit", "dead", fleet_memory_fail_below="5", fleet_memory_forms=["json"])
    assert done.returncode != 0
    assert "None of 1 hosts has a reading, so none was compared with the threshold of 5 %" in done.stdout + done.stderr
    assert "0 hosts, 1 without a reading" in done.stdout
    assert (runner.folder / "fleet_memory" / "memory.json").exists()


@pytest.mark.parametrize(
    ("inventory", "options", "pattern"),
    [("", (), "all"), (INVENTORY, (), "nothing"), (INVENTORY, ("--limit", "web2"), "web1")],
)
def test_a_pattern_that_matches_nothing_fails_with_a_threshold(
    runner: Runner, inventory: str, options: tuple[str, ...], pattern: str
) -> None:
    (runner.folder / "hosts").write_text(inventory, encoding="utf-8")
    done = runner.run("fleetlab.linux.fleet_memory", *options, fleet_memory_pattern=pattern, fleet_memory_fail_below="5")
    assert done.returncode != 0
    assert "There are no hosts to report" in done.stdout + done.stderr
    assert "Read the memory" not in done.stdout


def test_a_pattern_that_matches_nothing_is_no_failure_without_a_threshold(runner: Runner) -> None:
    assert runner.run("fleetlab.linux.fleet_memory", fleet_memory_pattern="nothing").returncode == 0


@pytest.mark.parametrize("below", ["0", "0.1"])
def test_a_folder_that_cannot_be_written_is_named_first_and_the_table_is_printed_all_the_same(runner: Runner, below: str) -> None:
    (runner.folder / "fleet_memory").write_text("a file", encoding="utf-8")
    metrics = runner.folder / "fleet.prom"
    done = runner.run("fleetlab.linux.fleet_memory", fleet_memory_fail_below=below, fleet_memory_textfile=str(metrics))
    assert done.returncode != 0
    before, _read, after = done.stdout.partition("Read the memory")
    assert "fleet_memory is not a folder" in before
    assert "3 hosts, 1 without a reading" in after
    assert [line for line in after.splitlines() if line.startswith("File: ")] == [f"File: {metrics}"]
    assert "fleet_memory is not a folder" in after + done.stderr
    assert metrics.exists()


def test_old_readings_are_marked_and_do_not_satisfy_a_threshold(runner: Runner) -> None:
    facts = {"all": {"hosts": {"a": {"meminfo": {**reading("6.1"), "read_at": 1764172800.5}}}}}
    (runner.folder / "hosts").write_text(json.dumps(facts), encoding="utf-8")
    done = runner.run("fleetlab.linux.fleet_memory", fleet_memory_gather=False, fleet_memory_fail_below="1")
    assert done.returncode != 0
    assert "All 1 readings are older than 3600 s" in done.stdout + done.stderr
    assert "2025-11-26 16:00:00Z old" in done.stdout
    assert ",2025-11-26T16:00:00Z,old," in (runner.folder / "fleet_memory" / "memory.csv").read_text(encoding="utf-8")
    assert (
        runner.run("fleetlab.linux.fleet_memory", fleet_memory_gather=False, fleet_memory_fail_below="1", fleet_memory_max_age=0).returncode
        == 0
    )


def test_each_run_adds_to_the_history_once(runner: Runner) -> None:
    variables = {"fleet_memory_gather": False, "fleet_memory_history": "past", "fleet_memory_forms": ["html"]}
    page = runner.folder / "fleet_memory" / "memory.html"
    for day in (1, 2):
        facts = {"all": {"hosts": {"a": {"meminfo": {**reading("6.1"), "read_at": 1764172800.5 + 86400 * day}}}}}
        (runner.folder / "hosts").write_text(json.dumps(facts), encoding="utf-8")
        assert "changed=1" in runner.run("fleetlab.linux.fleet_memory", **variables).stdout
    assert sorted(path.name for path in (runner.folder / "past").iterdir()) == [
        "memory-20251127T160000Z.json",
        "memory-20251128T160000Z.json",
    ]
    assert '"history":{"times":[1764259200,1764345600],' in page.read_text(encoding="utf-8")
    assert "changed=0" in runner.run("fleetlab.linux.fleet_memory", **variables).stdout


def test_hosts_that_all_do_not_answer_are_reported(runner: Runner) -> None:
    done = runner.run("fleetlab.linux.fleet_memory", "--limit", "dead", fleet_memory_textfile="fleet.prom")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 hosts, 1 without a reading" in done.stdout
    assert 'fleet_memory_up{host="dead"} 0.0' in (runner.folder / "fleet.prom").read_text(encoding="utf-8")


def test_the_report_is_made_once_with_the_strategy_free(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_STRATEGY", "free")
    done = runner.run("fleetlab.linux.fleet_memory")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("3 hosts, 1 without a reading") == 1


def test_a_host_whose_address_cannot_be_rendered_is_a_line_of_the_report(runner: Runner) -> None:
    (runner.folder / "hosts").write_text(f"a1 ansible_host='{{{{ nowhere.address }}}}'\n{INVENTORY}", encoding="utf-8")
    done = runner.run("fleetlab.linux.fleet_memory")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 hosts, 2 without a reading" in done.stdout
    assert "No reading: a1: Task failed: Error processing keyword 'remote_addr': 'nowhere' is undefined" in done.stdout
    done = runner.run("fleetlab.linux.fleet_memory", "--limit", "a1", fleet_memory_gather=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 hosts, 1 without a reading" in done.stdout


ROLE = """
- hosts: web1:dead
  gather_facts: false
  roles: [fleetlab.linux.fleet_memory]
"""


@pytest.mark.parametrize("playbook", ["fleetlab.linux.fleet_memory", "role.yml"])
@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("fail_below", "99%", "fleet_memory_fail_below"),
        ("min_available_percent", "much", "fleet_memory_min_available_percent"),
        ("forms", ["pdf"], "fleet_memory_forms"),
        ("mode", "rwx", "mode: 'rwx' is not the octal mode"),
        ("textfile", "nowhere/fleet.prom", "textfile: nowhere/fleet.prom: the folder"),
    ],
)
def test_what_is_wrong_is_said_before_any_host_is_read(runner: Runner, playbook: str, variable: str, value: object, reason: str) -> None:
    (runner.folder / "role.yml").write_text(ROLE, encoding="utf-8")
    done = runner.run(playbook, **{f"fleet_memory_{variable}": value})
    assert done.returncode != 0
    assert reason in done.stdout + done.stderr
    assert "Read the memory" not in done.stdout
    assert not (runner.folder / "fleet_memory").exists()


@pytest.mark.parametrize("variable", ["fail_below", "min_available_percent"])
def test_a_threshold_that_is_no_number_is_refused_without_gathering(runner: Runner, variable: str) -> None:
    done = runner.run("fleetlab.linux.fleet_memory", fleet_memory_gather="false", **{f"fleet_memory_{variable}": "99%"})
    assert done.returncode != 0
    assert f"fleet_memory_{variable}" in done.stdout + done.stderr
    assert not (runner.folder / "fleet_memory").exists()


@pytest.mark.parametrize("package", ["tabulate", "prometheus_client"])
def test_without_a_package_no_host_is_read_for_nothing(runner: Runner, package: str) -> None:
    (runner.folder / "python").mkdir()
    (runner.folder / "python" / f"{package}.py").write_text("raise ImportError('hidden')\n", encoding="utf-8")
    done = runner.run("fleetlab.linux.fleet_memory", fleet_memory_textfile="fleet.prom")
    assert done.returncode != 0
    assert f"needs the Python package {package} on the controller: hidden. Install it" in done.stdout + done.stderr
    assert "Read the memory" not in done.stdout


MODES = """
- hosts: localhost
  gather_facts: false
  tasks:
    - fleetlab.linux.meminfo_report: {hosts: [], directory: unquoted, forms: [csv], mode: 0640}
    - fleetlab.linux.meminfo_report: {hosts: [], directory: quoted, forms: [csv], mode: "0640"}
"""


def test_permissions_mean_the_same_with_quotes_and_without(runner: Runner) -> None:
    (runner.folder / "modes.yml").write_text(MODES, encoding="utf-8")
    done = runner.run("modes.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {(runner.folder / name / "memory.csv").stat().st_mode & 0o777 for name in ("quoted", "unquoted")} == {0o640}


FILTERS = """
- hosts: a
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        content: "{{ meminfo | fleetlab.linux.free_table(percent='no', extended='yes', rows='both') }}"
        dest: free
      vars: &local {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}
    - ansible.builtin.copy:
        content: "{{ hostvars | fleetlab.linux.meminfo_fleet(['a', 'nobody']) | fleetlab.linux.meminfo_report(item) }}"
        dest: "fleet.{{ item }}"
      vars: *local
      loop: [table, json, csv, html, textfile]
    - ansible.builtin.debug: {msg: "{{ meminfo | fleetlab.linux.free_table(percent='perhaps') }}"}
      ignore_errors: true
      register: perhaps
    - ansible.builtin.debug: {msg: "{{ hostvars | fleetlab.linux.meminfo_fleet('a') }}"}
      ignore_errors: true
      register: text
    - ansible.builtin.assert:
        that:
          - perhaps.msg is search("percent.*'perhaps' is neither true nor false")
          - text.msg is search("hosts.*expected a list of names, got the text 'a'")
"""


def test_the_filters_inside_ansible_give_what_their_functions_do(runner: Runner) -> None:
    (runner.folder / "filters.yml").write_text(FILTERS, encoding="utf-8")
    (runner.folder / "hosts").write_text(json.dumps({"all": {"hosts": {"a": {"meminfo": reading("6.1")}}}}), encoding="utf-8")
    done = runner.run("filters.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (runner.folder / "free").read_text(encoding="utf-8") == free_table.render(reading("6.1"), extended=True, rows="both")
    fleet = make_fleet({"a": {"meminfo": reading("6.1"), "group_names": ["ungrouped"]}}, ["a", "nobody"])
    assert fleet["failed"] == [{"host": "nobody", "reason": "not in the inventory"}]
    forms = {"table": render_summary, "json": render_json, "csv": render_csv, "html": render_page, "textfile": render_textfile}
    for form, render in forms.items():
        assert (runner.folder / f"fleet.{form}").read_text(encoding="utf-8") == render(fleet), form


STRANGERS = """
- hosts: web1
  gather_facts: false
  roles: [fleetlab.linux.fleet_memory]
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.assert:
        that:
          - groups.all | sort == ['dead', 'old1', 'web1', 'web2']
          - groups.memory_ok == ['web1']
"""


def test_names_that_are_no_hosts_do_not_become_hosts(runner: Runner) -> None:
    (runner.folder / "strangers.yml").write_text(STRANGERS, encoding="utf-8")
    variables = {"fleet_memory_groups": True, "fleet_memory_min_available_percent": "0", "fleet_memory_hosts": ["web1", "nobody"]}
    done = runner.run("strangers.yml", fleet_memory_forms=[], **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No reading: nobody: not in the inventory" in done.stdout


def test_hosts_are_grouped_for_what_follows(runner: Runner) -> None:
    variables = {"fleet_memory_groups": "true", "fleet_memory_min_available_percent": "101", "fleet_memory_forms": []}
    done = runner.run("after.yml", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    for host in ("web1", "web2", "old1"):
        assert f"low {host}" in done.stdout
    assert "low dead" not in done.stdout
