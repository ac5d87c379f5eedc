# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions and records that are well have no problem; everything else is told with its remedy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Portal
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.problems import problems
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.records import Credentials, Record
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.show import info
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.state import Device, Session, State

IQN, PORTAL = "iqn.2026-01.com.example:s1", Portal("192.0.2.11")
SESSION = Session(1, IQN, PORTAL, PORTAL, "LOGGED_IN", True, 1, {}, Credentials(), (Device(0, "/dev/sda", 1 << 30, False),))
RECORD = Record("/r", IQN, PORTAL, PORTAL.host, "node.startup = automatic\n# END RECORD\n")
WELL = State("iqn.2026-01.com.example:client", "", (RECORD,), (SESSION,))


@pytest.mark.parametrize(
    "state",
    [
        WELL,
        State(None, "", (), ()),
        replace(WELL, records=(replace(RECORD, text="node.startup = manual\n# END RECORD\n"),), sessions=()),
        # A session that still logs in has no disks yet.
        replace(WELL, sessions=(replace(SESSION, scanned=False, devices=()),)),
    ],
)
def test_all_is_well(state: State) -> None:
    assert problems(state) == info(state)["problems"] == []


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (
            replace(WELL, sessions=(replace(SESSION, state="FAILED"),)),
            f"the session with {IQN} at {PORTAL} is FAILED; bring the portal back",
        ),
        (replace(WELL, sessions=(replace(SESSION, devices=()),)), f"the session with {IQN} at {PORTAL} has no disks; export LUNs"),
        (replace(WELL, sessions=()), f"{IQN} at {PORTAL} has a record for boot and no session; log in"),
        (replace(WELL, records=(replace(RECORD, text="node.st"),)), f"the record of {IQN} at {PORTAL} is damaged"),
        (replace(WELL, name=None), "this host has node records and no initiator name"),
        (replace(WELL, stale_lock="/run/lock/iscsi/lock.write"), "/run/lock/iscsi/lock.write is left from a killed iscsiadm"),
    ],
)
def test_every_finding_names_its_object_and_a_remedy(state: State, text: str) -> None:
    (found,) = problems(state)
    assert found.startswith(text)
    assert "; " in found
