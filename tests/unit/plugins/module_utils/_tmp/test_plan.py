# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans of private_tmp: what they do, what they refuse, and that a plan carried out, or cut short, leaves the next one to complete it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError, RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Command, Operation, Plan, RemoveFile, Step, WriteFile
from ansible_collections.fleetlab.linux.plugins.module_utils._host.mounts import Mount
from ansible_collections.fleetlab.linux.plugins.module_utils._host.systemd import SYSTEM_FOLDER
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.private_tmp import launcher
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.common import left_common
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.options import (
    MOUNT_OPTIONS,
    Wanted,
    WantedLauncher,
    make_wanted,
    make_wanted_launcher,
    size_in_bytes,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.plan import plan, plan_launcher
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.render import (
    MARKER,
    common_name,
    common_names,
    drop_in,
    drop_in_path,
    folder_group,
    helper,
    helper_name,
    helper_path,
    kept_drop_in,
    leaving_helper,
    short_name,
    source,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.state import PLACES, Common, LauncherState, Process, Shared, State, Unit
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.verify import problems, used_common, uses_folder

NAME = "demo.service"
OTHERS = {"both": ("other.service",)}
MEMORY = 1 << 30
GID = 33


def tmpfs(wanted: Wanted, place: str) -> Mount:
    size = -(-size_in_bytes(wanted.size, MEMORY) // 4096) * 4
    parameters = {"rw": "", "size": f"{size}k", "gid": str(GID), **({"mode": f"{wanted.mode:o}"} if wanted.mode != 0o1777 else {})}
    return Mount(place, f"0:{len(place)}", "/", "tmpfs", "tmpfs", ("rw", *wanted.options), (), parameters)


def disk(wanted: Wanted, place: str) -> Mount:
    return Mount(place, "254:0", source(NAME, place, wanted.share), "ext4", "/dev/vda", ("rw", *wanted.options), (), {})


class Machine:
    """What systemd makes of the files: a plan's steps are carried out on it."""

    def __init__(self, running: bool) -> None:
        self.files: dict[str, str] = {}
        self.read: dict[str, str] = {}
        self.wanted: dict[str, Wanted] = {}
        self.active = running
        self.mounts: dict[str, Mount | None] = dict.fromkeys(PLACES)
        self.modes: tuple[int, int] = (0o1777, 0)
        self.helper_runs = False
        self.common_runs: set[str] = set()
        self.destroyed = False

    def state(self) -> State:
        process = Process(7, "demo", "mnt:[1]", dict(self.mounts), dict.fromkeys(PLACES, self.modes))
        path = drop_in_path(NAME)
        unit = Unit(
            NAME,
            active=self.active,
            main_pid=7 if self.active else 0,
            stale=self.files.get(path) != self.read.get(path),
            drop_ins=(path,) if path in self.read else (),
        )
        return State(
            unit=unit,
            drop_in=self.files.get(path),
            helper=self.files.get(helper_path(NAME)),
            helper_active=self.helper_runs,
            common={
                name: Common(text, OTHERS.get(name, ()), name in self.common_runs)
                for name, text in ((common_name(path), text) for path, text in self.files.items())
                if name
            },
            has_drop_in_folder=path in self.files,
            processes=(process,) if self.active else (),
            host=dict.fromkeys(PLACES),
            gid=GID,
            memory=MEMORY,
        )

    def carry_out(self, made: Plan, wanted: Wanted, count: int | None = None) -> None:
        for step in made.steps[:count]:
            self._step(step, wanted)

    def _step(self, step: Step, wanted: Wanted) -> None:
        if isinstance(step, WriteFile):
            self.files[step.path] = step.content
            self.wanted[step.content] = wanted
        elif isinstance(step, RemoveFile):
            self.files.pop(step.path, None)
        elif isinstance(step, Operation) and step.name == "restart":
            self.restart()
            assert problems(self.state(), wanted) == () if wanted.present else True
        elif isinstance(step, Command):
            self._command(step)
        self._stop_unneeded()

    def _stop_unneeded(self) -> None:
        """What systemd does with folders that no running unit requires; the other services never run."""
        required = common_names(self.read.get(drop_in_path(NAME), "")) if self.active else set()
        for name in self.common_runs - required:
            self.destroyed |= used_common(self.state()) == name
        self.common_runs &= required

    def _command(self, step: Command) -> None:
        verb = step.argv[1]
        if verb == "daemon-reload":
            self.read = dict(self.files)
            needed = self.active and "Requires=" in self.read.get(drop_in_path(NAME), "")
            if self.helper_runs and not needed and "StopWhenUnneeded" in self.read.get(helper_path(NAME), ""):
                self._stop_helper()
        elif verb == "stop" and common_name(step.argv[2]):
            self.destroyed |= used_common(self.state()) == common_name(step.argv[2])
            self.common_runs.discard(common_name(step.argv[2]))
        elif verb == "stop":
            self._stop_helper()
        elif verb == "start" and common_name(step.argv[2]):
            self.common_runs.add(common_name(step.argv[2]))
        elif verb == "start":
            self.helper_runs = True

    def _stop_helper(self) -> None:
        self.destroyed |= uses_folder(self.state())
        self.helper_runs = False

    def restart(self) -> None:
        if not self.active:
            return
        text = self.read.get(drop_in_path(NAME))
        self.mounts = dict.fromkeys(PLACES)
        self.modes = (0o1777, 0)
        self.common_runs |= common_names(text or "")
        wanted = self.wanted.get(text or "")
        if wanted is not None and wanted.present:
            self.mounts = {place: (tmpfs if wanted.backing == "tmpfs" else disk)(wanted, place) for place in PLACES}
            self.modes = (wanted.mode, folder_group(wanted, GID))
            self.helper_runs = wanted.backing == "disk" and not wanted.share


def wants() -> st.SearchStrategy[Wanted]:
    chosen = st.builds(
        Wanted,
        service=st.just(NAME),
        present=st.booleans(),
        backing=st.sampled_from(["tmpfs", "disk"]),
        size=st.sampled_from(["10%", "64M", "100000", "512K"]),
        mode=st.sampled_from([0o1777, 0o770]),
        options=st.sampled_from([MOUNT_OPTIONS, ("noexec", "nosuid", "nodev"), ("nosuid", "nodev")]),
        restart=st.booleans(),
    )
    shared = chosen.flatmap(lambda one: st.sampled_from(["", "alone", "both"]).map(lambda name: share(one, name)))
    return shared.map(lambda one: replace(one, size="10%") if one.backing == "disk" else one)


def share(wanted: Wanted, name: str) -> Wanted:
    """The same with a /tmp that services share; the other one that has the second has the usual mode and options."""
    if name == "both":
        wanted = replace(wanted, mode=0o1777, options=MOUNT_OPTIONS)
    return replace(wanted, backing="disk", share=name) if name else wanted


@given(running=st.booleans(), wanted=st.lists(wants(), min_size=1, max_size=5))
def test_a_plan_carried_out_leaves_nothing_to_plan(running: bool, wanted: list[Wanted]) -> None:
    machine = Machine(running)
    for one in wanted:
        made = plan(machine.state(), one)
        assert made.changed == (made.before != made.after) or made.commands()[0][1] == "daemon-reload"
        machine.carry_out(made, one)
        assert not machine.destroyed, "the folder was taken away under the running service"
        again = plan(machine.state(), one)
        assert again.commands() == []
        assert again.before["restart_needed"] == made.after["restart_needed"]
    last = wanted[-1]
    if not last.present and (last.restart or not running):
        assert set(machine.files) <= {helper_path(NAME, "both")}
        assert not machine.common_runs
        assert not machine.helper_runs


@given(running=st.booleans(), first=wants(), second=wants(), cut=st.integers(0, 9))
def test_a_run_that_was_cut_short_is_completed_by_the_next(running: bool, first: Wanted, second: Wanted, cut: int) -> None:
    machine = Machine(running)
    machine.carry_out(plan(machine.state(), first), first)
    machine.carry_out(plan(machine.state(), second), second, cut)
    machine.carry_out(plan(machine.state(), second), second)
    assert not machine.destroyed
    assert plan(machine.state(), second).commands() == []
    path, left = drop_in_path(NAME), left_common(machine.state(), second)
    gone = kept_drop_in(left) if left else None
    assert machine.files.get(path) == machine.read.get(path) == (drop_in(second, PLACES, GID, left) if second.present else gone)


@given(wanted=wants(), handled=wants())
def test_a_handler_that_restarts_brings_it_in_force(wanted: Wanted, handled: Wanted) -> None:
    machine = Machine(True)
    for one in (replace(wanted, present=True, restart=True), replace(handled, restart=False)):
        machine.carry_out(plan(machine.state(), one), one)
    machine.restart()
    left = plan(machine.state(), handled)
    assert not left.after["restart_needed"]
    # Only what had to stay as long as the service ran with it is removed then.
    assert {step.argv[1] for step in left.steps if isinstance(step, Command)} <= {"stop", "daemon-reload", "--ignore-fail-on-non-empty"}


def test_the_service_is_restarted_only_when_asked() -> None:
    machine = Machine(True)
    quiet = plan(machine.state(), Wanted(NAME))
    assert quiet.after["restart_needed"]
    assert not any("restart" in word for step in quiet.commands() for word in step)
    asked = plan(machine.state(), Wanted(NAME, restart=True))
    assert asked.commands()[0] == ["remember", f"service={NAME}"]
    assert asked.commands()[-1] == ["restart", f"service={NAME}"]
    assert not asked.after["restart_needed"]
    stopped = plan(Machine(False).state(), Wanted(NAME, restart=True))
    assert not any("restart" in step for step in stopped.commands())


class TestFiles:
    """What is written."""

    def test_the_drop_in_of_a_tmpfs(self) -> None:
        text = drop_in(Wanted(NAME, size="64M"), PLACES, GID)
        assert text.splitlines()[1:] == [
            "[Service]",
            "PrivateTmp=no",
            "TemporaryFileSystem=/tmp:mode=1777,gid=33,size=64M,noexec,nosuid,nodev",
            "TemporaryFileSystem=/var/tmp:mode=1777,gid=33,size=64M,noexec,nosuid,nodev",
        ]

    def test_the_drop_in_is_read_last(self) -> None:
        assert drop_in_path(NAME) > f"{SYSTEM_FOLDER}/{NAME}.d/x.conf"

    def test_a_folder_of_several_belongs_to_none_of_them(self) -> None:
        wanted = Wanted(NAME, backing="disk", share="web")
        assert helper(wanted, PLACES, GID) == helper(wanted.named("other.service"), PLACES, 0)
        assert NAME not in helper(wanted, PLACES, GID)
        assert "BindPaths=/var/lib/private-tmp-shared/web/var_tmp:/var/tmp:norbind\n" in drop_in(wanted, PLACES, GID)
        assert "Requires=shared-tmp-web.service\n" in drop_in(wanted, PLACES, GID)

    def test_a_folder_on_disk_is_mounted_before_and_removed_after(self) -> None:
        wanted = Wanted(NAME, backing="disk")
        text, unit = drop_in(wanted, PLACES, GID), helper(wanted, PLACES, GID)
        assert f"Requires={helper_name(NAME)}\nAfter={helper_name(NAME)}\n" in text
        for place in PLACES:
            assert f"BindPaths={source(NAME, place)}:{place}:norbind\n" in text
            assert f"ExecStart=mount --options=bind,noexec,nosuid,nodev {source(NAME, place)} {source(NAME, place)}\n" in unit
        assert unit.index("ExecStartPre=rm") < unit.index("ExecStart=install") < unit.index("ExecStopPost=rm")
        assert "StopWhenUnneeded" not in leaving_helper(NAME, PLACES)

    def test_with_selinux_a_folder_on_disk_has_the_label_of_the_place(self) -> None:
        wanted = Wanted(NAME, backing="disk")
        text = helper(wanted, PLACES, GID, labels=True)
        for place in PLACES:
            folder = source(NAME, place)
            assert text.index(f" {folder}\nExecStart=-chcon --reference={place} {folder}\nExecStart=mount ") > 0
        assert helper(wanted, PLACES, GID) == "".join(line for line in text.splitlines(True) if "chcon" not in line)

    @pytest.mark.parametrize("name", ["a@b.service", "dev-sda\\x2d1.service", "a:b.service", "..service"])
    def test_names_that_mean_something_to_systemd_are_changed(self, name: str) -> None:
        assert set(short_name(name)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")

    def test_changed_names_stay_apart(self) -> None:
        assert len({short_name(name) for name in ("a@b.service", "a:b.service", "a_b.service", "a\\b.service")}) == 4


def params(**given: Any) -> dict[str, Any]:
    names = ("service", "launcher", "backing", "size", "mode", "options")
    return {**dict.fromkeys(names), "state": "present", "host_paths": None, "share": None, "settle": None, "restart": False, **given}


class TestInput:
    """Refused before anything changes."""

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ({"host_paths": ["/tmp"]}, "'/tmp' is not a path below /tmp or /var/tmp"),
            ({"host_paths": ["/srv/x"]}, "not a path below"),
            ({"host_paths": ["/tmp/../etc"]}, "not a path below"),
            ({"host_paths": ["/tmp/a:b"]}, "not a path below"),
            ({"host_paths": ["/tmp/a b"]}, "not a path below"),
            ({"share": "a b"}, "not a name of 1 to 32 letters"),
            ({"share": ""}, "not a name of 1 to 32 letters"),
            ({"share": "web", "backing": "tmpfs"}, "share: needs backing: disk"),
            ({"share": "web", "size": "1G"}, "has no effect with backing: disk"),
            ({"settle": 5}, "needs restart: true"),
            ({"settle": 601, "restart": True}, "not between 0 and 600 seconds"),
        ],
    )
    def test_paths_of_the_host_and_the_settling_time(self, given: dict[str, Any], says: str) -> None:
        with pytest.raises(InputError, match=says):
            make_wanted(params(service="demo", **given))

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "-x",
            "a/b",
            "../a",
            "a b",
            "a\nb",
            "a;reboot",
            ".service",
            "@.service",
            "@x",
            "a@.service",
            "a@",
            "a.socket",
            "a.timer",
            "ä",
            "x" * 300,
            "a$b",
            "a%b",
        ],
    )
    def test_names_that_are_no_service(self, name: str) -> None:
        with pytest.raises(InputError) as error:
            make_wanted(params(service=name))
        assert error.value.option == "service"

    @pytest.mark.parametrize(
        ("name", "full"),
        [("nginx", "nginx.service"), ("nginx.service", "nginx.service"), ("a@b", "a@b.service"), ("php8.2-fpm", "php8.2-fpm.service")],
    )
    def test_names_that_are(self, name: str, full: str) -> None:
        wanted = make_wanted(params(service=name))
        assert isinstance(wanted, Wanted)
        assert wanted.service == full

    @pytest.mark.parametrize("size", ["", "0", "-1", "0%", "101%", "64X", "64 M", "1.5G", "M", "10", "64M,mode=0", "64M\n", "1e9", "٣M"])
    def test_sizes_that_are_none(self, size: str) -> None:
        with pytest.raises(InputError, match="size"):
            make_wanted(params(service="a", size=size))

    # The numbers are what YAML makes of 0770, 01777 and 0700.
    @pytest.mark.parametrize("mode", ["rwx", "4777", "888", "77", "01777x", "1777\n", "-777", "504", "1023", "448", "0o770"])
    def test_modes_that_are_none(self, mode: str) -> None:
        with pytest.raises(InputError, match=r"'1777' or '0770', and in quotes"):
            make_wanted(params(service="a", mode=mode))

    @given(mode=st.integers(0o700, 0o777) | st.integers(0o1700, 0o1777))
    def test_a_mode_is_never_silently_another(self, mode: int) -> None:
        quoted = make_wanted(params(service="a", mode=f"{mode:04o}"))
        assert isinstance(quoted, Wanted)
        assert quoted.mode == mode
        with pytest.raises(InputError):
            make_wanted(params(service="a", mode=str(mode)))

    def test_the_launcher_has_the_same_sizes(self) -> None:
        for size in ("64m", "64K", "65536", "1%", "1G"):
            wanted = make_wanted(params(service="a", size=size))
            options, _command = launcher.parse(["--size", size, "--", "true"])
            assert isinstance(wanted, Wanted)
            assert wanted.size == options.size == size.upper()

    def test_a_size_on_disk(self) -> None:
        with pytest.raises(InputError, match="backing: disk"):
            make_wanted(params(service="a", size="1G", backing="disk"))

    @pytest.mark.parametrize(
        "given", [{"size": "1G"}, {"mode": "0770"}, {"backing": "disk"}, {"options": []}, {"share": "web"}, {"restart": True}]
    )
    def test_options_of_a_service_for_the_launcher(self, given: dict[str, Any]) -> None:
        with pytest.raises(InputError, match="launcher"):
            make_wanted_launcher(params(launcher="/usr/local/sbin/private-tmp", **given))

    @pytest.mark.parametrize("path", ["private-tmp", "/usr/local/sbin/", "/usr/../etc/x", ""])
    def test_paths_of_the_launcher(self, path: str) -> None:
        with pytest.raises(InputError, match="absolute path"):
            make_wanted_launcher(params(launcher=path))

    def test_another_mode_than_that_of_the_others_that_share(self) -> None:
        machine = Machine(False)
        both = share(Wanted(NAME), "both")
        machine.carry_out(plan(machine.state(), both), both)
        with pytest.raises(
            InputError, match=r"both is shared with other\.service, by whose task it has another mode, group or mount options"
        ):
            plan(machine.state(), replace(both, mode=0o770))
        machine.files[helper_path(NAME, "both")] = "[Unit]\n"
        with pytest.raises(RefusedError, match=r"shared-tmp-both\.service was not written by this module"):
            plan(machine.state(), both)

    def test_more_than_the_memory(self) -> None:
        with pytest.raises(InputError, match="more than the memory"):
            plan(Machine(True).state(), Wanted(NAME, size="2G"))

    def test_a_unit_that_is_missing_or_masked(self) -> None:
        for loaded, found in (("not-found", "no unit"), ("masked", "masked"), ("bad-setting", "bad-setting")):
            state = replace(Machine(False).state(), unit=Unit(NAME, loaded=loaded))
            with pytest.raises(InputError, match=found):
                plan(state, Wanted(NAME))
        # What was made for it can still be removed.
        assert plan(replace(state, unit=Unit(NAME, loaded="not-found")), Wanted(NAME, present=False)).steps == ()

    def test_a_user_that_is_missing(self) -> None:
        state = replace(Machine(False).state(), gid=None, unit=Unit(NAME, user="ghost"))
        with pytest.raises(InputError, match="user ghost"):
            plan(state, Wanted(NAME))

    @pytest.mark.parametrize("path", [drop_in_path(NAME), helper_path(NAME)])
    @pytest.mark.parametrize("present", [True, False])
    def test_files_of_somebody_else(self, path: str, present: bool) -> None:
        machine = Machine(True)
        machine.files[path] = "[Service]\nPrivateTmp=yes\n"
        with pytest.raises(RefusedError, match="was not written by this module"):
            plan(machine.state(), Wanted(NAME, present=present))

    @pytest.mark.parametrize(
        ("setting", "word", "backing"),
        [
            ("ReadWritePaths", "/tmp", "tmpfs"),
            ("NoExecPaths", "-/var/tmp/", "tmpfs"),
            ("TemporaryFileSystem", "/tmp:ro", "tmpfs"),
            ("BindPaths", "/srv/tmp:/tmp:rbind", "tmpfs"),
            ("BindPaths", "/srv/tmp:/tmp", "disk"),
            ("ReadOnlyPaths", "/tmp", "disk"),
            ("InaccessiblePaths", "/tmp", "disk"),
            ("ExecPaths", "/tmp", "disk"),
        ],
    )
    def test_units_that_contradict(self, setting: str, word: str, backing: str) -> None:
        state = replace(Machine(True).state(), unit=Unit(NAME, active=True, path_settings={setting: (word,)}))
        with pytest.raises(RefusedError, match=setting):
            plan(state, Wanted(NAME, backing=backing))

    def test_a_dynamic_user(self) -> None:
        state = replace(Machine(True).state(), unit=Unit(NAME, active=True, dynamic_user=True, private_tmp=True, joins=("o.service",)))
        with pytest.raises(RefusedError, match="use backing: disk"):
            plan(state, Wanted(NAME))
        with pytest.raises(InputError, match="mode"):
            plan(state, Wanted(NAME, backing="disk", mode=0o770))
        wanted = Wanted(NAME, backing="disk")
        assert "DynamicUser=yes, and with it a private /tmp by systemd" in " ".join(plan(state, wanted).warnings)
        assert plan(replace(state, drop_in=drop_in(wanted, PLACES, 0)), wanted).warnings == ()


