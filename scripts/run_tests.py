# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the parts of the test suite named on the command line and close with what failed and their counts.

Every part is run, also after one that failed. Two parts run at once, of which one may have guests; the other then takes the time that these
spend waiting. A part with guests prints as it goes, any other when it has ended. What failed is named again at the end, because the end is
what is left of a long output. The last line has the form C(N passed, N failed); the exit code says whether
anything failed, or did not run at all.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import IO, Callable, Iterable, Iterator
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "tests" / "output"
REPORTS = OUTPUT / "reports"

_LIMIT = 75 * 60.0
_LIMITS = {"faults": 3 * 3600.0}
"""Seconds everything together may take, and parts that may take longer: what is still running then is ended, and has failed."""

_APART = frozenset({"faults", "nftables", "nvme"})
"""Scenarios that take too long to run with all others; what matters most of the faults is part of the scenario of the lab."""

_LINT_SESSIONS = (
    "formatters",
    "codeqa",
    "yamllint",
    "typing",
    "antsibull-nox-config",
    "docs-check",
    "license-check",
    "extra-checks",
    "build-import-check",
    "ansible-lint",
    "shellcheck",
    "role-readmes",
    "floors",
)
"""Names of nox sessions; each of them counts as one test."""


_LANES = 2
"""Parts that run at once: most of the time each of them keeps one core busy."""

_PATIENT = ("nice", "-n", "10")
"""What stands before the command of a part without guests, so that guests, whose tests have clocks, hardly notice it."""

_REASON_LINES = 6
"""Lines of a reason that are repeated in the summary; all of it stands where the test ran."""


_LOG_ENTRY = re.compile(r"^[-0-9]{10} [:0-9]{8},[0-9]{3} p=.*?\| ", re.MULTILINE)
_FAILED = re.compile(r"(?:fatal|failed): \[(\S+?)(?: -> [^]]*)?\].*?=> ", re.DOTALL)
_RECAP = re.compile(r"(\S+) +: ok=\d+ +changed=\d+ +unreachable=(\d+) +failed=(\d+) ")
"""What lines of Ansible's log begin with, and in it a failure of a host, and what came of a host in the end."""

_LINE_LENGTH = 500

_DEPRECATED = "[DEPRECATION WARNING]: "
_NOT_OURS = (
    "Passing `warnings` to `exit_json` or `fail_json` is deprecated.",
    "The '--tree' argument is deprecated.",
    "The tree callback plugin is deprecated.",
)
"""Deprecations of others. The first: ansible.posix.mount 2.1, the last one for ansible-core 2.19; 2.2, which later ones bring, has none.

The others: pytest-testinfra up to 10.2, where a test runs a module."""


@dataclass(frozen=True)
class Outcome:
    """How many tests passed, and what the others are called, each with the reason it gave."""

    passed: int = 0
    failures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """What came of one part."""

    name: str
    outcome: Outcome
    seconds: float


@dataclass(frozen=True)
class Part:
    """One command and how to read what it ran."""

    name: str
    argv: tuple[str, ...]
    outcome: Callable[[], Outcome]
    reasons: Callable[[], tuple[str, ...]] = tuple
    """What else may say why the command failed, where its reports do not: a scenario that stopped before its verifier has none."""
    guests: bool = False
    env: tuple[tuple[str, str], ...] = ()
    cleanup: tuple[str, ...] = ()


def junit_outcome(files: Iterable[Path]) -> Outcome:
    """What JUnit reports say; a skipped test case has neither passed nor failed."""
    passed = 0
    failures = []
    for file in files:
        for case in ElementTree.parse(file).iter("testcase"):
            reasons = [child for child in case if child.tag in ("failure", "error")]
            if reasons:
                failures.append(_junit_failure(case, reasons[0]))
            else:
                passed += case.find("skipped") is None
    return Outcome(passed, tuple(failures))


def _junit_failure(case: ElementTree.Element, reason: ElementTree.Element) -> str:
    name = ".".join(filter(None, [case.get("classname"), case.get("name")]))
    message = (reason.get("message") or "").strip()
    # The reports of ansible-test only say here how many findings follow.
    if not message or message.endswith(":"):
        message = f"{message}\n{(reason.text or '').strip()}".strip()
    return "\n    ".join([name, *message.splitlines()[:_REASON_LINES]])


def _junit_folder_outcome(folder: Path) -> Outcome:
    return junit_outcome(folder.glob("*.xml"))


