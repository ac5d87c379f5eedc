# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only reader: puts together what L(target_plan) depends on."""

from __future__ import annotations

import os

from .target_boot import find_saved_file, find_unit, read_boot
from .target_configfs import CONFIGFS, read_backstores, read_exports, read_targets
from .target_devices import look_at, portal_problems
from .target_saved import read_saved
from .target_state import Boot, System, Wanted


def observe(wanted: Wanted, root: str = "") -> System:
    """Read this machine as far as one target is concerned.

    :raises ObservationError: the saved file or the boot service is unusable.
    """
    top = f"{root}{CONFIGFS}"
    unit, path = find_unit(root)
    targets = read_targets(root)
    listening = {portal for target in targets.values() for portal in target.portals}
    free = [portal for portal in wanted.portals if portal not in listening]
    return System(
        saved=read_saved(path, root),
        boot=read_boot(unit, wanted.iqn, root),
        kernel_ready=os.path.isdir(f"{top}/core") and os.path.isdir(f"{top}/iscsi"),
        targets=targets,
        backstores=read_backstores(root),
        exports=read_exports(root),
        paths={lun.path: look_at(lun.path, root) for lun in wanted.luns or ()} if wanted.state == "present" else {},
        portal_problems=portal_problems(free) if wanted.state == "present" else {},
    )


def observe_all(root: str = "") -> System:
    """Read every target of this machine, for L(describe_target)."""
    return System(
        saved=read_saved(find_saved_file(root), root),
        boot=Boot(""),
        targets=read_targets(root),
        backstores=read_backstores(root),
        exports=read_exports(root),
    )
