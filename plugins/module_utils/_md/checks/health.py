# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How healthy is an array, and which problems does it have? Pure."""

from __future__ import annotations

from typing import Iterator, List, Optional, Sequence

from ..model.array import Array, Member

_START_ANEW = "stop it (state: stopped), bring its members back, and assemble it again (state: present)"


def health(array: Array) -> str:
    """C(container), C(inactive), C(broken), C(degraded), C(recovering), C(syncing) or C(healthy)."""
    if array.container:
        return "container"
    if not array.active:
        return "inactive"
    if array.broken:
        return "broken"
    if array.degraded:
        return "recovering" if array.sync_action in ("recover", "reshape") else "degraded"
    return "syncing" if array.syncing else "healthy"


def sync_percent(array: Array) -> Optional[float]:
    """Progress of the action in C(sync_action), in percent: C(None) if there is none, 0 while it waits for its turn."""
    if array.sync_total:
        return round(array.sync_done * 100 / array.sync_total, 1)
    return 0.0 if array.syncing else None


def is_stuck(array: Array) -> bool:
    """Whether the array can become whole only after it was stopped and assembled again.

    An array has to be stopped after it has lost all its members, and if all its remaining members have blocks that are marked as bad: md
    copies nothing from such blocks to the members that return.
    """
    return array.active and (array.broken or bool(_all_marked(array)))


def problems(array: Array) -> List[str]:
    """A sentence for each finding, with its remedy; no sentence for an array that is whole, even while its first resync runs."""
    if array.container:
        return []
    return list(_stopped(array) if not array.active else _running(array))


def _stopped(array: Array) -> Iterator[str]:
    count = len([member for member in array.members if member.slot is not None])
    yield _sentence(
        array,
        f"does not run: udev has collected {count} of its {array.raid_disks} members",
        "bring the other members back, or assemble it without them (state: present with run_degraded)",
    )


def _running(array: Array) -> Iterator[str]:
    if array.broken:
        yield _sentence(array, "is broken: it has lost more members than it can, and it takes no writes", _START_ANEW)
    failed = [member for member in array.members if member.faulty]
    if failed:
        yield _sentence(array, f"has the failed members {_nodes(failed)}", "replace them (replace_failed)")
    away = [member for member in array.members if not member.faulty and not member.online]
    if away:
        yield _sentence(array, f"has members that do not answer, {_nodes(away)}", "bring their disks back")
    if array.degraded and not array.broken:
        yield _degraded(array)
    if array.mismatch_cnt and array.last_action == "check" and array.sync_action != "check":
        yield _sentence(
            array,
            f"has {array.mismatch_cnt} sectors that differ between copies, as its last check found",
            f"check it again (check); if they stay, look at its data, and have md make the copies equal: echo repair >"
            f" /sys/block/{array.kernel_name}/md/sync_action",
        )


def _degraded(array: Array) -> str:
    if array.sync_action == "reshape" and array.level == "raid4" and array.free_slots == (array.raid_disks - 1,):
        return _sentence(array, "is a raid4 without its parity member, as a stripe is while it grows", "wait for it (wait: sync)")
    count = f"is degraded: {array.raid_disks - array.degraded} of {array.raid_disks} members hold current data"
    marked = _all_marked(array)
    if marked:
        return _sentence(array, f"{count}, and blocks are marked as bad on all of them ({_nodes(marked)})", _START_ANEW)
    if array.sync_action in ("recover", "reshape"):
        return _sentence(array, f"{count}, and it is being made whole", "wait for it (wait: sync)")
    return _sentence(array, count, "bring its members back (replace_failed)")


def _all_marked(array: Array) -> Sequence[Member]:
    """All members with current data, if each has blocks that are marked as bad, so that the array cannot become whole; else none."""
    current = [member for member in array.members if member.in_sync]
    stays = array.degraded and array.sync_action == "idle"
    return current if stays and all(member.lacks != () for member in current) else ()


def _sentence(array: Array, finding: str, remedy: str) -> str:
    return f"array {array.shown_name} ({array.node}) {finding}; {remedy}"


def _nodes(members: Sequence[Member]) -> str:
    return ", ".join(member.node for member in members)
