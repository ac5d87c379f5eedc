# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a real systemd as its first process, in namespaces and a control group of its own: no guest, and booted in a second.

Its files are those of the machine below a layer in memory, without the machine's units. Needs root, because systemd needs a control group.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
AGENT = Path(__file__).with_name("agent.py")
TREE = ROOT / ".cache" / "collections"
UNITS = "/etc/systemd/system"
_LIMIT = 20.0
# What units need by default. The machine's own sysinit.target would start its udev.
_TARGETS = ("sysinit", "basic", "shutdown", "multi-user", "sockets", "timers", "network-pre", "network", "network-online", "booted")
# The arguments are the script for inside and its own: its name, the control group, the checkout, and the targets.
_BOOT = """
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/top /mnt/cgroup
mount -t cgroup2 cgroup2 /mnt/cgroup
mkdir "/mnt/cgroup/$3"
echo $$ >"/mnt/cgroup/$3/cgroup.procs"
umount /mnt/cgroup
exec unshare --cgroup --mount --pid --net --uts --ipc --fork --kill-child sh -euc "$@"
"""
_INSIDE = """
checkout=$2
shift 2
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/top
cd /mnt/top
mount -t proc proc proc
mount --rbind /dev dev
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for folder in run tmp var/tmp var/lib; do mount -t tmpfs -o mode=755 tmpfs $folder; done
chmod 1777 tmp var/tmp
mkdir -p ".$checkout"
mount --rbind "$checkout" ".$checkout"
rm -rf etc/systemd/system etc/fstab etc/fleetlab etc/netns
mkdir etc/systemd/system
for target in "$@"; do printf '[Unit]\\nDefaultDependencies=no\\n' >etc/systemd/system/$target.target; done
ip link set dev lo up
pivot_root . mnt
umount --lazy /mnt
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin container=fleetlab \\
    SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/systemd/generator.late \\
    /lib/systemd/systemd --system --unit=booted.target --log-target=null --show-status=0
"""
_REMOVE = """
mount --make-rprivate /
mount -t cgroup2 cgroup2 /mnt
until find "/mnt/$1" -depth -type d -exec rmdir {} + 2>/dev/null; do sleep 0.05; done
"""


class Booted:
    """The host, and the actions on it."""

    def __init__(self) -> None:
        self._group = f"fleetlab-booted-{os.getpid()}-{time.monotonic_ns()}"
        boot = ["unshare", "--mount", "sh", "-euc", _BOOT, "sh", _INSIDE, "sh", self._group, str(ROOT), *_TARGETS]
        self._machine = subprocess.Popen(boot, stdout=subprocess.DEVNULL)
        try:
            self.enter = self._entered()
            self._wait_for_systemd()
        except BaseException:
            self._end()
            raise
        argv = [*self.enter, "env", f"PYTHONPATH={TREE}", "LC_ALL=C.UTF-8", sys.executable, str(AGENT), "--here"]
        self._agent = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _entered(self) -> list[str]:
        """The beginning of a command that runs on the host."""
        children = Path(f"/proc/{self._machine.pid}/task/{self._machine.pid}/children")
        end = time.monotonic() + _LIMIT
        while time.monotonic() < end and self._machine.poll() is None:
            for first in children.read_text(encoding="ascii").split():
                # A child may end between the two readings.
                with suppress(OSError):
                    if Path(f"/proc/{first}/comm").read_text(encoding="ascii") == "systemd\n":
                        return ["nsenter", "-t", first, "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--root", "--wd", "--"]
            time.sleep(0.02)
        raise AssertionError("systemd did not start in a control group of its own: this needs root and cgroup2")

    def _wait_for_systemd(self) -> None:
        end = time.monotonic() + _LIMIT
        while subprocess.run([*self.enter, "systemctl", "is-system-running"], capture_output=True, check=False).stdout != b"running\n":
            assert time.monotonic() < end, "systemd is not ready"
            time.sleep(0.05)

    def ask(self, **question: Any) -> dict[str, Any]:
        """Send a request to the agent, and return its answer."""
        assert self._agent.stdin is not None
        assert self._agent.stdout is not None
        self._agent.stdin.write(json.dumps(question) + "\n")
        self._agent.stdin.flush()
        answer: dict[str, Any] = json.loads(self._agent.stdout.readline())
        return answer

    def sh(self, script: str) -> str:
        """Run lines of shell that have to succeed."""
        done = self.ask(run=["sh", "-euc", script])
        assert done["exit_code"] == 0, (script, done)
        return str(done["stdout"])

    def unit(self, name: str, *lines: str) -> None:
        """Write a service, and start it."""
        text = "\n".join(["[Service]", *lines, ""])
        done = self.ask(run=["sh", "-euc", f"cat >{UNITS}/{name}.service; systemctl daemon-reload; systemctl start {name}"], stdin=text)
        assert done["exit_code"] == 0, done

    def module(self, module: str, /, *, check: bool = False, **options: Any) -> dict[str, Any]:
        """Run a module, with a diff."""
        return self.ask(module=module, options={**options, "_ansible_check_mode": check, "_ansible_diff": True})

    def make(self, module: str, /, **options: Any) -> dict[str, Any]:
        """Run a module in check mode, to apply, again, and in check mode again."""
        planned = self.module(module, check=True, **options)
        assert "failed" not in planned, planned
        done = self.module(module, **options)
        assert "failed" not in done, done
        assert (planned["commands"], planned["changed"]) == (done["commands"], done["changed"])
        for check in (False, True):
            again = self.module(module, check=check, **options)
            assert again["commands"] == [], again
            assert not again["changed"]
        return done

    def play(self, text: str, **variables: Any) -> str:
        """Run a playbook on the host itself, which the play calls web."""
        self.sh(f"cat >/var/lib/play.yml <<'END'\n{text}\nEND")
        env = ["env", f"ANSIBLE_COLLECTIONS_PATH={TREE}", "ANSIBLE_HOME=/var/lib/ansible", "LC_ALL=C.UTF-8"]
        variables["ansible_python_interpreter"] = sys.executable
        argv = [sys.executable, "-m", "ansible", "playbook", "-c", "local", "-i", "web,", "-e", json.dumps(variables), "/var/lib/play.yml"]
        done = subprocess.run([*self.enter, *env, *argv], capture_output=True, text=True, check=False, timeout=180)
        return done.stdout + done.stderr

    def within(self, service: str, script: str) -> str:
        """Run lines of shell with the files and the network of a service."""
        pid = self.sh(f"systemctl show --property=MainPID --value {service}").strip()
        return self.sh(f"nsenter -t {pid} --mount --net sh -euc '{script}'")

    def close(self) -> None:
        """End all processes, and remove the control group."""
        assert self._agent.stdin is not None
        self._agent.stdin.close()
        self._agent.wait(10)
        self._end()

    def _end(self) -> None:
        self._machine.kill()
        self._machine.wait(10)
        subprocess.run(["unshare", "--mount", "sh", "-euc", _REMOVE, "sh", self._group], check=True, timeout=_LIMIT)
