# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a namespace by stages, and one plan for many namespaces: all namespaces finish a stage before the next stage. Pure.

In a stage, one command of nft or systemctl serves all namespaces. The reason: each command takes time for all objects on the host, as nft
reads every table, and systemd every unit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, Iterable, List, Mapping, Sequence, Tuple

from .._core.plan import Command, Operation, Plan, Step
from .addresses import DEFAULT
from .links import End
from .state import State

Steps = Tuple[Step, ...]


@dataclass(frozen=True)
class Joinable(Command):
    """A command of a stage that can be joined with the same command of other namespaces.

    C(maker) makes the joined step from the words C(group) and all C(parts); commands with the same maker and group can be joined.
    C(before) is the text of the rule before which nft inserts another: a boot script finds the rule by it, because its handle is new.
    """

    maker: Callable[..., Step] = Command
    group: Tuple[str, ...] = ()
    parts: Tuple[Any, ...] = ()
    before: str = ""


def systemctl(verb: str, *units: str) -> Joinable:
    """A command of systemctl for units."""
    return Joinable(argv=("systemctl", verb, *units), maker=systemctl, group=(verb,), parts=units)


def nft(*words: str) -> Joinable:
    """One change of nftables, in the words of nft's command line.

    nft joins the words of its command line with blanks, and reads several such lines as one transaction.
    """
    return Joinable(argv=("nft", *words), maker=_nft_lines, parts=(" ".join(words),))


def _nft_lines(*lines: str) -> Command:
    return Command(("nft", "-f", "-"), stdin="".join(f"{line}\n" for line in lines))


def nft_transaction(*changes: Mapping[str, Any]) -> Joinable:
    """Changes of nftables in JSON, as one transaction."""
    return _nft_texts(*(json.dumps(change) for change in changes))


def _nft_texts(*changes: str) -> Joinable:
    whole = f'{{"nftables": [{", ".join(changes)}]}}'
    return Joinable(argv=("nft", "-j", "-f", "-"), stdin=whole, maker=_nft_texts, parts=changes)


def ip_batch(command: Command) -> Joinable:
    """A command of ip that can be joined with others of the same options, such as C(-n NAME); ip runs them in one process."""
    options = next(at for at, word in enumerate(command.argv) if at and not word.startswith("-") and command.argv[at - 1] != "-n")
    first, line = command.argv[:options], command.argv[options:]
    if line[0] == "route" and ("via" in line or line[2] != DEFAULT):
        # ip takes the family from the address.
        first = tuple(word for word in first if word not in ("-4", "-6"))
    return Joinable(argv=command.argv, unless=command.unless, maker=_ip_lines, group=(" ".join(first),), parts=(" ".join(line),))


def _ip_lines(first: str, *lines: str) -> Command:
    return Command((*first.split(), "-batch", "-"), stdin="".join(f"{line}\n" for line in lines))


def link_deletion(command: Command, end: End) -> Command:
    """A command that deletes a link by its end. Ends on the host are deleted together: for each alone the kernel waits for every CPU."""
    if end.inside:
        return command
    return Joinable(argv=command.argv, accept=command.accept, maker=_link_deletions, parts=(end.name,))


def _link_deletions(*links: str) -> Operation:
    return Operation("delete_links", {"links": links})


@dataclass(frozen=True)
class Staged:
    """The plan of one namespace. C(host) is the host after this plan.

    All namespaces that are made have the same stages, and the first stage writes the record. Namespaces that are removed (C(leaves)) have
    other stages.
    """

    name: str
    leaves: bool
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    stages: Tuple[Steps, ...]
    host: State
    warnings: Tuple[str, ...] = ()


def single(staged: Staged) -> Plan:
    """The plan of a task that names one namespace."""
    steps = tuple(step for stage in staged.stages for step in stage)
    return Plan(f"namespace {staged.name}", staged.before, staged.after, steps, warnings=staged.warnings)


def together(parts: Sequence[Staged]) -> Plan:
    """The plan of a task that names several namespaces; the diff has a key for each."""
    leaving, arriving = (list(zip(*(part.stages for part in parts if part.leaves is leaves))) for leaves in (True, False))
    # New records are written first, because they take over former values of the host's settings from namespaces that are removed. All
    # other stages of new namespaces come last, because they may need settings that the removals restore.
    stages = [*arriving[:1], *leaving, *arriving[1:]]
    return Plan(
        subject="namespaces",
        before={part.name: part.before for part in parts},
        after={part.name: part.after for part in parts},
        steps=tuple(step for stage in stages for step in bundled(step for steps in stage for step in steps)),
        warnings=tuple(warning for part in parts for warning in part.warnings),
    )


def bundled(steps: Iterable[Step]) -> List[Step]:
    """The steps of one stage; commands that can be joined become one command, at the place of the first."""
    found: Dict[Any, List[Any]] = {}
    for number, step in enumerate(steps):
        found.setdefault((step.maker, step.group) if isinstance(step, Joinable) else number, []).append(step)
    return [some[0] if len(some) == 1 else _joined(some) for some in found.values()]


def _joined(commands: Sequence[Joinable]) -> Step:
    first = commands[0]
    whole = first.maker(*first.group, *(part for command in commands for part in command.parts))
    return replace(whole, timeout=sum(command.timeout for command in commands)) if isinstance(whole, Command) else whole
