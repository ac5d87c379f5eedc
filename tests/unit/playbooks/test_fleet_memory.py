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
            PWD=str(self.folder),
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
    assert (runner.folder / "fleet_memory" / "memory.html").read_text(encoding="utf-8").count("<svg") == 2
    assert 'fleet_memory_up{host="dead"} 0' in metrics.read_text(encoding="utf-8")


def test_check_mode_reads_and_prints_and_writes_nothing(runner: Runner) -> None:
    before = sorted(path.name for path in runner.folder.iterdir())
    done = runner.run("fleetlab.linux.fleet_memory", "--check", fleet_memory_pattern="web*")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 hosts, 0 without a reading" in done.stdout
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
          - "'are no permissions' in mode.msg"
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


def test_hosts_are_grouped_for_what_follows(runner: Runner) -> None:
    variables = {"fleet_memory_groups": "true", "fleet_memory_min_available_percent": "101", "fleet_memory_forms": []}
    done = runner.run("after.yml", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    for host in ("web1", "web2", "old1"):
        assert f"low {host}" in done.stdout
    assert "low dead" not in done.stdout
