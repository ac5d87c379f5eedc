# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that all measurements of throughput have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """What Ansible reads."""

    DOCUMENTATION = r"""
options:
  seconds:
    description: The number of seconds that count, from V(1) to V(60), for each direction.
    type: float
    default: 5
  omit:
    description:
      - The number of seconds before them, up to V(10), which do not count because TCP is still finding its speed.
    type: float
    default: 1
  streams:
    description: The number of connections at once, from V(1) to V(16). Each has a process, and so a core, of its own.
    type: int
    default: 1
  direction:
    description: V(to) sends to the peer, V(from) has the peer send, V(both) does one after the other.
    type: str
    choices: [to, from, both]
    default: to
  interface:
    description: The interface by which the peer has to be reached. Another one is refused. By default any is right.
    type: str
  rate:
    description:
      - The rate that all streams together must not exceed, in decimal bit/s such as V(200M). By default they are as fast as they can.
    type: str
  max_bytes:
    description: The number of bytes after which a direction ends, in decimal units such as V(10G). By default the time alone ends it.
    type: str
  mtu_probe:
    description:
      - Whether to see first that packets of full size arrive. If they do not, and no message of ICMP says so, nothing is measured, and the
        error has the MTU that does pass.
    type: bool
    default: true
  tool:
    description:
      - V(own) needs nothing on the hosts but Python and iproute2. V(both) measures with C(iperf3) afterwards as well, on the next port, and
        compares the two.
    type: str
    choices: [own, both]
    default: own
  loopback:
    description: Whether the peer may be the host itself. This measures the host's own speed and no network.
    type: bool
    default: false
requirements:
  - iproute2 4.18 or newer, for JSON
  - kernel 4.19 or newer, to explain the bytes of the interface
notes:
  - Neither root nor a package is needed.
  - A measurement occupies the path. What it may send is returned as C(bounds) before anything is sent, in check mode too.
"""
