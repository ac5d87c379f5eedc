# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From names to volumes and command lines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.commands import fio_argv, make_commands, queue_depth
from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.plan import PATTERNS
from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.subjects import BenchmarkError, find_subject, make_volumes

IQN = "iqn.2026-01.com.example.storage"


def device(name: str, server: int, lun: int, suffix: str = "", **changes: Any) -> dict[str, Any]:
    """A disk as iscsi_session_info reports it."""
    target = f"{IQN}:server{server}{suffix}"
    path = f"/dev/disk/by-path/ip-10.99.0.1{server}:3260-iscsi-{target}-lun-{lun}"
    return {"target": target, "lun": lun, "device": f"/dev/{name}", "by_path": path, "rotational": False, **changes}


def array(name: str, kernel_name: str, level: str, members: list[str], **changes: Any) -> dict[str, Any]:
    """An array as md_array_info reports it; a member with ! is faulty."""
    shown = [{"device": f"/dev/{member.strip('!')}", "state": "faulty" if "!" in member else "in_sync"} for member in members]
    return {
        "name": name,
        "device": f"/dev/{kernel_name}",
        "kernel_name": kernel_name,
        "level": level,
        "layout": "o3" if level == "raid10" else None,
        "chunk": 512,
        "members": shown,
        **changes,
    }


DEVICES = [
    *(device(f"sd{'abc'[server - 1]}{lun}", server, lun) for server in (1, 2, 3) for lun in (0, 1)),
    *(device(f"sdx{server}", server, 0, "-benchmark") for server in (1, 2, 3)),
]
ARRAYS = [
    array("md1", "md1", "raid10", ["sda0", "sdb0", "sdc0"]),
    array("md2", "md2", "raid10", ["sda1", "sdb1", "sdc1"]),
    array("md99", "md99", "raid0", ["md1", "md2"]),
    array("bench-n3", "md127", "raid10", ["sdx1", "sdx2", "sdx3!"], layout="n3", device="/dev/md/bench-n3"),
    array("elsewhere", "md3", "raid1", ["vda"]),
]
VOLUMES = make_volumes(DEVICES)


def disks(name: str) -> list[str]:
    return [volume.disk for volume in find_subject(name, VOLUMES, ARRAYS).volumes]


def test_volumes_are_taken_from_one_server_after_the_other() -> None:
    assert disks("scale_4") == ["sda0", "sdb0", "sdc0", "sda1"]
    assert disks("one_lun") == ["sda0"]
    assert disks("one_server") == ["sda0", "sda1"]


def test_a_stripe_is_on_the_disks_of_its_mirrors() -> None:
    subject = find_subject("md99", VOLUMES, ARRAYS)
    assert disks("md99") == ["sda0", "sdb0", "sdc0", "sda1", "sdb1", "sdc1"]
    assert (subject.width, subject.level, subject.layout, subject.paths) == (2, "raid10", "o3", ("/dev/md99",))


def test_a_leg_that_failed_is_no_help() -> None:
    subject = find_subject("layout_n3", VOLUMES, ARRAYS)
    assert [volume.disk for volume in subject.volumes] == ["sdx1", "sdx2"]
    assert (subject.layout, subject.paths, subject.width) == ("n3", ("/dev/md/bench-n3",), 1)


@pytest.mark.parametrize(
    ("name", "words"), [("scale_7", "6 volumes, 7"), ("md7", "no array md7"), ("layout_f3", "bench-f3"), ("elsewhere", "vda")]
)
def test_what_is_not_there_is_named(name: str, words: str) -> None:
    with pytest.raises(BenchmarkError, match=words):
        find_subject(name, VOLUMES, ARRAYS)


def test_a_disk_without_a_lasting_name_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="sdq"):
        make_volumes([device("sdq", 1, 0, by_path=None)])


def test_reads_are_opened_read_only_and_colons_do_not_part_file_names() -> None:
    argv = fio_argv(find_subject("scale_2", VOLUMES, ARRAYS), PATTERNS["rand"], 16, 6, 2, "libaio")
    assert "--readonly" in argv
    names = [word for word in argv if word.startswith("--filename=")]
    assert len(names) == 2
    assert all(":" not in word.replace("\\:", "") for word in names)
    assert {"--iodepth=16", "--iodepth_batch_submit=1", "--iodepth_batch_complete_max=16"} <= set(argv)
    assert argv.index("--runtime=6") < argv.index("--name=scale_2-1")


def test_a_deep_queue_is_filled_a_sixteenth_at_a_time() -> None:
    argv = fio_argv(find_subject("md99", VOLUMES, ARRAYS), PATTERNS["rand"], 16, 6, 2, "libaio")
    assert {"--iodepth=96", "--iodepth_batch_submit=6"} <= set(argv)


def test_streams_divide_the_device_and_the_depth() -> None:
    argv = fio_argv(find_subject("layout_n3", VOLUMES, ARRAYS), PATTERNS["seq4"], 4, 6, 2, "libaio")
    assert {"--numjobs=4", "--offset_increment=25%", "--size=25%", "--iodepth=2"} <= set(argv)


@pytest.mark.parametrize("name", ["md99", "md1", "one_lun", "scale_3"])
@pytest.mark.parametrize("pattern", ["write", "randwrite"])
def test_only_what_the_benchmark_made_is_written_to(name: str, pattern: str) -> None:
    with pytest.raises(BenchmarkError, match="refused to write"):
        fio_argv(find_subject(name, VOLUMES, ARRAYS), PATTERNS[pattern], 4, 6, 2, "libaio")
    assert "--readonly" not in fio_argv(find_subject("layout_n3", VOLUMES, ARRAYS), PATTERNS[pattern], 4, 6, 2, "libaio")


def test_the_depth_is_for_each_volume_up_to_a_sum() -> None:
    stripe, lun = find_subject("md99", VOLUMES, ARRAYS), find_subject("one_lun", VOLUMES, ARRAYS)
    assert queue_depth(PATTERNS["rand"], stripe, 16) == 96
    many = replace(stripe, volumes=stripe.volumes * 5)
    assert queue_depth(PATTERNS["rand"], many, 16) == 256
    assert queue_depth(PATTERNS["rand"], many, 32) == 512
    assert queue_depth(PATTERNS["seq"], lun, 100) == 100


def test_commands_carry_what_the_results_need() -> None:
    stage = {
        "speed": [5.0, 150],
        "lost": 1,
        "runs": [{"id": "1: layout_n3 rand", "subject": "layout_n3", "pattern": "rand", "depth": None, "repeat": 2}],
    }
    (command,) = make_commands(stage, DEVICES, ARRAYS, {"seconds": "6", "warm_up": "2", "engine": "libaio"})
    facts = command["facts"]
    assert (command["id"], command["disks"], command["seconds"]) == ("1: layout_n3 rand", ["sdx1", "sdx2"], 6.0)
    assert facts["legs"] == {"sdx1": "server1-benchmark/0", "sdx2": "server2-benchmark/0"}
    assert (facts["lost"], facts["volume_iops"], facts["layout"], facts["usual_depth"], facts["queue_depth"]) == (1, 150, "n3", True, 32)
