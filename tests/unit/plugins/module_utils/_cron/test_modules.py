# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules from their arguments to their JSON, and what of a host they read."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import PASS_VARS
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.module_utils._core import lock as lock_module
from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import Lock
from ansible_collections.fleetlab.linux.plugins.module_utils._cron import observe as observing
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.observe import cron_runs
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.options import JOBS
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.program import files
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.show import describe, next_runs
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.state import (
    Definition,
    Installed,
    State,
    cron_path,
    definition_path,
    state_folder,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.execute import identity
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.job import DEFINITIONS
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.schedule import Schedule
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.store import Store
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.zone import fixed, load
from ansible_collections.fleetlab.linux.plugins.modules import tz_cron, tz_cron_info

NOW = 1_743_260_400  # 2025-03-29 15:00 UTC, half a day before Sofia's clocks change.
POST: dict[str, Any] = {"name": "test", "timezone": "Europe/Sofia", "at": [5, 19], "command": "/path/to/test.sh", "warn_after": 900}
DEFINED = Definition("test", "Europe/Sofia", ("05:00", "19:00"), "/path/to/test.sh", warn_after=900)
EMPTY = State(fixed(0), NOW, wanted_program=files("/usr/bin/python3"), jobs={"test": Installed()})
DECLARED = replace(
    EMPTY,
    jobs={"test": Installed(DEFINED.content(), f"# Written by fleetlab.linux.tz_cron: {cron_path('test')}\n0,15,30,45 * * * * root x\n")},
)
DEFINITION, CRON_FILE, STATE_FOLDER = (path.lstrip("/") for path in (definition_path("test"), cron_path("test"), state_folder("test")))
STATE = {"first_call": NOW - 86400, "runs": [], "consecutive_failures": 0, "overlaps": 0, "last_start": NOW - 60, "last_success": NOW - 58}

Run = Callable[..., Dict[str, Any]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a module's main() on the given host, as root, and return what it printed."""

    def call(module: Any, host: State, options: dict[str, Any], root: bool = True, state: Any = None, **flags: bool) -> dict[str, Any]:
        monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
        monkeypatch.setattr(tz_cron_info, "declared", lambda _host: sorted(host.jobs))
        found = replace(host, jobs={name: replace(job, record=state) for name, job in host.jobs.items()})
        for name in (tz_cron, tz_cron_info):
            monkeypatch.setattr(name, "observe", lambda names, runner, _host, _metrics=(): found)
        with patch_module_args({**options, **{f"_ansible_{name}": value for name, value in flags.items()}}), pytest.raises(SystemExit):
            module.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return call


def test_the_first_example_is_the_job_of_the_posts() -> None:
    first = yaml.safe_load(tz_cron.EXAMPLES)[0]["fleetlab.linux.tz_cron"]
    assert first == {**POST, "warn_after": "{{ 15 * 60 }}"}


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("one", [True, False])
@pytest.mark.parametrize("wrong", [{}, {"timezone": "Nowhere"}])
def test_values_of_variables_are_nowhere_in_results_and_logs(
    run: Run, monkeypatch: pytest.MonkeyPatch, one: bool, wrong: Dict[str, str], check_mode: bool
) -> None:
    """A value that is also a word of results, such as True, masks nothing else."""
    logged: list[Any] = []
    monkeypatch.setattr(AnsibleModule, "_log_to_syslog", lambda self, text: logged.append(text))
    env = {"TOKEN": "s3cret-of-a-job", "DEBUG": "True", "LEVEL": "test"}
    job = {**POST, "env": env, **wrong}
    # A job that is the same is not written.
    same = replace(DECLARED, jobs={"test": Installed(replace(DEFINED, env=env).content())})
    flags = {"check_mode": True, "diff": True}
    # Since ansible-core 2.21 a result has the options only if they are asked for.
    flags.update(dict.fromkeys({"inject_invocation"}.intersection(PASS_VARS), True))
    result = run(tz_cron, EMPTY if check_mode else same, job if one else {"jobs": [job]}, **flags)
    assert result.get("failed", False) is bool(wrong)
    assert bool(wrong) or result["changed"] is True
    shown = result["invocation"]["module_args"] if one else result["invocation"]["module_args"]["jobs"][0]
    assert shown["env"] == dict.fromkeys(env, "(not shown)")
    assert shown["name"] == "test"
    assert "s3cret" not in json.dumps(result)
    assert logged == []


def test_check_mode_shows_the_plan(run: Run) -> None:
    result = run(tz_cron, EMPTY, POST, check_mode=True, diff=True)
    assert result["changed"]
    assert result["jobs"] == []
    assert ["write-file", cron_path("test"), "0644"] in result["commands"]
    assert list(result["diff"]["before"]) == list(result["diff"]["after"])


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"at": [24]}, "at: '24' is neither an hour"),
        ({"timezone": "Europe/Sophia"}, "timezone: the tz database of this host has no zone 'Europe/Sophia'; the nearest are Europe/Sofia"),
        ({"user": "nobody-known"}, "user: there is no user"),
        ({"name": "../x"}, "name: '../x' is not"),
        ({"weekdays": ["someday"]}, "weekdays: 'someday' is neither a day"),
    ],
)
def test_wrong_input_gives_the_same_verdict_in_check_mode(run: Run, check_mode: bool, changes: dict[str, Any], says: str) -> None:
    result = run(tz_cron, EMPTY, {**POST, **changes}, check_mode=check_mode)
    assert result["failed"]
    assert says in result["msg"]