def test_a_mode_with_which_the_service_could_not_write_is_refused() -> None:
    for user, modes in {"app": (0o700, 0o755, 0o1755), "": (), "root": (), "0": ()}.items():
        state = replace(Machine(True).state(), unit=Unit(NAME, active=True, user=user))
        for mode in (0o700, 0o755, 0o1755, 0o770, 0o1777):
            if mode in modes:
                with pytest.raises(InputError, match=f"{mode:04o} lets only root write, and {NAME} runs as app: give 0770"):
                    plan(state, Wanted(NAME, mode=mode))
            else:
                assert plan(state, Wanted(NAME, mode=mode)).changed


def test_own_settings_are_no_contradiction() -> None:
    machine = Machine(True)
    wanted = Wanted(NAME)
    machine.carry_out(plan(machine.state(), wanted), wanted)
    state = machine.state()
    loaded = replace(state.unit, path_settings={"TemporaryFileSystem": ("/tmp:mode=1777", "/var/tmp:mode=1777")})
    assert plan(replace(state, unit=loaded), wanted).commands() == []


def test_warnings_name_what_gets_out_of_sight() -> None:
    state = replace(Machine(True).state(), shared=(Shared("/tmp/a.sock", "socket", ("php[3]",)), Shared("/tmp/b", "socket")))
    state = replace(state, unit=replace(state.unit, private_tmp=True, joins=("other.service",)))
    text = "\n".join(plan(state, Wanted(NAME)).warnings)
    for found in (
        "/tmp/a.sock (socket, also used by php[3])",
        "/tmp/b (socket, others may connect to it)",
        "PrivateTmp=yes",
        "other.service",
    ):
        assert found in text


