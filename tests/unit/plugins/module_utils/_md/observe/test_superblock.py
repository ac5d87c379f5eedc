# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Superblocks read by us say what mdadm --examine says of them."""

from __future__ import annotations

import base64
import gzip
import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.block_device import shown_uuid
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.layout import decode
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.superblock import PLACE, is_left, parse, places, read_superblock
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.recorded_host import FOLDERS, RecordedHost

SIZE = 536870912
MD1_SIZE = 535756800

# mdadm takes the newest superblock it finds, and so that of the array inside.
MISTAKEN_BY_MDADM = (("metadata-1.0", "/dev/ubde"), ("metadata-1.0", "/dev/ubdf"))


def examined() -> Iterator[Tuple[Path, str, Dict[str, str]]]:
    """What observing found, the device, and the fields of mdadm's prose."""
    for file in sorted(file for folder in FOLDERS for file in folder.glob("*.examine")):
        for text in file.read_text(encoding="utf-8").split("### ")[1:]:
            node, _newline, prose = text.partition("\n")
            fields = dict(re.findall(r"^ *([A-Z][A-Za-z ]+?) : (.*)$", prose, re.MULTILINE))
            if fields:
                yield file.with_suffix(".json"), node, fields


def named(value: object) -> str:
    return f"{value.parent.name}-{value.stem}" if isinstance(value, Path) else value if isinstance(value, str) else ""


@pytest.mark.parametrize(("answers", "node", "fields"), list(examined()), ids=named)
def test_fields_agree_with_mdadm(answers: Path, node: str, fields: Dict[str, str]) -> None:
    host, scenario = RecordedHost.load(answers), answers.stem
    found = read_superblock(host, node, MD1_SIZE if node == "/dev/md1" else SIZE)
    assert found is not None
    if (scenario, node) in MISTAKEN_BY_MDADM:
        assert (found.version, fields["Version"]) == ("1.0", "1.2")
        return
    assert found.version == fields["Version"]
    assert shown_uuid(found.uuid) == fields["Array UUID"]
    assert found.label == fields["Name"].split(" ")[0]
    assert (found.level, found.raid_disks) == (fields["Raid Level"], int(fields["Raid Devices"]))
    # Between the two readings a running array counts events.
    assert scenario in ("syncing", "stripe", "degraded", "lost", "healing", "checking") or found.events == int(fields["Events"])
    assert fields["Device Role"] == (f"Active device {found.role}" if found.role is not None else "spare")
    assert found.bitmap == ("Internal Bitmap" in fields)
    if "Chunk Size" in fields:
        assert f"{found.chunk // 1024}K" == fields["Chunk Size"]
    if found.level == "raid10":
        kind, copies = fields["Layout"].split("=")
        assert decode("raid10", found.layout) == f"{kind[0]}{copies}"


def test_examined_devices_were_recorded() -> None:
    for folder in FOLDERS:
        found = [fields for answers, _node, fields in examined() if answers.parent == folder]
        assert {fields["Version"] for fields in found} >= {"1.1", "1.2"}
        assert {fields["Raid Level"] for fields in found} >= {"raid0", "raid1", "raid10"}


def test_the_superblock_of_an_array_inside_a_1_0_array_is_not_taken_for_that_of_the_disk(folder: Path) -> None:
    host = RecordedHost.load(folder / "metadata-1.0.json")
    found = read_superblock(host, "/dev/ubde", SIZE)
    assert found is not None
    assert (found.version, found.label) == ("1.0", "b1:md2")
    inside = parse("1.2", PLACE, host.read("/dev/ubde", PLACE, PLACE) or b"")
    assert inside is not None
    assert inside.label == "b1:md99"


class Disk:
    """A probe of one disk with recorded superblocks at these offsets."""

    def __init__(self, places: Dict[int, bytes]) -> None:
        self.places = places

    def read(self, _node: str, offset: int, _length: int) -> bytes:
        return self.places.get(offset, bytes(PLACE))


