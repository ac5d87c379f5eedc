# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every state module does with its plan: show it, carry it out, and report."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Iterable, Mapping, NoReturn, Optional

from ansible.module_utils.basic import AnsibleModule

from .errors import CommandError, FleetlabError, ObservationError, StepError
from .plan import Operations, Plan, apply, mask
from .runner import Runner


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
