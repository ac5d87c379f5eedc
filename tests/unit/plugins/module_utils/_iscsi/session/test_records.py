# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node records, on what every version of open-iscsi wrote."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Portal
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
