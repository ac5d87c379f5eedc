# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a benchmark: what is in it, and that its counts and times are true."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.plan import (
    OVERHEAD_SECONDS,
    PATTERNS,
    Settings,
    describe,
    make_stages,
)
from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.subjects import BenchmarkError


def settings(**changes: Any) -> Settings:
    """Those of the lab, but for some."""
    values: dict[str, Any] = {
        "extent": "full",
        "seconds": 6.0,
        "warm_up": 2.0,
        "repeats": 3,
        "speeds": ((5.0, 150), (10.0, 300)),
        "mirror": "md1",
        "stripe": "md99",
        "servers": 3,
        "volumes": 5,
    }
    return Settings(**{**values, **changes})


SETTINGS = st.builds(
    settings,
    extent=st.sampled_from(["short", "full"]),
    repeats=st.integers(1, 4),
    seconds=st.floats(1, 60),
    servers=st.integers(1, 6),
    volumes=st.integers(1, 6),
    speeds=st.sampled_from([(), ((5.0, 150),), ((5.0, 150), (10.0, 300))]),
)


def test_the_short_form_reads_three_devices_in_two_ways() -> None:
    (stage,) = make_stages(settings(extent="short"))
    assert [(run.subject, run.pattern) for run in stage.runs] == [
        (name, pattern) for name in ("one_lun", "md1", "md99") for pattern in ("seq", "rand")
    ]
    assert (stage.speed, stage.scratch) == ((5.0, 150), "none")
    assert describe(settings(extent="short"))["seconds"] <= 60


def test_the_full_form_has_everything_that_is_asked_for() -> None:
    stages = make_stages(settings())
    subjects = {run.subject for stage in stages for run in stage.runs}
    assert subjects >= {"one_lun", "one_server", "md1", "md99", "chain_untuned", "chain_tuned"}
    assert subjects >= {f"scale_{count}" for count in (1, 3, 5, 10, 15)}
    assert subjects >= {f"layout_{layout}" for layout in ("raid1", "n3", "f3", "o3")}
    layouts = [stage for stage in stages if stage.scratch == "layouts"]
    assert {(stage.rotational, stage.lost) for stage in layouts} == {(kind, lost) for kind in (False, True) for lost in (0, 1, 2)}
    assert {run.pattern for stage in layouts for run in stage.runs} == set(PATTERNS)
    assert (10.0, 300) in {stage.speed for stage in stages}
    assert None in {stage.speed for stage in stages}


def test_legs_are_lost_one_after_the_other_and_only_new_arrays_have_them_back() -> None:
    stages = [stage for stage in make_stages(settings()) if stage.scratch == "layouts"]
    for before, after in itertools.pairwise(stages):
        assert after.rotational != before.rotational or after.lost >= before.lost


@given(SETTINGS)
def test_labels_count_every_run_once(given: Settings) -> None:
    plan = describe(given)
    ids = [run["id"] for stage in plan["stages"] for run in stage["runs"]]
    assert len(set(ids)) == len(ids) == plan["runs"]
    assert plan["seconds"] == round(plan["runs"] * (given.seconds + given.warm_up + OVERHEAD_SECONDS))
    assert [stage["number"] for stage in plan["stages"]] == list(range(1, len(plan["stages"]) + 1))
    if plan["stages"]:
        assert plan["stages"][-1]["label"].endswith("then 0 s left")


@given(SETTINGS)
def test_volumes_that_are_in_use_are_only_read(given: Settings) -> None:
    for stage in make_stages(given):
        for run in stage.runs:
            assert PATTERNS[run.pattern].operation.endswith("read") or (stage.scratch == "layouts" and run.subject.startswith("layout_"))


@given(SETTINGS)
def test_what_scales_never_asks_for_volumes_that_are_not_there(given: Settings) -> None:
    for stage in make_stages(given):
        for run in stage.runs:
            if run.subject.startswith("scale_"):
                assert int(run.subject[6:]) <= given.servers * given.volumes


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seconds", 0.0),
        ("repeats", 0),
        ("warm_up", -1.0),
        ("extent", "long"),
        ("speeds", ((5.0, 0),)),
        ("volumes", 0),
        ("servers", 0),
        ("only", "("),
    ],
)
def test_values_without_use_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(BenchmarkError, match=name):
        settings(**{name: value})


def test_an_experiment_takes_the_stages_it_names() -> None:
    plan = describe(settings(only="^tuned chain"))
    assert [stage["tuning"] for stage in plan["stages"]] == ["tuned", "tuned"]
    assert plan["runs"] == sum(len(stage["runs"]) for stage in plan["stages"])


@pytest.mark.parametrize(
    ("only", "unmatched"),
    [
        ("nonsense", "'nonsense'"),
        ("^layouts|nonsense", "'nonsense'"),
        ("nonsense|^layouts|^md77", "'nonsense' or '^md77'"),
        ("(?i)^LAYOUTS|Nonsense", "'(?i:Nonsense)'"),
        (r"^md99|one\|other", r"'one\|other'"),
    ],
)
def test_stages_that_are_not_there_are_named_with_those_that_are(only: str, unmatched: str) -> None:
    plan = describe(settings(only=only))
    titles = [stage.title for stage in make_stages(settings())]
    assert plan["problem"] == f"storage_benchmark_only: no stage matches {unmatched}. The stages of full are: {'; '.join(titles)}"


@pytest.mark.parametrize(
    "only", ["", "^layouts", "^layouts|chain", "(layouts|nonsense)", "[n|l]ayouts", "(?i)^LAYOUTS|CHAIN", r"(l)ayouts|\1x"]
)
def test_an_expression_of_which_every_part_matches_is_in_order(only: str) -> None:
    assert describe(settings(only=only))["problem"] == ""


def test_the_short_form_without_a_speed_would_measure_nothing() -> None:
    plan = describe(settings(extent="short", speeds=()))
    assert plan["stages"] == []
    assert plan["problem"].startswith("the extent short only measures throttled volumes")
    assert describe(settings(extent="full", speeds=()))["problem"] == ""
