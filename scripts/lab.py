# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show the state of a lab, or open a shell on one of its hosts, with the connection variables of the lab's inventory."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

_ARRAYS = "cat /proc/mdstat; findmnt --types ext4,xfs --output TARGET,SOURCE,SIZE,USED | grep /dev/md"


def status(inventory: Path) -> int:
    """Print which hosts answer, and the arrays of the clients."""
    ansible = ["ansible", "-i", str(inventory), "-m", "ansible.builtin.raw", "-a"]
    answers = subprocess.run([*ansible, "uptime", "--one-line", "all"], check=False).returncode
    arrays = subprocess.run([*ansible, _ARRAYS, "storage_clients"], check=False).returncode
    return answers or arrays


def ssh_command(host: str, variables: dict[str, Any]) -> list[str]:
    """The ssh command that Ansible would use for a host with these variables."""
    argv = ["ssh"]
    for name in ("ansible_ssh_common_args", "ansible_ssh_extra_args"):
        argv += shlex.split(variables.get(name, ""))
    for name, option in (("ansible_ssh_private_key_file", "-i"), ("ansible_port", "-p"), ("ansible_user", "-l")):
        if name in variables:
            argv += [option, str(variables[name])]
    return [*argv, str(variables.get("ansible_host", host))]


def shell(inventory: Path, host: str) -> int:
    """Replace this process by ssh to the host; return only if the host does not exist."""
    listed = subprocess.run(["ansible-inventory", "-i", str(inventory), "--list"], check=True, stdout=subprocess.PIPE, text=True)
    hosts = json.loads(listed.stdout)["_meta"]["hostvars"]
    if host in hosts:
        command = ssh_command(host, hosts[host])
        os.execvp(command[0], command)
    print(f"HOST is one of: {', '.join(sorted(hosts))}", file=sys.stderr)
    return 2


def main() -> int:
    """Run the command of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lab", default="", help="name of the lab, if it has one")
    parser.add_argument("command", choices=["status", "ssh"])
    parser.add_argument("host", nargs="?", default="", help="for ssh")
    options = parser.parse_args()
    # As in the role, a lab without a name has the name "lab".
    folder = ROOT / ".lab" / ("" if options.lab == "lab" else options.lab)
    inventory = folder / "inventory.yml"
    if not inventory.is_file():
        name = f" LAB_NAME={options.lab}" if options.lab else ""
        print(f"There is no such lab here ({inventory.relative_to(ROOT)} is missing); 'make lab{name}' builds it.", file=sys.stderr)
        return 1
    return status(inventory) if options.command == "status" else shell(inventory, options.host)


if __name__ == "__main__":
    sys.exit(main())
