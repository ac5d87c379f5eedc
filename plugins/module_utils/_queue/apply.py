# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operation of the plan: have the disks follow the rule, and wait until they do."""

from __future__ import annotations

import time
from functools import partial
from typing import Sequence

from .._core.errors import ObservationError
from .._core.plan import Operations
from .._core.runner import Runner
from .._host.files import Host
from .observe import read_disks
from .options import Wanted
from .plan import FOLLOW
from .state import State, differences, names

_SETTLE = ("udevadm", "settle", "--timeout=30")
_PAUSE = 0.5


def operations(wanted: Wanted, runner: Runner, host: Host) -> Operations:
    """The operations of plans, by name."""
    return {FOLLOW: partial(follow, host, runner, wanted)}


def follow(host: Host, runner: Runner, wanted: Wanted, disks: Sequence[str]) -> None:
    """Trigger udev for the disks, and again for disks that still differ, until all have the values of the rule.

    Disks are triggered by name, because a trigger by property skips a disk that udev has not recorded yet. They are triggered again,
    because an event that udev handled when the rule was written used the old rules.

    :raises ObservationError: disks do not follow in time. udev gives no error for a value that the kernel does not accept.
    """
    looks = max(1, round(wanted.timeout / _PAUSE))
    for look in range(looks):
        if look:
            time.sleep(_PAUSE)
        _trigger(runner, disks)
        left = differences(State(None, read_disks(host, wanted)), wanted)
        if not left:
            return
        disks = names(left)
    raise ObservationError(
        f"udev was asked {looks} times to set the values of the rule, and disks still differ: {'; '.join(map(str, left))}. A disk may"
        " not accept such a value: see cat /sys/block/DISK/queue/NAME and journalctl --unit=systemd-udevd"
    )


def _trigger(runner: Runner, disks: Sequence[str]) -> None:
    # Exit code 1: events are still running after this time, or the disk was removed. The next reading shows which disks still differ.
    runner.run(_SETTLE, accept=(0, 1))
    for disk in disks:
        runner.run(("udevadm", "trigger", "--action=change", f"/sys/class/block/{disk}"), accept=(0, 1))
    runner.run(_SETTLE, accept=(0, 1))