def test_a_user_without_rights_is_told_what_to_do(run: Run) -> None:
    assert "set become to true" in run(tz_cron, EMPTY, POST, root=False)["msg"]
    assert "set become to true" in run(tz_cron_info, EMPTY, {}, root=False)["msg"]


def test_jobs_exclude_the_options_of_one(run: Run) -> None:
    assert "mutually exclusive" in run(tz_cron, EMPTY, {"jobs": [POST], "dst": "twice"})["msg"]
    assert "one of the following is required" in run(tz_cron, EMPTY, {})["msg"]


def test_two_runs_on_one_host_wait_for_each_other(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "_FOLDER", str(tmp_path))
    lock = Lock(tz_cron.LOCK.name, tz_cron.LOCK.objects, timeout=0.2)
    monkeypatch.setattr(tz_cron, "LOCK", lock)
    absent = {"name": "test", "state": "absent"}
    with lock.held():
        result = run(tz_cron, EMPTY, absent)
        assert result["failed"]
        assert result["msg"].startswith("jobs: another run works on this host")
        assert run(tz_cron, EMPTY, absent, check_mode=True)["jobs"] == []
    assert run(tz_cron, EMPTY, absent)["jobs"] == []
    assert lock.path == f"{tmp_path}/tz_cron.lock"


def test_info(run: Run) -> None:
    (job,) = run(tz_cron_info, DECLARED, {}, state=STATE)["jobs"]
    assert job["at"] == ["05:00", "19:00"]
    assert job["entry"] == ["0,15,30,45 * * * * root x"]
    assert job["output"] == "mail to root, /var/lib/fleetlab/tz_cron/test/state.json.output"
    assert job["last"]["success"] == "2025-03-29T14:59:02+00:00"
    assert job["stale"] is False
    assert job["problem"] is None
    assert [run["job"] for run in job["next_runs"]][:2] == ["2025-03-29T19:00:00+02:00", "2025-03-30T05:00:00+03:00"]
    documented = yaml.safe_load(tz_cron_info.RETURN)["jobs"]["contains"]
    assert sorted(job) == sorted(documented)
    assert run(tz_cron_info, DECLARED, {"name": "other"})["jobs"] == []


