# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service whose /tmp is the host's, systemd's own private one, a tmpfs, or a folder on disk; and when timers fire as clocks change."""

from __future__ import annotations

import grp
import shutil
from pathlib import Path

from ansible_collections.fleetlab.linux.plugins.module_utils._host.systemd import SYSTEM_FOLDER, drop_in_folder
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp import render
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.observe.service import PROPERTIES
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.options import Wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.state import PLACES
from ansible_collections.fleetlab.linux.tests.record.recording import Folder, run

SERVICE = "demo.service"
# Its start has ended when its mounts are made.
UNIT = "[Service]\nType=exec\nUser=www-data\nExecStart=/bin/sleep infinity\n"
PRIVATE_TMP = "[Service]\nPrivateTmp=yes\nReadWritePaths=/var/lib -/srv\nNoExecPaths=/var/tmp\n"
DYNAMIC_USER = "[Service]\nDynamicUser=yes\n"
TMPFS = Wanted(SERVICE, size="16M")
DISK = Wanted(SERVICE, backing="disk")
# A name from systemd-escape, as for a device or a path, and what systemctl prints in quotes because of its backslash.
ESCAPED = "demo\\x2done.service"
ESCAPED_UNIT = (
    '[Unit]\nJoinsNamespaceOf=demo\\x2dtwo.service\n[Service]\nEnvironment="TMPDIR=/tmp/a b" A=b\nExecStart=/bin/sleep infinity\n'
)
LISTS = ("DropInPaths", "JoinsNamespaceOf", "Environment", "TriggeredBy")
DAYS = (
    ("2025-03-29", "03:30", "Europe/Sofia"),
    ("2025-10-25", "03:30", "Europe/Sofia"),
    ("2025-10-04", "02:15", "Australia/Lord_Howe"),
    ("2025-04-05", "01:45", "Australia/Lord_Howe"),
)


def record(output: Path) -> None:
    """All scenes."""
    folder = Folder(output / "systemd" / run("systemctl", "--version").split()[1])
    gid = grp.getgrnam("www-data").gr_gid
    unit, drop_ins = Path(SYSTEM_FOLDER, SERVICE), Path(drop_in_folder(SERVICE))
    helper = Path(render.helper_path(SERVICE))
    unit.write_text(UNIT, encoding="utf-8")
    folder.save("mountinfo_host.txt", Path("/proc/1/mountinfo").read_text(encoding="utf-8"))
    try:
        helper.write_text(render.helper(DISK, PLACES, gid), encoding="utf-8")
        for case, name, text in (
            ("private_tmp", "a.conf", PRIVATE_TMP),
            ("dynamic_user", "a.conf", DYNAMIC_USER),
            ("tmpfs", Path(render.drop_in_path(SERVICE)).name, render.drop_in(TMPFS, PLACES, gid)),
            ("disk", Path(render.drop_in_path(SERVICE)).name, render.drop_in(DISK, PLACES, gid)),
        ):
            shutil.rmtree(drop_ins, ignore_errors=True)
            drop_ins.mkdir()
            (drop_ins / name).write_text(text, encoding="utf-8")
            run("systemctl", "daemon-reload")
            run("systemctl", "restart", SERVICE)
            shown = _show(SERVICE)
            folder.save(f"show_{case}.txt", shown)
            pid = next(line.partition("=")[2] for line in shown.splitlines() if line.startswith("MainPID="))
            folder.save(f"mountinfo_{case}.txt", Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8"))
    finally:
        run("systemctl", "stop", SERVICE, render.helper_name(SERVICE))
        shutil.rmtree(drop_ins, ignore_errors=True)
        for file in (unit, helper):
            file.unlink(missing_ok=True)
        run("systemctl", "daemon-reload")
    folder.save("show_missing.txt", _show("nope.service"))
    folder.save("show_escaped.txt", _escaped())
    folder.save("calendar-on-days-of-change.txt", "".join(_calendar(*day) for day in DAYS))


def _escaped() -> str:
    drop_ins, socket = Path(drop_in_folder(ESCAPED)), ESCAPED.replace(".service", ".socket")
    texts = {
        Path(SYSTEM_FOLDER, ESCAPED): ESCAPED_UNIT,
        Path(SYSTEM_FOLDER, socket): "[Socket]\nListenStream=/run/demo\n",
        drop_ins / "a.conf": "[Service]\nNice=1\n",
    }
    drop_ins.mkdir()
    try:
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
        run("systemctl", "daemon-reload")
        run("systemctl", "start", socket)
        return run("systemctl", "show", f"--property={','.join(LISTS)}", "--", ESCAPED)
    finally:
        run("systemctl", "stop", socket)
        for path in texts:
            path.unlink(missing_ok=True)
        drop_ins.rmdir()
        run("systemctl", "daemon-reload")


def _show(service: str) -> str:
    return run("systemctl", "show", f"--property={','.join(PROPERTIES)}", "--", service)


def _calendar(day: str, clock: str, zone: str) -> str:
    base, when = f"{day} 12:00:00 UTC", f"*-*-* {clock}:00 {zone}"
    printed = run("systemd-analyze", "calendar", f"--base-time={base}", "--iterations=3", when)
    return f"$ systemd-analyze calendar --base-time='{base}' --iterations=3 '{when}'\n{printed}"
