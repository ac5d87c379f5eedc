# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The money: every part is counted, at the price of the table, and what has no price is never taken for free."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.plugin_utils._aws.costs import (
    existing_parts,
    machine_lines,
    summary,
    volume_hourly,
    wanted_parts,
)

ROOT = Path(__file__).resolve().parents[5]
PRICES: Dict[str, Any] = yaml.safe_load((ROOT / "roles" / "lab_hosts" / "vars" / "aws_prices.yml").read_text(encoding="utf-8"))[
    "lab_hosts_prices"
]


def request(**changes: Any) -> Dict[str, Any]:
    """The lab of the posts on today's machines."""
    volume = {"type": "gp3", "size_gb": 50, "iops": 3000, "throughput": 125}
    root = {"type": "gp3", "size_gb": 8, "iops": 3000, "throughput": 125}
    return {"servers": 3, "clients": 1, "volumes": 5, "instance_type": "c6in.2xlarge", "volume": volume, "root": root, **changes}


def machine(name: str, state: str = "running", **changes: Any) -> Dict[str, Any]:
    """A machine as the API shows it."""
    return {
        "instance_id": f"i-{name}",
        "instance_type": "c6in.2xlarge",
        "state": {"name": state},
        "tags": {"Name": name},
        "public_ip_address": "192.0.2.1" if state == "running" else None,
        "private_ip_address": "10.99.0.4",
        "placement": {"availability_zone": "us-east-1a"},
        "launch_time": "2026-11-23T23:28:21+00:00",
        **changes,
    }


def test_the_lab_of_the_posts() -> None:
    costs = summary(wanted_parts(request(), PRICES), PRICES, "us-east-1")
    # 4 machines and their addresses; 15 volumes of 50 GB and 4 of 8 GB at 0.08 a month of 730 hours
    assert costs["hourly"] == pytest.approx(4 * 0.4536 + 4 * 0.005 + (15 * 50 + 4 * 8) * 0.08 / 730, abs=1e-4)
    assert costs["hourly_stopped"] == pytest.approx((15 * 50 + 4 * 8) * 0.08 / 730, abs=1e-4)
    assert costs["unknown"] == []
    assert [line.split("  ")[0] for line in costs["lines"][1:-2]] == [
        "c6in.2xlarge",
        "public IPv4 address",
        "gp3 50 GB, data",
        "gp3 8 GB, root",
    ]
    assert costs["lines"][-1] == f"list prices on demand, without taxes and traffic, of us-east-1, as of {PRICES['date']}"


def test_the_lab_of_the_posts_as_it_was() -> None:
    variables = yaml.safe_load((ROOT / "vars" / "aws_2015.yml").read_text(encoding="utf-8"))
    old = request(instance_type=variables["lab_aws_instance_type"], volume={"type": variables["lab_aws_volume_type"], "size_gb": 50})
    costs = summary(wanted_parts(old, PRICES), PRICES, "us-east-1")
    assert costs["unknown"] == []
    assert costs["hourly"] == pytest.approx(4 * 1.591 + 4 * 0.005 + (15 * 50 * 0.1 + 4 * 8 * 0.08) / 730, abs=1e-4)


def test_what_a_volume_is_given_beyond_its_share_costs() -> None:
    assert volume_hourly("gp3", 0, 4000, 225, PRICES) == pytest.approx((1000 * 0.005 + 100 * 0.04) / 730)
    assert volume_hourly("gp3", 100, 3000, 125, PRICES) == pytest.approx(8 / 730)


@given(servers=st.integers(1, 80), clients=st.integers(0, 40), volumes=st.integers(1, 15), size=st.integers(1, 16384))
def test_more_never_costs_less(servers: int, clients: int, volumes: int, size: int) -> None:
    volume = {"type": "gp3", "size_gb": size, "iops": 3000, "throughput": 125}
    small = summary(wanted_parts(request(servers=servers, clients=clients, volumes=volumes, volume=volume), PRICES), PRICES, "us-east-1")
    large = summary(
        wanted_parts(request(servers=servers + 1, clients=clients, volumes=volumes, volume=volume), PRICES), PRICES, "us-east-1"
    )
    assert 0 < small["hourly_stopped"] < small["hourly"] < large["hourly"]


@pytest.mark.parametrize(
    ("changes", "unknown"),
    [
        ({"instance_type": "x9.huge"}, ["x9.huge"]),
        ({"volume": {"type": "io9", "size_gb": 50}}, ["io9 50 GB, data"]),
    ],
)
def test_what_has_no_price_is_named(changes: Dict[str, Any], unknown: List[str]) -> None:
    costs = summary(wanted_parts(request(**changes), PRICES), PRICES, "us-east-1")
    assert costs["unknown"] == unknown
    assert any("?" in line for line in costs["lines"])
    assert any(line.startswith("together, without parts that have no price") for line in costs["lines"])
    assert f"no price is known for {unknown[0]}: look it up, and set lab_aws_prices" in costs["lines"]


def test_another_region_is_told_that_its_prices_differ() -> None:
    assert (
        "in eu-central-1 they differ: set lab_aws_prices" in summary(wanted_parts(request(), PRICES), PRICES, "eu-central-1")["lines"][-1]
    )


def test_stopped_machines_cost_their_volumes_only() -> None:
    volumes = [{"type": "gp3", "size": 50, "iops": 3000, "throughput": 125}, {"type": "gp3", "size": 8, "iops": 3000, "throughput": None}]
    stopped = summary(existing_parts([machine("server1", "stopped")], volumes, PRICES), PRICES, "us-east-1")
    assert stopped["hourly"] == stopped["hourly_stopped"] == pytest.approx(58 * 0.08 / 730, abs=1e-4)
    running = summary(existing_parts([machine("server1")], volumes, PRICES), PRICES, "us-east-1")
    assert running["hourly"] == pytest.approx(0.4536 + 0.005 + 58 * 0.08 / 730, abs=1e-4)


def test_nothing_costs_nothing() -> None:
    assert summary(existing_parts([], [], PRICES), PRICES, "us-east-1")["hourly"] == 0
    assert machine_lines([machine("server1", "terminated")]) == []


def test_machines_are_listed_by_name() -> None:
    lines = machine_lines([machine("server1"), machine("client1", "stopped"), machine("x", tags={})])
    assert [line.split()[0] for line in lines] == ["name", "(no", "client1", "server1"]
    assert lines[2].split()[1:4] == ["stopped", "c6in.2xlarge", "-"]
