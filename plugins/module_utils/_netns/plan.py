# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan from any state of a namespace to the wanted one. Pure."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .._core.plan import MakeDirectory, Plan, RemoveFile, Step, WriteFile
from . import boot, names, record
from .batching import Staged, Steps, single, systemctl, together
from .checks import check
from .firewall.flows import make_ways
from .firewall.plan import forgetting_steps
from .network import changed_sysctls, network_stages, setting_steps
from .options import naming
from .removal import forget_boot_stages, plan_absent, removal, restored_settings
from .resolve import Resolved, resolve_defaults
from .show import after, before, shown_settings
from .simulate import beside, with_namespace
from .state import Record, State
from .wanted import Wanted, is_one


def plan(states: Sequence[State], all_wanted: Sequence[Wanted]) -> Plan:
    """The plan of a task. If it has several namespaces, each is planned for the host after the plans before it.

    :raises FleetlabError: the options do not fit this host, or would harm objects that the task does not name.
    """
    parts: List[Staged] = []
    settings: Dict[str, Optional[str]] = {}
    for state, wanted in zip(states, all_wanted):
        found = beside(state, replace(parts[-1].host, sysctls=settings)) if parts else state
        with naming(wanted.prefix, wanted.name):
            parts.append(_staged(found, wanted))
        settings.update(parts[-1].host.sysctls)
    if is_one(all_wanted):
        return single(parts[0])
    return together([_on_host(part, state, settings) for part, state in zip(parts, states)])


def _on_host(part: Staged, state: State, after_all: Mapping[str, Optional[str]]) -> Staged:
    """The plan of one namespace, with the settings of the host before and after all plans."""
    settings = shown_settings({key: after_all[key] for key in part.host.sysctls})
    before_all = shown_settings(state.sysctls)
    return replace(part, before={**part.before, "settings": before_all}, after={**part.after, "settings": settings})


def _staged(state: State, wanted: Wanted) -> Staged:
    if wanted.state == "absent":
        return plan_absent(state, wanted)
    resolved = resolve_defaults(state, wanted)
    warnings = check(state, resolved)
    new = make_record(state, resolved)
    restored, left = restored_settings(state, wanted.name, new.sysctls)
    covering, exact = _record_stages(state, new)
    script = boot.script_content(state, resolved) if wanted.persist else None
    stages_of_network = network_stages(state, resolved)
    stages = (
        covering,
        # Settings are restored before another namespace of the task makes the same settings.
        tuple(setting_steps(restored)),
        *stages_of_network,
        tuple(forgetting_steps(state, make_ways(state, wanted.name, resolved.policy), rules_change=bool(stages_of_network[1]))),
        tuple(_dns_steps(state, resolved)),
        *_boot_stages(state, wanted.name, script),
        exact,
    )
    shown = before(state, wanted.name)
    later = after(state, resolved, shown, restored, script)
    return Staged(wanted.name, False, shown, later, stages, with_namespace(state, resolved, new, restored), (*warnings, *left))


def make_record(state: State, resolved: Resolved) -> Record:
    """The record of the namespace after the plan."""
    wanted = resolved.wanted
    return Record(
        name=wanted.name,
        persist=wanted.persist,
        firewall=state.firewall.kind,
        links=tuple((link.name, link.peer) for link in wanted.links),
        addresses=tuple((link.name, str(one)) for link in wanted.links for one in link.addresses),
        routes=tuple(route.key for route in wanted.all_routes()),
        forwards=wanted.forwards,
        sysctls=changed_sysctls(state, resolved),
        default_subnet=wanted.default_subnet,
        adopted=state.exists and (wanted.name not in state.records or state.former(wanted.name).adopted),
    )


def _record_stages(state: State, new: Record) -> Tuple[Steps, Steps]:
    """The first stage writes a record that covers every intermediate state, the last the exact record, in case a run is killed."""
    former = state.records.get(new.name)
    merged = record.render(record.merged(former, new))
    exact = record.render(new)
    last = (WriteFile(names.record_path(new.name, new.persist), exact, mode=0o600),) if exact != merged else ()
    return tuple(_covering_record(state, new, merged)), last


def _covering_record(state: State, new: Record, merged: str) -> Iterator[Step]:
    former = state.records.get(new.name)
    path = names.record_path(new.name, new.persist)
    moved = former is None or former.persist != new.persist
    there = None if moved else state.files.record
    if state.stale:
        yield RemoveFile(names.namespace_path(new.name))
    if merged != there:
        yield MakeDirectory(posixpath.dirname(path))
        yield WriteFile(path, merged, mode=0o600)
    if (former is not None and moved) or state.files.other_record:
        yield RemoveFile(names.record_path(new.name, not new.persist))


def _dns_steps(state: State, resolved: Resolved) -> Iterator[Step]:
    wanted, files = resolved.wanted, state.files
    for path, found, content in (
        (names.resolv_conf_path(wanted.name), files.resolv_conf, record.resolv_conf(wanted)),
        (names.nsswitch_path(wanted.name), files.nsswitch, record.nsswitch(state.nsswitch)),
    ):
        if wanted.dns is not None and found != content:
            yield MakeDirectory(posixpath.dirname(path))
            yield WriteFile(path, content)
        elif wanted.dns is None and found is not None and names.NOTE in found:
            yield removal(path)


def _boot_stages(state: State, name: str, script: Optional[str]) -> Tuple[Steps, ...]:
    """Write or remove the files that build the namespace at boot, in four stages."""
    if script is None:
        return forget_boot_stages(state, name)
    service, unit = state.service, names.unit(name)
    files, is_new = _boot_files(state, name, script)
    return (
        files,
        (systemctl("daemon-reload"),) if is_new else (),
        # A new unit may be wanted by other units than the one before.
        (systemctl("enable", unit),) if service.systemd and (is_new or not service.enabled) else (),
        # The script finds nothing to do; the unit is started for services that require it.
        (replace(systemctl("start", unit), timeout=120),) if service.systemd and not service.active else (),
    )


def _boot_files(state: State, name: str, script: str) -> Tuple[Steps, bool]:
    """The script and the unit, and whether systemd has to read the unit."""
    unit = boot.unit_content(name)
    steps: List[Step] = []
    if state.files.script != script:
        steps.append(WriteFile(names.script_path(name), script, mode=0o700))
    is_new = state.service.systemd and state.files.unit != unit
    if is_new:
        steps.append(WriteFile(names.unit_path(name), unit))
    return tuple(steps), is_new
