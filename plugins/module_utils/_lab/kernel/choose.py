# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring kernels into the cache, one after the other, until one boots; each has its own plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Tuple

from ..._core.errors import FleetlabError, ObservationError, StepError
from ..._core.plan import Plan, apply, combine
from ..._core.runner import Runner
from ..._host.files import Host
from .apply.cache import origin_lock
from .apply.operations import operations
from .observe.kernels import has_xstate, observe
from .observe.trial import Trial, try_kernel
from .plan import find, origins, plan_kernel, plan_xstate
from .state import HOST, Kernel, State, Wanted

UNKNOWN = "unknown"
"""The shown version of a kernel that check mode does not download."""


@dataclass(frozen=True)
class Chosen:
    """A kernel that boots, the plan that brought it into the cache, and the reasons why earlier kernels were not taken."""

    kernel: Kernel
    plan: Plan
    warnings: Tuple[str, ...]

    @property
    def has_xstate(self) -> bool:
        """Whether the kernel runs with the library for large registers."""
        return has_xstate(self.kernel)

    def returned(self) -> Dict[str, Any]:
        """The return value C(kernel)."""
        return {
            "origin": self.kernel.origin,
            "version": self.kernel.version,
            "program": self.kernel.program,
            "modules": self.kernel.modules,
            "xstate": self.has_xstate,
        }


class _Search:
    """One search, with the plans that it has applied."""

    def __init__(self, wanted: Wanted, runner: Runner, rootless: bool, check_mode: bool) -> None:
        self.wanted = wanted
        self.runner = runner
        self.rootless = rootless
        self.check_mode = check_mode
        self.plans: List[Plan] = []

    def carry_out(self, origin: str, make_plan: Callable[[], Plan]) -> None:
        """Apply a plan for a kernel, outside of check mode, and keep it for the result.

        :arg make_plan: makes the plan. If it has steps, it is made again under the lock, after another run may have made the same kernel.
        """
        plan = make_plan()
        if plan.changed and not self.check_mode:
            with origin_lock(self.wanted.cache, origin):
                plan = make_plan()
                apply(plan, self.runner, operations(self.runner))
        self.plans.append(plan)

    def observe(self) -> State:
        """The kernels at this moment."""
        return observe(self.wanted, self.runner, Host())

    def take(self, origin: str) -> Kernel:
        """The kernel of an origin, after it was brought into the cache and tried.

        :raises FleetlabError: it cannot be brought into the cache, or does not boot.
        """
        self.carry_out(origin, lambda: plan_kernel(origin, self.wanted, self.observe()))
        state = self.observe()
        kernel = find(origin, state, self.wanted.choice)
        if kernel is None:
            version = state.host_version if origin == HOST else None
            return Kernel(origin, version or UNKNOWN, f"{self.wanted.cache}/kernel-{origin}-{version or UNKNOWN}")
        trial = self.try_it(kernel)
        # In check mode a kernel does not get a missing library.
        if not trial.boots and not (self.check_mode and trial.needs_xstate):
            raise ObservationError(f"{kernel.label} does not boot on this machine: {trial.end}")
        return kernel

    def try_it(self, kernel: Kernel) -> Trial:
        """Boot the kernel, with the library for large registers if it needs that."""
        trial = try_kernel(kernel, self.runner, self.rootless)
        if trial.boots or not trial.needs_xstate:
            return trial
        self.carry_out(kernel.origin, lambda: plan_xstate(kernel, self.wanted, has_xstate(kernel)))
        return trial if self.check_mode else try_kernel(kernel, self.runner, self.rootless)


def choose(wanted: Wanted, runner: Runner, rootless: bool, check_mode: bool) -> Chosen:
    """The first kernel that boots.

    :raises FleetlabError: no kernel boots; with the reason for each kernel.
    """
    search = _Search(wanted, runner, rootless, check_mode)
    failures: List[str] = []
    for origin in origins(wanted, search.observe()):
        try:
            kernel = search.take(origin)
        except FleetlabError as error:
            failures.append(f"the kernel of {origin} cannot be made: {error.problem}" if isinstance(error, StepError) else str(error))
            continue
        goes_on = f"The lab uses {kernel.label}, which is slower"
        return Chosen(kernel, combine("kernel", search.plans), tuple(f"{first_line(failure)}. {goes_on}" for failure in failures))
    raise ObservationError("\n".join(failures))


def first_line(text: str) -> str:
    """The first line of a message, cut to a length for a list."""
    return text.splitlines()[0][:300].rstrip(".: ")
