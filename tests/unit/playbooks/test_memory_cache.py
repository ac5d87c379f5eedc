# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory facts that a play gathers by itself, in a fact cache, and the examples of docs/memory.md that start from there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "memory.md").read_text(encoding="utf-8")

GATHER = """
- hosts: a
  gather_facts: true
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  tasks:
    - ansible.builtin.assert:
        that:
          - ansible_facts.meminfo.available.source == 'kernel'
          - "'distribution' not in ansible_facts"
- hosts: b
  gather_facts: false
  tasks:
    - fleetlab.linux.meminfo_facts:
    - fleetlab.linux.meminfo_facts:
        cacheable: false
      register: reading
    - ansible.builtin.assert:
        that: reading.meminfo.bytes.MemTotal == ansible_facts.meminfo.bytes.MemTotal
- hosts: c
  gather_facts: false
  tasks:
    - fleetlab.linux.meminfo_facts:
        cacheable: false
"""


def example(word: str) -> str:
    """The block of YAML in docs/memory.md with this word in it."""
    blocks: list[str] = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    [found] = [block for block in blocks if word in block]
    return found


class Cache:
    """A folder with hosts and a fact cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        link = folder / "collections" / "ansible_collections" / "fleetlab" / "linux"
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT)
        (folder / "hosts").write_text("[web]\na\nb\nc\n[all:vars]\nansible_connection=local\n", encoding="utf-8")
        (folder / "gather.yml").write_text(GATHER, encoding="utf-8")
        (folder / "by_memory.yml").write_text(example("ansible.builtin.constructed"), encoding="utf-8")

    def run(self, program: str, *arguments: str, hosts: str = "hosts", inject: str = "false") -> str:
        """What the program printed."""
        env = dict(
            os.environ,
            ANSIBLE_COLLECTIONS_PATH=str(self.folder / "collections"),
            ANSIBLE_HOME=str(self.folder / "home"),
            ANSIBLE_CACHE_PLUGIN="jsonfile",
            ANSIBLE_CACHE_PLUGIN_CONNECTION=str(self.folder / "facts"),
            ANSIBLE_FACTS_MODULES="fleetlab.linux.meminfo_facts",
            PWD="/nowhere",
            ANSIBLE_INJECT_FACT_VARS=inject,
            LC_ALL="C.UTF-8",
        )
        argv = [sys.executable, "-m", "ansible", program, "-i", hosts, *arguments]
        done = subprocess.run(argv, cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    made = Cache(tmp_path_factory.mktemp("cache"))
    made.run("playbook", "gather.yml")
    return made


def test_only_facts_are_cached(cache: Cache) -> None:
    # The names of the files have a prefix.
    cached = {path.name[-1]: path.read_text(encoding="utf-8") for path in (cache.folder / "facts").iterdir()}
    assert "meminfo" in cached["a"]
    assert "meminfo" in cached["b"]
    assert "meminfo" not in cached.get("c", "")


def test_the_inventory_groups_by_cached_facts(cache: Cache) -> None:
    listed = json.loads(cache.run("inventory", "-i", "by_memory.yml", "--list"))
    assert sorted(listed["available_by_kernel"]["hosts"]) == ["a", "b"]
    variables = listed["_meta"]["hostvars"]
    assert variables["a"]["tmpfs_mib"] >= 0
    assert "tmpfs_mib" not in variables["c"]


def test_the_report_and_queries_take_cached_facts(cache: Cache) -> None:
    query = example("json_query").replace("> `5`", ">= `0`")
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": yaml.safe_load(query)}]
    (cache.folder / "query.yml").write_text(yaml.safe_dump(play), encoding="utf-8")
    printed = cache.run("playbook", "query.yml")
    assert re.findall(r'^ {12}"([abc])",$', printed, re.MULTILINE) in (["a", "b"], ["b", "a"])
    printed = cache.run("playbook", "-e", "fleet_memory_gather=false", "-e", "fleet_memory_forms=json", "fleetlab.linux.fleet_memory")
    assert "2 hosts, 1 without a reading" in printed
    assert "No reading: c: not gathered" in printed


@pytest.mark.parametrize("inject", ["true", "false"])
def test_what_one_pass_has_just_found_comes_before_a_fact_cache(tmp_path: Path, inject: str) -> None:
    cache = Cache(tmp_path)
    cache.run("adhoc", "a", "-m", "fleetlab.linux.meminfo_facts", inject=inject)
    (tmp_path / "down").write_text("a ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1\n", encoding="utf-8")
    (tmp_path / "fleet.meminfo.yml").write_text("plugin: fleetlab.linux.meminfo\nmin_available_percent: 0\n", encoding="utf-8")
    one_pass, report = ("-i", "fleet.meminfo.yml"), ("-e", "fleet_memory_gather=false", "-e", "fleet_memory_forms=json")

    printed = cache.run("inventory", *one_pass, "--graph", "memory_unreachable", hosts="down", inject=inject)
    assert "--a" in printed
    printed = cache.run("playbook", *one_pass, *report, "fleetlab.linux.fleet_memory", hosts="down", inject=inject)
    assert "0 hosts, 1 without a reading" in printed
    assert "No reading: a: ssh: connect to host 127.0.0.1 port 1: Connection refused" in printed

    # Facts of the cache count where nothing else was read, and what is read after the inventory was counts most.
    printed = cache.run("playbook", *report, "fleetlab.linux.fleet_memory", hosts="down", inject=inject)
    assert "1 hosts, 0 without a reading" in printed
    later = "- hosts: a\n  gather_facts: false\n  tasks: [{fleetlab.linux.meminfo_facts: , vars: {ansible_connection: local}}]\n"
    (tmp_path / "later.yml").write_text(later, encoding="utf-8")
    printed = cache.run("playbook", *one_pass, *report, "later.yml", "fleetlab.linux.fleet_memory", hosts="down", inject=inject)
    assert "1 hosts, 0 without a reading" in printed
