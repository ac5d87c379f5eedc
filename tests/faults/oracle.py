# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conditions after every fault: no data lost, equal copies in the mirrors, no kernel errors, no change by the playbook."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Mapping

from . import traffic
from .lab import Lab, Run, wait_until

_COMPLAINTS = re.compile(
    r"BUG:|Oops|Call Trace:|blocked for more than|EXT4-fs error|EXT4-fs warning|Buffer I/O error on dev(ice)? md|"
    r"Remounting filesystem read-only|md.*: (unrecoverable|Cannot continue)|Kernel panic"
)
"""Errors of a single disk belong to a fault, but these errors do not."""

_MIRROR = re.compile(r"(?P<name>md\d+) (?P<degraded>\d+) (?P<action>\w+)(?P<members>(?: \w+=\S*)*)")
"""One mirror in the output of L(mirrors)."""


@dataclass(frozen=True)
class Mirror:
    """One mirror as sysfs shows it. C(degraded) is the number of members it lacks; C(members) maps disks to their states."""

    name: str
    degraded: int
    action: str
    members: Mapping[str, str]


def mirrors(lab: Lab) -> list[Mirror]:
    """The mirrors of the client, all read at once."""
    members = 'for disk in dev-*; do echo "${disk#dev-}=$(cat $disk/state)"; done'
    # A file that cannot be read is an error with its reason, and not an empty word.
    line = f"missing=$(cat degraded) && action=$(cat sync_action) && echo $array $missing $action $({members})"
    command = f"for array in {' '.join(lab.mirrors)}; do cd /sys/block/$array/md && {line} || exit; done"
    shown = lab.run(lab.client, command)
    found = [match for line in shown.splitlines() if (match := _MIRROR.fullmatch(line))]
    assert [match["name"] for match in found] == lab.mirrors, f"the mirrors show {shown!r}"
    return [_mirror(match) for match in found]


def _mirror(match: re.Match[str]) -> Mirror:
    states = (state.split("=", 1) for state in match["members"].split())
    return Mirror(match["name"], int(match["degraded"]), match["action"], dict(states))


def degraded(lab: Lab) -> list[int]:
    """The number of members that each mirror lacks."""
    return [mirror.degraded for mirror in mirrors(lab)]


def wait_ejected(lab: Lab, count: int = 1, limit: float = 60) -> float:
    """Wait until every mirror lacks that many members; returns the seconds it took."""
    return wait_until(lambda: min(degraded(lab)) >= count, limit, f"{count} members of each mirror ejected")


def wait_logged_in(lab: Lab, limit: float = 60) -> float:
    """Wait until every server has a session that is logged in; returns the seconds it took."""
    wanted = ["LOGGED_IN"] * len(lab.servers)
    return wait_until(
        lambda: lab.run(lab.client, "cat /sys/class/iscsi_session/*/state").split() == wanted, limit, "a session with every server"
    )


def none_ejected(lab: Lab) -> None:
    """All sessions have to be logged in, or log in again in time, and no mirror may lack a member."""
    wait_logged_in(lab)
    assert degraded(lab) == [0] * len(lab.mirrors), f"members were ejected: {degraded(lab)}"


def wait_whole(lab: Lab, limit: float = 300) -> float:
    """Wait until every mirror is idle with all members in sync; returns the seconds it took."""

    def whole() -> bool:
        # An array that nobody has written to since it was assembled keeps its resync waiting until somebody does.
        return all(mirror.degraded == 0 and mirror.action == "idle" for mirror in mirrors(lab))

    try:
        return wait_until(whole, limit, "mirrors whole and idle")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{lab.run(lab.client, 'cat /proc/mdstat')}") from None


def mismatches(lab: Lab) -> dict[str, int]:
    """Let md compare all copies; returns mismatch_cnt, in sectors, of each mirror."""
    lab.run(lab.client, f"sync; for array in {' '.join(lab.mirrors)}; do echo check > /sys/block/$array/md/sync_action || exit; done")
    wait_until(lambda: all(mirror.action == "idle" for mirror in mirrors(lab)), 300, "the check of the mirrors")
    lines = lab.run(lab.client, f"grep -H . $(printf '/sys/block/%s/md/mismatch_cnt ' {' '.join(lab.mirrors)})").splitlines()
    return {line.split("/")[3]: int(line.rpartition(":")[2]) for line in lines}


def mark(lab: Lab, word: str) -> None:
    """Write a word into the log of every kernel; later messages are checked."""
    for guest in lab.guests:
        lab.try_run(guest, f"echo '{word}' > /dev/kmsg")


def complaints(lab: Lab, word: str) -> list[str]:
    """The errors in the kernels' logs since that word, or since their boot."""
    found = []
    for guest in lab.guests:
        log = lab.run(guest, "dmesg")
        lines = log.rpartition(word)[2].splitlines()
        found += [f"{guest}: {line}" for line in lines if _COMPLAINTS.search(line)]
    return found


def lost_writes(lab: Lab, acknowledged: Mapping[int, int]) -> list[str]:
    """Slots with older content than the acknowledged write."""
    found = traffic.slots(lab)
    lost = [f"slot {slot} holds {found[slot]}, acknowledged was {number}" for slot, number in acknowledged.items() if found[slot] < number]
    return lost + [f"slot {slot} is broken" for slot, number in enumerate(found) if number < 0]


def converges(run: Run) -> None:
    """A run of the playbook has to succeed."""
    assert run.exit_code == 0, f"the playbook ended with exit code {run.exit_code}: {run.end}"


def changes_nothing(run: Run) -> None:
    """A second run has to change nothing."""
    converges(run)
    task, changed = "", []
    for line in run.output.splitlines():
        if line.startswith("TASK ["):
            task = line[len("TASK [") :].rpartition("]")[0]
        elif line.startswith("changed: ["):
            changed.append(task)
    assert run.changed == 0, f"a further run changed {run.changed}: {changed or run.end}"
