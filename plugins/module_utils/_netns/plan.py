# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan from a namespace that is, or is not, to the one that is wanted. Pure."""

from __future__ import annotations

from typing import Iterator, List

from .._core.plan import Command, Operation, Plan, RemoveFile, Step, WriteFile
from . import boot, names, record
from .checks import check
from .dns import resolv_conf
from .network import changed_sysctls, network_steps
from .removal import forget_boot_steps, plan_absent, restore_steps
from .settle import Settled, settle
from .state import Record, System
from .view import after, before
from .wanted import Wanted


def plan(system: System, wanted: Wanted) -> Plan:
    """Everything the task asks for.

    :raises FleetlabError: the input can not be right on this host, or would harm what the task does not name.
    """
    if wanted.state == "absent":
        return plan_absent(system, wanted)
    settled = settle(system, wanted)
    warnings = check(system, settled)
    new = make_record(system, settled)
    steps: List[Step] = list(network_steps(system, settled))
    restoring, left = restore_steps(system, wanted.name, new.sysctls)
    steps += [*restoring, *_dns_steps(system, settled), *_boot_steps(system, settled)]
    restored = {step.arguments["key"]: step.arguments["value"] for step in restoring}
    shown = before(system, wanted.name)
    return Plan(
        subject=f"namespace {wanted.name}",
        before=shown,
        after=after(system, settled, shown, restored),
        steps=tuple(_with_record(system, new, steps)),
        warnings=(*warnings, *left),
    )


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


def _with_record(system: System, new: Record, steps: List[Step]) -> Iterator[Step]:
    """A record that covers every state in between comes first, the exact one last, so that nothing is forgotten when a run is killed."""
    former = system.records.get(new.name)
    path = names.record_path(new.name, new.persist)
    moved = former is None or former.persist != new.persist
    there = None if moved else system.files.record
    merged = record.render(record.merged(former, new))
    if system.stale:
        yield RemoveFile(names.namespace_path(new.name))
    if merged != there:
        yield Operation("make_folder", {"path": path.rpartition("/")[0]})
        yield WriteFile(path, merged, mode=0o600)
    if (former is not None and moved) or system.files.other_record:
        yield RemoveFile(names.record_path(new.name, not new.persist))
    yield from steps
    if record.render(new) != merged:
        yield WriteFile(path, record.render(new), mode=0o600)


def _dns_steps(system: System, settled: Settled) -> Iterator[Step]:
    wanted, found = settled.wanted, system.files.resolv_conf
    path = names.resolv_conf_path(wanted.name)
    if wanted.dns is not None and found != resolv_conf(wanted):
        yield Operation("make_folder", {"path": path.rpartition("/")[0]})
        yield WriteFile(path, resolv_conf(wanted))
    elif wanted.dns is None and found is not None and names.NOTE in found:
        yield RemoveFile(path)
        yield Operation("remove_empty_folders", {"path": path.rpartition("/")[0]})


def _boot_steps(system: System, settled: Settled) -> Iterator[Step]:
    name = settled.wanted.name
    if not settled.wanted.persist:
        yield from forget_boot_steps(system, name)
        if system.files.script is not None:
            yield Operation("remove_empty_folders", {"path": names.LASTING_FOLDER})
        return
    script, unit = boot.script_content(system, settled), boot.unit_content(name)
    if system.files.script != script:
        yield WriteFile(names.script_path(name), script, mode=0o700)
    if not system.service.systemd:
        return
    if system.files.unit != unit:
        yield WriteFile(names.unit_path(name), unit)
        yield Command(("systemctl", "daemon-reload"))
    if not system.service.enabled:
        yield Command(("systemctl", "enable", names.unit(name)))
    if not system.service.active:
        # It finds everything as it should be; services that require it see it running.
        yield Command(("systemctl", "start", names.unit(name)), timeout=120)
