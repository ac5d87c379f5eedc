# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan from a namespace that is, or is not, to the one that is wanted. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator, List, Optional, Sequence, Tuple

from .._core.plan import Command, Operation, Plan, RemoveFile, Step, WriteFile
from . import boot, names, record
from .checks import check
from .dns import resolv_conf
from .network import changed_sysctls, network_stages
from .options import naming
from .others import beside, following, with_namespace
from .removal import forget_boot_stages, plan_absent, removal, restore_steps
from .settle import Settled, settle
from .stages import Staged, Steps, single, together
from .state import Record, System
from .view import after, before, shown_settings
from .wanted import Wanted


def plan(system: System, wanted: Wanted) -> Plan:
    """Everything a task asks for that names one namespace.

    :raises FleetlabError: the input cannot be right on this host, or would harm what the task does not name.
    """
    return single(_staged(system, wanted))


def plan_all(systems: Sequence[System], all_wanted: Sequence[Wanted]) -> Plan:
    """Everything a task asks for that names several, each planned as if those before it had been carried out.

    :raises FleetlabError: as L(plan), and says about which namespace.
    """
    parts: List[Staged] = []
    host: Optional[System] = None
    for number, (system, wanted) in enumerate(zip(systems, all_wanted)):
        with naming(number, wanted.name):
            parts.append(_staged(beside(system, host) if host is not None else system, wanted))
        host = following(parts[-1].host, host)
    return together([_on_host(part, system, host) for part, system in zip(parts, systems) if host is not None])


def _on_host(part: Staged, system: System, host: System) -> Staged:
    """With the settings of the host as they are before all of the plans and after them."""
    settings = shown_settings({key: host.sysctls[key] for key in part.host.sysctls})
    before_all = shown_settings(system.sysctls)
    return replace(part, before={**part.before, "settings": before_all}, after={**part.after, "settings": settings})


def _staged(system: System, wanted: Wanted) -> Staged:
    if wanted.state == "absent":
        return plan_absent(system, wanted)
    settled = settle(system, wanted)
    warnings = check(system, settled)
    new = make_record(system, settled)
    restoring, left = restore_steps(system, wanted.name, new.sysctls)
    restored = {step.arguments["key"]: step.arguments["value"] for step in restoring}
    covering, exact = _record_stages(system, new)
    stages = (
        covering,
        # Before another namespace of the task sets what this one no longer needs.
        tuple(restoring),
        *network_stages(system, settled),
        tuple(_dns_steps(system, settled)),
        *_boot_stages(system, settled),
        exact,
    )
    shown = before(system, wanted.name)
    later = after(system, settled, shown, restored)
    return Staged(wanted.name, False, shown, later, stages, with_namespace(system, settled, new, restored), (*warnings, *left))


def make_record(system: System, settled: Settled) -> Record:
    """What there will be when the plan has been carried out."""
    wanted = settled.wanted
    former = system.records.get(wanted.name)
    return Record(
        name=wanted.name,
        persist=wanted.persist,
        firewall=system.firewall.kind,
        links=tuple((link.name, link.peer) for link in wanted.links),
        addresses=tuple((link.name, str(one)) for link in wanted.links for one in link.addresses),
        routes=tuple(route.key for route in wanted.all_routes()),
        forwards=wanted.forwards,
        sysctls=changed_sysctls(system, settled),
        default_subnet=wanted.default_subnet,
        adopted=system.exists and (former is None or former.adopted),
    )


def _record_stages(system: System, new: Record) -> Tuple[Steps, Steps]:
    """A record that covers every state in between comes first, the exact one last, so that nothing is forgotten when a run is killed."""
    former = system.records.get(new.name)
    merged = record.render(record.merged(former, new))
    exact = record.render(new)
    last = (WriteFile(names.record_path(new.name, new.persist), exact, mode=0o600),) if exact != merged else ()
    return tuple(_covering_record(system, new, merged)), last


def _covering_record(system: System, new: Record, merged: str) -> Iterator[Step]:
    former = system.records.get(new.name)
    path = names.record_path(new.name, new.persist)
    moved = former is None or former.persist != new.persist
    there = None if moved else system.files.record
    if system.stale:
        yield RemoveFile(names.namespace_path(new.name))
    if merged != there:
        yield Operation("make_folder", {"path": path.rpartition("/")[0]})
        yield WriteFile(path, merged, mode=0o600)
    if (former is not None and moved) or system.files.other_record:
        yield RemoveFile(names.record_path(new.name, not new.persist))


def _dns_steps(system: System, settled: Settled) -> Iterator[Step]:
    wanted, found = settled.wanted, system.files.resolv_conf
    path = names.resolv_conf_path(wanted.name)
    if wanted.dns is not None and found != resolv_conf(wanted):
        yield Operation("make_folder", {"path": path.rpartition("/")[0]})
        yield WriteFile(path, resolv_conf(wanted))
    elif wanted.dns is None and found is not None and names.NOTE in found:
        yield removal(path)


def _boot_stages(system: System, settled: Settled) -> Tuple[Steps, ...]:
    """What builds the namespace at boot, or what did so is taken away, in four stages."""
    name = settled.wanted.name
    if not settled.wanted.persist:
        return forget_boot_stages(system, name)
    service, unit = system.service, names.unit(name)
    files, is_new = _boot_files(system, settled)
    return (
        files,
        (Command(("systemctl", "daemon-reload")),) if is_new else (),
        (Command(("systemctl", "enable", unit)),) if service.systemd and not service.enabled else (),
        # It finds everything as it should be; services that require it see it running.
        (Command(("systemctl", "start", unit), timeout=120),) if service.systemd and not service.active else (),
    )


def _boot_files(system: System, settled: Settled) -> Tuple[Steps, bool]:
    """The script and the unit, and whether systemd has to read the unit."""
    name = settled.wanted.name
    script, unit = boot.script_content(system, settled), boot.unit_content(name)
    steps: List[Step] = []
    if system.files.script != script:
        steps.append(WriteFile(names.script_path(name), script, mode=0o700))
    is_new = system.service.systemd and system.files.unit != unit
    if is_new:
        steps.append(WriteFile(names.unit_path(name), unit))
    return tuple(steps), is_new
