# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role declares of its variables: the check everywhere, the scrub only where and as it is wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import Stubs, play_role

RESULTS: dict[str, dict[str, Any]] = {"storage_monitor": {"told": ["webhook"], "undelivered": []}, "tz_cron": {}}


def play(folder: Path, **variables: Any) -> tuple[Stubs, dict[str, str]]:
    """The modules that were called for one host, and the messages of its failures."""
    stubs = Stubs(folder, RESULTS)
    return stubs, play_role(folder, {"client1": variables}, name="fleetlab.linux.storage_monitor")


def test_a_scrub_has_its_window_and_its_speed(tmp_path: Path) -> None:
    given = {"storage_monitor_scrub": True, "storage_monitor_scrub_minutes": "90", "storage_monitor_scrub_weekdays": []}
    stubs, failed = play(tmp_path, **given, storage_monitor_textfile="/metrics", storage_monitor_mail="a@example.com")
    assert failed == {}
    (job,) = stubs.called("tz_cron")
    assert (job["command"], int(job["timeout"])) == ("/usr/local/sbin/storage-scrub 90 20000", 5700)
    assert (job["textfile"], job["at"], "weekdays" in job) == ("/metrics", ["01:00"], False)
    (monitor,) = stubs.called("storage_monitor")
    assert (monitor["textfile"], monitor["mail"], monitor["webhook"]) == ("/metrics", "a@example.com", "")


def test_a_host_that_is_no_client_has_no_scrub(tmp_path: Path) -> None:
    stubs, failed = play(tmp_path)
    assert failed == {}
    assert [job["state"] for job in stubs.called("tz_cron")] == ["absent"]


def test_absent_removes_the_job_with_its_log(tmp_path: Path) -> None:
    stubs, failed = play(tmp_path, storage_monitor_state="absent", storage_monitor_scrub=True)
    assert failed == {}
    assert [(job["state"], bool(job["purge"])) for job in stubs.called("tz_cron")] == [("absent", True)]
    assert stubs.called("storage_monitor")[0]["state"] == "absent"


def test_a_window_without_length_is_refused_before_anything_changes(tmp_path: Path) -> None:
    stubs, failed = play(tmp_path, storage_monitor_scrub_minutes=0)
    assert "to switch scrubbing off set storage_monitor_scrub to false" in failed["client1"]
    assert stubs.called("storage_monitor") == []
