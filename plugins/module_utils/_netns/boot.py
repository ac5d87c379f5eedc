# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that builds a namespace at boot, rendered from the plan for an empty host, and the unit that runs the script. Pure.

The script needs a shell, ip and the command of the firewall, but neither Ansible nor Python. It can run at any time: existing parts stay.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Iterator, Mapping, Optional

from .._core.plan import Check, Command, Operation, Prints, Step
from . import names
from .batching import Joinable
from .firewall.iptables import WAIT
from .links import Link
from .network import changed_sysctls, network_stages
from .resolve import Resolved
from .state import Inside, State

_HEADER = """\
#!/bin/sh
# {note} for the namespace {name}: changes here are lost.
# Builds the namespace, and what of it is missing. Nothing that is as it should be is touched.
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C
"""

END = "END"
"""The line after what the script gives to a command."""

_FIREWALLS = "nftables.service firewalld.service ufw.service iptables.service netfilter-persistent.service"
_UNIT = """\
# {note}: changes here are lost.
[Unit]
Description=Network namespace {name}
Documentation=https://github.com/fleetlab/fleetlab.linux
Wants=network-pre.target
After=network-pre.target systemd-sysctl.service systemd-modules-load.service
After={firewalls}
# These services discard the rules of a namespace. It is closed then, and comes back with them.
PartOf={firewalls}
ReloadPropagatedFrom={firewalls}
# Somebody who works on a firewall restarts it often.
StartLimitIntervalSec=0
Before=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh {script}
ExecReload=/bin/sh {script}

[Install]
WantedBy=multi-user.target {firewalls}
"""


def unit_content(name: str) -> str:
    """The unit. Stopping it keeps the namespace, because the services in the namespace would lose their network until their restart."""
    return _UNIT.format(note=names.NOTE, name=name, script=names.script_path(name), firewalls=_FIREWALLS)


def script_content(state: State, resolved: Resolved) -> str:
    """The script. It also makes the settings of the host that the namespace needs."""
    name = resolved.wanted.name
    namespace, *rules, links = network_stages(from_nothing(state, resolved), resolved)
    leftovers = [step for link in resolved.wanted.links for step in _leftovers(name, link)]
    steps = [*namespace, *(step for stage in rules for step in stage), *leftovers, *links]
    return _HEADER.format(note=names.NOTE, name=name) + "".join(f"{render(step)}\n" for step in steps)


def _leftovers(name: str, link: Link) -> Iterator[Command]:
    """Remove the ends of a link whose other end was removed with a former namespace of that name."""
    for end in link.ends[:-1]:
        others = tuple(other.exists(name) for other in link.ends if other != end)
        yield replace(end.deletion(name), only_if=(end.exists(name),), unless=others)


def from_nothing(state: State, resolved: Resolved) -> State:
    """The host as it would be without the namespace."""
    name = resolved.wanted.name
    own = {link.name for link in resolved.wanted.links}
    changed = changed_sysctls(state, resolved)
    firewall = replace(
        state.firewall,
        table=None,
        own={},
        inside_table=None,
        inside_own={},
        rerun=True,
        chains=tuple(replace(chain, ours=()) for chain in state.firewall.chains),
    )
    return replace(
        state,
        exists=False,
        stale=False,
        inside=Inside(),
        links=tuple(link for link in state.links if link.name not in own),
        records={one: record for one, record in state.records.items() if one != name},
        firewall=firewall,
        sysctls={key: _before(key, value, changed) for key, value in state.sysctls.items()},
    )


def _before(key: str, value: Optional[str], changed: Mapping[str, str]) -> Optional[str]:
    # Forwarding may be on for a reason that does not exist at the next boot.
    if value is None or key.endswith("/accept_ra"):
        return changed.get(key, value)
    return "0"


def render(step: Step) -> str:
    """The lines of the script for one step."""
    if isinstance(step, Operation) and step.name == "insert_before":
        return _render_insertion(**{key: str(value) for key, value in step.arguments.items()})
    if isinstance(step, Operation):
        path = shlex.quote(f"/proc/sys/{step.arguments['key']}")
        return f"[ ! -e {path} ] || echo {shlex.quote(str(step.arguments['value']))} >{path}"
    line = shlex.join(step.rendered())
    return _render_command(step, line) if isinstance(step, Command) else line


def _render_insertion(tool: str, chain: str, rule: str, before: str) -> str:
    """Insert a rule of iptables before another; nothing happens if that rule does not exist at boot, because then it drops nothing."""
    call = f"{tool} {shlex.join(WAIT)}"
    listing = f"{call} -S {shlex.quote(chain)} 2>/dev/null | grep -e ^-A | grep -nxF -- {shlex.quote(before)}"
    number = f'number=$({listing} | sed "s/:.*//;q")'
    return f'{call} -C {shlex.quote(chain)} {rule} 2>/dev/null || {{ {number}; [ -z "$number" ] || {call} -I {chain} "$number" {rule}; }}'


def _render_nft_insertion(step: Joinable) -> str:
    """Insert a rule of nftables before another, which has a new handle at boot."""
    *_words, family, table, chain = step.argv[:6]
    at = step.argv.index("handle")
    plain = "sed 's/packets [0-9]* bytes [0-9]*/packets 0 bytes 0/'"
    found = f"nft -a list chain {shlex.join((family, table, chain))} | {plain} | grep -F -- {shlex.quote(f'{step.before} # handle ')}"
    line = f'{shlex.join(step.argv[: at + 1])} "$handle" {shlex.join(step.argv[at + 2 :])}'
    return f"{{ handle=$({found} | sed 's/.* # handle //;q'); [ -z \"$handle\" ] || {line}; }}"


def _render_command(step: Command, line: str) -> str:
    if isinstance(step, Joinable) and step.before:
        line = _render_nft_insertion(step)
    words = [f"! {_check(check)}" for check in step.only_if]
    done = " && ".join(_check(check) for check in step.unless)
    if done:
        words.append(f"{{ {done}; }}" if len(step.unless) > 1 else done)
    words.append(line if step.stdin is None else f"{line} <<'{END}'")
    accepted = "|".join(str(code) for code in step.accept if code)
    if accepted:
        words.append(f"case $? in {accepted}) ;; *) false ;; esac")
    return "\n".join([" || ".join(words), *([] if step.stdin is None else [step.stdin.rstrip(), END])])


def _check(check: Check) -> str:
    if isinstance(check, Prints):
        return f"{shlex.join(check.argv)} | grep -qF -- {shlex.quote(check.text)}"
    return f"{shlex.join(check)} >/dev/null 2>&1"
