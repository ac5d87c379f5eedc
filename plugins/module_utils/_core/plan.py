# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan: the state before, the state after, and the ordered steps between them, as data.

Check mode shows the plan, the diff shows C(before) and C(after), L(apply) carries out the steps, and boot scripts are rendered from them.
"""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import tempfile
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from .errors import CommandError, FleetlabError, StepError
from .labels import take_over_label
from .runner import DEFAULT_TIMEOUT, Runner

MASK = "********"


@dataclass(frozen=True)
class Prints:
    """A check that succeeds if the command C(argv) prints a line with C(text)."""

    argv: Tuple[str, ...]
    text: str


Check = Union[Tuple[str, ...], Prints]
"""A command that changes nothing, and answers by its exit code or its output."""


@dataclass(frozen=True)
class Command:
    """Run C(argv). Secrets belong in C(stdin); with C(secret) neither stdin nor the command's output is ever shown.

    C(unless) are checks that all succeed if the step was done already; C(only_if) are checks that all succeed if the object of the step
    exists. Only a boot script runs these checks. L(apply) does not, because a plan is made for the current state of the host.
    """

    argv: Tuple[str, ...]
    stdin: Optional[str] = None
    secret: bool = False
    timeout: float = DEFAULT_TIMEOUT
    accept: Tuple[int, ...] = (0,)
    unless: Tuple[Check, ...] = ()
    only_if: Tuple[Check, ...] = ()

    def rendered(self) -> List[str]:
        """The argv that users see."""
        return list(self.argv)


@dataclass(frozen=True)
class WriteFile:
    """Replace the file at C(path) atomically; an existing file keeps its owner and group unless the step names them."""

    path: str
    content: str
    mode: int = 0o644
    owner: Optional[str] = None
    group: Optional[str] = None
    secret: bool = False

    def rendered(self) -> List[str]:
        """An argv-like description, without the content."""
        return ["write-file", self.path, f"{self.mode:04o}"]


@dataclass(frozen=True)
class RemoveFile:
    """Remove the file at C(path); a file that does not exist is no failure."""

    path: str

    def rendered(self) -> List[str]:
        """The argv that users see."""
        return ["rm", "--force", self.path]


@dataclass(frozen=True)
class MakeDirectory:
    """Create the directory at C(path), and missing directories above it. An existing directory is not changed. The umask has no effect."""

    path: str
    mode: int = 0o755

    def rendered(self) -> List[str]:
        """The argv that users see."""
        mode = [] if self.mode == 0o755 else [f"--mode={self.mode:04o}"]
        return ["mkdir", "--parents", *mode, self.path]


@dataclass(frozen=True)
class Operation:
    """Run a named Python operation of the module (such as a library call, or a wait with a limit) with plain arguments.

    L(apply) gets the operations and finds C(name) in them, so that the plan itself stays data.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def rendered(self) -> List[str]:
        """An argv-like description: the name, then C(key=value) for each argument that is set; the words of a list are joined by blanks."""
        return [self.name] + [f"{key}={_in_words(value)}" for key, value in self.arguments.items() if value is not None]


