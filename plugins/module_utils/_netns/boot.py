# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What builds a namespace at boot: a script made of the steps that a plan from nothing has, and the unit that runs it. Pure.

The script needs a shell, ip and the firewall's command; neither Ansible nor Python. It can be run again at any time: what is there is kept.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Iterator, Mapping, Optional, Sequence, Tuple

from .._core.plan import Command, Operation, Step
from . import names
from .network import changed_sysctls, network_steps
from .resolve import Resolved
from .state import ForwardChain, Inside, State

_HEADER = """\
#!/bin/sh
# {note} for the namespace {name}: changes here are lost.
# Builds the namespace, and what of it is missing. Nothing that is as it should be is touched.
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C
"""

_UNIT = """\
# {note}: changes here are lost.
[Unit]
Description=Network namespace {name}
Documentation=https://github.com/fleetlab/fleetlab.linux
Wants=network-pre.target
After=network-pre.target systemd-sysctl.service systemd-modules-load.service
After=nftables.service firewalld.service ufw.service iptables.service netfilter-persistent.service
Before=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh {script}
ExecReload=/bin/sh {script}

[Install]
WantedBy=multi-user.target
"""


def unit_content(name: str) -> str:
    """The service. Stopping it leaves the namespace: the services in it would lose their network for good."""
    return _UNIT.format(note=names.NOTE, name=name, script=names.script_path(name))


def script_content(state: State, resolved: Resolved) -> str:
    """The script; it has what this host, as it is now, needs besides the namespace itself."""
    steps = network_steps(from_nothing(state, resolved), resolved)
    lines = [line for step in steps for line in render(step)]
    return _HEADER.format(note=names.NOTE, name=resolved.wanted.name) + "\n".join(lines) + "\n"


def from_nothing(state: State, resolved: Resolved) -> State:
    """The same host as if the namespace had never been."""
    name = resolved.wanted.name
    own = {link.name for link in resolved.wanted.links}
    changed = changed_sysctls(state, resolved)
    firewall = replace(state.firewall, table=None, own={}, chains=tuple(_without_ours(chain) for chain in state.firewall.chains))
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


def _without_ours(chain: ForwardChain) -> ForwardChain:
    return replace(chain, ours=())


def _before(key: str, value: Optional[str], changed: Mapping[str, str]) -> Optional[str]:
    # Forwarding may be on for reasons that the next boot does not know of.
    if value is None or key.endswith("/accept_ra"):
        return changed.get(key, value)
    return "0"


def render(step: Step) -> Iterator[str]:
    """The lines of the script for one step."""
    if isinstance(step, Operation):
        path = shlex.quote(f"/proc/sys/{step.arguments['key']}")
        yield f"[ ! -e {path} ] || echo {shlex.quote(str(step.arguments['value']))} >{path}"
    elif isinstance(step, Command):
        yield from _render_command(step)


def _render_command(step: Command) -> Iterator[str]:
    line = shlex.join(step.argv)
    if step.stdin is not None:
        yield f"{line} <<'END'"
        yield step.stdin.rstrip("\n")
        yield "END"
    elif step.argv[:3] == ("ip", "netns", "add"):
        yield f"ip netns exec {shlex.quote(step.argv[3])} true 2>/dev/null || {line}"
    elif step.argv[:3] == ("ip", "link", "add"):
        yield from _render_link(step.argv, line)
    elif step.argv[:3] == ("nft", "insert", "rule"):
        chain, comment = shlex.join(step.argv[3:6]), shlex.quote(f"{step.argv[6]} {step.argv[7]} accept comment {step.argv[10]}")
        yield f"! nft list chain {chain} >/dev/null 2>&1 || nft list chain {chain} | grep -qF {comment} || {line}"
    elif "-I" in step.argv:
        yield f"{shlex.join(_as_check(step.argv))} 2>/dev/null || {line}"
    else:
        yield line


def _render_link(argv: Sequence[str], line: str) -> Iterator[str]:
    own, peer, name = (shlex.quote(argv[position]) for position in (4, 9, 11))
    yield f"if ! ip link show dev {own} >/dev/null 2>&1 || ! ip -n {name} link show dev {peer} >/dev/null 2>&1; then"
    # A pair whose other end went with a former namespace of that name.
    yield f"    ip link delete dev {own} 2>/dev/null || :"
    yield f"    {line}"
    yield "fi"


def _as_check(argv: Sequence[str]) -> Tuple[str, ...]:
    at = argv.index("-I")
    return (*argv[:at], "-C", argv[at + 1], *argv[at + 3 :])
