# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a portal is asked before a login, on real sockets."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import CommandError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import DEFAULT_TIMEOUT, CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Portal
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.observe import ask, with_answers
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.state import State

A, B = (f"iqn.2026-01.com.example:{name}" for name in ("a", "b"))


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


@pytest.fixture
def listener() -> Iterator[Portal]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield Portal("127.0.0.1", server.getsockname()[1])


def test_a_portal_is_asked_without_leaving_a_record(listener: Portal) -> None:
    machine = Machine(lambda argv: (0, f"127.0.0.1:{listener.port},1 {A}\n", ""))
    answer = ask(listener, machine)
    assert answer.offers == ((A, listener, 1),)
    assert answer.peer == listener
    assert machine.ran == [f"iscsiadm -m discovery -t sendtargets -p 127.0.0.1:{listener.port} -o nonpersistent"]


def test_a_portal_of_several_targets_is_asked_once(listener: Portal) -> None:
    machine = Machine(silent)
    state = with_answers(State(None, "", (), ()), [(A, listener), (B, listener)], machine)
    assert len(machine.ran) == 1
    assert set(state.answers) == {(A, listener), (B, listener)}


def test_a_refusing_portal_and_an_unknown_host_are_reported(listener: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert "refuses" in (ask(Portal("127.0.0.1", closed.getsockname()[1]), Machine(silent)).problem or "")
    for error, found in (
        (socket.gaierror(-3, "Temporary failure"), "resolved: Temporary failure"),
        (socket.timeout(), "within 5 s"),
        (OSError(113, "No route to host"), "cannot be reached: No route to host"),
    ):

        def fail(*_args: object, error: OSError = error, **_named: object) -> None:
            raise error

        monkeypatch.setattr(socket, "create_connection", fail)
        assert found in (ask(listener, Machine(silent)).problem or "")


@pytest.mark.parametrize(("code", "problem"), [(11, "not as an iSCSI target"), (-1, "not as an iSCSI target"), (24, None), (5, None)])
def test_something_else_that_answers_is_told_from_a_portal_that_keeps_quiet(listener: Portal, code: int, problem: str | None) -> None:
    answer = ask(listener, Machine(lambda argv: (code, "", "")))
    assert (problem is None) == (answer.problem is None)
    assert answer.offers is None
    assert problem is None or problem in str(answer.problem)


def test_an_iscsid_that_does_not_run_is_not_blamed_on_the_portal(listener: Portal) -> None:
    with pytest.raises(CommandError, match=r"start iscsid\.socket"):
        ask(listener, Machine(lambda argv: (20, "", "")))