def _in_words(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and all(isinstance(word, str) for word in value):
        return " ".join(value)
    return value


Step = Union[Command, WriteFile, RemoveFile, MakeDirectory, Operation]
Operations = Mapping[str, Callable[..., None]]


@dataclass(frozen=True)
class Plan:
    """The result of the room plan.

    C(subject) names the object in messages. C(before) and C(after) have the same keys, in the same order, for the diff. C(secrets) are
    replaced by a mask in all texts in which the plan is shown.

    C(parts) are plans of objects that do not depend on each other. Their steps are the last of C(steps); if one part fails, the others
    are still carried out. C(unmet) are the objects that cannot be had now, such as a session with a server that is down: everything else
    is carried out, and then the module fails with these messages.
    """

    subject: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    steps: Tuple[Step, ...] = ()
    secrets: Tuple[str, ...] = ()
    warnings: Tuple[str, ...] = ()
    parts: Tuple[Plan, ...] = ()
    unmet: Tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether the plan has steps."""
        return bool(self.steps)

    def commands(self) -> List[List[str]]:
        """The steps as argv lists with secrets masked, for the return value C(commands)."""
        masked: List[List[str]] = mask([step.rendered() for step in self.steps], self.secrets)
        return masked

    def diff(self) -> Dict[str, Any]:
        """Ansible's diff of this plan, with secrets masked. Files are lists of lines, of which a person sees the changed ones."""
        shown: Dict[str, Any] = _in_lines(mask({"before": dict(self.before), "after": dict(self.after)}, self.secrets))
        return {"before_header": self.subject, "after_header": self.subject, **shown}


def _in_lines(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _in_lines(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_in_lines(inner) for inner in value]
    return value.splitlines() if isinstance(value, str) and "\n" in value else value


def combine(subject: str, plans: Sequence[Plan]) -> Plan:
    """One plan from several plans that do not depend on each other; the diff has a key for each subject."""
    return Plan(
        subject=subject,
        before={plan.subject: dict(plan.before) for plan in plans},
        after={plan.subject: dict(plan.after) for plan in plans},
        steps=tuple(step for plan in plans for step in plan.steps),
        secrets=tuple(secret for plan in plans for secret in plan.secrets),
        warnings=tuple(warning for plan in plans for warning in plan.warnings),
        parts=tuple(plans),
        unmet=tuple(text for plan in plans for text in plan.unmet),
    )


def mask(value: Any, secrets: Iterable[str]) -> Any:
    """A copy of C(value) (text, mappings, lists, tuples, nested) with all secrets replaced by a mask."""
    # Longer secrets are replaced first, because a secret may be the beginning of another.
    ordered = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
    return _masked(value, ordered) if ordered else value


def _masked(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, Mapping):
        return {_masked(key, secrets): _masked(item, secrets) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(item, secrets) for item in value]
    return value


def apply(plan: Plan, runner: Runner, operations: Optional[Operations] = None) -> None:
    """Carry out the plan, step by step, and stop at the first failure; each of its parts stops at its own first failure.

    :arg operations: the functions for L(Operation) steps, by name.
    :raises StepError: with the subject, the step, the exit code, stderr, and the steps that were carried out before.
    """
    own = len(plan.steps) - sum(len(part.steps) for part in plan.parts)
    done = _carry_out_steps(plan, own, runner, operations or {})
    errors: List[Tuple[str, StepError]] = []
    for part in plan.parts:
        try:
            done += _carry_out_steps(part, len(part.steps), runner, operations or {})
        except StepError as error:
            errors.append((part.subject, error))
            done += error.done
    if errors:
        first = errors[0][1]
        raise StepError(_by_cause(errors), first.step, first.exit_code, first.stderr, done, first.problem)


def _by_cause(errors: Sequence[Tuple[str, StepError]]) -> str:
    """One message for each cause, with the names of all parts that failed for this cause."""
    causes: Dict[str, List[Tuple[str, StepError]]] = {}
    for subject, error in errors:
        causes.setdefault(error.problem, []).append((subject, error))
    return "; ".join(
        str(failed[0][1]) if len(failed) == 1 else f"{', '.join(subject for subject, _error in failed)}: {problem}"
        for problem, failed in causes.items()
    )


def _carry_out_steps(plan: Plan, count: int, runner: Runner, operations: Operations) -> List[str]:
    shown = [" ".join(shlex.quote(word) for word in argv) for argv in plan.commands()]
    for number, step in enumerate(plan.steps[:count]):
        try:
            _carry_out(step, runner, operations)
        except (FleetlabError, OSError) as error:
            raise _step_error(plan, shown, number, error) from None
    return shown[:count]


def _carry_out(step: Step, runner: Runner, operations: Operations) -> None:
    if isinstance(step, Command):
        runner.run(step.argv, stdin=step.stdin, timeout=step.timeout, accept=step.accept)
    elif isinstance(step, WriteFile):
        write_file(step)
    elif isinstance(step, RemoveFile):
        try:
            os.unlink(step.path)
        except FileNotFoundError:
            pass
    elif isinstance(step, MakeDirectory):
        _make_directory(step)
    else:
        operations[step.name](**step.arguments)


def _make_directory(step: MakeDirectory) -> None:
    before = os.umask(0o022)
    try:
        os.makedirs(step.path, step.mode, exist_ok=True)
    finally:
        os.umask(before)


def _step_error(plan: Plan, shown: Sequence[str], number: int, error: Exception) -> StepError:
    step = plan.steps[number]
    hidden = isinstance(step, Command) and step.secret
    if isinstance(error, CommandError):
        problem, exit_code, stderr = error.problem, error.exit_code, error.stderr
    else:
        problem, exit_code, stderr = str(error), -1, ""
    if hidden:
        brief = error.brief if isinstance(error, CommandError) else type(error).__name__
        problem, stderr = f"{brief} (output hidden, because it may contain secrets)", ""
    done = shown[:number]
    before = f"Done before it: {'; '.join(done)}" if done else "Nothing had been changed"
    message = f"{plan.subject}: step {number + 1} of {len(shown)} failed: {shown[number]}: {problem}. {before}."
    masked = mask([message, stderr, problem], plan.secrets)
    return StepError(masked[0], shown[number], exit_code, masked[1], mask(done, plan.secrets), masked[2])


def write_file(step: WriteFile) -> None:
    """Replace the file by the complete new file, or keep the old file; the new file is never more readable than its mode says."""
    folder = os.path.dirname(step.path) or "."
    handle, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(step.path)}.", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(step.content)
            _take_over_owner(stream.fileno(), step.path)
            _give_to(temporary, step)
            take_over_label(temporary, step.path)
            os.fchmod(stream.fileno(), step.mode)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, step.path)
    except BaseException:
        os.unlink(temporary)
        raise
    _sync_folder(folder)


def _take_over_owner(descriptor: int, path: str) -> None:
    try:
        old = os.lstat(path)
    except FileNotFoundError:
        return
    # If the path is a link, the new file replaces the link and gets neither the owner of the link nor that of its target.
    if stat.S_ISREG(old.st_mode):
        os.fchown(descriptor, old.st_uid, old.st_gid)


def _give_to(temporary: str, step: WriteFile) -> None:
    if step.owner is None and step.group is None:
        return
    try:
        shutil.chown(temporary, step.owner, step.group)  # type: ignore[arg-type]
    except LookupError as error:
        raise FleetlabError(f"{step.path}: {error.args[0]} on this host") from None


def _sync_folder(folder: str) -> None:
    # Without this a power cut can restore the old file although the rename had returned.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
