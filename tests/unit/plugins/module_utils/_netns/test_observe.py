# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of services that are about to move inside."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Sequence

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import DEFAULT_TIMEOUT, CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.observe import listeners
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._netns.machine import want


class Systemd:
    """Answers C(systemctl show)."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def run(
        self, argv: Sequence[str], stdin: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT, accept: Sequence[int] = (0,)
    ) -> CommandResult:
        assert argv[:2] == ("systemctl", "show")
        return CommandResult(tuple(argv), 0, self.answer, "")


def test_a_service_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    wanted = want(forwards=[{"port": "80"}], services=["nginxx"])
    with pytest.raises(InputError, match=r"services: there is no unit nginxx\.service on this host"):
        list(listeners(Systemd("LoadState=not-found\nControlGroup=\n"), wanted, str(tmp_path)))
    assert list(listeners(Systemd("LoadState=loaded\nControlGroup=\n"), wanted, str(tmp_path))) == []
