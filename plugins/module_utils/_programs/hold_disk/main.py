# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C(hold-disk KEY DEVICE), which udev calls for each disk of the declared targets before anything uses the disk.

It prints C(FLEETLAB_DISK=) with C(held); C(taken), if another host holds the disk; C(unnamed), if the disk is a member of an md array that
the configuration of mdadm does not name; or C(failed).
"""

from __future__ import annotations

import os
import re
import sys
from typing import List, Mapping, Optional

from .hold import hold
from .scsi import Disk, Failed, Refused

CONFIGURATIONS = ("/etc/mdadm/mdadm.conf", "/etc/mdadm.conf")
USAGE = "usage: hold-disk KEY DEVICE\n"


def main(arguments: Optional[List[str]] = None) -> int:
    """Entry point; the exit code is 0 for a disk that may be used."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 2 or not re.fullmatch(r"0x[0-9a-f]{1,16}", given[0]):
        sys.stderr.write(USAGE)
        return 2
    found = outcome(Disk(given[1]), int(given[0], 16), os.environ, read_configuration())
    sys.stdout.write(f"FLEETLAB_DISK={found}\n")
    # udev ignores the output of a program that fails.
    return 0


def outcome(disk: Disk, key: int, event: Mapping[str, str], configuration: str) -> str:
    """Hold the disk, and say whether it may be used."""
    try:
        held = hold(disk, key)
    except (Failed, Refused) as error:
        sys.stderr.write(f"hold-disk: {error}\n")
        return "failed"
    if not held:
        return "taken"
    member = event.get("ID_FS_TYPE") == "linux_raid_member"
    return "unnamed" if member and not names(configuration, event.get("ID_FS_UUID", "")) else "held"


def names(configuration: str, uuid: str) -> bool:
    """Whether a configuration of mdadm names the array with this UUID, in any of the two spellings."""
    found = re.findall(r"^\s*ARRAY\b.*?\buuid=([0-9a-f:-]+)", configuration, re.MULTILINE | re.IGNORECASE)
    return bool(uuid) and _plain(uuid) in {_plain(one) for one in found}


def _plain(uuid: str) -> str:
    return re.sub("[^0-9a-f]", "", uuid.lower())


def read_configuration() -> str:
    """The text of all configuration files of mdadm."""
    folders = [f"{path}.d" for path in CONFIGURATIONS if os.path.isdir(f"{path}.d")]
    files = [*CONFIGURATIONS, *(f"{folder}/{name}" for folder in folders for name in sorted(os.listdir(folder)) if name.endswith(".conf"))]
    texts = []
    for file in files:
        try:
            with open(file, encoding="utf-8", errors="replace") as stream:
                # A line that begins with white space continues the line before it.
                texts.append(re.sub(r"\n[ \t]+", " ", stream.read()))
        except FileNotFoundError:
            continue
    return "\n".join(texts)
