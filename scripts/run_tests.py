# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the parts of the test suite named on the command line, and end with the failures and the counts.

Every part is run, also after a failed part. Three parts run at once, of which two may have guests; each uses the time that the others
spend waiting. The output of the first part with guests is shown while it runs, the output of any other part when it has ended. All failures
are named again at the end. The last line has the form C(N passed, N failed); the exit code says whether anything failed, or did not run.
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

_LIMIT = 80 * 60.0
_LIMITS = {"faults": 3 * 3600.0}
"""Seconds that all parts together may take, and parts that may take longer. A part that still runs then is ended, and has failed."""

_APART = frozenset({"faults", "nft", "nvme", "own"})
"""Scenarios that take too long for a run of all parts. The most important faults are part of the scenario of the lab."""

_LINT_SESSIONS = (
    "formatters",
    "codeqa",
    "yamllint",
    "typing",
    "antsibull-nox-config",
    "docs-check",
    "license-check",
    "extra-checks",
    "galaxy-importer",
    "ansible-lint",
    "shellcheck",
    "role-readmes",
    "floors",
    "changelog",
    "execution-environment",
    "docs",
)
"""Names of nox sessions; each session counts as one test."""


_LANES = 3
"""Number of parts that run at once. A part keeps one core busy, but for a third of its time, in which it waits."""

_NICE_WITH_GUESTS = (0, 6)
"""Niceness of parts with guests, of which no more run at once: the tests of the first depend most on clocks, because it has the faults."""

_NICE = 10
"""Niceness of a part without guests, so that guests are hardly slowed down."""

_REASON_LINES = 6
"""Lines of a reason that are repeated in the summary; the whole reason is in the output of the test."""


_LOG_ENTRY = re.compile(r"^[-0-9]{10} [:0-9]{8},[0-9]{3} p=.*?\| ", re.MULTILINE)
_FAILED = re.compile(r"(?:fatal|failed): \[(\S+?)(?: -> [^]]*)?\].*?=> ", re.DOTALL)
_RECAP = re.compile(r"(\S+) +: ok=\d+ +changed=\d+ +unreachable=(\d+) +failed=(\d+) ")
"""The beginning of lines of Ansible's log, a failure of a host in it, and the recap of a host."""

_LINE_LENGTH = 500

_PANIC = re.compile(r"Kernel panic|Out of memory: Killed|ptrace set fp regs failed")
"""Lines on the console of a guest whose kernel, or one of whose programs, was ended by the kernel."""

_DEPRECATED = "[DEPRECATION WARNING]: "
_NOT_OURS = (
    "Passing `warnings` to `exit_json` or `fail_json` is deprecated.",
    "The '--tree' argument is deprecated.",
    "The tree callback plugin is deprecated.",
)
"""Deprecations of other projects. The first is of ansible.posix.mount 2.1, the last version for ansible-core 2.19; 2.2 has none.

The other ones are of pytest-testinfra up to 10.2, if a test runs a module."""


@dataclass(frozen=True)
class Outcome:
    """The number of tests that passed, and the names of the failed tests with their reasons."""

    passed: int = 0
    failures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """The outcome of one part."""

    name: str
    outcome: Outcome
    seconds: float


@dataclass(frozen=True)
class Part:
    """One command, and how to read its reports."""

    name: str
    argv: tuple[str, ...]
    outcome: Callable[[], Outcome]
    reasons: Callable[[], tuple[str, ...]] = tuple
    """A further source for the reason of a failure: a scenario that stopped before its verifier has no report."""
    guests: bool = False
    env: tuple[tuple[str, str], ...] = ()
    cleanup: tuple[str, ...] = ()


def junit_outcome(files: Iterable[Path]) -> Outcome:
    """The outcome in JUnit reports; a skipped test case has neither passed nor failed."""
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
    # In the reports of ansible-test this line contains only the number of findings that follow.
    if not message or message.endswith(":"):
        message = f"{message}\n{(reason.text or '').strip()}".strip()
    return "\n    ".join([name, *message.splitlines()[:_REASON_LINES]])


def _junit_folder_outcome(folder: Path) -> Outcome:
    return junit_outcome(folder.glob("*.xml"))


def nox_outcome(file: Path) -> Outcome:
    """The outcome in a report of nox; each session counts as one test."""
    sessions = json.loads(file.read_text(encoding="utf-8"))["sessions"]
    failures = tuple(f"session {session['name']}" for session in sessions if session["result"] not in ("success", "skipped"))
    return Outcome(sum(session["result"] == "success" for session in sessions), failures)


