# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in a child process. The namespaces of a trial are tested in tests/network, because they need root."""

from __future__ import annotations

import os
import time

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._host.isolated import in_child


def test_the_value_comes_from_another_process() -> None:
    value = in_child(lambda: {"pid": os.getpid(), "long": "x" * 200000}, 10)
    assert value["pid"] != os.getpid()
    assert len(value["long"]) == 200000


def test_an_error_comes_back_with_its_words() -> None:
    with pytest.raises(ObservationError, match="No such file"):
        in_child(lambda: os.stat("/nosuch"), 10)


def test_an_unexpected_error_does_not_leave_the_child() -> None:
    with pytest.raises(ObservationError, match="UnicodeEncodeError"):
        in_child(lambda: "\udcff".encode("utf-8"), 10)
    here = os.getpid()

    def fails() -> None:
        raise KeyError("missing")

    try:
        with pytest.raises(ObservationError, match="without an answer"):
            in_child(fails, 10)
    finally:
        if os.getpid() != here:
            os._exit(9)


def test_work_that_takes_too_long_is_ended() -> None:
    begin = time.monotonic()
    with pytest.raises(ObservationError, match=r"longer than 0\.1 s"):
        in_child(lambda: time.sleep(60), 0.1)
    assert time.monotonic() - begin < 10


def test_a_child_that_ends_without_an_answer() -> None:
    with pytest.raises(ObservationError, match="without an answer"):
        in_child(lambda: os._exit(3), 10)
