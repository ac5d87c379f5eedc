# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan that removes the parts that this module made of a namespace. Pure."""

from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, Tuple

from .._core.errors import RefusedError
from .._core.plan import Command, Operation, RemoveFile, Step
from . import names
from .batching import Staged, Steps, ip_batch, link_deletion, systemctl
from .firewall.flows import make_ways
from .firewall.plan import forgetting_steps, opening_steps, own_steps
from .links import made_links
from .network import setting_steps
from .show import before, gone
from .simulate import without_namespace
from .state import State
from .wanted import Wanted

_MOST_NAMED = 10
_KERNELS_OWN = ("tunl0", "sit0", "gre0", "gretap0", "erspan0", "ip6tnl0", "ip6gre0", "ip_vti0", "ip6_vti0")
"""Interfaces that tunnel modules create in every namespace. They cannot be removed; without an address they are not in use."""


def plan_absent(state: State, wanted: Wanted) -> Staged:
    """Remove rules, unit, resolv.conf, links, and the namespace; the record is last, so that the next run can complete a killed run.

    :raises RefusedError: without C(force), if processes run in the namespace, or it has links that this module did not make.
    """
    name = wanted.name
    if not wanted.force:
        _check_unused(state, name)
    links = [link_deletion(made.end.deletion(name), made.end) for made in made_links(state, name).values()]
    restored, left = restored_settings(state, name, {})
    stages = (
        *forget_boot_stages(state, name),
        tuple(links),
        tuple(own_steps(state.firewall, name, None)),
        tuple(opening_steps(state.firewall, name, None)),
        tuple(forgetting_steps(state, make_ways(state, name, None), rules_change=True)),
        (*setting_steps(restored), *_last_steps(state, name)),
    )
    shown = before(state, name)
    later = gone(state, shown, restored) if any(stages) else shown
    return Staged(name, True, shown, later, stages, without_namespace(state, name, restored), left)


def _last_steps(state: State, name: str) -> Iterator[Step]:
    for path, found in ((names.resolv_conf_path(name), state.files.resolv_conf), (names.nsswitch_path(name), state.files.nsswitch)):
        if names.NOTE in (found or ""):
            yield removal(path)
    if state.exists:
        yield ip_batch(Command(("ip", "netns", "delete", name)))
    elif state.stale:
        yield RemoveFile(names.namespace_path(name))
    main = state.former(name).persist
    for persist in (True, False) if name in state.records else ():
        if state.files.record is not None if persist == main else state.files.other_record:
            yield removal(names.record_path(name, persist))


def removal(path: str) -> Operation:
    """The step that removes a file, and the folders that become empty."""
    return Operation("remove_with_empty_folders", {"path": path})


def _check_unused(state: State, name: str) -> None:
    if state.processes:
        some = ", ".join(f"{pid} ({command})" for pid, command in state.processes[:_MOST_NAMED])
        more = len(state.processes) - _MOST_NAMED
        raise RefusedError(
            f"namespace {name}",
            f"processes run in it: {some}{f' and {more} more' if more > 0 else ''}",
            "Nothing was changed; stop them first, or set force: then they keep running, without any network",
        )
    former = state.records.get(name)
    if state.exists and (former is None or former.adopted):
        raise RefusedError(
            f"namespace {name}",
            "it was not made by this module" if former is None else "it existed before this module changed it",
            "Nothing was changed; remove it with ip netns delete, or set force, which removes it with all its content",
        )
    foreign = _foreign_links(state, name)
    if foreign:
        raise RefusedError(
            f"namespace {name}", f"it has links that were not made by this module: {', '.join(foreign)}", "Remove them first, or set force"
        )


def _foreign_links(state: State, name: str) -> List[str]:
    """Links in the namespace that this module did not make."""
    made = [one.ends[0] for one in made_links(state, name).values()]
    known = ["lo", *(peer for _own, peer in state.former(name).links)]
    return [
        link.name
        for link in state.inside.links
        if not (link.name in known or link.kind == "" or any(link.is_end_of(own) for own in made))
        and (link.name not in _KERNELS_OWN or link.addresses)
    ]


def forget_boot_stages(state: State, name: str) -> Tuple[Steps, ...]:
    """Remove the unit and the script, in four stages."""
    files, service = state.files, state.service
    return (
        (systemctl("disable", names.unit(name)),) if service.systemd and service.enabled else (),
        (systemctl("stop", names.unit(name)),) if service.systemd and service.active else (),
        (
            *((RemoveFile(names.unit_path(name)),) if files.unit is not None else ()),
            *((removal(names.script_path(name)),) if files.script is not None else ()),
        ),
        (systemctl("daemon-reload"),) if service.systemd and files.unit is not None else (),
    )


def restored_settings(state: State, name: str, still: Mapping[str, str]) -> Tuple[Dict[str, str], Tuple[str, ...]]:
    """The changed settings of the host that are no longer needed, with their former values; and warnings.

    If other namespaces need a setting, their records have its former value, and their removal restores it.
    """
    restored: Dict[str, str] = {}
    left: List[str] = []
    for key, value in state.former(name).sysctls.items():
        needed = key in still or any(key in other.sysctls for other in state.records.values() if other.name != name)
        if needed or state.sysctls.get(key) in (None, value):
            continue
        if state.firewall.others:
            now = f"{key.replace('/', '.')} stays {state.sysctls[key]}"
            left.append(f"namespace {name}: {now} (before: {value}), because other rules of this host forward or translate too")
        else:
            restored[key] = value
    return restored, tuple(left)
