# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs of each state module that start at once: the second observes when the first has applied its plan."""

from __future__ import annotations

import ast
import importlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, NoReturn

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.module_utils._core import lock, module
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Operation, Plan

MODULES = Path(__file__).resolve().parents[4] / "plugins" / "modules"
PREFIX = "ansible_collections.fleetlab.linux.plugins.modules."
FRAME = "ansible_collections.fleetlab.linux.plugins.module_utils._core.module"

TASKS: dict[str, list[dict[str, Any]]] = {
    "apache_tls": [{}],
    "disk_queue": [{"settings": {"scheduler": "none"}, "path": "/etc/udev/rules.d/99-queue.rules"}],
    "disk_reservation": [{"targets": ["iqn.2026-01.com.example:one"]}],
    "ftpaccess": [{}],
    "iscsi_session": [{"initiator_name": "iqn.2026-01.com.example:client"}],
    "iscsi_target": [{"iqn": "iqn.2026-01.com.example:one"}],
    "md_array": [{"name": "md1"}],
    "netns": [{"name": "web"}],
    "nginx_tls": [{}],
    "patched_package": [{"name": "hostname", "state": "absent"}, {"name": "hostname", "state": "built", "patches": ["/a"]}],
    "patched_package_archive": [{}],
    "private_tmp": [{"service": "nginx"}, {"launcher": "/usr/local/bin/private-tmp"}],
    "proftpd_tls": [{}],
    "storage_monitor": [{}],
    "tz_cron": [{"name": "job", "state": "absent"}],
}
WITHOUT = {
    # A lab is claimed for a process: see test_lab_guests.py.
    "lab_guests",
}
SHARED = [("md_array", "storage_monitor"), ("ftpaccess", "proftpd_tls"), ("patched_package", "patched_package_archive")]
"""Modules that write the same file, or that prove the configuration of the same server."""


class Called(Exception):
    """The frame was called, with the rooms of a wing."""

    def __init__(self, wing: module.Wing[Any, Any]) -> None:
        super().__init__()
        self.wing = wing


class Ended(Exception):
    """A module has ended."""


class Options:
    """An Ansible module without options."""

    params: dict[str, Any] = {}
    check_mode = False
    _diff = False

    def exit_json(self, **_result: Any) -> NoReturn:
        """End with success."""
        raise Ended

    def fail_json(self, msg: str, **_result: Any) -> NoReturn:
        """End with an error."""
        raise AssertionError(msg)


def rooms(loaded: ModuleType, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> module.Wing[Any, Any]:
    """The rooms with which a module calls the frame."""

    def called(_module: Any, wing: module.Wing[Any, Any], _runner: Any) -> NoReturn:
        raise Called(wing)

    monkeypatch.setattr(loaded, "run", called)
    with patch_module_args(options), pytest.raises(Called) as found:
        loaded.main()
    return found.value.wing


def start_two(first: module.Wing[Any, Any], second: module.Wing[Any, Any]) -> list[str]:
    """What two runs that start at once do, in order."""
    events: list[str] = []
    barrier = threading.Barrier(2)

    def start_together() -> None:
        barrier.wait()

    def event(what: str, result: Any = None) -> Callable[..., Any]:
        def happens(*_arguments: Any) -> Any:
            events.append(what)
            time.sleep(0.05)
            return result

        return happens

    def play(wing: module.Wing[Any, Any]) -> None:
        alone = replace(
            wing,
            make_wanted=lambda _params: None,
            require=start_together,
            observe=event("observes"),
            observe_again=lambda _wanted: None,
            carry_over=lambda _before, after: after,
            plan=lambda _state, _wanted: Plan("it", {}, {}, (Operation("applies", {}),)),
            operations=lambda _wanted: {"applies": event("applies")},
            returned=lambda _state, _wanted, _plan: {},
            secrets=lambda _params: (),
        )
        with pytest.raises(Ended):
            module.run(Options(), alone, None)  # type: ignore[arg-type]

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(play, (first, second)))
    return events


def test_every_state_module_is_known_here() -> None:
    found = set()
    for file in MODULES.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == FRAME and "run" in [alias.name for alias in node.names]:
                found.add(file.stem)
    assert found == set(TASKS) | WITHOUT


@pytest.mark.parametrize(("name", "options"), [(name, options) for name, tasks in TASKS.items() for options in tasks])
def test_two_runs_that_start_at_once(name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lock, "_FOLDER", str(tmp_path))
    wing = rooms(importlib.import_module(PREFIX + name), options, monkeypatch)
    assert start_two(wing, wing) == ["observes", "applies"] * 2


@pytest.mark.parametrize("names", SHARED, ids="-".join)
def test_modules_that_change_the_same_thing_wait_for_each_other(
    names: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(lock, "_FOLDER", str(tmp_path))
    first, second = (rooms(importlib.import_module(PREFIX + name), TASKS[name][0], monkeypatch) for name in names)
    assert start_two(first, second) == ["observes", "applies"] * 2


def test_without_a_lock_two_runs_would_observe_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = replace(rooms(importlib.import_module(f"{PREFIX}netns"), TASKS["netns"][0], monkeypatch), lock=None)
    assert start_two(alone, alone)[:2] == ["observes", "observes"]
