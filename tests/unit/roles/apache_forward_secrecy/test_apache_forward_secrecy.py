# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role asks the modules of the servers, makes the jobs of tickets, reports by fleetlab.linux.tls_report, and fails on findings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.fleetlab.linux.tests.unit.plugins.plugin_utils._tls.test_report import BAD, GOOD
from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import Stubs, play_role

ROLE = "fleetlab.linux.apache_forward_secrecy"


def play(folder: Path, apache: dict[str, Any], *options: str, **variables: Any) -> tuple[Stubs, dict[str, str]]:
    """The modules that were called for one host, and the messages of its failures."""
    stubs = Stubs(folder, {"apache_tls": apache, "nginx_tls": {"names": [GOOD]}, "proftpd_tls": {"names": [GOOD]}, "tz_cron": {}})
    given = {"apache_forward_secrecy_directory": str(folder / "report"), **variables}
    return stubs, play_role(folder, {"web1": given}, *options, name=ROLE)


def test_apache_alone_is_set_up_and_reported(tmp_path: Path) -> None:
    stubs, failed = play(tmp_path, {"names": [GOOD]}, apache_forward_secrecy_textfile=str(tmp_path / "metrics"))
    assert failed == {}
    assert stubs.called("apache_tls") == [{"state": "present", "profile": "intermediate", "tickets": "off", "overrides": "refuse"}]
    assert stubs.called("nginx_tls") == []
    assert stubs.called("tz_cron") == [{"name": "tls-apache", "state": "absent"}]
    assert [row["name"] for row in json.loads((tmp_path / "report" / "tls.json").read_text())["rows"]] == ["a.test"]
    assert (tmp_path / "report" / "tls.html").exists()
    assert "tls_failures 0" in (tmp_path / "metrics").read_text()


def test_findings_and_refusals_fail_after_the_report(tmp_path: Path) -> None:
    every = {"apache_forward_secrecy_servers": ["apache", "nginx", "proftpd"], "apache_forward_secrecy_tickets": "rotate"}
    stubs, failed = play(tmp_path, {"names": [BAD], "failed": True, "msg": "apache_tls: refused: y"}, **every)
    assert failed["web1"] == "web1 apache 127.0.0.1:443 (no name): 1 of 62 suites have no forward secrecy; apache_tls: refused: y"
    # Apache is as it was, because it was refused, and so is its job.
    assert [job["command"] for job in stubs.called("tz_cron")] == ["service nginx reload", "service proftpd reload"]
    assert stubs.called("proftpd_tls") == [{"state": "present", "profile": "intermediate", "overrides": "refuse"}]
    assert len(json.loads((tmp_path / "report" / "tls.json").read_text())["rows"]) == 3


def test_the_profile_goes_with_its_jobs_and_what_is_found_then_is_no_failure(tmp_path: Path) -> None:
    every = {"apache_forward_secrecy_servers": ["apache", "nginx", "proftpd"], "apache_forward_secrecy_state": "absent"}
    stubs, failed = play(tmp_path, {"names": [BAD]}, apache_forward_secrecy_tickets="rotate", **every)
    assert failed == {}
    assert [stubs.called(f"{name}_tls")[0]["state"] for name in every["apache_forward_secrecy_servers"]] == ["absent"] * 3
    assert stubs.called("tz_cron") == [{"name": f"tls-{name}", "state": "absent"} for name in ("apache", "nginx", "proftpd")]
    rows = json.loads((tmp_path / "report" / "tls.json").read_text())["rows"]
    assert len(rows) == 3
