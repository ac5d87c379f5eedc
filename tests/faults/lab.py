# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running storage lab: its guests by ssh, their power, and the playbook that heals it."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import yaml

ROOT = Path(__file__).resolve().parents[2]
VARIABLES = Path(os.environ.get("MOLECULE_SCENARIO_DIRECTORY", ROOT / "molecule" / "faults")) / "lab.yml"
"""The variables of the lab, which every run of the playbook gets."""

MOUNT = "/srv/md99"
BRIDGE = "lab0"
_BOOTED = "timeout 60 systemctl is-system-running --wait || systemctl is-active default.target"
"""A client with incomplete arrays still waits for its file system, but has booted."""
PREFIX = "iqn.2026-01.com.example.storage:"


@dataclass(frozen=True)
class Run:
    """One finished run of the playbook. C(changed) and C(failed) count tasks of all hosts; C(seconds) is its wall time."""

    exit_code: int
    changed: int
    output: str
    seconds: float

    @property
    def end(self) -> str:
        """The end of its output, for messages."""
        return self.output[-3000:]


class GuestError(AssertionError):
    """A command in a guest failed."""


class Lab:
    """The machines of one lab. Names are those of its inventory."""

    def __init__(self, inventory: Path) -> None:
        self.inventory = inventory.resolve()
        self.directory = self.inventory.parent
        declared = yaml.safe_load(self.inventory.read_text(encoding="utf-8"))
        self.servers = sorted(declared["storage_servers"]["hosts"])
        self.client = min(declared["storage_clients"]["hosts"], default="")
        self.addresses: dict[str, str] = {
            name: host["ansible_host"]
            for group in ("storage_servers", "storage_clients")
            for name, host in declared[group]["hosts"].items()
        }
        devices = declared["storage_servers"]["hosts"][self.servers[0]]["storage_server_devices"]
        self.mirrors = [f"md{number}" for number in range(1, len(devices) + 1)]
        variables = yaml.safe_load((self.directory / "group_vars" / "all.yml").read_text(encoding="utf-8"))
        self.name: str = variables["lab_name"]
        self.interface: str = variables["jumbo_frames_interface"]
        self.logs = self.directory / "faults"
        self.logs.mkdir(exist_ok=True)
        # The path of a socket is short; those of Ansible are left to Ansible.
        self._sockets = tempfile.TemporaryDirectory(prefix="faults-")
        self._runs = 0

    # Guests by ssh

    def ssh_argv(self, guest: str, command: str) -> list[str]:
        """The ssh command for a shell command line in a guest; all commands share one connection."""
        shared = ["-o", "ControlMaster=auto", "-o", "ControlPersist=120", "-o", f"ControlPath={self._sockets.name}/%h"]
        return ["ssh", "-F", str(self.directory / "ssh_config"), *shared, guest, command]

    def try_run(self, guest: str, command: str, stdin: str = "", limit: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a shell command line in a guest. The exit code 255 means that the guest did not answer, or not within C(limit) seconds."""
        argv = self.ssh_argv(guest, command)
        try:
            return subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=limit, check=False)
        except subprocess.TimeoutExpired as expired:
            self.disconnect(guest)
            return subprocess.CompletedProcess(argv, 255, "", f"no answer within {expired.timeout:g} s")

    def run(self, guest: str, command: str, stdin: str = "", limit: float = 60) -> str:
        """Run a shell command line in a guest and return what it printed.

        :raises GuestError: it failed.
        """
        result = self.try_run(guest, command, stdin, limit)
        if result.returncode:
            raise GuestError(f"{guest}: {command}: exit code {result.returncode}: {result.stderr.strip() or result.stdout.strip()}")
        return result.stdout.strip()

    def disconnect(self, guest: str) -> None:
        """Forget the connection to a guest, which may be gone."""
        argv = [*self.ssh_argv(guest, "")[:-2], "-O", "exit", guest]
        subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    # Their power

    @property
    def guests(self) -> list[str]:
        """All machines."""
        return [*self.servers, self.client]

    def power_off(self, *guests: str) -> None:
        """Kill machines as a power cut would: no data are flushed, no connection is closed."""
        for guest in guests:
            cut_power(self.directory, guest)
            self.disconnect(guest)

    def power_on(self, *guests: str) -> None:
        """Start machines with the lab's own scripts; does not wait for them to boot."""
        for guest in guests:
            folder = self.directory / "guests" / guest
            token = f"{(self.directory / 'lab-token').read_text(encoding='utf-8').strip()}-{guest}"
            with (folder / "console.log").open("wb") as log:
                argv = [str(self.directory / "enter"), "sh", str(folder / "start"), token]
                subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/")

    def wait_for_boot(self, guest: str, limit: float = 180) -> float:
        """Wait until a machine has booted and return the seconds it took."""
        start = time.monotonic()
        wait_until(
            lambda: self.try_run(guest, _BOOTED, limit=75).stdout.partition("\n")[0] in ("running", "degraded", "active"), limit, guest
        )
        return time.monotonic() - start

    def boot_client(self) -> float:
        """Start the client and wait until its file system is mounted; returns the seconds."""
        start = time.monotonic()
        self.power_on(self.client)
        self.wait_for_boot(self.client)
        wait_until(lambda: self.try_run(self.client, f"mountpoint -q {MOUNT}").returncode == 0, 60, f"{MOUNT} mounted after the boot")
        return time.monotonic() - start

    def enter(self, *argv: str) -> None:
        """Run a command inside the lab's network, where its bridge and taps are."""
        subprocess.run([str(self.directory / "enter"), *argv], check=True)

    def unplug(self, guest: str) -> None:
        """Disconnect a running machine from the network. Its tap stays up, because a guest never recovers from a tap that went down."""
        self.enter("ip", "link", "set", self.tap(guest), "nomaster")

    def plug(self, guest: str) -> None:
        """Connect the machine again, with the MTU of the network."""
        self.enter("ip", "link", "set", self.tap(guest), "master", BRIDGE, "mtu", "9000", "up")

    def tap(self, guest: str) -> str:
        """The port of a machine at the lab's bridge."""
        script = (self.directory / "guests" / guest / "start").read_text(encoding="utf-8")
        match = re.search(r"ifname=(tap\d+)", script)
        assert match is not None, f"{guest} has no tap"
        return match.group(1)

    # The playbook

    def start_playbook(self, *arguments: str) -> tuple[subprocess.Popen[bytes], Path]:
        """Start storage_lab.yml in a separate session; returns the process and the file with its output."""
        self._runs += 1
        log = self.logs / f"run-{self._runs:03}.log"
        argv = [
            # The lab's lock is free again when the tests are killed.
            *("setpriv", "--pdeathsig", "KILL"),
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", str(self.inventory)),
            *("-e", f"lab_name={self.name}", "-e", f"lab_directory={shlex.quote(str(self.directory))}", "-e", f"@{VARIABLES}"),
            # Its speed is measured elsewhere.
            *("-e", "lab_benchmark=false"),
            *arguments,
            "fleetlab.linux.storage_lab",
        ]
        env = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(ROOT / ".cache" / "collections"), LC_ALL="C.UTF-8")
        env.update(ANSIBLE_NOCOLOR="true", ANSIBLE_STDOUT_CALLBACK="default", ANSIBLE_DISPLAY_SKIPPED_HOSTS="false")
        # Molecule's own settings are for its own plays; with its colours nothing could be read from the output.
        for name in ("ANSIBLE_CONFIG", "ANSIBLE_FORCE_COLOR", "FORCE_COLOR", "PY_COLORS"):
            env.pop(name, None)
        with log.open("wb") as output:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=env, cwd=ROOT, start_new_session=True
            )
        return process, log

    def playbook(self, *arguments: str, limit: float = 600) -> Run:
        """Run storage_lab.yml to its end. This alone heals a lab."""
        start = time.monotonic()
        process, log = self.start_playbook(*arguments)
        try:
            exit_code = process.wait(limit)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        output = log.read_text(encoding="utf-8", errors="replace")
        changed = [int(count) for count in re.findall(r"^\S+ +: .*changed=(\d+)", output, re.MULTILINE)]
        assert exit_code or len(changed) > len(self.guests), f"the run has not counted what it changed on every host: {output[-3000:]}"
        return Run(exit_code, sum(changed), output, time.monotonic() - start)

    def close(self) -> None:
        """Close the connections."""
        for guest in self.guests:
            self.disconnect(guest)
        self._sockets.cleanup()


def wait_until(condition: Callable[[], bool], limit: float, what: str, pause: float = 0.5) -> float:
    """Wait for something and return the seconds it took.

    :raises AssertionError: it did not come within C(limit) seconds.
    """
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > limit:
            raise AssertionError(f"{what}: not within {limit:g} s")
        time.sleep(pause)
    return time.monotonic() - start


def cut_power(directory: Path, guest: str) -> None:
    """Kill a machine of the lab in this folder, as a power cut would: no data are flushed, no connection is closed."""
    for _attempt in range(100):
        left = _processes(directory, guest)
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)
    raise AssertionError(f"processes {_processes(directory, guest)} of {guest} do not end")


def _processes(directory: Path, guest: str) -> list[int]:
    """The process ids of a guest, found by the lab's token in their arguments, as in the module lab_guests."""
    token = f"{(directory / 'lab-token').read_text(encoding='utf-8').strip()}-{guest}"
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            except OSError:
                continue
            if any(word.rpartition("=")[2] == token for word in words):
                found.append(int(entry.name))
    return found
