# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host can be like. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Optional, Tuple

from .conf import Conf, value_of
from .program import EVENT


@dataclass(frozen=True)
class State:
    """The files that this module writes, and the parts of the host on which it depends.

    C(files) are the contents of existing files by path, C(wanted_files) the contents that they shall have. C(access) are the paths of
    files whose mode or owner differs. C(confs) are the files of mdadm, the main file first; C(None) if mdadm is not installed.
    """

    interpreter: str
    files: Mapping[str, str] = field(default_factory=dict)
    wanted_files: Mapping[str, str] = field(default_factory=dict)
    access: Tuple[str, ...] = ()
    timer_enabled: bool = False
    timer_active: bool = False
    leftovers: Tuple[str, ...] = ()
    confs: Optional[Tuple[Conf, ...]] = None
    has_arrays: bool = False
    has_sendmail: bool = False
    program_runs: bool = True
    textfile_exists: bool = True

    @property
    def mail(self) -> Optional[str]:
        """The address to which mdadm's monitor mails."""
        found = value_of(self.confs or (), "MAILADDR")
        return found[0] if found else None

    @property
    def program(self) -> Optional[str]:
        """The program that mdadm's monitor starts."""
        found = value_of(self.confs or (), "PROGRAM")
        return found[0] if found else None

    @property
    def has_own_program(self) -> bool:
        """Whether that program is this collection's."""
        return self.program == EVENT
