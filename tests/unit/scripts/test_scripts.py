# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The developer scripts: a test run that failed must never look like one that passed."""

from __future__ import annotations

import configparser
import contextlib
import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any, Iterator

import pytest
import yaml

from ansible_collections.fleetlab.linux.plugins.module_utils._lab.options import _LAB_NAME

ROOT = Path(__file__).resolve().parents[3]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"fleetlab_script_{name}", ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up there.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


run_tests = load("run_tests")
lab = load("lab")
test_host = load("test_host")
matrix = load("matrix")
packages = load("packages")

REPORT = """<testsuites><testsuite>
<testcase name="a"/><testcase classname="lab.test_network" name="b"><failure message="one&#10;two">three</failure></testcase>
<testcase classname="sanity" name="pylint"><error message="2 errors:">a.py:1: first
b.py:2: second</error></testcase>
<testcase name="c"><error>1
2
3
4
5
6
7
8</error></testcase>
<testcase name="d"><skipped/></testcase><testcase name="e"><system-out>text</system-out></testcase>
</testsuite></testsuites>"""


def outcome(passed: int, failed: int) -> Any:
    return run_tests.Outcome(passed, tuple(f"test {number}" for number in range(failed)))


def part(code: str, passed: int = 0, failed: int = 0, name: str = "unit") -> Any:
    return run_tests.Part(name, (sys.executable, "-c", code), lambda: outcome(passed, failed))


def run_part(part: Any, deadline: float) -> Any:
    (result,) = run_tests.run_parts([part], deadline)
    return result


def soon() -> float:
    return time.monotonic() + 60


