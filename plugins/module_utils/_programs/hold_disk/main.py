# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C(hold-disk KEY DEVICE), which udev calls for each disk of the declared targets, and its partitions, before anything uses the disk.

It prints C(FLEETLAB_DISK=) with C(held); C(taken), if another host holds the disk; C(unnamed), if the disk or the partition is a member of
an md array that the configuration of mdadm does not name; or C(failed), if the disk cannot be held.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Dict, Iterator, List, Mapping, Optional

from .hold import hold
from .scsi import Disk, Failed, Refused

_CONTAINERS = {"ddf_raid_member": "ddf", "isw_raid_member": "imsm"}
"""The kinds of metadata besides its own that mdadm assembles at boot, by their names in libblkid."""

CONFIGURATIONS = ("/etc/mdadm/mdadm.conf", "/etc/mdadm.conf")
USAGE = "usage: hold-disk KEY DEVICE\n"


def main(arguments: Optional[List[str]] = None) -> int:
    """Entry point; the exit code is 0 for a disk that may be used."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 2 or not re.fullmatch(r"0x[0-9a-f]{1,16}", given[0]):
        sys.stderr.write(USAGE)
        return 2
    found = outcome(Disk(disk_of(given[1], os.environ)), int(given[0], 16), os.environ, read_configuration())
    sys.stdout.write(f"FLEETLAB_DISK={found}\n")
    # udev ignores the output of a program that fails.
    return 0


def disk_of(node: str, event: Mapping[str, str]) -> str:
    """The device node of the whole disk, which alone has a reservation: in sysfs a partition lies in the folder of its disk."""
    folders = event.get("DEVPATH", "").split("/")
    return f"/dev/{folders[-2]}" if event.get("DEVTYPE") == "partition" and len(folders) > 1 else node


def outcome(disk: Disk, key: int, event: Mapping[str, str], configuration: str) -> str:
    """Hold the disk, and say whether it may be used."""
    try:
        found = "held" if hold(disk, key) else "taken"
    except (Failed, Refused) as error:
        sys.stderr.write(f"hold-disk: {error}\n")
        found = "failed"
    # A disk that cannot be held may be of another host all the more.
    return "unnamed" if found != "taken" and is_unnamed(event, configuration) else found


def is_unnamed(event: Mapping[str, str], configuration: str) -> bool:
    """Whether a device is a member of an array, or of a container (DDF, IMSM), that the configuration does not name."""
    kind = event.get("ID_FS_TYPE", "")
    if kind in _CONTAINERS:
        # libblkid has no UUID of a container that mdadm knows.
        return not any(line.get("metadata") == _CONTAINERS[kind] for line in _array_lines(configuration))
    return kind == "linux_raid_member" and not names(configuration, event.get("ID_FS_UUID", ""), event.get("ID_FS_LABEL", ""))


def names(configuration: str, uuid: str, label: str = "") -> bool:
    """Whether a configuration of mdadm names the array with this UUID, in any spelling; a line without a UUID counts by its name."""
    for line in _array_lines(configuration):
        if "uuid" in line and uuid and _plain(line["uuid"]) == _plain(uuid):
            return True
        if "uuid" not in line and label and line.get("name") in (label, label.rpartition(":")[2]):
            return True
    return False


def _array_lines(configuration: str) -> Iterator[Dict[str, str]]:
    """The words with a value of each ARRAY line. mdadm takes three letters of a keyword for the whole."""
    for line in re.findall(r"^[ \t]*ARR(?:AY?)?[ \t](.*)", configuration, re.MULTILINE | re.IGNORECASE):
        words = [word.partition("=") for word in re.split(r"(?:^|\s)#", line)[0].split()]
        yield {key.lower(): value.strip("\"'") for key, _equals, value in words}


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
