# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass over real ssh, on loopback: it goes the ways that the inventory says, and no other; what it cannot go is named."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[4]
SERVER = Path(__file__).with_name("ssh_server.py")

CONFIG = """
Host *
  GlobalKnownHostsFile /dev/null
  IdentitiesOnly yes
Host bastion lost_bastion
  HostName 127.0.0.1
  Port {jump}
  User jumper
  IdentityFile {folder}/key
Host bastion
  UserKnownHostsFile {folder}/known
Host lost_bastion
  UserKnownHostsFile {folder}/empty
Host *
  UserKnownHostsFile {folder}/known
"""

VAULTED = """!vault |
          $ANSIBLE_VAULT;1.1;AES256
          33363965326261303234626463623963633531343539616138316433353830356566396130353436
          3562643163366231316662386565383735653432386435610a306664636137376132643732393835
          63383038383730306639353234326630666539346233376330303938323639306661313032396437
          6233623062366136310a633866373936313238333730653739323764656662303864623564386265
          3539
"""

HOSTS = """
all:
  vars:
    ansible_host: 127.0.0.1
    ansible_port: {target}
    ansible_user: reader
    ansible_ssh_private_key_file: "{{{{ inventory_dir }}}}/key"
    ansible_ssh_args: -F {folder}/config
  children:
    zulu: {{hosts: {{grouped: {{}}}}}}
    alpha: {{hosts: {{grouped: {{}}}}}}
  hosts:
    plain: {{}}
    persistent: {{ansible_ssh_args: -F {folder}/config -o ControlMaster=auto -o ControlPersist=1s, ansible_user: keeper}}
    talkative:
      ansible_ssh_verbosity: 3
      ansible_user: talker
      ansible_ssh_args: -F {folder}/config -o ControlMaster=auto -o ControlPersist=300s
    borrowed: {{ansible_user: "{{{{ hostvars.plain.ansible_user }}}}_{{{{ groups.zulu | length }}}}"}}
    bare: {{ansible_port: {bare}, ansible_user: bare}}
    jumped: {{ansible_ssh_common_args: -o ProxyJump=bastion, ansible_user: jumped}}
    proxied: {{ansible_ssh_common_args: -o ProxyCommand="ssh -F {folder}/config -W %h:%p bastion", ansible_user: proxied}}
    lost: {{ansible_ssh_common_args: -o ProxyJump=lost_bastion, ansible_user: never}}
    stranger: {{ansible_ssh_extra_args: -o UserKnownHostsFile={folder}/empty, ansible_user: never}}
    strict: {{ansible_ssh_extra_args: -o UserKnownHostsFile={folder}/empty -o StrictHostKeyChecking=yes, ansible_user: never}}
    changed: {{ansible_ssh_extra_args: -o UserKnownHostsFile={folder}/wrong, ansible_user: never}}
    trusting: {{ansible_ssh_extra_args: -o UserKnownHostsFile={folder}/new -o StrictHostKeyChecking=accept-new, ansible_user: trusting}}
    keyless: {{ansible_ssh_private_key_file: {folder}/other_key, ansible_user: never}}
    deaf: {{ansible_port: {deaf}, ansible_ssh_timeout: 2}}
    refused: {{ansible_port: 1}}
    root: {{ansible_become: true, ansible_become_user: app, ansible_become_exe: "{folder}/sudo", ansible_user: sudoer}}
    asked: {{ansible_become: true, ansible_become_exe: "{folder}/asks"}}
    container: {{ansible_connection: community.docker.docker}}
    typed:
      ansible_password: {vaulted}
    sealed:
      ansible_user: {vaulted}
"""