class TestLauncher:
    """The file of the launcher."""

    TEXT = f"#!/usr/bin/python3 -I\n# {MARKER}.\npass\n"

    def test_installed_repaired_and_removed(self) -> None:
        wanted = WantedLauncher("/opt/private-tmp")
        for state in (
            LauncherState(program=self.TEXT),
            LauncherState(self.TEXT + "x", 0o755, program=self.TEXT),
            LauncherState(self.TEXT, 0o777, program=self.TEXT),
            LauncherState(self.TEXT, 0o755, 1000, program=self.TEXT),
        ):
            (step,) = plan_launcher(state, wanted).steps
            assert step == WriteFile("/opt/private-tmp", self.TEXT, 0o755, "root", "root")
        there = LauncherState(self.TEXT, 0o755, program=self.TEXT)
        assert plan_launcher(there, wanted).steps == ()
        gone = WantedLauncher("/opt/private-tmp", present=False)
        assert plan_launcher(there, gone).steps == (RemoveFile("/opt/private-tmp"),)
        assert plan_launcher(LauncherState(), gone).steps == ()

    @pytest.mark.parametrize("present", [True, False])
    @pytest.mark.parametrize("state", [LauncherState("#!/bin/sh\nls\n", 0o755), LauncherState(odd="a link"), LauncherState(odd="a folder")])
    def test_something_else_is_left_alone(self, state: LauncherState, present: bool) -> None:
        with pytest.raises(RefusedError):
            plan_launcher(state, WantedLauncher("/opt/private-tmp", present))
