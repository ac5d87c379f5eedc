# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule of udev that sets the MTU at boot, against what the kernel says while udev gives interfaces their names."""

from __future__ import annotations

import re

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import ROOT, load, render

RECORDED = ROOT / "tests" / "fixtures" / "udev" / "257" / "renamed.txt"


@pytest.mark.parametrize(("interface", "actions"), [("eth1", ["add"]), ("enp9s0", ["move"])])
def test_an_interface_has_the_mtu_at_boot_also_if_udev_gives_it_its_name(interface: str, actions: list[str]) -> None:
    """Recorded with C(udevadm monitor --kernel --property): the kernel adds eth0 and eth1, and udev renames eth0 to enp9s0."""
    text = render(load("jumbo_frames", "vars/main.yml")["jumbo_frames_rule"], jumbo_frames_interface=interface, jumbo_frames_mtu=9000)
    keys = dict(re.findall(r'([A-Z]+)=="([^"]+)"', text))
    events = [dict(re.findall("^([A-Z_]+)=(.*)$", event, re.M)) for event in RECORDED.read_text(encoding="utf-8").split("\n\n")]
    assert [
        event["ACTION"]
        for event in events
        if event.get("ACTION") in keys["ACTION"].split("|")
        and (event["SUBSYSTEM"], event["INTERFACE"]) == (keys["SUBSYSTEM"], keys["KERNEL"])
    ] == actions
