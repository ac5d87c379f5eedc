# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on real kernels. Run by molecule's scenario "faults" (make test-faults), or by hand on a lab of its own:

make lab LAB_NAME=faults ARGS=-e@molecule/faults/lab.yml
pytest --ansible-inventory=.lab/faults/inventory.yml tests/faults [-m core] [-k name]
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Callable, Iterator

import pytest

from . import oracle, traffic
from .lab import MOUNT, ROOT, Lab
from .scene import Data, Scene
from .table import Table, markdown

_OUTPUT = ROOT / "tests" / "output"
"""The folder of the table, outside the lab's folder, which is removed with the lab."""

_TABLE = pytest.StashKey[Table]()


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark, and create the table of all tests."""
    config.addinivalue_line("markers", "fault: what the lab has to survive")
    config.addinivalue_line("markers", "core: the faults that every run of all tests goes through")
    config.stash[_TABLE] = Table(_OUTPUT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, because others may run in the same session."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.fault)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table."""
    rows = config.stash[_TABLE].rows
    if rows:
        terminalreporter.section("faults")
        terminalreporter.write(markdown(rows))


@pytest.fixture(scope="session")
def table(request: pytest.FixtureRequest) -> Table:
    """The table of this run."""
    return request.config.stash[_TABLE]


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The existing lab of the given inventory, after the remaining faults of an earlier run were healed."""
    handle = Lab(Path(request.config.getoption("ansible_inventory")))
    if not _has_all_members(handle):
        oracle.converges(handle.playbook())
    oracle.wait_whole(handle)
    yield handle
    handle.close()


@pytest.fixture(scope="session")
def data(lab: Lab) -> Data:
    """Known data on the client."""
    traffic.install(lab)
    return Data(traffic.seed(lab))


@pytest.fixture
def whole(lab: Lab, data: Data, request: pytest.FixtureRequest) -> Lab:
    """The healthy lab with its data, after the remaining faults of a failed test were healed."""
    if not _is_whole(lab, data):
        rebuild(lab, data)
    return lab


@pytest.fixture
def fault(whole: Lab, table: Table, data: Data) -> Callable[..., contextlib.AbstractContextManager[Scene]]:
    """Begins a fault: C(with fault(row, what, ...) as scene)."""

    def begin(row: str, what: str, *, stall: float | None = None, errors: bool = False, quiet: bool = False) -> Scene:
        return Scene(whole, table, data, row, what, stall=stall, errors=errors, quiet=quiet)

    return begin


def _has_all_members(lab: Lab) -> bool:
    try:
        return not any(oracle.degraded(lab))
    except AssertionError:
        return False


def _is_whole(lab: Lab, data: Data) -> bool:
    try:
        return _has_all_members(lab) and traffic.checksums(lab) == data.sums
    except AssertionError:
        return False


def rebuild(lab: Lab, data: Data) -> None:
    """Cut the power of all machines and let the playbook heal the lab. Only if that fails, create the data again."""
    lab.power_off(*lab.guests)
    for guest in lab.servers:
        lab.plug(guest)
    run = lab.playbook("-e", "storage_client_recover=true")
    if run.exit_code == 0:
        oracle.wait_whole(lab)
        if not _is_whole(lab, data):
            lab.run(lab.client, f"rm -f {MOUNT}/known-* {MOUNT}/slots {MOUNT}/fio")
            data.sums = traffic.seed(lab)
        return
    clear(lab)
    oracle.converges(lab.playbook())
    oracle.wait_whole(lab)
    data.sums = traffic.seed(lab)


def clear(lab: Lab) -> None:
    """Take the arrays of the client apart and their superblocks away, as if they had never been.

    That of the stripe lies inside the mirrors, and would come to light again in others made of the same disks.
    """
    lab.run(
        lab.client,
        f"umount {MOUNT}; mdadm --stop /dev/md99; for array in {' '.join(lab.mirrors)}; do mdadm --zero-superblock /dev/$array; done; "
        "mdadm --stop --scan; mdadm --stop --scan; sed -i '/^ARRAY/d' /etc/mdadm/mdadm.conf; "
        "for disk in /dev/disk/by-path/*-iscsi-*; do mdadm --zero-superblock $disk; wipefs -aq $disk; done; true",
    )
