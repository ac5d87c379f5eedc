# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the check for a host, with its commands and units."""

from __future__ import annotations

import inspect
import json
from typing import Dict

# All files of the programs are imported here, because Ansible sends only the files that a module imports.
from .._core.python import OPTIONS
from .._host.systemd import SYSTEM_FOLDER
from .._programs.storage_check import arrays, facts, history, judge, main, mounts, notify, scrub, sessions, targets, textfile, tree
from .._programs.storage_check.notify import SETTINGS
from .options import Wanted

MARK = "# Written by the module fleetlab.linux.storage_monitor."
FOLDER, PACKAGE = "/usr/local/lib/fleetlab", "storage_check"
LIBRARY = f"{FOLDER}/{PACKAGE}"
CHECK, EVENT, SCRUB = (f"/usr/local/sbin/storage-{name}" for name in ("check", "event", "scrub"))
COMMANDS = {CHECK: "main", EVENT: "notify", SCRUB: "scrub"}
"""The commands, each with the file of the library that has its function main."""

TIMER, SERVICE = "fleetlab-storage-check.timer", "fleetlab-storage-check.service"
UNITS = (f"{SYSTEM_FOLDER}/{SERVICE}", f"{SYSTEM_FOLDER}/{TIMER}")
_MODULES = (arrays, facts, history, judge, main, mounts, notify, scrub, sessions, targets, textfile, tree)

_SERVICE = f"""{MARK}
[Unit]
Description=Record the state of arrays, sessions and targets

[Service]
Type=oneshot
ExecStart={CHECK} --record
TimeoutStartSec=120
# The service only prints errors. Without the second line the journal would get three lines each minute.
SyslogLevel=err
LogLevelMax=notice
"""
_TIMER = f"""{MARK}
[Unit]
Description=Record the state of arrays, sessions and targets each minute

[Timer]
# Not earlier, because at boot the sessions and arrays come one after the other.
OnBootSec=2min
OnUnitActiveSec=1min
AccuracySec=5s

[Install]
WantedBy=timers.target
"""


def files(python: str) -> Dict[str, str]:
    """The content of every file of the programs and their units, by its path; the commands and units come last."""
    found = {f"{LIBRARY}/{module.__name__.rpartition('.')[2]}.py": inspect.getsource(module) for module in _MODULES}
    found[f"{LIBRARY}/__init__.py"] = f"{MARK}\n"
    found.update({path: _command(python, name) for path, name in COMMANDS.items()})
    return {**found, UNITS[0]: _SERVICE, UNITS[1]: _TIMER}


def settings(wanted: Wanted) -> str:
    """The content of the settings, which only root may read because of the webhook."""
    given = {"textfile": wanted.textfile, "program": wanted.program, "webhook": wanted.webhook}
    return json.dumps({name: value for name, value in given.items() if value}, indent=1, sort_keys=True) + "\n"


def mode_of(path: str) -> int:
    """The mode of one of the files."""
    if path == SETTINGS:
        return 0o600
    return 0o755 if path in COMMANDS else 0o644


def _command(python: str, name: str) -> str:
    return f"""#!{python} {OPTIONS}
{MARK}
import sys

sys.path.insert(0, "{FOLDER}")

from {PACKAGE}.{name} import main

sys.exit(main())
"""
