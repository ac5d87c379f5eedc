# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a server as its settings say?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List

from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.judge import deviations
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.profiles import Settings
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.state import Report
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.state import Certificate, Protocol, Scan, Tickets
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._server_tls.scans import END, STOCK, report, scan

SETTINGS = Settings("intermediate", ("X25519", "prime256v1"))
GROUPS = SETTINGS.wire_groups


def judge(found: Scan, is_strict: bool = True, settings: Settings = SETTINGS) -> List[str]:
    return [text.partition(": ")[2] for text in deviations([Report(END, (found,))], settings, is_strict)]


def good(**changes: Any) -> Scan:
    return replace(scan(SETTINGS.suites, GROUPS), **changes)


def test_what_the_profile_says_is_right() -> None:
    assert list(deviations([report(SETTINGS)], SETTINGS, True)) == []
    assert judge(scan((), GROUPS), settings=replace(SETTINGS, profile="modern")) == []


def test_each_deviation_is_named() -> None:
    assert judge(scan(STOCK, GROUPS)) == ["2 suites without forward secrecy: AES128-GCM-SHA256, AES256-SHA"]
    assert judge(scan(("ECDHE-RSA-AES128-SHA",), GROUPS)) == ["has other suites: ECDHE-RSA-AES128-SHA"]
    assert judge(scan(SETTINGS.suites, ("x25519",))) == ["has the groups x25519 instead of x25519, secp256r1"]
    assert judge(good(compression=True)) == ["compresses"]
    assert judge(good(tickets=Tickets(offered=True))) == ["offers session tickets"]
    assert judge(good(tickets=Tickets(offered=True)), settings=replace(SETTINGS, tickets=True)) == []
    assert judge(scan((), GROUPS)) == ["does not speak TLSv1.2"]
    assert judge(good(protocols=(*good().protocols, Protocol("TLSv1.1", (0xC014,))))) == [
        "speaks TLSv1.1",
        "has other suites: ECDHE-RSA-AES256-SHA",
    ]
    assert judge(good(certificate=Certificate("a", (), 0, 1, "RSA", 1024))) == ["the RSA key has 1024 bits: make one of at least 2048"]
    assert judge(good(protocols=(), errors=("it resets the connection",))) == ["no suite was found (it resets the connection)"]


def test_foreign_settings_need_forward_secrecy_only() -> None:
    assert judge(good(tickets=Tickets(offered=True)), is_strict=False) == []
    assert judge(scan(STOCK, GROUPS), is_strict=False) != []
