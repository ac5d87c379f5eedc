# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fio with one job, with a group of three, and with writes, with the options of the benchmark. On a file, so the figures mean nothing."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.fleetlab.linux.tests.record.recording import Folder, run

FILE = "/var/tmp/record-fio"
COMMON = ("--ioengine=libaio", "--direct=1", "--ramp_time=1", "--runtime=2", "--time_based")
SCENES = {
    "md99_rand.json": ("--name=x", *COMMON, "--rw=randread", "--bs=4k", "--iodepth=240", f"--filename={FILE}1"),
    "scale_3_seq.json": (
        *COMMON,
        "--rw=read",
        "--bs=1M",
        "--iodepth=4",
        "--group_reporting",
        *(word for number in (1, 2, 3) for word in (f"--name=scale_3-{number}", f"--filename={FILE}{number}")),
    ),
    "layout_o3_write.json": ("--name=layout_o3-1", *COMMON, "--rw=write", "--bs=1M", "--iodepth=4", "--size=32M", f"--filename={FILE}1"),
}


def record(output: Path) -> None:
    """All scenes."""
    folder = Folder(output / "fio" / run("fio", "--version").strip().partition("-")[2])
    files = [Path(f"{FILE}{number}") for number in (1, 2, 3)]
    try:
        for file in files:
            run("dd", "if=/dev/zero", f"of={file}", "bs=1M", "count=64", "status=none")
        for name, options in SCENES.items():
            folder.save(name, run("fio", "--output-format=json", *options))
    finally:
        for file in files:
            file.unlink(missing_ok=True)
