# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service would lose is named before; after a restart it is watched, and gets its files back if it does not stay up."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Sequence

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core import plan as core
from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import CommandError, InputError, ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import WriteFile
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.mounts import Mount
from ansible_collections.fleetlab.linux.plugins.module_utils._host.systemd import parse_properties
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp import apply
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.hazards import hazards
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.observe.service import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.observe.uses import executed_files, find_uses, temporary_folders
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.options import Wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.render import drop_in, drop_in_path, helper_path, let_in
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.show import returned
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.state import PLACES, Process, State, Unit, Uses
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.verify import problems

NAME = "demo.service"
SHARED = Process(7, "demo", "mnt:[1]", dict.fromkeys(PLACES))
RUNNING = State(Unit(NAME, active=True, main_pid=7), processes=(SHARED,), host=dict.fromkeys(PLACES), memory=1 << 30)


def test_executable_mappings_of_a_real_process() -> None:
    """h-jni: what a JVM does with a library out of a jar."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="fleetlab-jni-") as folder:
        source = next(Path("/usr/lib").glob("*/libz.so.1"))
        library = shutil.copy(source, f"{folder}/libjni.so")
        ctypes.CDLL(library)
        with open(f"{folder}/data", "wb") as stream:
            stream.write(b"x" * 100_000)
            stream.flush()
            found = find_uses([os.getpid()], PLACES, None, Host())
    assert any(path.startswith(f"{library} (") for path in found.executed)
    assert found.size >= 100_000
    assert not any("/data" in path for path in found.executed)


def test_files_of_the_user_are_found(tmp_path: Path) -> None:
    (tmp_path / "tmp" / "sessions").mkdir(parents=True)
    (tmp_path / "tmp" / "sessions" / "one").write_bytes(b"x" * 5000)
    host = Host(str(tmp_path))
    uid = os.getuid() or 12
    if not os.getuid():
        os.chown(tmp_path / "tmp" / "sessions" / "one", uid, -1)
    assert find_uses([1], PLACES, uid, host).files == ("/tmp/sessions/one",)
    assert find_uses([1], PLACES, uid, host).size >= 5000
    assert find_uses([1], PLACES, uid + 1, host).files == ()
    assert find_uses([1], PLACES, None, host).files == ()


def test_parsers() -> None:
    maps = (
        "7f00-7f01 r-xp 00000000 fd:00 12 /tmp/lib.so\n7f00-7f01 r--p 00000000 fd:00 12 /tmp/data\n"
        "7f00-7f01 r-xp 00000000 fd:00 12                 /var/tmp/a b.so (deleted)\n7f00-7f01 r-xp 00000000 00:00 0 \n"
        "7f00-7f01 r-xp 00000000 fd:00 12 /tmpfs/lib.so\n"
    )
    assert executed_files(maps, PLACES) == ["/tmp/lib.so", "/var/tmp/a b.so (deleted)"]
    assert temporary_folders(["TMPDIR=/tmp/app", "TMP=/tmp", "TEMP=/srv", "X=/tmp/x", ""], PLACES) == ["TMPDIR=/tmp/app"]
    assert parse_properties("A=1\nB=2\nA=3\n") == {"A": "1\n3", "B": "2"}


@pytest.mark.parametrize(
    ("state", "wanted", "says"),
    [
        (
            replace(RUNNING, uses=Uses(executed=("/tmp/libjni.so (java[7])",))),
            {},
            "it executes /tmp/libjni.so (java[7]), which noexec forbids",
        ),
        (replace(RUNNING, uses=Uses(executed=("/tmp/libjni.so (java[7])",))), {"options": ("nosuid", "nodev")}, ""),
        (
            replace(RUNNING, uses=Uses(variables=("TMPDIR=/tmp/app (demo[7])",))),
            {},
            "it has TMPDIR=/tmp/app (demo[7]), which a private /tmp",
        ),
        (replace(RUNNING, uses=Uses(files=("/tmp/a", "/tmp/b", "/tmp/c", "/tmp/d"))), {}, "/tmp/a, /tmp/b, /tmp/c and 1 more, stay in the"),
        (replace(RUNNING, uses=Uses(size=200 << 20)), {"size": "64M"}, "have 200.0 MiB now, and size 64M is 64.0 MiB"),
        (replace(RUNNING, uses=Uses(size=200 << 20)), {"backing": "disk"}, ""),
        (replace(RUNNING, unit=replace(RUNNING.unit, helpers=("ExecStartPre",))), {}, "ExecStartPre names /tmp"),
        (replace(RUNNING, unit=replace(RUNNING.unit, helpers=("ExecStartPre",))), {"backing": "disk"}, ""),
        (replace(RUNNING, unit=replace(RUNNING.unit, below=("PIDFile=/tmp/x.pid",))), {}, "its unit has PIDFile=/tmp/x.pid"),
    ],
)
def test_what_would_be_lost_is_named_before(state: State, wanted: dict[str, Any], says: str) -> None:
    task = Wanted(NAME, **wanted)
    assert [says in text for text in hazards(state, task)] == ([True] if says else [])
    assert any(says in warning for warning in plan(state, task).warnings) == bool(says)


class Answers:
    """Systemd's answers for one unit, and the commands that it was given."""

    def __init__(self, text: str, fails: Callable[[Sequence[str]], bool] = lambda argv: False) -> None:
        self.text, self.fails = text, fails
        self.asked: list[tuple[str, ...]] = []

    def run(self, argv: Sequence[str], stdin: str | None = None, timeout: float = 60, accept: Sequence[int] = (0,)) -> CommandResult:
        self.asked.append(tuple(argv))
        if self.fails(argv):
            raise CommandError(tuple(argv), "Job for demo.service failed", 1)
        return CommandResult(tuple(argv), 0, self.text, "")