def nox_outcome(file: Path) -> Outcome:
    """What a report of nox says; each session counts as one test."""
    sessions = json.loads(file.read_text(encoding="utf-8"))["sessions"]
    failures = tuple(f"session {session['name']}" for session in sessions if session["result"] not in ("success", "skipped"))
    return Outcome(sum(session["result"] == "success" for session in sessions), failures)


def log_failures(log: str) -> tuple[str, ...]:
    """What stopped hosts, of a log of Ansible: the last failure of each that ended as failed; others were ignored or rescued."""
    failures = []
    task = ""
    last: dict[str, str] = {}
    for entry in _LOG_ENTRY.split(log):
        if entry.startswith(("TASK [", "RUNNING HANDLER [")):
            task = entry.rstrip("* \n")
        elif found := _FAILED.match(entry):
            last[found[1]] = "\n    ".join([f"{found[1]}: {task}", *_reason(entry[found.end() :])])
        elif (found := _RECAP.match(entry)) and (found[2] != "0" or found[3] != "0"):
            failures.append(last.get(found[1], f"{found[1]}: unreachable={found[2]} failed={found[3]}"))
    return tuple(failures)


def _reason(result: str) -> list[str]:
    try:
        fields: dict[str, object] = json.loads(result)
    except ValueError:
        fields = {"msg": result.strip()}
    told = [f"{name}: {fields[name]}" for name in ("assertion", "msg", "stderr", "stdout") if fields.get(name)]
    return [line[:_LINE_LENGTH] for text in told for line in text.splitlines()[:_REASON_LINES]]


def deprecations(log: str) -> tuple[str, ...]:
    """What a log of Ansible calls deprecated, each once; those of others are no failure of ours."""
    entries = (entry[len(_DEPRECATED) :].strip() for entry in _LOG_ENTRY.split(log) if entry.startswith(_DEPRECATED))
    return tuple(dict.fromkeys(f"deprecated: {text[:_LINE_LENGTH]}" for text in entries if not text.startswith(_NOT_OURS)))


def _scenario_outcome(reports: Path, log: Path) -> Outcome:
    tests = _junit_folder_outcome(reports)
    found = deprecations(log.read_text(encoding="utf-8", errors="replace")) if log.exists() else ()
    return Outcome(tests.passed, tests.failures + found)


def _read_log_failures(log: Path) -> tuple[str, ...]:
    return log_failures(log.read_text(encoding="utf-8", errors="replace")) if log.exists() else ()


def _nox(*arguments: str) -> tuple[str, ...]:
    # Environments are made once: the bootstrap removes them when the files that name their contents change.
    return (sys.executable, "-m", "nox", "--reuse-existing-virtualenvs", "--no-install", *arguments)


def _pytest_part(name: str, folder: str) -> Part:
    report = REPORTS / f"{name}.xml"
    argv = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={report}", folder)
    return Part(name, argv, functools.partial(junit_outcome, [report]))


def _lint() -> Iterator[Part]:
    report = REPORTS / "lint.json"
    yield Part("lint", _nox("--report", str(report), "--sessions", *_LINT_SESSIONS), functools.partial(nox_outcome, report))


def _sanity() -> Iterator[Part]:
    outcome = functools.partial(_junit_folder_outcome, OUTPUT / "sanity" / _own_core())
    yield Part("sanity", _nox("--sessions", "sanity"), outcome)


def _matrix() -> Iterator[Part]:
    """Other versions of ansible-core and of Python than those of this environment; the sessions count as tests of their own."""
    reports = REPORTS / "matrix"
    report = reports / "nox.json"
    reports.mkdir()
    outcome = functools.partial(_matrix_outcome, report)
    yield Part("matrix", _nox("--report", str(report), "--sessions", "matrix-part"), outcome)


def _matrix_outcome(report: Path) -> Outcome:
    sessions = nox_outcome(report)
    sanity = (file for file in OUTPUT.glob("sanity/*/*.xml") if file.parent.name != _own_core())
    tests = junit_outcome([*report.parent.glob("*.xml"), *sanity])
    return Outcome(sessions.passed + tests.passed, tests.failures or sessions.failures)


def _own_core() -> str:
    return ".".join(metadata.version("ansible-core").split(".")[:2])


def _unit() -> Iterator[Part]:
    yield _pytest_part("unit", "tests/unit")


