# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of every state module: check the input, require, lock, observe, plan, show, apply, observe again, return."""

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
    """The rooms of a wing, each by its one function, in the order in which L(run) passes through them.

    C(secrets) finds the secrets in the options of the task, also in those that are refused. C(observe_again) reads what C(returned) shows
    after a plan was applied, where that is less than what planning needs. C(carry_over) completes this state, its second argument, by what
    only the state before the plan, its first, can show.
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
        # Two that look at the same moment would both find the object missing.
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
    """Refuse to look without root, in check mode too: what may not be read would be taken for what is not there.

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
    """End a state module: in check mode with the plan, else after carrying it out.

    :arg describe: the module's own return values, read from the system after the plan was applied.
    Where parts of the plan failed or could not be planned, the module fails after everything else was done, with the same return values.

    :raises FleetlabError: left to the caller, which hands it to L(fail).
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
    # Not typed by Ansible: it does not return.
    end: Callable[..., NoReturn] = module.exit_json
    end(**result)


def _carried_out(plan: Plan, runner: Runner, operations: Optional[Operations]) -> Optional[StepError]:
    """Apply the plan. Returns what failed of its parts, together with what could not be planned."""
    try:
        apply(plan, runner, operations)
    except StepError as error:
        if not plan.parts:
            raise
        return StepError("; ".join([str(error), *plan.unmet]), error.step, error.exit_code, error.stderr, error.done)
    return None


def fail(module: AnsibleModule, error: FleetlabError, secrets: Iterable[str] = (), result: Optional[Mapping[str, Any]] = None) -> NoReturn:
    """End a module with an error a user can act on; no secret is left in it. C(result) is what it returns all the same."""
    known = tuple(secrets)
    details: Dict[str, Any] = dict(result or {})
    if isinstance(error, (CommandError, StepError)):
        details.update(exit_code=error.exit_code, stderr=error.stderr)
    if isinstance(error, StepError):
        details.update(failed_step=error.step, done=list(error.done), changed=bool(error.done))
    end: Callable[..., NoReturn] = module.fail_json
    end(msg=mask(str(error), known), **mask(details, known))
