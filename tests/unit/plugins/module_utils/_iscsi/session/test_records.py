# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node records, discovery answers and iscsiadm's exit codes, on what every version of open-iscsi wrote and printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import CommandError
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Portal, lenient_portal
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.exit_codes import explained, meaning, reported_code
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.observe import parse_discovery
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.records import Credentials, Record, edit_record, parse_record
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._iscsi.conftest import ISCSIADM

KEYS = st.sampled_from(
    ["node.startup", "node.tpgt", "node.session.auth.username", "node.session.auth.password_in", "node.conn[0].timeo.login_timeout"]
)


def recorded(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


def record(text: str) -> Record:
    return Record("/etc/iscsi/nodes/x", "iqn.2026-01.com.example:c", Portal("127.0.0.4"), "127.0.0.4", text)


def test_a_record_is_read(records: Path) -> None:
    settings = parse_record(recorded(records, "record_mutual_chap.txt"))
    assert settings["node.name"] == "iqn.2026-01.com.example:c"
    assert settings["node.conn[0].address"] == "127.0.0.4"
    assert settings["node.startup"] == "automatic"
    assert settings["node.session.timeo.replacement_timeout"] == "120"
    assert not any(key.startswith("#") for key in settings)


def test_the_credentials_of_a_record(records: Path) -> None:
    found = record(recorded(records, "record_mutual_chap.txt")).credentials
    assert found == Credentials("user-c", "secret-cccc-01", "mutual-c", "mutual-cccc-1")
    assert "secret" not in repr(found)
    assert "secret" not in repr(record(recorded(records, "record_mutual_chap.txt")))


def test_a_record_without_chap_has_no_credentials(records: Path) -> None:
    assert record(recorded(records, "record_new_without_tag.txt")).credentials == Credentials()


def test_a_record_cut_short_is_noticed(records: Path) -> None:
    text = recorded(records, "record_ipv6_chap.txt")
    assert record(text).whole
    assert not record(text[:700]).whole
    assert not record("").whole


def test_editing_changes_nothing_else(records: Path) -> None:
    before = recorded(records, "record_mutual_chap.txt")
    after = edit_record(before, {"node.startup": "manual", "node.session.auth.password_in": None, "node.session.auth.username": "other"})
    gone = set(before.splitlines()) - set(after.splitlines())
    new = set(after.splitlines()) - set(before.splitlines())
    assert gone == {
        "node.startup = automatic",
        "node.session.auth.username = user-c",
        "node.session.auth.password_in = mutual-cccc-1",
    }
    assert new == {"node.startup = manual", "node.session.auth.username = other"}
    assert after.endswith("# END RECORD\n")


def test_a_key_that_is_not_there_is_added_inside_the_record(records: Path) -> None:
    after = edit_record(
        recorded(records, "record_new_without_tag.txt"), {"node.session.auth.username": "u", "node.session.auth.password": None}
    )
    assert after.splitlines()[-2:] == ["node.session.auth.username = u", "# END RECORD"]


@given(st.sampled_from(ISCSIADM), st.dictionaries(KEYS, st.none() | st.from_regex(r"[A-Za-z0-9=!$]{1,16}", fullmatch=True)))
def test_what_was_edited_is_read_back(records: Path, changes: dict[str, str | None]) -> None:
    before = recorded(records, "record_mutual_chap.txt")
    once = edit_record(before, changes)
    assert {key: parse_record(once).get(key) for key in changes} == changes
    assert edit_record(once, changes) == once
    assert {k: v for k, v in parse_record(before).items() if k not in changes} == {
        k: v for k, v in parse_record(once).items() if k not in changes
    }


def test_a_discovery_answer_is_read(records: Path) -> None:
    offers = parse_discovery(recorded(records, "discovery_six_targets.txt"))
    assert ("iqn.2026-01.com.example:a", Portal("fd00:99::41"), 1) in offers
    assert ("iqn.2026-01.com.example:a", Portal("::1"), 1) in offers
    assert ("iqn.2026-01.com.example:s3", Portal("127.0.1.3"), 1) in offers
    assert len(offers) == 9


def test_other_lines_in_a_discovery_answer_are_left_out() -> None:
    assert parse_discovery("\niscsiadm: No portals found\n127.0.0.1 iqn.2026-01.com.example:a\n") == ()


@pytest.mark.parametrize(
    ("spelling", "portal"),
    [
        ("fd00:0099:0000:0000:0000:0000:0000:0041", Portal("fd00:99::41")),
        ("[FD00:99::41]", Portal("fd00:99::41")),
        ("Server1", Portal("server1")),
        ("fe80::1%bad scope", Portal("fe80::1%bad scope")),
    ],
)
def test_portals_on_the_system_are_known_in_every_spelling(spelling: str, portal: Portal) -> None:
    assert lenient_portal(spelling, 3260) == portal


def test_a_refused_login_is_explained() -> None:
    error = CommandError(("iscsiadm", "--login"), "exit code 24: ...", 24, "iscsiadm: Could not login to [...]\n")
    problem = explained(error, "iqn.2026-01.com.example:a at 192.0.2.1:3260").problem
    assert problem.startswith("authorization failure: CHAP user or secret wrong for iqn.2026-01.com.example:a at 192.0.2.1:3260")
    assert "exit code 24" in problem


@pytest.mark.parametrize(
    ("code", "words"), [(4, "refuses"), (8, "in time"), (12, "iscsi_tcp"), (19, "rejected"), (20, "start iscsid.socket"), (21, "record")]
)
def test_exit_codes_have_a_meaning(code: int, words: str) -> None:
    assert words in meaning(code, "T at P")
    assert "T at P" in meaning(code, "T at P")


def test_an_unknown_code_is_named() -> None:
    assert "99" in meaning(99, "T at P")
    error = CommandError(("iscsiadm",), "took longer than 5 s and was ended")
    assert explained(error, "T at P") is error


def test_the_code_of_the_failure_itself_is_found_in_what_iscsiadm_printed() -> None:
    printed = (
        "iscsiadm: Could not logout of [sid: 20, target: iqn.2026-01.com.example:s3, portal: 127.0.1.3,3260].\n"
        "iscsiadm: initiator reported error (20 - could not connect to iscsid)\n"
        "iscsiadm: No matching sessions found\n"
    )
    assert reported_code(21, printed) == 20
    assert reported_code(21, "iscsiadm: No matching sessions found\n") == 21
