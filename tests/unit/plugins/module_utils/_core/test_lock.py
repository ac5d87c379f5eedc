# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs never work at the same time, and none waits without end."""

from __future__ import annotations

import os
import re
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import exclusive


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A lock file in a folder that is not there yet."""
    return str(tmp_path / "run" / "things.lock")


def test_a_second_run_is_refused_by_name_while_the_first_works(path: str) -> None:
    found = f"things: another run works on this host, and had not ended after 0 s (process {os.getpid()}, which holds {path})"
    with exclusive(path, "things", 0):
        assert os.stat(path).st_mode & 0o777 == 0o600
        with pytest.raises(ObservationError, match=re.escape(found)), exclusive(path, "things", 0):
            pass
    with exclusive(path, "things", 0):
        pass


def test_a_run_that_fails_frees_the_lock(path: str) -> None:
    with pytest.raises(SystemExit), exclusive(path, "things", 0):
        raise SystemExit(1)
    with exclusive(path, "things", 0):
        pass


def test_a_second_run_goes_on_when_the_first_has_ended(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ExitStack()
    first.enter_context(exclusive(path, "things", 0))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            first.close()

    monkeypatch.setattr(time, "monotonic", lambda: float(len(slept)))
    monkeypatch.setattr(time, "sleep", sleep)
    with exclusive(path, "things", 10):
        assert len(slept) == 3
    with exclusive(path, "things", 10), pytest.raises(ObservationError, match="after 10 s"), exclusive(path, "things", 10):
        pass
    assert len(slept) == 13


def test_no_other_file_is_followed_or_written(path: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("kept", encoding="utf-8")
    os.mkdir(tmp_path / "run")
    os.symlink(other, path)
    with pytest.raises(ObservationError, match=re.escape(f"the lock file {path} cannot be opened")), exclusive(path, "things", 0):
        pass
    assert other.read_text(encoding="utf-8") == "kept"
