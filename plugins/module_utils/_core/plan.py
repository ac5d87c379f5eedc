# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan: what is, what shall be, and the ordered steps between them, as data.

One plan serves check mode (show it), diff (C(before) and C(after)), action (L(apply)) and boot (render its steps).
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
from .runner import DEFAULT_TIMEOUT, Runner

MASK = "********"


@dataclass(frozen=True)
class Command:
    """Run C(argv). Secrets belong in C(stdin); with C(secret) neither stdin nor the command's output is ever shown.

    C(unless) are commands that all succeed where the step has been done already. A plan is made for the host as it is, so L(apply) does not
    ask them; a script that carries the same steps out at boot does.
    """

    argv: Tuple[str, ...]
    stdin: Optional[str] = None
    secret: bool = False
    timeout: float = DEFAULT_TIMEOUT
    accept: Tuple[int, ...] = (0,)
    unless: Tuple[Tuple[str, ...], ...] = ()

    def rendered(self) -> List[str]:
        """The argv a user is shown."""
        return list(self.argv)


@dataclass(frozen=True)
class WriteFile:
    """Replace the file at C(path) atomically; an existing file keeps its owner and group unless they are named."""

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
    """Remove the file at C(path); one that is gone already is no failure."""

    path: str

    def rendered(self) -> List[str]:
        """The argv a user is shown."""
        return ["rm", "--force", self.path]


@dataclass(frozen=True)
class MakeDirectory:
    """Make the directory at C(path), and those above it that are missing; an existing one stays as it is."""

    path: str
    mode: int = 0o755

    def rendered(self) -> List[str]:
        """The argv a user is shown."""
        mode = [] if self.mode == 0o755 else [f"--mode={self.mode:04o}"]
        return ["mkdir", "--parents", *mode, self.path]


@dataclass(frozen=True)
class Operation:
    """Call a named Python operation of the module (a library call, a bounded wait) with plain arguments.

    L(apply) looks C(name) up in the operations it is given, so that the plan itself stays data.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def rendered(self) -> List[str]:
        """An argv-like description: the name, then C(key=value) for each argument that is set; words of a list with blanks between."""
        return [self.name] + [f"{key}={_in_words(value)}" for key, value in self.arguments.items() if value is not None]


def _in_words(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and all(isinstance(word, str) for word in value):
        return " ".join(value)
    return value


Step = Union[Command, WriteFile, RemoveFile, MakeDirectory, Operation]
Operations = Mapping[str, Callable[..., None]]


@dataclass(frozen=True)
class Plan:
    """What L(plan) functions return.

    C(subject) names the object for messages. C(before) and C(after) hold the same keys, in the same order, for the
    diff. C(secrets) are replaced by a mask wherever the plan is shown, in whatever text they turn up.

    C(parts) are plans of objects that do not depend on each other, whose steps are the last ones of C(steps): where one
    fails, the others are carried out all the same. C(unmet) says what cannot be had now, such as a session with a server
    that is down: everything else is done, and then the module fails with it.
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
        """Whether there is anything to do."""
        return bool(self.steps)

    def commands(self) -> List[List[str]]:
        """The steps as argv lists, secrets masked: what modules return as C(commands)."""
        masked: List[List[str]] = mask([step.rendered() for step in self.steps], self.secrets)
        return masked

    def diff(self) -> Dict[str, Any]:
        """Ansible's diff of this plan, secrets masked."""
        shown: Dict[str, Any] = mask({"before": dict(self.before), "after": dict(self.after)}, self.secrets)
        return {"before_header": self.subject, "after_header": self.subject, **shown}


def combine(subject: str, plans: Sequence[Plan]) -> Plan:
    """One plan out of several that do not depend on each other; the diff has a key for each one's subject."""
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
    """A copy of C(value) (text, mappings, lists, tuples, nested) in which no secret is left."""
    # The longest first: one secret may be the beginning of another.
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
    """Carry the plan out, step by step, and stop at the first failure; of parts, each stops at its own.

    :arg operations: functions by the name that L(Operation) steps use.
    :raises StepError: names the subject, the step, the exit code and stderr, and lists what had been done.
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
    """One message for each cause, which names all that failed for it."""
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
        os.makedirs(step.path, step.mode, exist_ok=True)
    else:
        operations[step.name](**step.arguments)


def _step_error(plan: Plan, shown: Sequence[str], number: int, error: Exception) -> StepError:
    step = plan.steps[number]
    hidden = isinstance(step, Command) and step.secret
    if isinstance(error, CommandError):
        problem, exit_code, stderr = error.problem, error.exit_code, error.stderr
    else:
        problem, exit_code, stderr = str(error), -1, ""
    if hidden:
        brief = error.brief if isinstance(error, CommandError) else type(error).__name__
        problem, stderr = f"{brief} (output hidden: it may hold secrets)", ""
    done = shown[:number]
    before = f"Done before it: {'; '.join(done)}" if done else "Nothing had been changed"
    message = f"{plan.subject}: step {number + 1} of {len(shown)} failed: {shown[number]}: {problem}. {before}."
    masked = mask([message, stderr, problem], plan.secrets)
    return StepError(masked[0], shown[number], exit_code, masked[1], mask(done, plan.secrets), masked[2])


def write_file(step: WriteFile) -> None:
    """Put the whole new file in place or leave the old one: never half of it, and never more readable than asked."""
    folder = os.path.dirname(step.path) or "."
    handle, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(step.path)}.", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(step.content)
            _take_over_owner(stream.fileno(), step.path)
            _give_to(temporary, step)
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
    # The new file takes the place of a link, not of what it points to: neither one's owner is meant to have it.
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
    # Without this a power cut can bring the old file back although the rename had returned.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