def test_what_a_unit_says_of_tmp(tmp_path: Path) -> None:
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt/script").write_text("#!/bin/sh\nmkdir /var/tmp/x\n", encoding="utf-8")
    pre = "{ path=/bin/sh ; argv[]=/bin/sh -c echo secret > /tmp/config ; ignore_errors=no ; start_time=[n/a] ; pid=0 }"
    text = (
        f"Id={NAME}\nLoadState=loaded\nActiveState=failed\nResult=exit-code\nNRestarts=5\nExecStartPre={pre}\nExecStartPre={pre}\n"
        "ExecReload={ path=/bin/kill ; argv[]=/bin/kill -HUP $MAINPID ; ignore_errors=no ; start_time=[n/a] }\n"
        "ExecStopPost={ path=/opt/script ; argv[]=/opt/script /srv/tmp ; ignore_errors=no ; start_time=[n/a] }\n"
        "WorkingDirectory=!/tmp/app\nPIDFile=/run/demo.pid\nEnvironment=A=1 TMPDIR=/var/tmp/app\nBindPaths=/srv/x:/tmp/x:rbind\n"
    )
    unit = observe(NAME, Answers(text), Host(str(tmp_path))).unit
    assert unit.helpers == ("ExecStartPre", "ExecStopPost")
    assert unit.below == ("WorkingDirectory=!/tmp/app", "Environment=TMPDIR=/var/tmp/app")
    assert unit.bound == ("/tmp/x",)
    assert (unit.failure, unit.restarts) == ("exit-code", 5)


def test_a_service_that_does_not_stay_up_is_never_ok() -> None:
    wanted = Wanted(NAME)
    dead = State(Unit(NAME, failure="exit-code", restarts=5), drop_in=drop_in(wanted, PLACES, 0), has_drop_in_folder=True)
    changes = plan(replace(dead, unit=replace(dead.unit, drop_ins=(drop_in_path(NAME),))), wanted)
    says = "demo.service does not stay up (exit-code, restarted 5 times): see journalctl --unit=demo.service"
    assert says in changes.warnings
    assert returned(dead, wanted, changes)["problems"] == [says]
    # A service that has failed without our file is none of ours.
    assert returned(replace(dead, drop_in=None), wanted, changes)["problems"] == []


class TestHostPaths:
    """Paths of the host's /tmp that are let in by name."""

    WANTED = Wanted(NAME, host_paths=("/tmp/.X11-unix",))

    def process(self, *inner: str) -> Process:
        mounts = {
            place: Mount(
                place,
                f"0:{len(place)}",
                "/",
                "tmpfs",
                "tmpfs",
                ("rw", "noexec", "nosuid", "nodev"),
                (),
                {"size": "104860k", "mode": "1777"},
            )
            for place in PLACES
        }
        return replace(SHARED, mounts=mounts, inner=inner)

    @pytest.mark.parametrize("backing", ["tmpfs", "disk"])
    def test_the_drop_in_binds_them_and_does_without(self, backing: str) -> None:
        text = drop_in(replace(self.WANTED, backing=backing), PLACES, 0)
        assert "\nBindPaths=-/tmp/.X11-unix:/tmp/.X11-unix\n" in text
        assert let_in(text) == ("/tmp/.X11-unix",)

    def test_they_are_verified_and_their_removal_needs_a_restart(self) -> None:
        state = replace(RUNNING, existing=("/tmp/.X11-unix",), drop_in=drop_in(self.WANTED, PLACES, 0))
        without, having = replace(state, processes=(self.process(),)), replace(state, processes=(self.process("/tmp/.X11-unix"),))
        assert problems(without, self.WANTED) == ("process 7 (demo): /tmp is without /tmp/.X11-unix of the host",)
        assert problems(having, self.WANTED) == ()
        assert problems(having, Wanted(NAME)) == ("process 7 (demo): /tmp still has /tmp/.X11-unix of the host",)
        # What the unit itself binds there, and what the service mounts, is its own business.
        own = replace(having, drop_in=drop_in(Wanted(NAME), PLACES, 0), unit=replace(having.unit, bound=("/tmp/.X11-unix",)))
        assert problems(own, Wanted(NAME)) == ()
        assert problems(replace(having, existing=()), Wanted(NAME)) == ()

    def test_a_path_that_is_missing_is_refused(self) -> None:
        with pytest.raises(InputError, match=r"host_paths: /tmp/\.X11-unix does not exist on this host"):
            plan(RUNNING, self.WANTED)

    def test_a_path_that_leads_through_a_link_is_refused(self) -> None:
        linked = replace(RUNNING, existing=self.WANTED.host_paths, linked=self.WANTED.host_paths)
        with pytest.raises(InputError, match=r"host_paths: /tmp/\.X11-unix leads through a symbolic link"):
            plan(linked, self.WANTED)


