# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with recorded sessions and records, for tests of what is read of a host and of the operations of a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import CommandError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Plan
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import DEFAULT_TIMEOUT, CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Chap, Portal
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.plan import plan as plan_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.state import State, Wanted, WantedSession

FIXTURES = Path(__file__).resolve().parents[5] / "fixtures"
A, B, S3 = (f"iqn.2026-01.com.example:{name}" for name in ("a", "b", "s3"))
CHAP = Chap("user-s3", "secret-ssss-03")
S3_PORTAL = Portal("127.0.1.3")


def plan(state: State, wanted: Sequence[WantedSession]) -> Plan:
    return plan_wanted(state, Wanted(tuple(wanted)))


def tree(host: Host, path: str) -> Path:
    return Path(host.root) / path


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def record_host(tmp_path: Path, records: Path) -> Host:
    """A host with the recorded sessions, and two records."""
    for line in (FIXTURES / "sysfs_iscsi" / "6.1" / "five_sessions.txt").read_text(encoding="utf-8").splitlines():
        path, arrow, link = line.partition(" -> ")
        name, _tab, value = path.partition("\t")
        target = tmp_path / name.lstrip("/")
        if arrow:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(link)
        else:
            put(target, value + "\n")
    nodes = tmp_path / "etc" / "iscsi" / "nodes"
    put(nodes / A / "FD00:99:0::41,3260,1" / "default", (records / "record_ipv6_chap.txt").read_text(encoding="utf-8"))
    put(nodes / B / "127.0.0.3,3260", (records / "record_new_without_tag.txt").read_text(encoding="utf-8"))
    put(nodes / B / "leftover", "")
    put(tmp_path / "etc" / "iscsi" / "initiatorname.iscsi", (records / "initiatorname.txt").read_text(encoding="utf-8"))
    # The daemon of open-iscsi runs.
    (tmp_path / "proc/77").mkdir(parents=True)
    (tmp_path / "proc/77/comm").write_text("iscsid\n", encoding="utf-8")
    return Host(str(tmp_path))


class Machine:
    """A runner that answers as told and carries out nothing."""

    def __init__(self, answer: Callable[[Sequence[str]], tuple[int, str, str]]) -> None:
        self.answer = answer
        self.ran: list[str] = []

    def run(
        self, argv: Sequence[str], stdin: str | None = None, timeout: float = DEFAULT_TIMEOUT, accept: Sequence[int] = (0,)
    ) -> CommandResult:
        self.ran.append(" ".join(argv))
        exit_code, stdout, stderr = self.answer(argv)
        if exit_code not in accept:
            raise CommandError(argv, f"exit code {exit_code}: {stderr}", exit_code, stderr)
        return CommandResult(tuple(argv), exit_code, stdout, stderr)


def silent(_argv: Sequence[str]) -> tuple[int, str, str]:
    return 0, "", ""
