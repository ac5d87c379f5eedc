# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that the module puts on a host run there, without Ansible and without the collection."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._monitor.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._monitor.options import Wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._monitor.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._monitor.program import COMMANDS, FOLDER, files, mode_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The programs below a folder."""
    for path, content in files(sys.executable).items():
        file = tmp_path / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content.replace(f'"{FOLDER}"', f'"{tmp_path}{FOLDER}"'), encoding="utf-8")
        file.chmod(mode_of(path))
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_runs(root: Path, command: str) -> None:
    done = subprocess.run([root / command[1:], "--help"], capture_output=True, text=True, timeout=60, env={}, check=False)
    assert done.returncode in (0, 2)
    assert done.stdout.startswith("usage: storage-") or done.stderr.startswith("usage: storage-event")


class Systemd:
    """A runner that knows of no timer."""

    def run(self, argv: tuple[str, ...], *_arguments: object, **_options: object) -> CommandResult:
        assert argv[:2] == ("systemctl", "is-active")
        return CommandResult(argv, 3, "inactive\n", "")


def test_a_host_is_read(root: Path) -> None:
    (root / "run/systemd/system").mkdir(parents=True)
    (root / "etc/mdadm/mdadm.conf.d").mkdir(parents=True)
    (root / "etc/os-release").write_text("ID=debian\n", encoding="utf-8")
    (root / "etc/mdadm/mdadm.conf").write_text("HOMEHOST <system>\n", encoding="utf-8")
    (root / "etc/mdadm/mdadm.conf.d/a.conf").write_text("MAILADDR me@example.com\n", encoding="utf-8")
    (root / "etc/fleetlab").mkdir()
    (root / "etc/fleetlab/storage-check.json").write_text(json.dumps({"textfile": "/old"}), encoding="utf-8")
    (root / "old").mkdir()
    (root / "old/fleetlab_storage.prom").write_text("", encoding="utf-8")
    (root / "sys/block/md1/md").mkdir(parents=True)
    (root / "sys/block/md1/md/array_state").write_text("clean\n", encoding="utf-8")
    for program in ("usr/sbin/mdadm", "usr/sbin/sendmail"):
        (root / program).parent.mkdir(exist_ok=True)
        (root / program).touch(0o755)
    wanted = Wanted(program="/nothing")
    state = observe(wanted, Systemd(), Host(str(root)))  # type: ignore[arg-type]
    assert (state.mail, state.has_arrays, state.has_sendmail, state.program_runs) == ("me@example.com", True, True, False)
    assert state.leftovers == ("/old/fleetlab_storage.prom",)
    assert "/etc/fleetlab/storage-check.json" in state.access
    steps = plan(observe(Wanted(), Systemd(), Host(str(root))), Wanted()).commands()  # type: ignore[arg-type]
    assert ["rm", "--force", "/old/fleetlab_storage.prom"] in steps
    assert steps[-1] == ["systemctl", "enable", "--now", "fleetlab-storage-check.timer"]
    assert os.geteuid() != 0 or not [path for path in state.access if path in COMMANDS]