class Service:
    """A service that is observed again and again, and what becomes of it."""

    def __init__(self, *states: State) -> None:
        self.states = list(states)

    def __call__(self, name: str) -> State:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


HEALTHY = replace(RUNNING, processes=(TestHostPaths().process(),))
FORMER = replace(RUNNING, drop_in="# former\n")


@pytest.fixture
def carried_out(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The steps that are applied as the way back."""
    steps: list[Any] = []
    monkeypatch.setattr(apply, "_SETTLES", 0.05)
    monkeypatch.setattr(apply, "_PAUSE", 0.01)
    monkeypatch.setattr(apply, "_LOOKS", 0.01)
    monkeypatch.setattr(core, "apply", lambda changes, runner: steps.extend(changes.steps))
    return steps


def restart(service: Service, runner: Answers, settle: int = 1) -> None:
    found = apply.operations(Wanted(NAME, settle=settle), service, runner)
    found["remember"](service=NAME)
    found["restart"](service=NAME)


def test_a_service_that_stays_up_keeps_its_tmp(carried_out: list[Any]) -> None:
    runner = Answers("")
    restart(Service(FORMER, HEALTHY), runner)
    # Without the first of them systemd refuses a service that was started five times in ten seconds, and leaves it stopped.
    assert runner.asked == [("systemctl", "reset-failed", NAME), ("systemctl", "try-restart", NAME)]
    assert carried_out == []


@pytest.mark.parametrize(
    ("later", "says"),
    [
        (replace(HEALTHY, unit=replace(HEALTHY.unit, active=False, failure="signal")), r"it has ended \(signal\)"),
        (replace(HEALTHY, unit=replace(HEALTHY.unit, failure="exit-code")), r"it has ended \(exit-code\)"),
        (replace(HEALTHY, unit=replace(HEALTHY.unit, restarts=1)), "systemd had to start it again"),
        (replace(HEALTHY, processes=()), "all its processes have ended"),
    ],
)
def test_one_that_dies_seconds_later_gets_its_files_back(carried_out: list[Any], later: State, says: str) -> None:
    """h-jnilate: a library is loaded two seconds after the start."""
    service = Service(FORMER, HEALTHY, HEALTHY, later, FORMER)
    with pytest.raises(
        ObservationError, match=rf"demo.service does not stay up with its private /tmp: {says}; its last lines: oh no / dead"
    ):
        restart(service, Answers("oh no\ndead\n"))
    assert carried_out[0] == WriteFile(drop_in_path(NAME), "# former\n")
    assert [step.rendered() for step in carried_out[1:]] == [
        ["systemctl", "daemon-reload"],
        ["systemctl", "reset-failed", NAME],
        ["systemctl", "restart", NAME],
    ]


def test_one_that_cannot_even_be_restarted_gets_its_files_back(carried_out: list[Any]) -> None:
    runner = Answers("", lambda argv: argv[1] == "try-restart")
    with pytest.raises(ObservationError, match="Its former files were given back, and it runs again"):
        restart(Service(FORMER), runner)
    assert carried_out


def test_the_way_back_of_a_service_without_files() -> None:
    plain = [step.rendered() for step in apply.way_back(RUNNING, made=["private-tmp-demo.service"])]
    assert plain[0] == ["rm", "--force", drop_in_path(NAME)]
    assert plain[1][0] == "rmdir"
    assert plain[-3:] == [
        ["systemctl", "stop", "private-tmp-demo.service"],
        ["rm", "--force", helper_path(NAME)],
        ["systemctl", "daemon-reload"],
    ]


def test_another_tmp_than_promised_is_no_reason_to_undo_it(carried_out: list[Any]) -> None:
    with pytest.raises(ObservationError, match="/tmp is that of the host"):
        restart(Service(RUNNING), Answers(""))
    assert carried_out == []