def test_junit_cases_are_counted_and_say_why_they_failed(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    failures = (
        "lab.test_network.b\n    one\n    two",
        "sanity.pylint\n    2 errors:\n    a.py:1: first\n    b.py:2: second",
        "c\n    1\n    2\n    3\n    4\n    5\n    6",
    )
    assert run_tests.junit_outcome([report, report]) == run_tests.Outcome(4, failures * 2)


def test_nox_sessions_are_counted_and_named(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    results = ["success", "failed", "aborted", "skipped", "success"]
    report.write_text(json.dumps({"sessions": [{"name": f"of {result}", "result": result} for result in results]}))
    assert run_tests.nox_outcome(report) == run_tests.Outcome(2, ("session of failed", "session of aborted"))


@pytest.mark.parametrize(
    ("code", "counted", "expected"),
    [
        ("", (3, 0), (3, 0)),
        ("exit(1)", (3, 2), (3, 2)),
        pytest.param("exit(1)", (3, 0), (3, 1), id="failed, but its report does not say so"),
        pytest.param("", (0, 0), (0, 1), id="ran nothing"),
        pytest.param("", (3, 1), (3, 1), id="reported a failure, but exited well"),
    ],
)
def test_a_failure_is_never_lost(code: str, counted: tuple[int, int], expected: tuple[int, int]) -> None:
    found = run_part(part(code, *counted), soon()).outcome
    assert (found.passed, len(found.failures)) == expected


def test_a_missing_report_is_a_failure() -> None:
    broken = run_tests.Part("unit", (sys.executable, "-c", ""), lambda: run_tests.junit_outcome([Path("/nonexistent")]))
    assert run_part(broken, soon()).outcome.failures == ("ran no test",)


def _running() -> Iterator[bytes]:
    """The command lines of all processes."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield file.read_bytes()


def test_an_interrupted_run_ends_its_parts_and_their_guests(tmp_path: Path) -> None:
    mark = f"open({str(tmp_path / 'gone')!r}, 'w').close()"
    code = f"import time; time.sleep(60)  # {tmp_path}"
    sleeper = dataclasses.replace(part(code), cleanup=(sys.executable, "-c", mark))
    running = run_tests.run_parts([sleeper, part("")], soon())
    next(running)
    running.close()
    assert not any(code.encode() in program for program in _running())
    assert (tmp_path / "gone").exists()


def test_a_scenario_counts_itself_and_what_it_verified() -> None:
    assert run_part(part("", 2, name="molecule lab"), soon()).outcome.passed == 3
    assert run_part(part("exit(1)", 2, name="molecule lab"), soon()).outcome.passed == 2


PLAY = """
- hosts: all
  gather_facts: false
  strategy: free
  tasks:
    - block: [{name: To be rescued, ansible.builtin.fail: {msg: rescued}}]
      rescue: [{name: Rescue, ansible.builtin.debug: {msg: go on}}]
    - name: To be ignored
      ansible.builtin.fail: {msg: ignored}
      ignore_errors: true
    - name: What a fails at
      ansible.builtin.assert: {that: inventory_hostname != 'a', fail_msg: "not a,\\nas [it] => ends here"}
    - name: What b fails at
      ansible.builtin.fail: {msg: "{{ item }}"}
      when: inventory_hostname == 'b'
      loop: [1, 2]
"""


def test_a_scenario_that_stopped_before_its_verifier_says_where(tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(PLAY)
    log = tmp_path / "log"
    play = run_tests.Part(
        "molecule default",
        (sys.executable, "-m", "ansible", "playbook", "-i", "a,b,c,", str(tmp_path / "play.yml")),
        lambda: outcome(0, 0),
        lambda: run_tests.log_failures(log.read_text()),
        guests=True,
        env=(("ANSIBLE_LOG_PATH", str(log)),),
    )
    failed_a, failed_b = run_part(play, soon()).outcome.failures
    said = ["assertion: inventory_hostname != 'a'", "msg: not a,", "as [it] => ends here"]
    assert failed_a.splitlines() == ["a: TASK [What a fails at]", *(f"    {line}" for line in said)]
    assert failed_b.splitlines() == ["b: TASK [What b fails at]", "    msg: 2"]
    assert run_tests.log_failures("") == ()


def test_a_guest_whose_kernel_panicked_is_named_with_the_end_of_its_console(tmp_path: Path) -> None:
    (tmp_path / "server1.console").write_text("boot\nKernel panic - not syncing: Segfault\n" + "".join(f"line {n}\n" for n in range(20)))
    (tmp_path / "server2.console").write_text("boot\nlogin:\n")
    assert run_tests._read_log_failures(tmp_path / "ansible.log") == (
        "console of server1:\n    Kernel panic - not syncing: Segfault\n" + "\n".join(f"    line {n}" for n in range(14, 20)),
    )


DEPRECATIONS = """2026-11-29 07:09:22,899 p=18466 u=root n=ansible WARNING| [WARNING]: Deprecation warnings can be disabled.

2026-11-29 07:09:22,900 p=18 u=root n=ansible INFO| [DEPRECATION WARNING]: Passing `warnings` to `exit_json` or `fail_json` is deprecated.
Use `AnsibleModule.warn` instead.

2026-11-29 07:09:22,900 p=18466 u=root n=ansible INFO| [DEPRECATION WARNING]: Something of ours will go away.

2026-11-29 07:09:22,900 p=18 u=root n=ansible WARNING| [DEPRECATION WARNING]: The '--tree' argument is deprecated. This feature will be
removed from ansible-core version 2.23.

2026-11-29 07:09:22,901 p=18466 u=root n=ansible INFO| [DEPRECATION WARNING]: Something of ours will go away.

2026-11-29 07:09:22,902 p=18466 u=root n=ansible INFO| client1 | SUCCESS => {"msg": "[DEPRECATION WARNING]: quoted"}
"""


def test_what_is_deprecated_fails_a_scenario_unless_it_is_of_others(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert run_tests._scenario_outcome(tmp_path, log) == run_tests.Outcome()
    log.write_text(DEPRECATIONS)
    (tmp_path / "report.xml").write_text(REPORT)
    found = run_tests._scenario_outcome(tmp_path, log)
    assert (found.passed, found.failures[-1]) == (2, "deprecated: Something of ours will go away.")
    assert len(found.failures) == 4


def test_what_runs_past_the_limit_is_ended_cleaned_up_and_failed(tmp_path: Path) -> None:
    cleaned = tmp_path / "cleaned"
    cleanup = (sys.executable, "-c", f"open({str(cleaned)!r}, 'w')")
    slow = run_tests.Part("unit", ("sleep", "60"), lambda: outcome(5, 0), cleanup=cleanup)
    start = time.monotonic()
    result = run_part(slow, start + 0.5)
    assert time.monotonic() - start < 30
    assert result.outcome == run_tests.Outcome(5, ("took longer than all tests together may",))
    assert cleaned.exists()


def test_three_parts_run_at_once_two_of_them_with_guests(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    def begins_and_ends(name: str, guests: bool = False) -> Any:
        code = (
            f"import os, pathlib, time; here = pathlib.Path({str(tmp_path)!r}); (here / {name!r}).touch(); time.sleep(1); "
            f"print({name!r}, os.nice(0), 'saw', *sorted(p.name for p in here.iterdir())); (here / {name!r}).unlink()"
        )
        return run_tests.Part(name, (sys.executable, "-c", code), lambda: outcome(1, 0), guests=guests)

    parts = [*(begins_and_ends(name, True) for name in "ghi"), *(begins_and_ends(name) for name in "abc")]
    assert {result.name for result in run_tests.run_parts(parts, soon())} == {*"ghiabc"}
    printed = capfdbinary.readouterr().out.decode().splitlines()
    said = {line[0]: line.split()[1:] for line in printed if " saw " in line and line[0] != "="}
    own = os.nice(0)
    nice = {name: min(19, int(words[0]) - own) for name, words in said.items()}
    assert (nice["g"], nice["h"], sorted({nice[name] for name in "abc"})) == (0, min(19 - own, 6), [min(19 - own, 10)])
    assert all(len(words) <= 5 and not {*"ghi"} <= set(words) for words in said.values())
    assert {*"gha"} <= set(said["g"] + said["h"] + said["a"])
    # What a part without guests has printed stands below its name, though others ran meanwhile.
    for name in "habc":
        assert printed[printed.index(f"=== {name}") + 1].startswith(f"{name} ")


def test_a_command_on_one_cpu_has_no_other(capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        subprocess.run(run_tests._on_one_cpu(number, (sys.executable, "-c", "import os; print(len(os.sched_getaffinity(0)))")), check=True)
    assert capfd.readouterr().out.split() == ["1", "1", "1"]


def test_parts_that_are_left_are_ended_with_the_run(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    slow = f"import os, pathlib, time; pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); time.sleep(60)"

    def broken() -> Any:
        while not pid.exists() or not pid.read_text():
            time.sleep(0.1)
        raise KeyboardInterrupt

    parts = [part(slow), run_tests.Part("other", (sys.executable, "-c", ""), broken)]
    with pytest.raises(KeyboardInterrupt):
        list(run_tests.run_parts(parts, soon()))
    assert not Path(f"/proc/{pid.read_text()}").exists()


@pytest.mark.parametrize(("codes", "exit_code", "line"), [(["", ""], 0, "4 passed, 0 failed"), (["exit(1)", ""], 1, "4 passed, 1 failed")])
def test_the_last_line_counts_everything(
    codes: list[str], exit_code: int, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run_tests, "REPORTS", tmp_path / "tests" / "output" / "reports")
    monkeypatch.setattr(run_tests, "OUTPUT", tmp_path / "tests" / "output")
    monkeypatch.setattr(run_tests, "PARTS", {"all": lambda: iter([part(code, 2) for code in codes])})
    assert run_tests.main(["all"]) == exit_code
    output = capsys.readouterr().out
    assert output.splitlines()[-1] == line
    named = "=== failed\nunit: ended with exit code 1, and no report says why\n"
    assert (named in output) == bool(exit_code)


def test_the_table_of_faults_is_printed_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run_tests, "REPORTS", tmp_path / "reports")
    monkeypatch.setattr(run_tests, "OUTPUT", tmp_path)
    line = f"| 1 | {'long ' * 60}|"
    code = f"open({str(tmp_path / 'faults.md')!r}, 'w').write({line!r})"
    monkeypatch.setattr(run_tests, "PARTS", {"faults": lambda: iter([part(code, 1)])})
    assert run_tests.main(["faults"]) == 0
    assert line in capsys.readouterr().out.splitlines()


def test_the_core_of_the_faults_closes_the_lab_and_all_of_them_run_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_tests, "REPORTS", tmp_path)

    def made(part: str) -> list[tuple[str, bool]]:
        items = [(item.name, dict(item.env)["PYTEST_ADDOPTS"].endswith(" -m core")) for item in run_tests.PARTS[part]()]
        for folder in tmp_path.iterdir():
            folder.rmdir()
        return items

    assert made("molecule") == [("molecule lab", False), ("molecule default", False)]
    assert made("faults") == [("molecule faults", False)]
    assert made("faults-core") == [("molecule faults", True)]
    verifier = yaml.safe_load((ROOT / "molecule" / "lab" / "molecule.yml").read_text(encoding="utf-8"))["verifier"]
    assert verifier["additional_files_or_dirs"] == ["../faults"]
    assert verifier["options"]["m"] == "core or not fault"


def test_other_pythons_count_with_their_tests_and_their_sanity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_tests, "OUTPUT", tmp_path)
    own = run_tests._own_core()
    for folder in ("reports/matrix", "sanity/1.0", f"sanity/{own}"):
        (tmp_path / folder).mkdir(parents=True)
    nox = tmp_path / "reports" / "matrix" / "nox.json"
    nox.write_text(json.dumps({"sessions": [{"name": "matrix-part", "result": "success"}, {"name": "target", "result": "failed"}]}))
    assert run_tests._matrix_outcome(nox) == run_tests.Outcome(1, ("session target",))
    for place, case in (
        (nox.parent, '"a"'),
        (tmp_path / "sanity" / "1.0", '"b"><failure message="no"/'),
        (tmp_path / "sanity" / own, '"c"'),
    ):
        (place / "report.xml").write_text(f"<testsuite><testcase name={case}></testcase></testsuite>")
    assert run_tests._matrix_outcome(nox) == run_tests.Outcome(2, ("b\n    no",))


@pytest.mark.parametrize(
    ("name", "says"), [("target:none", "no integration target 'none': there are ebs_"), ("fault:none", "no fault matches 'none'")]
)
def test_what_there_is_none_of_is_refused_before_a_lab_is_made(
    name: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run_tests, "OUTPUT", tmp_path)
    monkeypatch.setattr(run_tests, "REPORTS", tmp_path / "reports")
    assert run_tests.main([name]) == 2
    assert says in capsys.readouterr().err


def test_one_target_and_one_fault_have_a_lab_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_tests, "REPORTS", tmp_path)
    (target,) = run_tests._parts("target:tz_cron")
    env = dict(target.env)
    assert (target.name, env["TARGET"], env["VERIFY"]) == ("molecule default", "tz_cron", "false")
    (fault,) = run_tests._parts("fault:go_bad")
    assert (fault.name, dict(fault.env)["VERIFY"]) == ("molecule faults", "true")
    assert dict(fault.env)["PYTEST_ADDOPTS"].endswith("-k go_bad")


def test_an_unknown_part_is_refused() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "run_tests.py"), "no-such"], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "the parts are lint, sanity, unit, matrix, package, network, aws, kernels, molecule, faults, faults-core" in done.stderr


def test_ssh_is_called_as_ansible_would() -> None:
    variables = {
        "ansible_host": "192.0.2.1",
        "ansible_user": "root",
        "ansible_port": 2222,
        "ansible_ssh_private_key_file": "/a b/key",
        "ansible_ssh_common_args": "-o ProxyCommand='enter nc %h %p'",
    }
    expected = ["ssh", "-o", "ProxyCommand=enter nc %h %p", "-i", "/a b/key", "-p", "2222", "-l", "root", "192.0.2.1"]
    assert lab.ssh_command("server1", variables) == expected
    assert lab.ssh_command("server1", {}) == ["ssh", "server1"]


def test_a_host_of_another_release_takes_its_packages_from_where_this_machine_does() -> None:
    targets = "Debian-Security http://a.example/security/\nDebian http://b.example/debian/\nDebian http://c.example/debian/\n"
    assert test_host.mirror(targets) == "http://b.example/debian/"
    assert test_host.mirror("Ubuntu http://a.example/ubuntu/\n") is None
    dump = 'APT::Architecture "amd64";\nAcquire::http::Proxy "http://[::1]:3142";\nAcquire::Check-Date "false";\nAcquire::cdrom "";\n'
    assert test_host.apt_settings(dump) == ('Acquire::http::Proxy "http://[::1]:3142";', 'Acquire::Check-Date "false";')


def test_pip_on_a_host_of_another_release_is_told_what_it_is_told_here() -> None:
    listed = """:env:.find-links='/srv/wheels'
global.extra-index-url='file:///srv/packages/simple https://a.example/simple'
global.find-links='/srv/other'
global.constraint='/etc/constraints.txt'
global.no-binary='a\\nb'
install.user='false'
"""
    settings = test_host.pip_settings(listed)
    assert settings.paths == (Path("/srv/packages"), Path("/srv/wheels"), Path("/etc/constraints.txt"))
    told = configparser.RawConfigParser()
    told.read_string(settings.text)
    assert {name: dict(told[name]) for name in told.sections()} == {
        "global": {
            "extra-index-url": "file:///srv/packages/simple https://a.example/simple",
            "find-links": "/srv/wheels",
            "constraint": "/etc/constraints.txt",
            "no-binary": "a\nb",
        },
        "install": {"user": "false"},
    }
    assert test_host.pip_settings("") == test_host.PipSettings("", ())


def test_a_root_of_another_release_is_removed_but_nothing_that_is_mounted_in_it(tmp_path: Path) -> None:
    (tmp_path / "root" / "etc").mkdir(parents=True)
    test_host.remove(tmp_path / "root", f"36 35 98:0 / {tmp_path}/root2 rw - ext4 /dev/sda rw\n")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "root").mkdir()
    with pytest.raises(SystemExit, match=r"mounted below it: .*/root/srv/my disk; unmount"):
        test_host.remove(tmp_path / "root", f"36 35 98:0 / {tmp_path}/root/srv/my\\040disk rw - ext4 /dev/sda rw\n")
    assert (tmp_path / "root").exists()


@pytest.mark.parametrize("arguments", [[], ["trixie"], ["--help", "true"], ["../trixie", "true"]])
def test_a_host_of_another_release_needs_a_release_and_a_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert test_host.main(arguments) == 2
    assert capsys.readouterr().err.startswith("usage: test_host.py SUITE COMMAND")


LISTED = """:env:.cert='/etc/ssl/own.crt'
:env:.find-links='/wheels/new'
global.extra-index-url='https://one.example/simple\\nhttps://two.example/simple'
global.find-links='/wheels/old'
global.index-url='https://user:secret@pypi.example/simple'
install.no-index='true'
list.format='columns'
"""


def test_uv_takes_packages_from_where_pip_does() -> None:
    found = packages.uv_environment(packages.pip_settings(LISTED))
    assert found == {
        "UV_DEFAULT_INDEX": "https://user:secret@pypi.example/simple",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/wheels/new",
        "UV_NO_INDEX": "true",
        "UV_PYTHON_DOWNLOADS": "never",
        "SSL_CERT_FILE": "/etc/ssl/own.crt",
    }


@pytest.mark.parametrize(("uv", "code", "asked"), [("exit 0", 0, ["uv"]), ("exit 1", 3, ["uv", "pip"]), (None, 3, ["pip", "pip"])])
def test_pip_is_asked_for_what_uv_cannot_install(
    uv: str | None, code: int, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    scripts = {"python": f'test "$4" = list || {{ echo pip >>{log}; exit 3; }}'}
    if uv is not None:
        scripts["uv"] = f"echo uv >>{log}; {uv}"
    for name, script in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert packages.main(["some"]) == code
    assert log.read_text().split() == asked


def test_the_part_of_the_matrix_that_is_always_run() -> None:
    cores = (
        matrix.Core("2.19", ("ansible-core<2.20",), ("3.11", "3.12"), ("3.9", "3.10")),
        matrix.Core("2.21", ("ansible-core<2.22",), ("3.12", "3.13"), ("3.10", "3.11")),
        matrix.Core("2.22", ("ansible-core>=2.22.0rc1",), ("3.13",), ("3.10",)),
    )
    assert matrix.newest_controller({"3.9", "3.11", "3.12", "3.13"}.__contains__, cores) == matrix.Pair("2.21", "3.13")
    assert matrix.newest_controller({"3.11"}.__contains__, cores) == matrix.Pair("2.19", "3.11")
    assert matrix.newest_controller({"3.9"}.__contains__, cores) is None
    assert matrix.oldest_target({"3.10", "3.9", "3.11"}.__contains__, cores) == matrix.Pair("2.19", "3.9")
    assert matrix.oldest_target({"3.10", "3.11"}.__contains__, cores) == matrix.Pair("2.19", "3.10")
    assert matrix.oldest_target({"3.13"}.__contains__, cores) is None


def test_a_python_that_is_missing_is_named() -> None:
    assert matrix.newest_found(("3.11", "3.12", "3.13"), {"3.11", "3.12"}.__contains__) == ("3.12",)
    assert matrix.newest_found(("3.11", "3.12", "3.13"), set().__contains__) == ("3.13",)


def test_the_matrix_holds_what_is_installed_by_default() -> None:
    core = next(core for core in matrix.CORES if core.version == matrix.own_core())
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in core.controllers
    needed = matrix.other_requirements()
    assert any(line.startswith("tabulate") for line in needed)
    assert not any(line.startswith("ansible") for line in needed)


# A Python of a version, which has what makes environments where a file says so. An environment's is a copy that notes what it is for.
PYTHON = """#!/bin/sh
case "$*" in
*'<= sys.version_info'*) exit {refused} ;;
*print*) echo python{version}-venv ;;
*ensurepip*) test -e {ensurepip} ;;
'-m venv '*) mkdir -p .venv/bin && cp "$0" .venv/bin/python && echo made by {version} >>{log} ;;
*packages.py*) echo installed by {version} >>{log} ;;
esac
"""


@pytest.mark.parametrize(
    ("default", "others", "found"),
    [
        # The default Python lacks a package that another one has.
        ("3.14", {"3.13": True}, ["made by 3.13", "installed by 3.13"]),
        # No Python has it: the default gets its own, not the one of Debian's default version.
        ("3.14", {"3.13": False}, ["apt python3.14-venv", "made by 3.14", "installed by 3.14"]),
        # The default is none for ansible-core.
        ("3.15", {"3.12": False}, ["apt python3.12-venv", "made by 3.12", "installed by 3.12"]),
    ],
)
def test_bootstrap_takes_a_python_that_can_make_an_environment(
    default: str, others: dict[str, bool], found: list[str], tmp_path: Path
) -> None:
    log, programs, checkout = tmp_path / "log", tmp_path / "bin", tmp_path / "checkout"
    programs.mkdir()
    (checkout / "scripts").mkdir(parents=True)
    (checkout / "scripts" / "bootstrap").write_text((ROOT / "scripts" / "bootstrap").read_text().replace(" /usr/bin/python3;", ";"))
    (checkout / "requirements.txt").touch()

    def write(name: str, text: str) -> None:
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)

    for name, version in {"python3": default, **{f"python{version}": version for version in others}}.items():
        own = tmp_path / f"ensurepip{version}"
        if others.get(version):
            own.touch()
        refused = 0 if version in ("3.11", "3.12", "3.13", "3.14") else 1
        write(name, PYTHON.format(version=version, refused=refused, ensurepip=own, log=log))
    for absent in {"3.11", "3.12", "3.13", "3.14"} - set(others):
        write(f"python{absent}", "#!/bin/sh\nexit 127\n")
    write("id", "#!/bin/sh\necho 0\n")
    write("dpkg-query", "#!/bin/sh\nexit 1\n")
    asked = 'for last; do :; done; echo "apt $last" >>{log}; version=${{last#python}}; touch {folder}/ensurepip${{version%-venv}}'
    write("apt-get", f"#!/bin/sh\n{asked.format(log=log, folder=tmp_path)}\n")
    command = ["sh", str(checkout / "scripts" / "bootstrap"), "run"]
    done = subprocess.run(command, env={"PATH": f"{programs}:/usr/bin:/bin"}, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr, log.read_text().splitlines()) == (0, "", found)


def test_every_scenario_has_a_name_that_its_lab_can_have() -> None:
    scenarios = sorted(file.parent.name for file in ROOT.glob("molecule/*/molecule.yml"))
    assert set(scenarios) > run_tests._APART
    for scenario in scenarios:
        assert _LAB_NAME.fullmatch(f"molecule-{scenario}"), f"the lab of the scenario {scenario} cannot be named"
