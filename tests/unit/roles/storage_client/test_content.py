# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file system is made only on a stripe on which libblkid finds nothing; the stripe is a file here, which wipefs itself looks into."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import Stubs, play_tasks, programs


def _blank(stripe: Path) -> None:
    stripe.write_bytes(bytes(4 << 20))


def _formatted(stripe: Path) -> None:
    _blank(stripe)
    subprocess.run(["mkfs.ext4", "-q", str(stripe)], check=True)


def _swap(stripe: Path) -> None:
    _blank(stripe)
    subprocess.run(["mkswap", str(stripe)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _partitioned(stripe: Path) -> None:
    _blank(stripe)
    with stripe.open("r+b") as stream:
        stream.seek(446)
        # One partition of type 83, from sector 2048.
        stream.write(
            bytes([0, 0, 2, 0, 0x83, 0, 2, 0]) + (2048).to_bytes(4, "little") + (4096).to_bytes(4, "little") + bytes(48) + b"\x55\xaa"
        )


def _both(stripe: Path) -> None:
    """An ext4 beside the signature of a swap, which blkid reports as neither."""
    _formatted(stripe)
    with stripe.open("r+b") as stream:
        stream.seek(4086)
        stream.write(b"SWAPSPACE2")


@pytest.mark.parametrize("options", [(), ("--check",)])
@pytest.mark.parametrize(
    ("content", "refused", "made"),
    [(_blank, "", True), (_formatted, "", False), (_swap, "swap", False), (_partitioned, "dos", False), (_both, "", False)],
)
def test_other_content_is_refused_by_its_kind(
    tmp_path: Path,
    client: dict[str, Any],
    content: Callable[[Path], None],
    refused: str,
    made: bool,
    options: tuple[str, ...],
) -> None:
    stripe = tmp_path / "stripe"
    content(stripe)
    before = stripe.read_bytes()
    Stubs(tmp_path, {"md_array": {"arrays": []}, "mount_info": {"mounted": False}})
    general = Stubs(tmp_path, {"filesystem": {}}, "community.general")
    Stubs(tmp_path, {"mount": {}}, "ansible.posix")
    path = programs(tmp_path, wipefs=f'exec {shutil.which("wipefs")} --json --no-act "{stripe}"', fsck="")
    variables = {**client, "storage_client_sessions": {"devices": [], "sessions": []}, "storage_client_smaller": []}
    played = play_tasks(tmp_path, {"client1": variables}, *options, path=path, name="fleetlab.linux.storage_client", tasks_from="arrays")
    failed = [one["hosts"]["client1"]["msg"] for one in played if one["hosts"]["client1"].get("failed")]
    begin = f"client1: /dev/md99 has no ext4 but {refused}, and was left as it is. "
    assert [message[: len(begin)] for message in failed] == ([begin] if refused else [])
    calls = general.called("filesystem")
    assert [call.get("resizefs", False) for call in calls] == [False] * made + [True] * (not refused)
    assert stripe.read_bytes() == before
