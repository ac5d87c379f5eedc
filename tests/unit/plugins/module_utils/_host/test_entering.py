# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A runner that enters a namespace itself. In a real namespace every test of netns in tests/network uses it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, List, Optional, Sequence, Tuple

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import CommandError, ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import DEFAULT_TIMEOUT, CommandResult, SystemRunner
from ansible_collections.fleetlab.linux.plugins.module_utils._host import entering

OWN = "/proc/thread-self/ns/net"


class Kernel:
    """Notes by what file of a namespace this thread enters; it refuses the calls with the numbers C(refused)."""

    def __init__(self, *refused: int) -> None:
        self.refused = refused
        self.entered: List[str] = []

    def setns(self, descriptor: int, kind: int) -> int:
        assert kind == 0x40000000
        self.entered.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        return -1 if len(self.entered) in self.refused else 0


class Echo:
    """Answers with the command."""

    def run(
        self, argv: Sequence[str], stdin: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT, accept: Sequence[int] = (0,)
    ) -> CommandResult:
        return CommandResult(tuple(argv), 0, " ".join(argv), stdin or "")


def descriptors() -> List[str]:
    return os.listdir("/proc/self/fd")


@pytest.fixture
def namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The file of a namespace web."""
    monkeypatch.setattr(entering, "NAMED", str(tmp_path))
    (tmp_path / "web").touch()
    return str(tmp_path / "web")


def commands(namespace: str) -> List[Tuple[Tuple[str, ...], str]]:
    return [
        (("nsenter", f"--net={namespace}", "nft", "-j", "-f", "-"), "nft -j -f -"),
        (("ip", "-n", "web", "-json", "-batch", "-"), "ip -json -batch -"),
    ]


def test_the_command_that_starts_is_the_one_inside(namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for argv, inner in commands(namespace):
        kernel = Kernel()
        monkeypatch.setattr(entering, "_libc", kernel)
        before = descriptors()
        assert entering.Entering(Echo()).run(argv, stdin="text") == CommandResult(argv, 0, inner, "text")
        assert kernel.entered == [namespace, os.readlink(OWN)]
        assert descriptors() == before


def test_all_other_commands_start_as_they_are(namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel()
    monkeypatch.setattr(entering, "_libc", kernel)
    for argv in (("ip", "link", "show"), ("nft", "list", "chains"), ("nsenter", f"--net={namespace}", "--mount", "true"), ("true",)):
        assert entering.Entering(Echo()).run(argv).stdout == " ".join(argv)
    assert kernel.entered == []


@pytest.mark.parametrize("there", [True, False])
def test_a_namespace_that_cannot_be_entered_is_left_to_the_command(namespace: str, there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not there:
        os.unlink(namespace)
    before = descriptors()
    for argv, _inner in commands(namespace):
        monkeypatch.setattr(entering, "_libc", Kernel(1))
        assert entering.Entering(Echo()).run(argv).stdout == " ".join(argv)
    assert descriptors() == before


def test_a_failure_has_the_words_of_the_whole_command(namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel: Any = Kernel()
    monkeypatch.setattr(entering, "_libc", kernel)
    argv = ("nsenter", f"--net={namespace}", "sh", "-c", "echo wrong >&2; exit 3")
    with pytest.raises(CommandError) as caught:
        entering.Entering(SystemRunner()).run(argv)
    assert (caught.value.argv, caught.value.exit_code, caught.value.problem) == (argv, 3, "exit code 3: wrong")
    assert len(kernel.entered) == 2


def test_nothing_more_is_done_in_a_namespace_without_a_way_back(namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entering, "_libc", Kernel(2))
    with pytest.raises(ObservationError, match="the way back from this namespace failed"):
        entering.Entering(Echo()).run(commands(namespace)[0][0])
