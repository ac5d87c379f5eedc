# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""iscsiadm's exit codes in words."""

from __future__ import annotations

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import CommandError
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.exit_codes import explained, meaning, reported_code


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
