# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every machine: frames of full size reach every other machine, and the limits are in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from testinfra.host import Host

    from .conftest import Lab

testinfra_hosts = ["ansible://lab"]


def test_no_unit_failed(host: Host) -> None:
    assert host.check_output("systemctl --failed --no-legend --plain") == ""


def test_mtu(host: Host, lab: Lab) -> None:
    interface = host.ansible.get_variables()["jumbo_frames_interface"]
    assert host.file(f"/sys/class/net/{interface}/mtu").content_string.strip() == str(lab.mtu)


def test_full_size_frames_reach_every_peer(host: Host, lab: Lab, name: str) -> None:
    for peer, address in lab.addresses.items():
        if peer != name:
            assert host.run("ping -q -c 1 -W 2 -M do -s %s %s", str(lab.mtu - 28), address).rc == 0, f"{name} to {peer}"


def test_larger_frames_do_not(host: Host, lab: Lab, name: str) -> None:
    peer = next(address for peer, address in lab.addresses.items() if peer != name)
    assert host.run("ping -q -c 1 -W 1 -M do -s %s %s", str(lab.mtu - 27), peer).rc != 0


def test_memory_and_cpus_are_limited(host: Host) -> None:
    words = host.file("/proc/meminfo").content_string.split()
    assert int(words[words.index("MemTotal:") + 1]) <= 2048 * 1024
    assert int(host.check_output("getconf _NPROCESSORS_ONLN")) <= 4


@pytest.mark.parametrize("word", ["BUG:", "Call Trace:", "blocked for more than"])
def test_the_kernel_does_not_complain(host: Host, word: str) -> None:
    assert word not in host.check_output("dmesg")