def test_a_superblock_that_a_former_array_left_at_the_end_hides_no_other(folder: Path) -> None:
    end = dict(places(SIZE))["1.0"]
    former = RecordedHost.load(folder / "metadata-1.0.json").read("/dev/ubde", end, PLACE) or b""
    later = RecordedHost.load(folder / "stripe.json").read("/dev/ubdb", PLACE, PLACE) or b""
    disk: Any = Disk({end: former, PLACE: later})
    one, two = parse("1.0", end, former), parse("1.2", PLACE, later)
    assert one is not None
    assert two is not None
    # Both were written to the whole disk: the data of the array with version 1.2 reach beyond the other superblock.
    assert two.data_offset + two.data_size > end
    assert is_left(end, replace(one, created=two.created - 1), two)
    assert not is_left(end, replace(one, created=two.created + 1), two)
    # The kernel's version decides, whatever was created first.
    assert [read_superblock(disk, "/dev/ubdb", SIZE, version) for version in ("1.0", "1.2", "1.1")] == [one, two, None]
    assert read_superblock(disk, "/dev/ubdb", SIZE) == (two if two.created > one.created else one)


def test_a_damaged_superblock_is_none(folder: Path) -> None:
    host = RecordedHost.load(folder / "stripe.json")
    data = bytearray(host.read("/dev/ubdb", PLACE, PLACE) or b"")
    assert parse("1.2", PLACE, bytes(data))
    assert parse("1.2", PLACE, bytes(data[:200])) is None
    assert parse("1.1", 0, bytes(data)) is None
    data[80] ^= 1
    assert parse("1.2", PLACE, bytes(data)) is None


def changed(data: bytes, features: int, role: int) -> bytes:
    """A superblock with further features, and another role of its device, with the checksum that the kernel would write."""
    block = bytearray(data)
    struct.pack_into("<I", block, 8, struct.unpack_from("<I", block, 8)[0] | features)
    number = struct.unpack_from("<I", block, 160)[0]
    struct.pack_into("<H", block, 256 + 2 * number, role)
    struct.pack_into("<I", block, 216, 0)
    length = 256 + 2 * struct.unpack_from("<I", block, 220)[0]
    total = sum(struct.unpack_from(f"<{length // 4}I", block)) + (struct.unpack_from("<H", block, length - 2)[0] if length % 4 else 0)
    struct.pack_into("<I", block, 216, ((total & 0xFFFFFFFF) + (total >> 32)) & 0xFFFFFFFF)
    return bytes(block)


def test_a_journal_is_no_spare(folder: Path) -> None:
    data = RecordedHost.load(folder / "stripe.json").read("/dev/ubdb", PLACE, PLACE) or b""
    journal, member, spare = (parse("1.2", PLACE, changed(data, *kind)) for kind in ((512, 0xFFFD), (512, 0), (0, 0xFFFF)))
    assert journal
    assert member
    assert spare
    assert [(one.role, one.journal, one.journaled, one.faulty) for one in (journal, member, spare)] == [
        (None, True, True, False),
        (0, False, True, False),
        (None, False, False, False),
    ]


def test_blank_and_tiny_devices_have_none() -> None:
    assert parse("1.2", PLACE, bytes(PLACE)) is None
    assert places(1024) == []
    assert [version for version, _offset in places(SIZE)] == ["1.0", "1.1", "1.2"]


# The first member of a raid10 in near=2 of three devices, recorded while its chunk went from 64 to 128 KiB (mdadm 4.2, Linux 6.1).
RESHAPING = (
    "H4sIAAAAAAACA/vjp72SkYGBwYUBAvZInrvyYq6UXPYUHne3FeKBxalFZalFhlamZgxYgVo8RzaI5gJiJpBBPxjB4g1AzAxVA5Jj4EHoAasD4T///zNwQAWh+jiwW8NQ"
    "96DTe0tFX+mf0vuxS95+mAtSKQAU14LazwpV9x8K2C4+LG9gIAYwMjDBdY08wDAKRsEoGAWjYBSMglEwCkbBKBgFo2BEAADrn5LqABAAAA=="
)


def test_a_reshape_counts_as_done() -> None:
    found = parse("1.2", PLACE, gzip.decompress(base64.b64decode(RESHAPING)))
    assert found
    assert (found.level, decode(found.level, found.layout), found.chunk, found.raid_disks) == ("raid10", "n2", 128 * 1024, 3)