def _package() -> Iterator[Part]:
    yield _pytest_part("package", "tests/package")


def _network() -> Iterator[Part]:
    yield _pytest_part("network", "tests/network")


def _kernels() -> Iterator[Part]:
    yield dataclasses.replace(_pytest_part("kernels", "tests/kernels"), env=(("PYTHONPATH", str(ROOT / ".cache" / "collections")),))


def _aws() -> Iterator[Part]:
    yield _pytest_part("aws", "tests/aws")


def _molecule() -> Iterator[Part]:
    """One part for each scenario, that of the modules first."""
    found = {file.parent.name for file in ROOT.glob("molecule/*/molecule.yml")}
    for scenario in sorted(found - _APART, key=lambda name: (name != "default", name)):
        yield _scenario(scenario)


def _faults() -> Iterator[Part]:
    yield _scenario("faults")


def _faults_core() -> Iterator[Part]:
    yield _scenario("faults", "-m", "core")


def _nftables() -> Iterator[Part]:
    yield _scenario("nftables")


def _nvme() -> Iterator[Part]:
    yield _scenario("nvme")


def _target(name: str) -> Iterator[Part]:
    """The integration tests of one module, on one guest."""
    known = sorted(path.parent.name for path in ROOT.glob("tests/integration/targets/*/aliases"))
    if name not in known:
        raise ValueError(f"no integration target {name!r}: there are {', '.join(known)}")
    yield _scenario("default", env=(("TARGET", name), ("VERIFY", "false")))


def _fault(words: str) -> Iterator[Part]:
    """The faults whose names match, as pytest's option -k has it, on a lab of their own."""
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/faults", "-k", words]
    if subprocess.run(collect, cwd=ROOT, env=_environment(()), check=False, capture_output=True).returncode:
        raise ValueError(f"no fault matches {words!r}: pytest --collect-only tests/faults lists them")
    yield _scenario("faults", "-k", words)


def _scenario(scenario: str, *options: str, env: tuple[tuple[str, str], ...] = ()) -> Part:
    """One scenario, with options of pytest for its verifier; what that reports counts besides the scenario itself."""
    reports = REPORTS / f"molecule-{scenario}"
    reports.mkdir()
    log = reports / "ansible.log"
    command = str(Path(sys.executable).with_name("molecule"))
    pytest = shlex.join([f"--junit-xml={reports}/testinfra.xml", *options])
    return Part(
        f"molecule {scenario}",
        (command, "test", "--scenario-name", scenario),
        functools.partial(_scenario_outcome, reports, log),
        functools.partial(_read_log_failures, log),
        guests=True,
        env=(("PYTEST_ADDOPTS", pytest), ("ANSIBLE_LOG_PATH", str(log)), ("TARGET", ""), ("VERIFY", "true"), *env),
        cleanup=(command, "destroy", "--scenario-name", scenario),
    )


PARTS: dict[str, Callable[[], Iterator[Part]]] = {
    "lint": _lint,
    "sanity": _sanity,
    "unit": _unit,
    "matrix": _matrix,
    "package": _package,
    "network": _network,
    "aws": _aws,
    "kernels": _kernels,
    "molecule": _molecule,
    "faults": _faults,
    "faults-core": _faults_core,
    "nftables": _nftables,
    "nvme": _nvme,
}

CHOICES: dict[str, Callable[[str], Iterator[Part]]] = {"target": _target, "fault": _fault}
"""Parts of a name that is given with them, as in V(target:tz_cron)."""


