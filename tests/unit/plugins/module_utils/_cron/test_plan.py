# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a host has to what a task wants, on hosts made of data: carried out whole or in part, the next plan completes it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError, RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Command, MakeDirectory, RemoveFile, Step, WriteFile
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.program import COMMAND, LIBRARY, files
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.show import describe
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.state import (
    Definition,
    Installed,
    State,
    Wanted,
    cron_path,
    state_folder,
    unit_path,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.job import DEFINITIONS, from_definition
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.zone import fixed, load

NOW = 1_764_000_000
PROGRAM = files("/usr/bin/python3")
SOFIA = load("Europe/Sofia")
NAMES = ("one", "two")


def host_with(**changes: Any) -> State:
    host = State(fixed(0), NOW, cron=True, systemd=True, wanted_program=PROGRAM, jobs=dict.fromkeys(NAMES, Installed()))
    return replace(host, **changes)


def wanted(name: str = "one", backend: str = "auto", **changes: Any) -> Wanted:
    definition = Definition(**{"name": name, "timezone": "Europe/Sofia", "at": ("05:00",), "command": "true", **changes})
    return Wanted(name, definition, SOFIA, backend)


def carried_out(host: State, steps: tuple[Step, ...]) -> State:
    """The host after these steps."""
    for step in steps:
        if isinstance(step, Command):
            host = _commanded(host, step.argv)
        elif isinstance(step, MakeDirectory):
            host = _made(host, step.path)
        elif isinstance(step, (WriteFile, RemoveFile)):
            host = _written(host, step.path, step.content if isinstance(step, WriteFile) else None)
    return host


def _made(host: State, path: str) -> State:
    if path == DEFINITIONS:
        return replace(host, has_definitions=True)
    for name in host.jobs:
        if path == state_folder(name):
            return _job(host, name, state_files=host.jobs[name].state_files or ())
    assert path == LIBRARY
    return host


def _commanded(host: State, argv: tuple[str, ...]) -> State:
    for name in host.jobs:
        if argv[-1] == state_folder(name):
            assert argv[0] in ("chown", "chmod", "rmdir")
            if argv[0] == "chown":
                return host
            files = host.jobs[name].state_files if argv[0] == "chmod" else None
            return _job(host, name, state_files=files, access=_without(host, name, argv[-1]))
        if argv[-1] == f"tz_cron-{name}.timer":
            assert argv[0] == "systemctl"
            on = argv[1] in ("enable", "restart")
            return _job(host, name, timer_enabled=on, timer_active=on)
    assert argv[-1] in ("daemon-reload", LIBRARY)
    return host


def _without(host: State, name: str, path: str) -> dict[str, str]:
    return {other: found for other, found in host.jobs[name].access.items() if other != path}


def _written(host: State, path: str, content: str | None) -> State:
    if path in PROGRAM:
        assert content is not None
        access = {other: found for other, found in host.program_access.items() if other != path}
        return replace(host, program={**host.program, path: content}, program_access=access)
    for name, installed in host.jobs.items():
        fields = {
            f"{DEFINITIONS}/{name}.json": "definition",
            cron_path(name): "cron_file",
            unit_path(name, "timer"): "timer",
            unit_path(name, "service"): "service",
        }
        if path in fields:
            return _job(host, name, access=_without(host, name, path), **{fields[path]: content})
        if path == installed.textfile:
            return _job(host, name, textfile=None)
        if path.startswith(f"{state_folder(name)}/"):
            assert content is None
            return _job(host, name, state_files=tuple(file for file in installed.state_files or () if not path.endswith(f"/{file}")))
    raise AssertionError(f"{path} is none of the job's files")


def _job(host: State, name: str, **changes: Any) -> State:
    return replace(host, jobs={**host.jobs, name: replace(host.jobs[name], **changes)})


jobs = st.builds(
    lambda state, purge, backend, at, catch_up, zone: (
        (lambda name: Wanted(name, purge=purge))
        if state == "absent"
        else (lambda name: wanted(name, backend, at=tuple(sorted(at)), catch_up=catch_up, timezone=zone))
    ),
    st.sampled_from(["present", "absent"]),
    st.booleans(),
    st.sampled_from(["auto", "cron", "systemd"]),
    st.sets(st.sampled_from(["00:00", "03:30", "05:00"]), min_size=1),
    st.booleans(),
    st.just("Europe/Sofia"),
)


def drifted(host: State, draw: Any) -> State:
    """Somebody gives some of what is there another mode."""
    for name, installed in host.jobs.items():
        there = {state_folder(name): installed.state_files, f"{DEFINITIONS}/{name}.json": installed.definition}
        there.update({cron_path(name): installed.cron_file, unit_path(name, "timer"): installed.timer})
        paths = [path for path, found in there.items() if found is not None and draw(st.booleans())]
        host = _job(host, name, access=dict.fromkeys(paths, "0666, owner 7"))
    return replace(host, program_access=dict.fromkeys([COMMAND] if draw(st.booleans()) and host.program else [], "0644, owner 0"))


@settings(max_examples=60)
@given(st.data())
def test_planning_again_after_apply_gives_an_empty_plan_wherever_the_first_was_cut(data: st.DataObject) -> None:
    host = host_with()
    for _round in range(2):
        task = [data.draw(jobs)(name) for name in NAMES]
        changes = plan(host, task)
        cut = data.draw(st.integers(0, len(changes.steps)))
        host = carried_out(host, changes.steps[:cut])
        host = carried_out(host, plan(host, task).steps)
        host = drifted(host, data.draw)
        host = carried_out(host, plan(host, task).steps)
        again = plan(host, task)
        assert again.steps == ()
        assert again.before == again.after


def test_the_steps_of_a_new_job() -> None:
    changes = plan(host_with(), [wanted()])
    shown = [" ".join(step) for step in changes.commands()]
    assert shown[0] == f"mkdir --parents {LIBRARY}"
    assert f"write-file {COMMAND} 0755" in shown
    assert shown[-3:] == [
        "mkdir --parents --mode=0700 /var/lib/fleetlab/tz_cron/one",
        "write-file /etc/fleetlab/tz_cron/one.json 0600",
        "write-file /etc/cron.d/tz_cron-one 0644",
    ]
    assert changes.diff()["before"]["state"] == "absent"
    assert changes.diff()["after"]["files"][cron_path("one")][-1] == "0,15,30,45 * * * * root /usr/local/bin/run-at --job one"


@pytest.mark.parametrize(
    ("cron", "systemd", "backend", "found"),
    [
        (True, True, "auto", "cron"),
        (False, True, "auto", "systemd"),
        (True, False, "auto", "cron"),
        (True, True, "systemd", "systemd"),
        (False, False, "auto", "no cron that takes entries with a user from /etc/cron.d runs"),
        (False, True, "cron", "no cron that takes entries with a user from /etc/cron.d runs"),
        (True, False, "systemd", "systemd does not run"),
    ],
)
def test_the_backend_is_what_the_host_runs(cron: bool, systemd: bool, backend: str, found: str) -> None:
    host = host_with(cron=cron, systemd=systemd)
    if " " in found:
        with pytest.raises(ObservationError, match=f"job one: .*{found}"):
            plan(host, [wanted(backend=backend)])
    else:
        after = plan(host, [wanted(backend=backend)]).after
        assert after["definition"]["backend"] == found
        assert (cron_path("one") in after["files"]) == (found == "cron")
        assert (unit_path("one", "timer") in after["files"]) == (found == "systemd")


def test_a_job_is_moved_to_the_other_backend() -> None:
    host = carried_out(host_with(), plan(host_with(), [wanted()]).steps)
    moved = plan(host, [wanted(backend="systemd")])
    assert ["rm", "--force", cron_path("one")] in moved.commands()
    assert ["systemctl", "enable", "--now", "tz_cron-one.timer"] in moved.commands()
    host = carried_out(host, moved.steps)
    back = plan(host, [wanted(backend="cron")])
    assert ["systemctl", "disable", "--now", "tz_cron-one.timer"] in back.commands()
    assert list(back.after["files"]) == [cron_path("one")]


def test_a_file_of_somebody_else_is_never_touched() -> None:
    foreign = Installed(cron_file="0 5 * * * root true\n")
    host = host_with(jobs={"one": foreign})
    with pytest.raises(RefusedError, match="was not written by this module"):
        plan(host, [wanted()])
    assert plan(host, [Wanted("one", purge=True)]).steps == ()
    units = plan(host, [wanted(backend="systemd")])
    assert cron_path("one") not in str(units.commands())


@pytest.mark.parametrize("kind", ["timer", "service"])
@pytest.mark.parametrize("text", ["[Unit]\nDescription=mine\n", ""])
def test_a_unit_of_somebody_else_is_never_touched(kind: str, text: str) -> None:
    """An empty text is that of a masked unit, a link to /dev/null."""
    changes: dict[str, Any] = {kind: text, "timer_active": kind == "timer", "timer_enabled": kind == "timer"}
    host = host_with(jobs={"one": Installed(**changes)})
    says = "Give the job another name" if text else "masks the unit"
    with pytest.raises(RefusedError, match=rf"tz_cron-one\.{kind}: refused: it exists and was not written by this module.*{says}"):
        plan(host, [wanted(backend="systemd")])
    assert plan(host, [Wanted("one", purge=True)]).steps == ()
    assert describe(host, ["one"]) == []
    host = carried_out(host, plan(host, [wanted()]).steps)
    assert plan(host, [wanted()]).steps == ()
    assert plan(host, [Wanted("one")]).commands() == [
        ["rm", "--force", cron_path("one")],
        ["rm", "--force", f"{DEFINITIONS}/one.json"],
    ]
    assert getattr(host.jobs["one"], kind) == text


@pytest.mark.parametrize("backend", ["cron", "systemd"])
def test_a_job_that_nothing_calls_has_a_problem(backend: str) -> None:
    host = carried_out(host_with(), plan(host_with(), [wanted(backend=backend)]).steps)
    assert describe(host, ["one"])[0]["problem"] is None
    idle = replace(host, cron=False) if backend == "cron" else _job(host, "one", timer_enabled=False)
    assert "nothing calls the job" in describe(idle, ["one"])[0]["problem"]


def test_a_command_of_somebody_else_is_refused() -> None:
    with pytest.raises(RefusedError, match="not written by this collection"):
        plan(host_with(program={COMMAND: "#!/bin/sh\n"}), [wanted()])
    assert plan(host_with(program={COMMAND: "#!/bin/sh\n"}), [Wanted("one")]).steps == ()


def test_an_upgrade_replaces_what_changed_of_the_runner() -> None:
    host = carried_out(host_with(), plan(host_with(), [wanted()]).steps)
    old = replace(host, program={**host.program, f"{LIBRARY}/zone.py": "# old\n"})
    assert plan(old, [wanted()]).commands() == [
        ["mkdir", "--parents", LIBRARY],
        ["write-file", f"{LIBRARY}/zone.py", "0644"],
        ["/usr/bin/python3", "-I", "-m", "compileall", "-q", LIBRARY],
    ]


def test_a_change_of_the_zone_data_changes_nothing() -> None:
    host = carried_out(host_with(), plan(host_with(), [wanted()]).steps)
    assert plan(host, [replace(wanted(), zone=fixed(7200))]).steps == ()


def test_what_an_older_version_has_written_is_converted() -> None:
    host = carried_out(host_with(), plan(host_with(), [wanted()]).steps)
    text = host.jobs["one"].definition
    assert text is not None
    later = ("months", "spread", "delay", "shell", "path", "env", "command_timezone", "on_failure", "on_success")
    old = {key: value for key, value in json.loads(text).items() if key not in later}
    entry = "# Written by fleetlab.linux.tz_cron: job one\n0 2,3 * * * root /usr/local/bin/run-at --job one\n"
    host = _job(host, "one", definition=json.dumps(old), cron_file=entry)
    # The program of this version runs it until then, and the report says what to do.
    assert from_definition(old).schedule().at == (300,)
    assert "run the task that declares the job again" in describe(host, ["one"])[0]["problem"]
    assert plan(host, [wanted()]).commands() == [
        ["write-file", f"{DEFINITIONS}/one.json", "0600"],
        ["write-file", cron_path("one"), "0644"],
    ]
    assert describe(carried_out(host, plan(host, [wanted()]).steps), ["one"])[0]["problem"] is None


def test_a_spread_is_stable_on_a_host_and_differs_between_hosts() -> None:
    def delays(machine: str) -> list[int]:
        task = [wanted(name, spread=30) for name in NAMES]
        return [part.after["definition"]["delay"] for part in plan(host_with(machine=machine), task).parts]

    assert delays("a") == delays("a")
    found = [delays(str(number)) for number in range(50)]
    assert {delay for both in found for delay in both} <= set(range(30))
    assert len({both[0] for both in found}) > 15
    assert any(both[0] != both[1] for both in found)
    assert plan(host_with(machine="a"), [wanted()]).after["definition"]["delay"] == 0


def test_where_no_mail_can_be_sent_it_is_said_once_and_where_the_output_goes() -> None:
    deaf = host_with(sends_mail=False)
    (warning,) = plan(deaf, [wanted(), wanted("two", backend="systemd")]).warnings
    assert warning.startswith("job one: cron can send no mail on this host")
    assert "journalctl -t run-at" in warning
    assert plan(carried_out(deaf, plan(deaf, [wanted()]).steps), [wanted()]).warnings == ()
    assert plan(host_with(), [wanted()]).warnings == ()
    assert plan(deaf, [Wanted("one")]).warnings == ()


def test_a_network_namespace_that_the_host_lacks_is_named() -> None:
    (warning,) = plan(host_with(), [wanted(netns="blue"), wanted("two")]).warnings
    assert warning.startswith("job one: this host has no network namespace 'blue' now")
    assert plan(host_with(namespaces=("blue",)), [wanted(netns="blue")]).warnings == ()


def test_a_folder_for_metrics_that_the_host_lacks_is_named() -> None:
    (warning,) = plan(host_with(), [wanted(textfile="/srv/metrics"), wanted("two")]).warnings
    assert warning.startswith("job one: this host has no folder /srv/metrics now")
    assert plan(host_with(metrics=("/srv/metrics",)), [wanted(textfile="/srv/metrics")]).warnings == ()


def test_secrets_are_not_shown() -> None:
    query = plan(host_with(), [wanted(on_failure="https://hc.example.org?key=secret")])
    assert query.after["definition"]["on_failure"] == "https://hc.example.org/(not shown)"
    secret = wanted(env={"PASSWORD": "hunter2"}, on_failure="https://me:token@hc.example.org/secret", on_success="logger done")
    changes = plan(host_with(), [secret])
    shown = str(changes.diff()) + str(changes.commands())
    assert "hunter2" not in shown
    assert "token" not in shown
    assert "/secret" not in shown
    assert changes.after["definition"]["on_failure"] == "https://hc.example.org/(not shown)"
    assert changes.after["definition"]["on_success"] == "logger done"
    (job,) = describe(carried_out(host_with(), changes.steps), ["one"])
    assert (job["env"], job["on_failure"]) == ({"PASSWORD": "(not shown)"}, "https://hc.example.org/(not shown)")


def test_log_and_state_go_with_purge_only_and_not_while_the_job_runs() -> None:
    files_of_state = ("state.json", "state.json.lock", "state.json.log")
    host = carried_out(host_with(), plan(host_with(), [wanted()]).steps)
    host = _job(host, "one", state_files=files_of_state, textfile="/var/metrics/tz_cron_one.prom")
    kept = plan(host, [Wanted("one")])
    assert state_folder("one") not in str(kept.commands())
    assert ["rm", "--force", "/var/metrics/tz_cron_one.prom"] in kept.commands()
    purged = plan(host, [Wanted("one", purge=True)]).commands()
    assert purged[-4:] == [["rm", "--force", f"{state_folder('one')}/{file}"] for file in files_of_state] + [["rmdir", state_folder("one")]]
    with pytest.raises(RefusedError, match="it is running"):
        plan(_job(host, "one", running=True), [Wanted("one", purge=True)])


def test_a_damaged_definition_is_written_anew() -> None:
    host = carried_out(host_with(), plan(host_with(), [wanted()]).steps)
    assert plan(_job(host, "one", definition="{"), [wanted()]).commands() == [["write-file", f"{DEFINITIONS}/one.json", "0600"]]


def test_another_mode_or_owner_is_put_right() -> None:
    host = carried_out(host_with(), plan(host_with(), [wanted()]).steps)
    paths = (state_folder("one"), f"{DEFINITIONS}/one.json", cron_path("one"))
    host = _job(replace(host, program_access={COMMAND: "0644, owner 0"}), "one", access=dict.fromkeys(paths, "0777, owner 7"))
    changes = plan(host, [wanted()])
    assert [step for step in changes.steps if isinstance(step, WriteFile) and (step.owner, step.group) != ("root", "root")] == []
    shown = [" ".join(step) for step in changes.commands()]
    assert f"write-file {COMMAND} 0755" in shown
    assert shown[-4:] == [
        f"chown root:root {state_folder('one')}",
        f"chmod 0700 {state_folder('one')}",
        f"write-file {DEFINITIONS}/one.json 0600",
        f"write-file {cron_path('one')} 0644",
    ]
    assert changes.before["wrong_access"] == dict.fromkeys(paths, "0777, owner 7")
    assert changes.after["wrong_access"] == {}
    timer = carried_out(host_with(), plan(host_with(), [wanted(backend="systemd")]).steps)
    timer = _job(timer, "one", access={unit_path("one", "timer"): "0600, owner 0"})
    assert ["write-file", unit_path("one", "timer"), "0644"] in plan(timer, [wanted(backend="systemd")]).commands()


@pytest.mark.parametrize("folder", [None, "/var/other"])
def test_metrics_do_not_stay_where_they_are_no_longer_written(folder: str | None) -> None:
    host = carried_out(host_with(), plan(host_with(), [wanted(textfile="/var/metrics")]).steps)
    host = _job(host, "one", textfile="/var/metrics/tz_cron_one.prom")
    assert plan(host, [wanted(textfile="/var/metrics")]).steps == ()
    assert plan(host, [wanted(textfile=folder)]).commands() == [
        ["rm", "--force", "/var/metrics/tz_cron_one.prom"],
        ["write-file", f"{DEFINITIONS}/one.json", "0600"],
    ]


def test_a_tmp_of_its_own_needs_the_launcher() -> None:
    with pytest.raises(
        ObservationError, match=r"job one: private_tmp needs the command private-tmp.*\{launcher: /usr/local/sbin/private-tmp\}"
    ):
        plan(host_with(), [wanted(private_tmp=True)])
    assert plan(host_with(private_tmp=True), [wanted(private_tmp=True)]).changed
    assert plan(host_with(), [Wanted("one")]).steps == ()