def test_info_of_a_job_that_has_not_run_or_is_damaged(run: Run) -> None:
    (job,) = run(tz_cron_info, DECLARED, {})["jobs"]
    assert (job["last"], job["stale"]) == (None, False)
    installed = replace(DECLARED.jobs["test"], since=NOW - 86400)
    (job,) = run(tz_cron_info, replace(DECLARED, jobs={"test": installed}), {})["jobs"]
    assert (job["last"], job["stale"]) == (None, True)
    (job,) = run(tz_cron_info, DECLARED, {}, state={**STATE, "last_success": NOW - 86400})["jobs"]
    assert job["stale"] is True
    for text in ("{", "[]", "{}", DEFINED.content().replace("Sofia", "Sophia")):
        damaged = replace(DECLARED, jobs={"test": Installed(text)})
        (job,) = run(tz_cron_info, damaged, {})["jobs"]
        assert "run the task that declares the job again" in job["problem"]


def test_next_runs_across_a_gap_on_three_clocks() -> None:
    schedule = Schedule(load("Europe/Sofia"), (210,))
    found = next_runs(schedule, load("Australia/Lord_Howe"), NOW)
    assert [run["utc"][:16] for run in found] == [
        f"2025-{day}" for day in ("03-30T01:00", "03-31T00:30", "04-01T00:30", "04-02T00:30", "04-03T00:30")
    ]
    assert found[0] == {"utc": "2025-03-30T01:00:00+00:00", "host": "2025-03-30T12:00:00+11:00", "job": "2025-03-30T04:00:00+03:00"}


def test_options_and_documentation_agree() -> None:
    documented = yaml.safe_load(tz_cron.DOCUMENTATION)["options"]
    spec = JOBS.argument_spec()
    assert sorted(documented) == sorted(spec)
    assert sorted(documented["jobs"]["suboptions"]) == sorted(spec["jobs"]["options"])


# Paths in the programs of Debian's cron 3.0pl1-162, cronie 1.7.2-4 and dcron 4.5; busybox 1.35 has none of cron.
PROGRAMS = {
    "cron": (b"/run/crond.reboot", b"/etc/crontab", b"/etc/cron.d", b"/usr/sbin/sendmail", b"/var/spool/cron"),
    "cronie": (b"/run/crond.pid", b"/var/spool/cron/crontabs", b"/etc/cron.d", b"/etc/crontab", b"/proc/self/fd"),
    "dcron": (b"/etc/cron.d", b"/var/spool/cron/crontabs", b"/var/spool/cron/cronstamps", b"/usr/sbin/sendmail"),
    "busybox": (b"/var/spool/cron", b"/usr/sbin/sendmail"),
}


@pytest.mark.parametrize(
    ("comm", "program", "namespace", "found"),
    [
        ("cron", "cron", "pid:[1]", True),
        ("crond", "cronie", "pid:[1]", True),
        ("crond", "dcron", "pid:[1]", False),
        ("crond", "busybox", "pid:[1]", False),
        ("crond", "cronie", "pid:[2]", False),
        ("crontab", "cron", "pid:[1]", False),
        ("crond", None, "pid:[1]", False),
    ],
)
def test_a_cron_of_this_host_is_told_from_others(tmp_path: Path, comm: str, program: str | None, namespace: str, found: bool) -> None:
    for process, own in (("self", "pid:[1]"), ("77", namespace)):
        folder = tmp_path / "proc" / process
        (folder / "ns").mkdir(parents=True)
        (folder / "ns" / "pid").symlink_to(own)
        (folder / "comm").write_text(f"{comm}\n", encoding="utf-8")
        if program is not None:
            (folder / "exe").write_bytes(b"\x7fELF\xff\0" + b"\0".join(PROGRAMS[program]) + b"\0")
    assert cron_runs(Host(str(tmp_path))) is found


def test_what_is_read_of_a_host(tmp_path: Path) -> None:
    folder = Path(f"{tmp_path}{DEFINITIONS}")
    folder.mkdir(parents=True)
    (folder / "test.json").write_text(DEFINED.content(), encoding="utf-8")
    (folder / "not a name.json").touch()
    assert observing.declared(Host(str(tmp_path))) == ["test"]
    assert observing.declared(Host(f"{tmp_path}/missing")) == []