def log_failures(log: str) -> tuple[str, ...]:
    """The failures in a log of Ansible: the last failure of each host that ended as failed; other failures were ignored or rescued."""
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
    """The deprecations in a log of Ansible, each once, without those of other projects."""
    entries = (entry[len(_DEPRECATED) :].strip() for entry in _LOG_ENTRY.split(log) if entry.startswith(_DEPRECATED))
    return tuple(dict.fromkeys(f"deprecated: {text[:_LINE_LENGTH]}" for text in entries if not text.startswith(_NOT_OURS)))


def panics(consoles: Iterable[Path]) -> tuple[str, ...]:
    """What ended guests or programs in them, from kept consoles: the line that says it, and the last lines of the console."""
    found = []
    for file in sorted(consoles):
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        said = [number for number, line in enumerate(lines) if _PANIC.search(line)]
        if said:
            shown = lines[said[0] : said[0] + 1] + lines[said[0] + 1 :][-_REASON_LINES:]
            found.append("\n    ".join([f"console of {file.stem}:", *(line.strip()[:_LINE_LENGTH] for line in shown)]))
    return tuple(found)


def _scenario_outcome(reports: Path, log: Path) -> Outcome:
    tests = _junit_folder_outcome(reports)
    found = deprecations(log.read_text(encoding="utf-8", errors="replace")) if log.exists() else ()
    return Outcome(tests.passed, tests.failures + found)


def _read_log_failures(log: Path) -> tuple[str, ...]:
    failures = log_failures(log.read_text(encoding="utf-8", errors="replace")) if log.exists() else ()
    return failures + panics(log.parent.glob("*.console"))


def _nox(*arguments: str) -> tuple[str, ...]:
    # Environments are created once: the bootstrap removes them when the files that list their contents change.
    return (sys.executable, "-m", "nox", "--reuse-existing-virtualenvs", "--no-install", *arguments)


def _on_one_cpu(number: int, argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command on the CPU of this number. The reason is pylint: it starts a process for each CPU that it may use, and each of them
    works out all imports for itself, which takes 40 % more of the CPUs' time; beside other parts it gains nothing by it.
    """
    cpus = sorted(os.sched_getaffinity(0))
    return ("taskset", "--cpu-list", str(cpus[number % len(cpus)]), *argv)


def _pytest_part(name: str, folder: str) -> Part:
    report = REPORTS / f"{name}.xml"
    argv = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={report}", folder)
    return Part(name, argv, functools.partial(junit_outcome, [report]))


def _lint() -> Iterator[Part]:
    report = REPORTS / "lint.json"
    yield Part("lint", _nox("--report", str(report), "--sessions", *_LINT_SESSIONS), functools.partial(nox_outcome, report))


def _sanity() -> Iterator[Part]:
    outcome = functools.partial(_junit_folder_outcome, OUTPUT / "sanity" / _own_core())
    yield Part("sanity", _on_one_cpu(0, _nox("--sessions", "sanity")), outcome)


def _matrix() -> Iterator[Part]:
    """Tests with other versions of ansible-core and Python than those of this environment; each session counts as one test."""
    reports = REPORTS / "matrix"
    report = reports / "nox.json"
    reports.mkdir()
    outcome = functools.partial(_matrix_outcome, report)
    yield Part("matrix", _on_one_cpu(1, _nox("--report", str(report), "--sessions", "matrix-part")), outcome)


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
    """One part for each scenario; the scenario of the lab, which takes longest, is first."""
    found = {file.parent.name for file in ROOT.glob("molecule/*/molecule.yml")}
    for scenario in sorted(found - _APART, key=lambda name: (name != "lab", name)):
        yield _scenario(scenario)


def _faults() -> Iterator[Part]:
    yield _scenario("faults")


def _faults_core() -> Iterator[Part]:
    yield _scenario("faults", "-m", "core")


def _nftables() -> Iterator[Part]:
    yield _scenario("nft")


def _own_machines() -> Iterator[Part]:
    yield _scenario("own")


def _nvme() -> Iterator[Part]:
    yield _scenario("nvme")


def _target(name: str) -> Iterator[Part]:
    """The integration tests of one module, on one guest."""
    known = sorted(path.parent.name for path in ROOT.glob("tests/integration/targets/*/aliases"))
    if name not in known:
        raise ValueError(f"no integration target {name!r}: there are {', '.join(known)}")
    yield _scenario("default", env=(("TARGET", name), ("VERIFY", "false")))


def _fault(words: str) -> Iterator[Part]:
    """The faults whose names match, in the syntax of pytest's option -k, on a separate lab."""
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/faults", "-k", words]
    if subprocess.run(collect, cwd=ROOT, env=_environment(()), check=False, capture_output=True).returncode:
        raise ValueError(f"no fault matches {words!r}: pytest --collect-only tests/faults lists them")
    yield _scenario("faults", "-k", words)


def _scenario(scenario: str, *options: str, env: tuple[tuple[str, str], ...] = ()) -> Part:
    """One scenario, with options of pytest for its verifier, whose tests count besides the scenario itself."""
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
    "own-machines": _own_machines,
}

