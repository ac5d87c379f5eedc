# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell scripts of a lab: one enters its namespaces, one starts a guest. Pure text."""

from __future__ import annotations

import shlex
import uuid
from typing import List

from .state import Guest, Wanted

REBOOT_EXIT_CODE = 42
"""The exit code of a guest that is to be started again; a guest of User-mode Linux sets it through /proc/exitcode."""


def enter_script(lab: Wanted) -> str:
    """The script that runs its arguments inside the lab's namespaces; the ProxyCommand of ssh and every step of the plan use it."""
    # root does not need --user, and many hosts forbid new user namespaces.
    user = "--user --preserve-credentials " if lab.rootless else ""
    return f"""#!/bin/sh
# Runs a command inside the network of this lab: enter COMMAND [ARGUMENT...]
exec nsenter --target "$(cat {shlex.quote(lab.directory + "/holder.pid")})" {user}--net --pid -- "$@"
"""


def start_script(lab: Wanted, guest: Guest) -> str:
    """The script that starts a guest and runs until it is off. It has to run inside the namespaces, with the guest's token as argument."""
    prepare = lab.backend.prepare(lab)
    command = " \\\n    ".join(lab.backend.command(lab, guest))
    return f"""#!/bin/sh
# Starts {guest.name}; ends with it. Run by ansible through ../../enter.
cd {shlex.quote(lab.guest_directory(guest))} || exit
key=$(cut -d ' ' -f 2 ../../id_ed25519.pub)
{prepare}# A rebooting guest ends with {REBOOT_EXIT_CODE} and is started anew: by itself it would keep its tap busy and come back deaf.
while
  rm -rf uml
  {command}
  [ $? -eq {REBOOT_EXIT_CODE} ]
do :; done
"""


def boot_options(lab: Wanted, guest: Guest, key: str) -> List[str]:
    """The words on the command line of every guest's kernel; C(key) is the public key of the lab, as quoted in the start script."""
    machine_id = uuid.uuid5(uuid.NAMESPACE_URL, lab.guest_token(guest)).hex
    return [
        f"systemd.hostname={guest.name}",
        f"systemd.machine_id={machine_id}",
        f"lab.address={guest.address}",
        f"lab.mtu={lab.mtu}",
        f"lab.key={key}",
        "selinux=0",
        "apparmor=0",
        "quiet",
        "systemd.show_status=0",
    ]