class Servers:
    """The host behind most of the names, a jump host, and a host with a shell and grep and nothing else; each with a key of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[str]] = []
        for name in ("key", "other_key"):
            _make_key(folder / name)
        _make_root(folder / "bare" / "root")
        self.target, self.jump, self.bare = (self._start(name) for name in ("target", "jump", "bare"))
        # Takes connections and says nothing.
        self.deaf = socket.create_server(("127.0.0.1", 0))

    def _start(self, name: str) -> int:
        place = self.folder / name
        place.mkdir(exist_ok=True)
        _make_key(place / "host_key")
        shutil.copy(self.folder / "key.pub", place)
        process = subprocess.Popen([sys.executable, str(SERVER), str(place)], stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        assert process.stdout
        return int(process.stdout.readline())

    def known(self, name: str, port: int) -> str:
        """The line of known_hosts for the server on this port with the key of this one."""
        return f"[127.0.0.1]:{port} {(self.folder / name / 'host_key.pub').read_text(encoding='utf-8')}"

    def log(self, name: str) -> list[str]:
        """What a server did."""
        return (self.folder / name / "log").read_text(encoding="utf-8").splitlines()

    def close(self) -> None:
        """End both."""
        self.deaf.close()
        for process in self.processes:
            process.terminate()
            process.wait()
            assert process.stdout
            process.stdout.close()


def _make_root(root: Path) -> None:
    (root / "proc").mkdir(parents=True)
    for name in ("sh", "grep"):
        program = shutil.which(name)
        assert program is not None
        libraries = re.findall(r"(/\S+) \(", subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout)
        for source, copy in ((program, f"/bin/{name}"), *((library, library) for library in libraries)):
            place = Path(f"{root}{copy}")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, place)


def _make_key(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    started = Servers(tmp_path_factory.mktemp("ssh"))
    try:
        yield started
    finally:
        started.close()


@pytest.fixture(scope="module")
def listed(servers: Servers) -> dict[str, Any]:
    """All hosts, read in one pass."""
    folder = servers.folder
    ports = {"target": servers.target, "jump": servers.jump, "bare": servers.bare, "deaf": servers.deaf.getsockname()[1]}
    names = {"folder": folder, "vaulted": VAULTED, **ports}
    texts = {
        "config": CONFIG.format_map(names),
        "hosts.yml": HOSTS.format_map(names),
        "fleet.meminfo.yml": "plugin: fleetlab.linux.meminfo\ntimeout: 60\n",
        "group_vars/alpha.yml": "ansible_port: 1\nansible_user: alpha\n",
        "group_vars/zulu.yml": f"ansible_port: {servers.target}\nansible_user: zulu\n",
        "known": "".join(servers.known(name, ports[name]) for name in ("target", "jump", "bare")),
        "wrong": servers.known("jump", servers.target),
        "empty": "",
        "sudo": f'#!/bin/sh\necho "$1 $2 $3 $4 $5" >{folder}/sudo.log\nshift 5\nexec "$@"\n',
        "asks": "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n",
    }
    (folder / "group_vars").mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    for name in ("sudo", "asks"):
        (folder / name).chmod(0o755)
    found: dict[str, Any] = json.loads(run(folder, "inventory", "--list"))
    return found


def run(folder: Path, program: str, *arguments: str) -> str:
    """What an Ansible program prints, given both sources."""
    link = folder / "collections" / "ansible_collections" / "fleetlab" / "linux"
    if not link.is_symlink():
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT)
    env = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(folder / "collections"), ANSIBLE_HOME=str(folder / "home"), LC_ALL="C.UTF-8")
    env.update(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="true", DISPLAY=":99", SSH_ASKPASS="/bin/false")
    argv = [sys.executable, "-m", "ansible", program, "-i", "hosts.yml", "-i", "fleet.meminfo.yml", *arguments]
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


READ = ["plain", "persistent", "talkative", "borrowed", "grouped", "jumped", "proxied", "trusting", "root", "bare"]


def test_every_host_that_can_be_read_is_read_and_no_other(listed: dict[str, Any]) -> None:
    assert sorted(listed["memory_ok"]["hosts"]) == sorted(READ)
    assert all(listed["_meta"]["hostvars"][host]["meminfo"]["available"]["bytes"] > 0 for host in READ)


def test_the_user_is_the_one_that_a_play_would_be(servers: Servers, listed: dict[str, Any]) -> None:
    users = {line.rpartition(" ")[2] for line in servers.log("target") if line.startswith("command")}
    # Of two groups as deep as each other the one with the later name wins, whatever the order in the inventory.
    assert users == {"reader", "keeper", "talker", "reader_1", "zulu", "jumped", "proxied", "trusting", "sudoer"}
    assert "grouped" in listed["memory_ok"]["hosts"]


def test_jump_hosts_are_gone_through(servers: Servers, listed: dict[str, Any]) -> None:
    assert listed
    assert servers.log("jump") == [f"jump to 127.0.0.1:{servers.target}"] * 2


def test_become_runs_the_whole_command_as_the_other_user(servers: Servers, listed: dict[str, Any]) -> None:
    assert "root" in listed["memory_ok"]["hosts"]
    assert (servers.folder / "sudo.log").read_text(encoding="utf-8") == "-H -S -n -u app\n"


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("lost", "is not known here"),
        ("stranger", "is not known here"),
        ("strict", "No ED25519 host key is known"),
        ("changed", "has changed"),
        ("keyless", "Permission denied"),
        ("deaf", "timed out"),
        ("refused", "Connection refused"),
        ("asked", "a password is required"),
        ("container", "ansible_connection: community.docker.docker"),
        ("typed", "ansible_password: one pass types no secrets"),
        ("sealed", "its connection variables cannot be evaluated"),
    ],
)
def test_what_is_in_the_way_is_named(listed: dict[str, Any], host: str, reason: str) -> None:
    variables = listed["_meta"]["hostvars"][host]
    assert "meminfo" not in variables
    assert reason in str(variables["meminfo_error"])
    assert host in listed["memory_unreachable"]["hosts"]


def test_no_key_is_accepted_that_the_user_did_not_accept(servers: Servers, listed: dict[str, Any]) -> None:
    assert listed
    assert (servers.folder / "empty").read_text(encoding="utf-8") == ""
    assert (servers.folder / "wrong").read_text(encoding="utf-8") == servers.known("jump", servers.target)
    # Only who says so in their own ssh options, as with any ssh.
    assert (servers.folder / "new").read_text(encoding="utf-8").startswith(f"[127.0.0.1]:{servers.target} ")


def test_a_play_goes_the_same_ways(servers: Servers, listed: dict[str, Any]) -> None:
    assert listed
    printed = run(servers.folder, "adhoc", "grouped:jumped:root", "-m", "fleetlab.linux.meminfo_facts")
    assert printed.count("SUCCESS") == 3


def test_a_host_without_python_is_read_both_ways(servers: Servers, listed: dict[str, Any]) -> None:
    assert "bare" in listed["memory_ok"]["hosts"]
    assert "/bin/grep /bin/sh /usr/bin/*" in run(
        servers.folder, "adhoc", "bare", "-m", "ansible.builtin.raw", "-a", "echo /bin/* /usr/bin/*"
    )
    printed = run(servers.folder, "adhoc", "bare", "-m", "fleetlab.linux.meminfo_facts")
    assert "SUCCESS" in printed
    assert '"source": "kernel"' in printed


def test_what_the_command_line_says_wins(servers: Servers, listed: dict[str, Any]) -> None:
    assert listed
    printed = run(servers.folder, "inventory", "--graph", "memory_ok", "-e", "ansible_user=told", "-e", "ansible_become=false")
    assert "--plain" in printed
    assert "command of told" in servers.log("target")