CHOICES: dict[str, Callable[[str], Iterator[Part]]] = {"target": _target, "fault": _fault}
"""Parts that need a name, as in V(target:tz_cron)."""


def _environment(extra: tuple[tuple[str, str], ...]) -> dict[str, str]:
    env = dict(os.environ, LC_ALL="C.UTF-8", **dict(extra))
    # Thousands of Pythons are started here. With this variable each compiles all that it imports, by which ansible-playbook starts in 0.7
    # seconds and not in 0.4.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    env["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / ".cache" / "collections")
    # With this variable, sessions that could repair their findings only report them.
    env["CI"] = "true"
    return env


class _Run:
    """A part that has been started, beside running parts. All but the first with guests write to files, printed when they have ended."""

    def __init__(self, part: Part, beside: list[Part]) -> None:
        self.part = part
        nice = _NICE_WITH_GUESTS[sum(other.guests for other in beside)] if part.guests else _NICE
        self._start = time.monotonic()
        print(f"\n=== {part.name} begins: {shlex.join(part.argv)}", flush=True)
        with contextlib.ExitStack() as stack:
            self._log = stack.enter_context(tempfile.TemporaryFile()) if nice else None
            self._process = _start(("nice", "-n", str(nice), *part.argv), part.env, self._log)
            self._files = stack.pop_all()

    @property
    def has_ended(self) -> bool:
        """Whether its command has ended by itself."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """End its command, all processes that the command has started, and its guests."""
        unfinished = self._process.poll() is None
        _kill(self._process)
        if unfinished and self.part.cleanup:
            _clean_up(self.part)

    def finish(self) -> Result:
        """The outcome of the part. A part that still runs has taken too long, and is ended."""
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
    """Run parts, each as soon as a place is free. A failed part without a failure in its reports counts as one failure."""
    waiting = list(parts)
    running: list[_Run] = []
    try:
        while waiting or running:
            while fitting := [part for part in waiting if _fits(part, [run.part for run in running])]:
                waiting.remove(fitting[0])
                running.append(_Run(fitting[0], [run.part for run in running]))
            late = time.monotonic() > deadline
            for run in [run for run in running if late or run.has_ended]:
                running.remove(run)
                yield run.finish()
            time.sleep(0.1)
    finally:
        for run in running:
            run.kill()


def _fits(part: Part, running: list[Part]) -> bool:
    return len(running) < _LANES and (not part.guests or sum(other.guests for other in running) < len(_NICE_WITH_GUESTS))


def _outcome(part: Part, exit_code: int | None) -> Outcome:
    """The outcome in the part's reports, or, without failures in them, by its exit code."""
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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    deadline = time.monotonic() + max(_LIMITS.get(name, _LIMIT) for name in names)
    results = list(run_parts(parts, deadline))
    table = OUTPUT / "faults.md"
    if table.exists():
        # The table is printed again, because molecule folds the long lines of its verifier's output.
        print(f"\n=== faults\n{table.read_text(encoding='utf-8')}")
    # Failures on guests take longest to reproduce. They come last, because the beginning of a long output is cut off first.
    by_guests = sorted(results, key=lambda result: result.name.startswith("molecule "))
    failures = [f"{result.name}: {failure}" for result in by_guests for failure in result.outcome.failures]
    if failures:
        print("\n".join(["\n=== failed", *failures]))
    print("\n=== summary")
    for result in results:
        print(f"{result.name:24} {result.outcome.passed:5} passed {len(result.outcome.failures):3} failed {result.seconds:7.0f} s")
    print(f"{sum(result.outcome.passed for result in results)} passed, {len(failures)} failed", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
