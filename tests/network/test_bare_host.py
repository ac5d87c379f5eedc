# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles in check mode on a bare host: a Debian without their packages and without systemd, as an ordinary user with sudo.

All roles but lab_hosts, which makes hosts, and storage_benchmark, which needs a lab to measure.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import pytest

if TYPE_CHECKING:
    from ansible_collections.fleetlab.linux.scripts.server_roots import ServerRoot

# The root has python3-apt for other tests; a bare host has not.
PREPARE = """
rm -r /usr/lib/python3/dist-packages/apt /usr/lib/python3/dist-packages/apt_pkg*
useradd --create-home --shell /bin/sh admin
echo 'admin ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/admin
mknod /dev/disk b 7 "$1"
touch /root/begin
echo ready
exec sleep infinity
"""
# What the plugin for connections puts after the root: a shell and its command.
CONNECT = """#!/bin/sh
shift
exec nsenter --target PID --mount --uts --ipc --net --pid --root --wd=/ setpriv --reuid=admin --regid=admin --init-groups \\
  env HOME=/home/admin PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
"""
TARGETS = [
    {"name": name, "host": f"192.0.2.{number}", "port": 3260, "iqn": f"iqn.2026-01.com.example:{name}"}
    for number, name in ((1, "a"), (2, "b"))
]
ROLES: dict[str, dict[str, Any]] = {
    "apache_forward_secrecy": {"apache_forward_secrecy_fail_on": []},
    "boot_limits": {"boot_limits_through": "backend", "boot_limits_cpus": 4096, "boot_limits_memory_mb": 2**30},
    "fleet_memory": {},
    "ftpaccess_audit": {"ftpaccess_audit_users": ["admin"], "ftpaccess_audit_fail": False},
    "isolated_service": {"isolated_service_name": "web"},
    "jumbo_frames": {"jumbo_frames_interface": "lo", "jumbo_frames_mtu": 9000},
    "patched_package": {"patched_package_name": "hostname", "patched_package_state": "absent"},
    "storage_client": {
        "storage_client_servers": [],
        "storage_client_luns": 2,
        "storage_client_targets": TARGETS,
        "storage_chap_secret": "secret-secret",
    },
    "storage_monitor": {},
    "storage_server": {"storage_server_devices": ["/dev/disk"], "storage_chap_secret": "secret-secret"},
    "storage_status": {},
    "throughput": {"throughput_address": "127.0.0.1"},
    "tz_cron": {"tz_cron_jobs": [{"name": "report", "timezone": "Europe/Sofia", "at": [5], "command": "/bin/true"}]},
}
HOSTS = {"throughput": 2}
REFUSED = {
    "apache_forward_secrecy-0": "apache_tls: refused: its module ssl is not loaded: run a2enmod ssl",
    "storage_monitor-0": "this host does not run systemd",
    "tz_cron-0": "job report: no cron that takes entries with a user from /etc/cron.d runs on this host: install cron",
}
"""What is refused, because neither cron nor systemd runs there. All other roles show what they would do."""


def disk_of(file: Path) -> str:
    """A disk that is a file."""
    file.touch()
    os.truncate(file, 20 * 2**30)
    made = subprocess.run(["losetup", "--find", "--show", str(file)], capture_output=True, text=True, check=True)
    return made.stdout.strip()


@pytest.fixture(scope="module")
def bare(server_root: Callable[[str], ServerRoot], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """The folder of the root, and a process in it."""
    root = server_root("bookworm")
    disk = disk_of(tmp_path_factory.mktemp("disk") / "disk")
    number = os.minor(os.stat(disk).st_rdev)
    process = subprocess.Popen(root.argv("sh", "-c", PREPARE, "prepare", str(number)), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    below = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
    yield root.path, int(below[0])
    process.kill()
    process.wait()
    subprocess.run(["losetup", "--detach", disk], check=True)


def attempt(role: str) -> dict[str, Any]:
    """The tasks of a role. A refusal does not end the playbook."""
    include = {"name": "Play", "ansible.builtin.include_role": {"name": f"fleetlab.linux.{role}"}}
    return {"name": "Try", "block": [include], "rescue": [{"name": "Go on", "ansible.builtin.debug": {}}]}


def play(folder: Path, bare: tuple[Path, int]) -> list[tuple[str, str, dict[str, Any]]]:
    """Play every role in check mode, without facts; returns the name of each task, with the host and what it said."""
    root, pid = bare
    connect = folder / "connect"
    connect.write_text(CONNECT.replace("PID", str(pid)), encoding="utf-8")
    connect.chmod(0o755)
    common = {
        "ansible_connection": "community.general.chroot",
        "ansible_host": str(root),
        "ansible_chroot_exe": str(connect),
        "ansible_chroot_disable_root_check": True,
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_remote_tmp": "/tmp",
        "ansible_user": "admin",
    }
    groups = {f"of_{role}": {"hosts": {f"{role}-{n}": {} for n in range(HOSTS.get(role, 1))}, "vars": ROLES[role]} for role in ROLES}
    (folder / "hosts.yml").write_text(json.dumps({"all": {"children": groups, "vars": common}}), encoding="utf-8")
    plays = [{"hosts": f"of_{role}", "gather_facts": False, "become": True, "tasks": [attempt(role)]} for role in ROLES]
    (folder / "play.yml").write_text(json.dumps(plays), encoding="utf-8")
    env = dict(
        os.environ,
        ANSIBLE_COLLECTIONS_PATH=str(Path(__file__).resolve().parents[2] / ".cache" / "collections"),
        ANSIBLE_HOME=str(folder / "home"),
        ANSIBLE_INJECT_FACT_VARS="false",
        # The plugin for connections does not say who logs in, so that Ansible takes the user for root.
        ANSIBLE_BECOME_ALLOW_SAME_USER="true",
        ANSIBLE_PIPELINING="true",
        ANSIBLE_STDOUT_CALLBACK="ansible.posix.json",
        LC_ALL="C.UTF-8",
        PWD=str(folder),
    )
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "hosts.yml", "--check", "play.yml"]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    plays = json.loads(done.stdout[done.stdout.index("{") :])["plays"]
    return [(task["task"]["name"], host, result) for one in plays for task in one["tasks"] for host, result in task["hosts"].items()]


def test_a_bare_host_is_previewed_by_every_role_and_stays_as_it_is(tmp_path: Path, bare: tuple[Path, int]) -> None:
    played = play(tmp_path, bare)
    failed = {host: result["msg"] for _task, host, result in played if result.get("failed")}
    assert set(failed) == set(REFUSED), json.dumps(failed, indent=1)
    assert all(failed[host].startswith(text) for host, text in REFUSED.items())
    assert {host.rpartition("-")[0] for _task, host, _result in played} == set(ROLES)
    # What they would install and write, and that nothing of it was: the folders of the system are as before.
    changed = {host.rpartition("-")[0] for _task, host, result in played if result.get("changed")}
    assert {"isolated_service", "jumbo_frames", "storage_client", "storage_server"} <= changed
    find = ["find", "/etc", "/usr", "/var/lib", "/run", "-newer", "/root/begin", "-not", "-path", "/run/sudo*"]
    # The folder itself, by the note of sudo and by the file that proftpd makes whenever it reads its configuration.
    expected = {"/run", "/run/proftpd.delay"}
    written = subprocess.run(["nsenter", f"--target={bare[1]}", "--mount", "--root", *find], capture_output=True, text=True, check=True)
    assert set(written.stdout.splitlines()) <= expected
