# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The MTU of a connection of NetworkManager, on what its own tool says."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import play_role, programs

UUID = "3c0e8d4c-2b65-4a1e-9d4f-0a1f2f3a4b5c"
OWN, OTHERS = f"100 (connected)\n{UUID}", f"100 (connected (externally))\n{UUID}"
# What the tool says of an interface, its exit code, the MTU of the connection, and whether that is changed.
INTERFACES = {
    "auto": (OWN, 0, "auto", True),
    "small": (OWN, 0, "1500", True),
    "large": (OWN, 0, "9000", False),
    "others": (OTHERS, 0, "auto", False),
    "down": ("30 (disconnected)\n", 0, "auto", False),
    "unmanaged": ("10 (unmanaged)\n", 0, "auto", False),
    "stopped": ("Error: NetworkManager is not running.", 8, "auto", False),
    "foreign": ("Error: Device 'foreign' not found.", 10, "auto", False),
    "narrow": (OWN, 0, "auto", False),
    "late": ("Error: Timeout 90 sec expired.", 3, "auto", False),
}


def nmcli(folder: Path) -> str:
    """The tool, in a folder for the path; the connection of each interface has the name of the interface as its end."""
    cases = []
    for name, (text, code, mtu, _changed) in INTERFACES.items():
        (folder / name).write_text(f"{text}-{name}\n" if UUID in text else f"{text}\n", encoding="utf-8")
        said = f"/bin/cat {folder}/{name} >&{2 if code else 1}; exit {code}"
        cases.append(f"*'device show {name}') {said};;\n*'connection show uuid {UUID}-{name}') echo {mtu};;")
    cases.append(f'*) echo "$*" >>{folder}/changed;;')
    return programs(
        folder,
        nmcli='case "$*" in\n' + "\n".join(cases) + "\nesac",
        cat="echo 1500",
        ip='case "$*" in *narrow*) echo "Error: mtu greater than device maximum." >&2; exit 2;; esac',
    )


def test_only_a_connection_of_its_own_gets_the_mtu(tmp_path: Path) -> None:
    """Where NetworkManager does not answer, or the kernel refuses the MTU, nothing is written for the next boot either."""
    hosts = {name: {"jumbo_frames_interface": name, "jumbo_frames_mtu": 9000} for name in INTERFACES}
    options = ("--tags", "configure", "-e", json.dumps({"jumbo_frames_rule_file": f"{tmp_path}/{{{{ jumbo_frames_interface }}}}.rules"}))
    failed = play_role(tmp_path, hosts, *options, path=nmcli(tmp_path), name="fleetlab.linux.jumbo_frames")
    assert set(failed) == {"late", "narrow"}
    assert "nmcli device show late ended with exit code 3: Error: Timeout 90 sec expired. Nothing was changed" in failed["late"]
    told = (tmp_path / "changed").read_text(encoding="utf-8").splitlines()
    expected = [name for name, (_text, _code, _mtu, changed) in INTERFACES.items() if changed]
    assert sorted(told) == [f"connection modify uuid {UUID}-{name} 802-3-ethernet.mtu 9000" for name in sorted(expected)]
    assert {file.stem for file in tmp_path.glob("*.rules")} == set(INTERFACES) - set(failed)
