# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel and iproute2 print, as recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput import parse, tcp_info
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.state import Counters, Route

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures"
VERSIONS = sorted(path.parent.name for path in FIXTURES.glob("ip/*/throughput-link.json"))
DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 55786701  229435    0    0    0     0          0         0 55786701  229435    0    0    0     0       0          0
  eth0:1234567890123 11    0    0    0     0          0         0 99  7    0    0    0     0       0          0
"""


def load(version: str, name: str) -> Any:
    return json.loads((FIXTURES / "ip" / version / f"throughput-{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("version", VERSIONS)
def test_an_interface_has_the_size_and_kind_that_ip_shows(version: str) -> None:
    link = parse.parse_link(load(version, "link"), "veth", 10_000_000_000, {"tso": True})
    assert link is not None
    assert (link.name, link.mtu, link.up, link.kind, link.qdisc, link.header) == ("n0", 9000, True, "veth", "tbf", 14)
    assert link.speed is None, "the speed of veth is made up"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_speed_of_a_real_driver_is_believed(version: str) -> None:
    shown = [{**load(version, "link")[0], "linkinfo": {}}]
    link = parse.parse_link(shown, "ixgbe", 10_000_000_000, {})
    assert link is not None
    assert link.speed == 10_000_000_000


@pytest.mark.parametrize("version", VERSIONS)
def test_routes_and_addresses(version: str) -> None:
    assert parse.parse_route(load(version, "route")) == Route("n0", "192.0.2.1", False, 8000)
    assert parse.parse_route(load(version, "route-local")) == Route("lo", "192.0.2.1", True)
    addresses = parse.parse_addresses(load(version, "addresses"))
    assert addresses["192.0.2.1"] == addresses["2001:db8::1"] == "n0"


@pytest.mark.parametrize("version", VERSIONS)
def test_only_a_queueing_discipline_counts(version: str) -> None:
    assert parse.parse_qdisc([{**load(version, "qdisc")[0], "bytes": 1512}]) == 1512
    assert parse.parse_qdisc(load(version, "noqueue")) is None


def test_nothing_is_no_route_and_no_interface() -> None:
    assert parse.parse_route([]) is None
    assert parse.parse_link([], "", None, {}) is None


def test_output_that_is_no_json_is_an_error_with_a_remedy() -> None:
    with pytest.raises(ObservationError, match=r"iproute2 4\.18"):
        parse.parse_json("ip link", "2: eth0: <UP>")


def test_counters_are_of_the_named_interface_also_without_a_blank() -> None:
    assert parse.parse_counters(DEV, "eth0") == Counters(1234567890123, 11, 99, 7)
    assert parse.parse_counters(DEV, "eth") is None


@pytest.mark.parametrize("file", sorted(FIXTURES.glob("tcp_info/*/lo.hex")), ids=lambda file: file.parent.name)
def test_a_connection_over_lo_that_carried_a_megabyte(file: Path) -> None:
    info = tcp_info.parse(bytes.fromhex(file.read_text(encoding="utf-8")))
    assert info.timestamps
    assert info.bytes_sent == 1 << 20
    assert info.bytes_retransmitted == 0
    assert 0 < info.round_trip < 0.01
    assert info.retransmits == 0
    assert info.mss == 65483
    assert info.path_mtu == 65535
    assert info.segments is not None
    assert 16 <= info.segments < 100
    # The kernel counts it in ticks of its clock, which is longer than this took.
    assert info.busy == 0


@pytest.mark.parametrize(("length", "known"), [(104, ()), (192, ("segments", "busy")), (216, ("segments", "busy", "bytes_sent"))])
def test_an_older_kernel_tells_less(length: int, known: tuple[str, ...]) -> None:
    """Linux 2.6 ends after the retransmissions, 4.18 after the times, 4.19 has the bytes."""
    data = bytes.fromhex((FIXTURES / "tcp_info" / "6.18" / "lo.hex").read_text(encoding="utf-8"))[:length]
    info = tcp_info.parse(data)
    assert tuple(name for name in ("segments", "busy", "bytes_sent") if getattr(info, name) is not None) == known
