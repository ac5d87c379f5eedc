# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role boot_limits through GRUB, as machines on AWS have it, in a mount namespace of its own; what renders the menu is a script.

The reboot is left out: nothing boots here.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import Cloud, Outcome, read

PLAY = """
- hosts: server1
  gather_facts: false
  roles: [fleetlab.linux.boot_limits]
"""
UPDATE_GRUB = """#!/bin/sh
[ ! -e "$PLACE/killed" ] || kill -KILL $$
GRUB_CMDLINE_LINUX=quiet
for file in /etc/default/grub.d/*.cfg; do . "$file"; done
echo "linux /boot/vmlinuz root=LABEL=root $GRUB_CMDLINE_LINUX" > /boot/grub/grub.cfg
"""
FILE = "GRUB | Limits on the kernel's command line"
MENU = "GRUB | Render the menu"


@dataclass(frozen=True)
class Machine:
    """A machine that boots through GRUB."""

    cloud: Cloud
    place: Path

    @property
    def menu(self) -> str:
        """The command line of its next boot."""
        return (self.place / "boot" / "grub" / "grub.cfg").read_text(encoding="utf-8")

    def limit(self, *arguments: str, **variables: Any) -> Outcome:
        """Run the role."""
        env = self.cloud.environment(PLACE=str(self.place))
        # Without the one of this machine, where it has one.
        env["PATH"] = f"{self.place / 'bin'}:/usr/bin:/bin"
        binds = {"default": "/etc/default", "boot": "/boot", "cmdline": "/proc/cmdline"}
        mounts = " && ".join(f'mount --bind "{self.place}/{name}" {over}' for name, over in binds.items())
        program = Path(sys.executable).with_name("ansible-playbook")
        script = f'mount --make-rprivate / && {mounts} && exec "{program}" -i "{self.place}/hosts.yml" "{self.place}/play.yml" "$@"'
        extra = [option for name, value in variables.items() for option in ("-e", f"{name}={value}")]
        argv = ["unshare", "--mount", "sh", "-c", script, "sh", *arguments, *extra]
        return read(subprocess.run(argv, check=False, env=env, cwd=self.place, stdin=subprocess.DEVNULL, capture_output=True, text=True))


@pytest.fixture
def machine(cloud: Cloud, tmp_path: Path) -> Machine:
    """A machine that still boots without limits."""
    for folder in ("bin", "boot/grub", "default/grub.d"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "bin" / "update-grub").write_text(UPDATE_GRUB, encoding="utf-8")
    (tmp_path / "bin" / "update-grub").chmod(0o755)
    (tmp_path / "boot" / "grub" / "grub.cfg").write_text("linux /boot/vmlinuz root=LABEL=root quiet\n", encoding="utf-8")
    (tmp_path / "cmdline").write_text("root=LABEL=root quiet\n", encoding="utf-8")
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "boot_limits_reboot": False}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"server1": variables}}}), encoding="utf-8")
    return Machine(cloud, tmp_path)


def tasks(outcome: Outcome) -> list[str]:
    """The names of the tasks that changed something."""
    assert outcome.exit_code == 0, outcome.text
    return [name.removeprefix("fleetlab.linux.boot_limits : ") for name in outcome.changes]


def test_the_menu_gets_the_limits_once(machine: Machine) -> None:
    assert tasks(machine.limit()) == [FILE, MENU]
    assert machine.menu == "linux /boot/vmlinuz root=LABEL=root quiet maxcpus=4 mem=2048M\n"
    assert tasks(machine.limit()) == []


def test_other_limits_take_their_place(machine: Machine) -> None:
    machine.limit()
    assert tasks(machine.limit(boot_limits_cpus=2, boot_limits_memory_mb=1024)) == [FILE, MENU]
    assert machine.menu == "linux /boot/vmlinuz root=LABEL=root quiet maxcpus=2 mem=1024M\n"


def test_a_run_that_was_killed_before_the_menu_is_completed(machine: Machine) -> None:
    (machine.place / "killed").touch()
    before = machine.menu
    assert machine.limit().exit_code != 0
    assert machine.menu == before
    (machine.place / "killed").unlink()
    assert tasks(machine.limit()) == [MENU]
    assert machine.menu.endswith(" maxcpus=4 mem=2048M\n")


@pytest.mark.parametrize("arguments", [(), ("--check",)])
@pytest.mark.parametrize("lost", ["bin/update-grub", "boot/grub/grub.cfg"])
def test_what_does_not_boot_through_grub_is_refused(machine: Machine, lost: str, arguments: tuple[str, ...]) -> None:
    (machine.place / lost).unlink()
    outcome = machine.limit(*arguments)
    assert "server1 has neither update-grub with /boot/grub/grub.cfg, as Debian and Ubuntu, nor grubby" in outcome.failures[-1]
    assert list((machine.place / "default" / "grub.d").iterdir()) == []
