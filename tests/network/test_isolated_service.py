# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role isolated_service on a host with a script in place of systemd: the namespace, the files and the process are real."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import Host

# One service, demo, which runs where its drop-in says, and the unit that builds the namespace at boot.
SYSTEMCTL = """#!/bin/sh
drop_in=/etc/systemd/system/demo.service.d/50-isolated-service.conf
start() {
    enter=
    [ ! -e $drop_in ] || enter="nsenter --net=$(sed -n s/^NetworkNamespacePath=//p $drop_in)"
    setsid $enter sleep 600 </dev/null >/dev/null 2>&1 &
    echo $! >/run/demo.pid
    until [ "$(cat /proc/$!/comm)" = sleep ]; do sleep 0.05; done
}
case "$*" in
    show*fleetlab-netns-demo.service) [ ! -e /run/enabled ] || { echo UnitFileState=enabled; echo ActiveState=active; } ;;
    'enable fleetlab-netns-demo.service') touch /run/enabled ;;
    'disable fleetlab-netns-demo.service') rm /run/enabled ;;
    'start demo.service') start ;;
    'restart demo.service') kill $(cat /run/demo.pid); start ;;
    show*--value*demo.service) cat /run/demo.pid ;;
    show*demo.service)
        echo Id=demo.service; echo LoadState=loaded; echo ActiveState=active; echo MainPID=$(cat /run/demo.pid)
        echo DropInPaths=$(ls /etc/systemd/system/demo.service.d/*.conf) ;;
esac
"""
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  roles: [fleetlab.linux.isolated_service]
"""


class Service:
    """The service, and the role for it."""

    def __init__(self, host: Host, tree: Path, folder: Path) -> None:
        # A first process of its own, as the role compares with it what the service has.
        first = subprocess.Popen([*host.enter(None), "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sleep", "600"])
        host.services.append(first)
        children = Path(f"/proc/{first.pid}/task/{first.pid}/children")
        host.wait_until(lambda: children.read_text(encoding="utf-8") != "")
        pid = children.read_text(encoding="utf-8").strip()
        host.wait_until(lambda: Path(f"/proc/{pid}/comm").read_text(encoding="utf-8") == "sleep\n")
        user = ["--user"] if os.geteuid() != 0 else []
        self.enter = ["nsenter", "-t", pid, *user, "--net", "--mount", "--pid", "--"]
        self.folder = folder
        host.sh("mkdir -p /run/systemd/system /mnt/bin")
        host.run("sh", "-c", "cat >/mnt/bin/systemctl && chmod 755 /mnt/bin/systemctl", stdin=SYSTEMCTL)
        self.env = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(tree), ANSIBLE_HOME=str(folder), LC_ALL="C.UTF-8")
        self.env["PATH"] = f"/mnt/bin:{os.environ['PATH']}:/usr/sbin:/sbin"
        (folder / "play.yml").write_text(PLAY, encoding="utf-8")
        self.run("systemctl", "start", "demo.service")

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a command on the host."""
        return subprocess.run([*self.enter, *argv], env=self.env, capture_output=True, text=True, check=False, timeout=120)

    def isolate(self, *options: str, **variables: Any) -> tuple[int, str]:
        """Run the role. Returns the number of changed tasks, and the messages."""
        given = {f"isolated_service_{name}": value for name, value in variables.items()}
        given.update(isolated_service_name="demo", ansible_python_interpreter=sys.executable)
        program = [sys.executable, "-m", "ansible", "playbook", *options, "-i", "localhost,", "-e", json.dumps(given)]
        done = self.run(*program, str(self.folder / "play.yml"))
        assert done.returncode == 0, done.stdout + done.stderr
        (changed,) = re.findall(r"changed=(\d+)", done.stdout)
        return int(changed), done.stdout

    def restart(self) -> None:
        """Restart the service, as an administrator would."""
        self.run("systemctl", "restart", "demo.service")

    def is_isolated(self) -> bool:
        """Whether the namespace exists."""
        return self.run("test", "-e", "/run/netns/demo").returncode == 0


@pytest.fixture
def service(host: Host, tree: Path, tmp_path: Path) -> Service:
    return Service(host, tree, tmp_path)


HARDENING = {"ProtectSystem": "full", "RestrictAddressFamilies": ["AF_UNIX", "AF_INET"], "CapabilityBoundingSet": []}


def test_check_mode_says_what_the_undoing_does(service: Service) -> None:
    assert service.isolate(hardening=True, settings=HARDENING)[0] > 0
    text = service.run("cat", "/etc/systemd/system/demo.service.d/50-isolated-service.conf").stdout
    assert text[text.index("ProtectSystem") :] == "ProtectSystem=full\nRestrictAddressFamilies=AF_UNIX\nRestrictAddressFamilies=AF_INET\n"
    changed, text = service.isolate("--check", hardening=True, settings=HARDENING)
    assert changed == 0, text
    planned, _text = service.isolate("--check", state="absent")
    assert service.is_isolated()
    assert planned == service.isolate(state="absent")[0] > 0
    assert not service.is_isolated()


def test_the_namespace_stays_as_long_as_the_service_is_not_restarted(service: Service) -> None:
    service.isolate()
    for options in (("--check",), ()):
        assert (
            "demo.service still runs in the namespace demo, which therefore stays"
            in service.isolate(*options, state="absent", restart=False)[1]
        )
        assert service.is_isolated()
    service.restart()
    _changed, text = service.isolate(state="absent", restart=False)
    assert "still runs" not in text
    assert not service.is_isolated()