def _environment(extra: tuple[tuple[str, str], ...]) -> dict[str, str]:
    env = dict(os.environ, LC_ALL="C.UTF-8", **dict(extra))
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    env["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / ".cache" / "collections")
    # Sessions that can repair what they check only report it where this is set.
    env["CI"] = "true"
    return env


class _Run:
    """A part that has been started. One without guests writes to a file, which is printed when it has ended."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self._start = time.monotonic()
        print(f"\n=== {part.name} begins: {shlex.join(part.argv)}", flush=True)
        with contextlib.ExitStack() as stack:
            self._log = None if part.guests else stack.enter_context(tempfile.TemporaryFile())
            self._process = _start(part.argv if part.guests else (*_PATIENT, *part.argv), part.env, self._log)
            self._files = stack.pop_all()

    @property
    def has_ended(self) -> bool:
        """Whether its command has, by itself."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """End its command and whatever that has started."""
        _kill(self._process)

    def finish(self) -> Result:
        """What came of it; one that still runs has taken too long, and is ended."""
        exit_code = self._process.poll()
        self.kill()
        if self._log:
            print(f"\n=== {self.part.name}", flush=True)
            self._log.seek(0)
            shutil.copyfileobj(self._log, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        self._files.close()
        if exit_code is None:
            print(f"{self.part.name}: ended, because all tests together took longer than they may", flush=True)
            if self.part.cleanup:
                _clean_up(self.part)
        return Result(self.part.name, _outcome(self.part, exit_code), time.monotonic() - self._start)


def _start(argv: tuple[str, ...], env: tuple[tuple[str, str], ...], log: IO[bytes] | None) -> subprocess.Popen[bytes]:
    errors = subprocess.STDOUT if log else None
    return subprocess.Popen(
        argv, cwd=ROOT, env=_environment(env), stdin=subprocess.DEVNULL, stdout=log, stderr=errors, start_new_session=True
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _clean_up(part: Part) -> None:
    process = _start(part.cleanup, part.env, None)
    try:
        process.wait(120)
    except subprocess.TimeoutExpired:
        print(f"{part.name}: {shlex.join(part.cleanup)} did not end within two minutes", flush=True)
    finally:
        _kill(process)


def run_parts(parts: Iterable[Part], deadline: float) -> Iterator[Result]:
    """Run parts, each as soon as it fits beside those that run; a failure that its reports do not tell of counts as one."""
    waiting = list(parts)
    running: list[_Run] = []
    try:
        while waiting or running:
            while fitting := [part for part in waiting if _fits(part, [run.part for run in running])]:
                waiting.remove(fitting[0])
                running.append(_Run(fitting[0]))
            late = time.monotonic() > deadline
            for run in [run for run in running if late or run.has_ended]:
                running.remove(run)
                yield run.finish()
            time.sleep(0.1)
    finally:
        for run in running:
            run.kill()


def _fits(part: Part, running: list[Part]) -> bool:
    return len(running) < _LANES and not (part.guests and any(other.guests for other in running))


def _outcome(part: Part, exit_code: int | None) -> Outcome:
    """What the part's reports say, and what only its exit code does."""
    try:
        outcome = part.outcome()
    except (OSError, ValueError, ElementTree.ParseError) as error:
        print(f"{part.name}: no usable report: {error}", flush=True)
        outcome = Outcome()
    passed = outcome.passed + (exit_code == 0 and part.name.startswith("molecule "))
    if outcome.failures:
        return Outcome(passed, outcome.failures)
    if exit_code is None:
        return Outcome(passed, ("took longer than all tests together may",))
    if exit_code != 0:
        return Outcome(passed, part.reasons() or (f"ended with exit code {exit_code}, and no report says why",))
    return Outcome(passed) if passed else Outcome(0, ("ran no test",))


def _parts(name: str) -> Iterator[Part]:
    kind, _colon, choice = name.partition(":")
    return PARTS[name]() if name in PARTS else CHOICES[kind](choice)


def main(names: list[str]) -> int:
    """Run the named parts in their order."""
    unknown = [name for name in names if name not in PARTS and name.partition(":")[0] not in CHOICES]
    if unknown or not names:
        choices = ", ".join([*PARTS, *(f"{name}:NAME" for name in CHOICES)])
        print(f"usage: run_tests.py PART ...; the parts are {choices}", file=sys.stderr)
        return 2
    shutil.rmtree(OUTPUT, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    try:
        parts = [part for name in names for part in _parts(name)]
    except ValueError as error:
        print(f"run_tests.py: {error}", file=sys.stderr)
        return 2
    deadline = time.monotonic() + max(_LIMITS.get(name, _LIMIT) for name in names)
    results = list(run_parts(parts, deadline))
    table = OUTPUT / "faults.md"
    if table.exists():
        # As it is: molecule folds the long lines of what its verifier prints.
        print(f"\n=== faults\n{table.read_text(encoding='utf-8')}")
    failures = [f"{result.name}: {failure}" for result in results for failure in result.outcome.failures]
    if failures:
        print("\n".join(["\n=== failed", *failures]))
    print("\n=== summary")
    for result in results:
        print(f"{result.name:24} {result.outcome.passed:5} passed {len(result.outcome.failures):3} failed {result.seconds:7.0f} s")
    print(f"{sum(result.outcome.passed for result in results)} passed, {len(failures)} failed", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