def test_a_folder_in_the_place_of_a_file_is_no_missing_file(tmp_path: Path) -> None:
    Path(f"{tmp_path}{cron_path('test')}").mkdir(parents=True)
    with pytest.raises(ObservationError, match=r"cron\.d/tz_cron-test cannot be read: Is a directory\. See which object has that path"):
        observing.installed("test", None, Host(str(tmp_path)))


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host that has the job test, all below one folder, made by whoever runs this."""
    monkeypatch.setattr(observing, "ROOT", os.getuid())
    (tmp_path / STATE_FOLDER).mkdir(parents=True)
    (tmp_path / STATE_FOLDER).chmod(0o700)
    for path, content, mode in ((DEFINITION, DEFINED.content(), 0o600), (CRON_FILE, "# Written by fleetlab.linux.tz_cron\n", 0o644)):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content, encoding="utf-8")
        (tmp_path / path).chmod(mode)
    return tmp_path


def look(folders: Path) -> Installed:
    return observing.installed("test", None, Host(str(folders)))


def test_modes_and_owners_that_are_not_those_of_the_module_are_seen(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(folders).access == {}
    for path, mode in ((DEFINITION, 0o644), (CRON_FILE, 0o666), (STATE_FOLDER, 0o777)):
        (folders / path).chmod(mode)
    assert look(folders).access == {
        f"/{path}": f"{mode}, owner {os.getuid()}" for path, mode in ((DEFINITION, "0644"), (CRON_FILE, "0666"), (STATE_FOLDER, "0777"))
    }
    (folders / CRON_FILE).write_text("# somebody else's\n", encoding="utf-8")
    assert f"/{CRON_FILE}" not in look(folders).access
    monkeypatch.setattr(observing, "ROOT", os.getuid() + 1)
    (folders / DEFINITION).chmod(0o600)
    assert look(folders).access[f"/{DEFINITION}"] == f"0600, owner {os.getuid()}"


def test_a_job_runs_while_the_process_on_record_does_and_its_lock_is_left_alone(folders: Path) -> None:
    (folders / DEFINITION).touch()
    os.utime(folders / DEFINITION, (NOW, NOW))
    store = Store(f"{folders}/{STATE_FOLDER}/state.json", print)
    record = {**STATE, "running": {"pid": os.getpid(), "identity": identity(os.getpid()), "wanted": NOW}}
    assert store.write(record)
    os.mkfifo(f"{store.path}.lock")
    installed = look(folders)
    assert (installed.running, installed.since) == (True, NOW)
    assert store.write({**record, "running": {"pid": os.getpid(), "identity": "another", "wanted": NOW}})
    assert look(folders).running is False


def test_looking_at_a_job_takes_no_lock(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that found it taken would give up its run."""
    (folders / STATE_FOLDER / "state.json.lock").touch()
    opened: list[str] = []
    own_open = os.open

    def noting(path: str, *rest: int) -> int:
        opened.append(path)
        return own_open(path, *rest)

    monkeypatch.setattr(os, "open", noting)
    look(folders)
    assert opened == [f"{folders}/{STATE_FOLDER}/state.json"]


def test_an_unreadable_state_is_a_problem_that_says_what_becomes_of_it(folders: Path) -> None:
    (folders / STATE_FOLDER / "state.json").write_text("[", encoding="utf-8")
    found = look(folders)
    problem = found.problem
    assert found.record is None
    assert problem is not None
    assert problem.startswith(f"the state {folders}/{STATE_FOLDER}/state.json cannot be read (Expecting value")
    assert problem.endswith(": the next call sets it aside and begins a new state")
    installed = replace(DECLARED.jobs["test"], since=1, problem=problem)
    (job,) = describe(replace(DECLARED, jobs={"test": installed}), ["test"])
    assert (job["problem"], job["stale"]) == (problem, None)
