# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host made of dictionaries, on which a plan of storage_monitor is carried out step by step."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Sequence

from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Command, MakeDirectory, RemoveFile, Step, WriteFile
from ansible_collections.fleetlab.linux.plugins.module_utils._monitor.options import Wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._monitor.program import LIBRARY, TIMER, UNITS, files, settings
from ansible_collections.fleetlab.linux.plugins.module_utils._monitor.state import State
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check.notify import SETTINGS

PYTHON = "/usr/bin/python3"
CONF = "/etc/mdadm/mdadm.conf"
DEBIAN = "# mdadm.conf\nHOMEHOST <system>\n\n# instruct the monitoring daemon where to send mail alerts\nMAILADDR root\n"


@dataclass
class Machine:
    """Files by path, and whether systemd knows and runs the timer."""

    facts: State = field(default_factory=lambda: State(PYTHON, confs=(), has_arrays=True))
    files: dict[str, str] = field(default_factory=lambda: {CONF: DEBIAN})
    enabled: bool = False
    active: bool = False
    ran: list[Sequence[str]] = field(default_factory=list)

    def observe(self, wanted: Wanted) -> State:
        """What the room observe would find."""
        wanted_files = {**files(PYTHON), SETTINGS: settings(wanted)}
        confs = None if self.facts.confs is None else ((CONF, self.files.get(CONF, "")),)
        return replace(
            self.facts,
            files={path: self.files[path] for path in wanted_files if path in self.files},
            wanted_files=wanted_files,
            timer_enabled=self.enabled,
            timer_active=self.active,
            confs=confs,
        )

    def carry_out(self, steps: Sequence[Step]) -> None:
        """Steps, as apply would carry them out."""
        for step in steps:
            if isinstance(step, WriteFile):
                self.files[step.path] = step.content
            elif isinstance(step, RemoveFile):
                self.files.pop(step.path, None)
            elif isinstance(step, Command):
                self._run(step.argv)
            else:
                assert isinstance(step, MakeDirectory)

    def _run(self, argv: Sequence[str]) -> None:
        self.ran.append(argv)
        if argv[:1] == ("rm",):
            self.files = {path: content for path, content in self.files.items() if not path.startswith(LIBRARY)}
        if argv[-1] == TIMER:
            assert argv[1] == "disable" or UNITS[1] in self.files
            self.enabled = self.active = argv[1] != "disable"
