# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of patched packages, compared by dpkg itself and by the pure function that the plans use."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._packages.versions import compare, is_local, local_version, newest, wrong_order

VERSIONS = st.from_regex(r"\A([0-3]:)?[0-9][0-9a-c.+~]{0,5}(-[0-9a-c.+~]{1,5})?\Z")
SHAPES = {
    "native": ("3.23+nmu1", ["3.23+nmu1+deb12u1", "3.23+nmu2", "3.24", "3.23+nmu1+b1"]),
    "revision": ("2.10-3", ["2.10-3+b1", "2.10-3+deb12u1", "2.10-3.1", "2.10-4", "2.10.1-1", "2.10-3+b10"]),
    "binNMU": ("1.0~pre4-9+b1", ["1.0~pre4-9+b2", "1.0~pre4-9+deb13u1", "1.0~pre4-9.1", "1.0~pre4-10", "1.0-1"]),
    "update": ("1.3.8-5+deb12u5", ["1.3.8-5+deb12u6", "1.3.8-5+deb13u1", "1.3.8-6"]),
    "Ubuntu": ("1.0-1ubuntu2", ["1.0-1ubuntu2.1", "1.0-1ubuntu3"]),
    "epoch": ("1:2.0-1", ["1:2.0-1+deb12u1", "1:2.0-2", "2:1.0-1"]),
}


def dpkg_says(one: str, relation: str, other: str) -> bool:
    """The answer of dpkg."""
    done = subprocess.run(["dpkg", "--compare-versions", one, relation, other], check=False, stderr=subprocess.DEVNULL)
    return done.returncode == 0


@given(VERSIONS, VERSIONS)
@settings(max_examples=150, deadline=None)
def test_versions_are_compared_as_dpkg_does(one: str, other: str) -> None:
    found = compare(one, other)
    assert dpkg_says(one, "lt" if found < 0 else "gt" if found else "eq", other)


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_a_patched_version_is_between_its_base_and_all_that_may_follow(shape: str) -> None:
    base, later = SHAPES[shape]
    local = local_version(base, "fleetlab", 1)
    assert dpkg_says(local, "gt", base)
    assert [version for version in later if not dpkg_says(local, "lt", version)] == []
    assert dpkg_says(local_version(base, "fleetlab", 2), "gt", local)
    assert wrong_order(base, local) == []
    assert newest([base, local, *later]) != local


@pytest.mark.parametrize(
    ("base", "later"),
    [
        ("2.10-3", ["2.10-3build1", "2.10-3ubuntu0.1", "2.10-3ubuntu0.24.04.1", "2.10-3ubuntu1", "2.10-3.1", "2.10-4"]),
        ("3.23+nmu1", ["3.23+nmu1build1", "3.23+nmu1ubuntu1", "3.23+nmu2"]),
        ("1.0-1build1", ["1.0-1build2", "1.0-1ubuntu0.1", "1.0-1ubuntu1"]),
        ("1.0-1ubuntu0.22.04.1", ["1.0-1ubuntu0.22.04.2", "1.0-1ubuntu0.22.04.1.1", "1.0-1ubuntu1"]),
        ("9e-1", ["9e-1build1", "9e-1ubuntu0.1", "9e-2"]),
    ],
)
def test_what_ubuntu_makes_of_a_version_of_debian_is_newer(base: str, later: list[str]) -> None:
    local = local_version(base, "fleetlab", 1, is_ubuntu=True)
    assert dpkg_says(local, "gt", base)
    assert [version for version in later if not dpkg_says(local, "lt", version)] == []
    assert (wrong_order(base, local, is_ubuntu=True), is_local(local)) == ([], True)
    hiding = wrong_order("2.10-3", local_version("2.10-3", "fleetlab", 1), is_ubuntu=True)
    assert hiding == ["2.10-3build99", "2.10-3ubuntu0.1", "2.10-3ubuntu1"]


@pytest.mark.parametrize(
    ("local", "wrong"),
    [("2.10-3~patched1", ["2.10-3"]), ("2.10-3+patched1", ["2.10-3+b1", "2.10-3+deb12u1", "2.10-3+deb13u1"]), ("2.10-5", ["2.10-3+b1"])],
)
def test_the_suffixes_of_the_posts_are_found_wrong(local: str, wrong: list[str]) -> None:
    assert [version for version in wrong if version not in wrong_order("2.10-3", local)] == []


def test_a_patched_version_is_known_by_its_end() -> None:
    assert is_local("3.23+nmu1+0fleetlab1")
    assert not any(is_local(version) for base, later in SHAPES.values() for version in [base, *later])
