# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait until a machine can be used, on this machine in a mount namespace of its own: first boot, volumes and names come late or never.

What answers C(cloud-init) and C(ip) is a script, and the disks are a tree over /sys, with udev's names for them over /dev;
the tasks and the module are the real ones.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import Cloud, Outcome, read

FIRST, SECOND = "vol-0123456789abcdef0", "vol-0fedcba9876543210"
PLAY = """
- hosts: server1
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: fleetlab.linux.lab_hosts
        tasks_from: aws_usable.yml
"""
LASTING = "nvme-Amazon_Elastic_Block_Store_"
# The device nodes of this machine stay what they are: not every one has /dev/disk.
MOUNTS = """
mount --make-rprivate /
mount --bind "$PLACE/sys" /sys
mount -t tmpfs tmpfs "$PLACE/dev"
cp --archive --one-file-system /dev/. "$PLACE/dev"
mkdir -p "$PLACE/dev/disk/by-id" "$PLACE/dev/shm"
mount --bind "$PLACE/by-id" "$PLACE/dev/disk/by-id"
mount --rbind "$PLACE/dev" /dev
"""
PROGRAMS = {
    "cloud-init": 'while [ ! -e "$PLACE/booted" ]; do sleep 0.1; done; cat "$PLACE/booted"; exit "$(cat "$PLACE/exit")"',
    "ip": """echo '[{"dst":"default","gateway":"10.99.0.1","dev":"ens5","protocol":"dhcp","prefsrc":"10.99.0.4","flags":[]}]'""",
    "hostname": 'cat "$PLACE/name"',
    "hostnamectl": 'echo "$2" > "$PLACE/name"',
}


@dataclass(frozen=True)
class Machine:
    """A machine that has not booted yet."""

    cloud: Cloud
    place: Path

    def disk(self, name: str, serial: str) -> None:
        """An NVMe disk appears, but udev has not named it yet."""
        (self.place / "disks").mkdir(exist_ok=True)
        folder = self.place / "disks" / name
        (folder / "device").mkdir(parents=True)
        (folder / "device" / "serial").write_text(serial.replace("-", "").ljust(20) + "\n", encoding="utf-8")
        (folder / "size").write_text("104857600\n", encoding="utf-8")
        folder.rename(self.place / "sys" / "block" / name)

    def link(self, name: str, serial: str) -> None:
        """udev names the disk."""
        (self.place / "by-id" / f"{LASTING}{serial.replace('-', '')}").symlink_to(f"../../{name}")

    def boot(self, text: str = "status: done", exit_code: int = 0) -> None:
        """The first boot ends."""
        (self.place / "exit").write_text(f"{exit_code}\n", encoding="utf-8")
        (self.place / "booted.new").write_text(f"{text}\n", encoding="utf-8")
        (self.place / "booted.new").rename(self.place / "booted")

    def use(self, **variables: Any) -> Outcome:
        """Run the tasks that wait."""
        env = self.cloud.environment(PLACE=str(self.place))
        env["PATH"] = f"{self.place / 'bin'}:{env['PATH']}"
        program = Path(sys.executable).with_name("ansible-playbook")
        play = f'exec "{program}" -i "{self.place}/hosts.yml" "{self.place}/play.yml" "$@"'
        script = f"{MOUNTS}{play}"
        extra = [option for name, value in variables.items() for option in ("-e", f"{name}={value}")]
        argv = ["unshare", "--mount", "sh", "-e", "-c", script, "sh", *extra]
        return read(subprocess.run(argv, check=False, env=env, cwd=self.place, stdin=subprocess.DEVNULL, capture_output=True, text=True))


@pytest.fixture
def machine(cloud: Cloud, tmp_path: Path) -> Machine:
    """A server whose two volumes have not appeared yet."""
    for name, text in PROGRAMS.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        program.chmod(0o755)
    for folder in ("sys/block", "by-id", "dev"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "sys" / "class").mkdir()
    (tmp_path / "sys" / "class" / "block").symlink_to("../block")
    (tmp_path / "name").write_text("ip-10-99-0-4\n", encoding="utf-8")
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")
    volumes = [
        {"name": "volume1", "volume_id": FIRST, "attached_as": "/dev/sdf"},
        {"name": "volume2", "volume_id": SECOND, "attached_as": "/dev/sdg"},
    ]
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "lab_directory": str(tmp_path / "lab"),
        "lab_ebs_volumes": volumes,
    }
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"server1": variables}}}), encoding="utf-8")
    (tmp_path / "lab").mkdir()
    return Machine(cloud, tmp_path)


def test_it_waits_for_the_first_boot_and_for_volumes_that_come_late(machine: Machine) -> None:
    # The other way round than they are attached, as after a reboot.
    machine.disk("nvme0n1", SECOND)
    machine.link("nvme0n1", SECOND)

    def come_up() -> None:
        time.sleep(2)
        machine.boot()
        time.sleep(4)
        machine.disk("nvme1n1", FIRST)
        time.sleep(3)
        machine.link("nvme1n1", FIRST)

    started = time.monotonic()
    thread = threading.Thread(target=come_up)
    thread.start()
    outcome = machine.use()
    thread.join()
    assert outcome.exit_code == 0, outcome.text
    assert time.monotonic() - started > 9
    lasting = [f"/dev/disk/by-id/{LASTING}{volume.replace('-', '')}" for volume in (FIRST, SECOND)]
    found = yaml.safe_load((machine.place / "lab" / "host_vars" / "server1.yml").read_text(encoding="utf-8"))
    assert found == {"jumbo_frames_interface": "ens5", "storage_server_devices": lasting}
    assert (machine.place / "name").read_text(encoding="utf-8") == "server1\n"
    again = machine.use()
    assert (again.exit_code, again.changed) == (0, 0), again.text


def test_a_volume_that_never_comes_is_named(machine: Machine) -> None:
    machine.boot(exit_code=2)
    machine.disk("nvme0n1", SECOND)
    outcome = machine.use(lab_volumes_timeout=2)
    assert outcome.exit_code != 0
    assert (
        f"{FIRST} (volume1, attached as /dev/sdf): no disk of this machine is this volume (there are nvme0n1 {SECOND})"
        in outcome.failures[-1]
    )


def test_a_volume_whose_name_would_not_last_is_named(machine: Machine) -> None:
    machine.boot()
    machine.disk("nvme0n1", SECOND)
    machine.link("nvme0n1", SECOND)
    machine.disk("nvme1n1", FIRST)
    outcome = machine.use(lab_volumes_timeout=2)
    assert f"{FIRST} (volume1, attached as /dev/sdf): is nvme1n1, which has no name in /dev/disk/by-id" in outcome.failures[-1]
    assert not (machine.place / "lab" / "host_vars").exists()


def test_a_first_boot_that_failed_is_named(machine: Machine) -> None:
    machine.boot("status: error", 1)
    outcome = machine.use()
    assert "the first boot of server1 did not succeed (status: error): see /var/log/cloud-init-output.log there" in outcome.failures[-1]
