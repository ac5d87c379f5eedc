# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of all state modules: check the input, require, lock, observe, plan, show, apply, observe again, return."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Callable, ContextManager, Dict, Generic, Iterable, Mapping, NoReturn, Optional, TypeVar

from ansible.module_utils.basic import AnsibleModule

from .errors import CommandError, FleetlabError, ObservationError, StepError
from .lock import Lock
from .plan import Operations, Plan, apply, mask
from .runner import Runner

Wanted = TypeVar("Wanted")
State = TypeVar("State")


def _nothing() -> None:
    """Require nothing of the host."""


@dataclass(frozen=True)
class Wing(Generic[Wanted, State]):
    """The rooms of a wing, each by its only function, in the order in which L(run) uses them.

    C(secrets) finds the secrets in the options of the task, also in options that are refused. After a plan was applied, C(observe_again)
    reads the state for C(returned), if that needs less than planning does. C(carry_over) completes this state, its second argument, by the
    facts that only the state before the plan, its first argument, has.
    """

    make_wanted: Callable[[Mapping[str, Any]], Wanted]
    observe: Callable[[Wanted], State]
    plan: Callable[[State, Wanted], Plan]
    returned: Callable[[State, Wanted, Plan], Mapping[str, Any]]
    operations: Callable[[Wanted], Operations] = lambda _wanted: {}
    require: Callable[[], None] = _nothing
    lock: Optional[Lock] = None
    secrets: Callable[[Mapping[str, Any]], Iterable[str]] = lambda _params: ()
    observe_again: Optional[Callable[[Wanted], State]] = None
    carry_over: Callable[[State, State], State] = lambda _before, after: after


def run(module: AnsibleModule, wing: Wing[Wanted, State], runner: Runner) -> NoReturn:
    """Run a state module from its options to its result."""
    secrets = tuple(wing.secrets(module.params))
    try:
        wanted = wing.make_wanted(module.params)
        wing.require()
        # Without the lock two runs at the same moment would both find the object missing.
        with _held(module, wing.lock):
            state = wing.observe(wanted)
            plan = wing.plan(state, wanted)
            unchanged = module.check_mode or not plan.changed
            again = wing.observe_again or wing.observe

            def describe() -> Mapping[str, Any]:
                return wing.returned(state if unchanged else wing.carry_over(state, again(wanted)), wanted, plan)

            finish(module, plan, runner, describe, wing.operations(wanted))
    except FleetlabError as error:
        fail(module, error, secrets)


def _held(module: AnsibleModule, lock: Optional[Lock]) -> ContextManager[None]:
    return nullcontext() if module.check_mode or lock is None else lock.held()


def require_root(purpose: str) -> None:
    """Refuse to observe without root, also in check mode: unreadable objects would be taken for missing objects.

    :arg purpose: completes "only root can".
    :raises ObservationError: the module runs as another user.
    """
    if os.geteuid() != 0:
        raise ObservationError(f"only root can {purpose}: set become to true")


def finish(
    module: AnsibleModule,
    plan: Plan,
    runner: Runner,
    describe: Callable[[], Mapping[str, Any]],
    operations: Optional[Operations] = None,
) -> NoReturn:
    """End a state module: in check mode with the plan, else after the plan was applied.

    If parts of the plan failed or could not be planned, the module fails after all other parts were applied, with the same return values.

    :arg describe: returns the module's own return values, read from the system after the plan was applied.
    :raises FleetlabError: the plan failed; the caller passes the error to L(fail).
    """
    for warning in plan.warnings:
        module.warn(mask(warning, plan.secrets))
    result: Dict[str, Any] = {"changed": plan.changed, "commands": plan.commands()}
    if module._diff:
        result["diff"] = plan.diff()
    failure: Optional[FleetlabError] = FleetlabError("; ".join(plan.unmet)) if plan.unmet else None
    if not module.check_mode:
        failure = _carried_out(plan, runner, operations) or failure
    result.update(mask(dict(describe()), plan.secrets))
    if failure is not None:
        fail(module, failure, plan.secrets, result)
    # exit_json does not return, but Ansible does not declare that.
    end: Callable[..., NoReturn] = module.exit_json
    end(**result)


def _carried_out(plan: Plan, runner: Runner, operations: Optional[Operations]) -> Optional[StepError]:
    """Apply the plan. Returns the failures of its parts, together with the parts that could not be planned; None if there are none."""
    try:
        apply(plan, runner, operations)
    except StepError as error:
        if not plan.parts:
            raise
        return StepError("; ".join([str(error), *plan.unmet]), error.step, error.exit_code, error.stderr, error.done)
    return None


def fail(module: AnsibleModule, error: FleetlabError, secrets: Iterable[str] = (), result: Optional[Mapping[str, Any]] = None) -> NoReturn:
    """End a module with an error, in which all secrets are masked. C(result) are return values that are given in spite of it."""
    known = tuple(secrets)
    details: Dict[str, Any] = dict(result or {})
    if isinstance(error, (CommandError, StepError)):
        details.update(exit_code=error.exit_code, stderr=error.stderr)
    if isinstance(error, StepError):
        details.update(failed_step=error.step, done=list(error.done), changed=bool(error.done))
    end: Callable[..., NoReturn] = module.fail_json
    end(msg=mask(str(error), known), **mask(details, known))
