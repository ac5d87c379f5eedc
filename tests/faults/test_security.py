# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins: a client without an ACL, a wrong secret on one server, and a change of the secret under load."""

from __future__ import annotations

import secrets
from typing import Any

from . import oracle
from .lab import PREFIX, Lab


def test_others_and_wrong_secrets(lab: Lab, fault: Any) -> None:
    with fault("26", "a second client with the right secret and no ACL logs in") as scene:
        # Another initiator name for one login; the sessions that are there keep theirs.
        lab.run(lab.client, "iscsiadm -m iface -I other -o new")
        lab.run(lab.client, f"iscsiadm -m iface -I other -o update -n iface.initiatorname -v {PREFIX}other")
        record = f"-m node -T {PREFIX}server1 -p {lab.addresses['server1']}:3260 -I other"
        try:
            lab.run(lab.client, f"iscsiadm {record} -o new")
            lab.run(lab.client, "cat > /run/chap", (lab.directory / "chap_secret").read_text(encoding="utf-8").strip())
            for name, value in (("authmethod", "CHAP"), ("username", "storage"), ("password", '"$(cat /run/chap)"')):
                lab.run(lab.client, f"iscsiadm {record} -o update -n node.session.auth.{name} -v {value}")
            login = lab.try_run(lab.client, f"iscsiadm {record} --login", limit=120)
            assert login.returncode == 24, f"exit code {login.returncode}: {login.stderr}"
            scene.note("refused: authorization failure")
        finally:
            lab.try_run(lab.client, f"rm -f /run/chap; iscsiadm {record} -o delete; iscsiadm -m iface -I other -o delete")
        scene.then("27", "another CHAP secret on one server")
        tpg = f"/sys/kernel/config/target/iscsi/{PREFIX}server2/tpgt_1"
        lab.run("server2", f"cat > {tpg}/acls/{PREFIX}{lab.client}/auth/password", secrets.token_hex(8))
        lab.run("server2", f"echo 0 > {tpg}/enable; sleep 1; echo 1 > {tpg}/enable")
        oracle.wait_ejected(lab)
        scene.traffic.flows()
        states = lab.run(lab.client, "grep -l LOGGED_IN /sys/class/iscsi_session/*/state").split()
        assert len(states) == len(lab.servers) - 1, f"logged in: {states}"
        scene.note("this server's members ejected, the others unaffected")


def test_the_secret_is_changed_under_load(lab: Lab, fault: Any) -> None:
    with fault("27b", "CHAP secret changed everywhere by the playbook, under load") as scene:
        (lab.directory / "chap_secret").write_text(secrets.token_hex(8) + "\n", encoding="utf-8")
        scene.heal()
        scene.begin_traffic()
        # The new one is what a login needs: a session that is closed comes back with it.
        tpg = f"/sys/kernel/config/target/iscsi/{PREFIX}server1/tpgt_1"
        lab.run("server1", f"echo 0 > {tpg}/enable; sleep 1; echo 1 > {tpg}/enable")
        scene.traffic.flows()
        oracle.none_ejected(lab)
        scene.note("sessions go on, and log in again with the new secret")
