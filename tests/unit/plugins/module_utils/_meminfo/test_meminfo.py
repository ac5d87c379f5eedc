# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What /proc/meminfo and the small files say, and what is no such thing."""

from __future__ import annotations

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.meminfo import (
    parse_meminfo,
    parse_min_free,
    parse_page_size,
    parse_release,
)

GOOD = "MemTotal: 1000 kB\nMemFree: 400 kB\n"


def test_sizes_are_bytes_and_counts_are_counts() -> None:
    info = parse_meminfo(GOOD + "HugePages_Total:       3\nHugepagesize:       2048 kB\n")
    assert info.sizes == {"MemTotal": 1024000, "MemFree": 409600, "Hugepagesize": 2097152}
    assert info.counts == {"HugePages_Total": 3}
    assert info.problems == {}


def test_tabs_carriage_returns_and_empty_lines_are_white_space() -> None:
    info = parse_meminfo(GOOD.replace("\n", "\r\n\n") + "SecPageTables:\t       8 kB\r\n")
    assert info.sizes["SecPageTables"] == 8192


def test_counters_of_tomorrow_are_passed_through() -> None:
    assert parse_meminfo(GOOD + "Brand(new)_Counter: 7 kB\n").sizes["Brand(new)_Counter"] == 7168


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Shmem: -5 kB", "whole number"),
        ("Shmem: 5", "no unit"),
        ("Shmem: 5 MB", "unit 'MB'"),
        ("Shmem: 5.5 kB", "whole number"),
        ("Shmem: 5_0 kB", "whole number"),
        ("Shmem: \u0665 kB", "whole number"),
        ("Shmem: 18446744073709551612 kB", "below zero"),
        ("Shmem: 99999999999999999999999999999999 kB", "whole number"),
    ],
)
def test_a_counter_that_can_not_be_believed_has_no_value_but_a_reason(line: str, reason: str) -> None:
    info = parse_meminfo(GOOD + line)
    assert "Shmem" not in info.sizes
    assert reason in info.problems["Shmem"]
    assert reason in str(info.lacks("Shmem"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "MemTotal: not in"),
        ("MemTotal: 1000 kB\n", "MemFree: not in"),
        ("MemTotal: 1000\nMemFree: 4 kB", "MemTotal: has no unit"),
        ("MemTotal: 1000 kB\nMemFree: -4 kB", "MemFree: is not a whole number"),
        ("MemTotal: 0 kB\nMemFree: 0 kB", "MemTotal is 0"),
        ("MemTotal: 1000 kB\nMemFree: 1001 kB", "more than MemTotal"),
        (GOOD + "MemFree: 400 kB", "MemFree: occurs twice"),
        ("        total:    used:    free:  shared: buffers:  cached:\nMem:  1 2 3", "MemTotal: not in"),
    ],
)
def test_a_file_in_doubt_is_an_error_that_says_why(text: str, reason: str) -> None:
    with pytest.raises(ObservationError, match="/proc/meminfo") as error:
        parse_meminfo(text)
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("lines", "name", "reason"),
    [
        ("Shme", "Shme", "cannot understand the line 'Shme'"),
        ("Shmem:", "Shmem", "cannot understand the line 'Shmem:'"),
        ("cat: /proc/meminfo: Keine Berechtigung", "cat", "Keine Berechtigung"),
        ("Shmem: x kB\nShmem: 1 kB", "Shmem", "occurs twice"),
        ("Shmem: 1 kB\nShmem: 1 kB", "Shmem", "occurs twice"),
    ],
)
def test_a_line_that_is_not_understood_costs_its_counter_and_not_the_host(lines: str, name: str, reason: str) -> None:
    info = parse_meminfo(GOOD + lines)
    assert info.sizes == {"MemTotal": 1024000, "MemFree": 409600}
    assert list(info.problems) == [name]
    assert reason in info.problems[name]


def test_a_name_may_have_blanks() -> None:
    assert parse_meminfo(GOOD + "Normal Fallback:    8192 kB").sizes["Normal Fallback"] == 8388608


def test_the_header_of_2_4_is_no_counter() -> None:
    header = "        total:    used:    free:  shared: buffers:  cached:\nMem:  260579328 136073216 124506112\nSwap: 0 0 0\n"
    assert parse_meminfo(header + GOOD) == parse_meminfo(GOOD)


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("6.18.44-custom", (6, 18, 44)),
        ("2.6.32-5-amd64\n", (2, 6, 32)),
        ("3.10", (3, 10, 0)),
        ("5.15-rc1", (5, 15, 0)),
        (None, None),
        ("", None),
        ("linux", None),
    ],
)
def test_releases(text: str | None, release: tuple[int, int, int] | None) -> None:
    assert parse_release(text) == release


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4096", 4096),
        ("65536\n", 65536),
        ("KernelPageSize:       16 kB KernelPageSize: 16 kB", 16384),
        ("", None),
        ("0", None),
        ("4097", None),
        ("512", None),
        ("-4096", None),
        (None, None),
    ],
)
def test_page_sizes(text: str | None, size: int | None) -> None:
    assert parse_page_size(text) == size


@pytest.mark.parametrize(("text", "value"), [("67584\n", 67584 * 1024), ("", None), ("-1", None), ("1" * 25, None), (None, None)])
def test_min_free(text: str | None, value: int | None) -> None:
    assert parse_min_free(text) == value
