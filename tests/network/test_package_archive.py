# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A signed archive of packages with a patch, from the build to the upgrade, on the apt of two releases of Debian."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ansible
import pytest

if TYPE_CHECKING:
    from ansible_collections.fleetlab.linux.scripts.server_roots import ServerRoot

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "/tree/ansible_collections/fleetlab/linux"
BUILT = "1.0-1+0fleetlab1"


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def found(request: pytest.FixtureRequest, server_root: Callable[[str], ServerRoot]) -> dict[str, Any]:
    """What the agent has found."""
    suite: str = request.param
    argv = [
        "env",
        "PYTHONPATH=/tree:/tree/packages",
        "PYTHONDONTWRITEBYTECODE=1",
        "python3",
        f"{COLLECTION}/tests/network/archive_agent.py",
    ]
    binds = {ROOT: COLLECTION, Path(ansible.__path__[0]).parent: "/tree/packages"}
    done = server_root(suite).run(*argv, suite, binds=binds, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_check_mode_plans_what_is_published(found: dict[str, Any]) -> None:
    planned, published = found["planned"], found["published"]
    assert planned["commands"] == published["commands"]
    assert (planned["changed"], planned["fingerprint"]) == (True, None)
    assert [(each["name"], each["version"]) for each in published["packages"]] == [
        (name, BUILT) for name in ("other", "tool", "tool-data", "tool-doc")
    ]
    assert (found["again"]["changed"], found["again"]["fingerprint"]) == (False, published["fingerprint"])
    assert found["seconds_again"] < 1


def test_only_root_reads_the_secret_key_and_everybody_the_archive(found: dict[str, Any]) -> None:
    assert found["modes"] == {"keys": "0o700", "has_key": True, "hidden": [], "left": []}


def test_the_role_installs_and_holds(found: dict[str, Any]) -> None:
    (changed, _failed), (again, _failed_again) = found["plays"]
    assert (changed, again) == (2, 0)
    assert found["installed"] == {"tool": f"{BUILT} hold", "tool-data": f"{BUILT} hold"}
    assert found["watch"] == []


def test_apt_takes_only_what_is_named(found: dict[str, Any]) -> None:
    """The archive has a newer one of this package, too."""
    assert "Candidate: 1.0-1\n" in found["other"]
    assert "1.0-1+0fleetlab1 -1\n" in found["other"]


def test_a_newer_build_is_installed_over_the_hold(found: dict[str, Any]) -> None:
    assert found["held"] == found["installed"]
    assert found["newer"] == ["newer"]
    assert found["upgrade"] == found["upgraded"]
    assert not found["upgraded_again"]
    assert found["after"] == dict.fromkeys(("tool", "tool-data"), "1.0-1+deb12u1+0fleetlab1 hold")
    assert "no archive of this host has 9-1+0fleetlab1" in found["not_published"]["msg"]


def test_ordinary_upgrades_work_without_a_hold(found: dict[str, Any]) -> None:
    assert found["ordinary"] == dict.fromkeys(("tool", "tool-data"), "1.0-1+deb12u2+0fleetlab1 install")


def test_the_packages_of_a_source_go_back_together(found: dict[str, Any]) -> None:
    assert found["absent"] == dict.fromkeys(("tool", "tool-data"), "1.0-1+deb12u1 install")


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("foreign", "it has index.html, which no archive of this module has"),
        ("above", "would publish them"),
        ("unknown", "has no build of it"),
        ("open_key", "can be read by others"),
        ("other_content", "is published with other content, which hosts may have"),
    ],
)
def test_what_is_refused(found: dict[str, Any], case: str, words: str) -> None:
    assert found[case]["failed"]
    assert words in found[case]["msg"]


def test_apt_refuses_a_forged_index(found: dict[str, Any]) -> None:
    assert "signature" in found["forged"]


def test_a_key_of_the_task_signs(found: dict[str, Any]) -> None:
    assert found["own_key"]["changed"]
    assert found["own_key"]["fingerprint"] != found["published"]["fingerprint"]
    assert not found["own_key_again"]["changed"]
