#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of throughput, which is an action: it joins two halves of a measurement that run on two hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: throughput
short_description: The throughput of TCP between two hosts, with every byte of the interface explained
version_added: 0.1.0
description:
  - Sends from the host of the task to another host of the inventory, or the other way round, and returns the rate at each layer.
  - Compares the rate with the counters of the interface. A measurement that explains less than 99.5 % of the interface's bytes is not
    trusted, and neither is one that a processor limited, because these are not the rate of the network.
  - Sees first whether packets of full size arrive. A path that drops them without a message (a black hole) is an error, with the MTU that
    passes.
  - The role P(fleetlab.linux.throughput#role) measures all pairs of many hosts.
  - Needs M(fleetlab.linux.throughput_agent) on both hosts, which Ansible brings, and no other software.
extends_documentation_fragment:
  - fleetlab.linux._attributes.info_module
  - fleetlab.linux._attributes.group_throughput
  - fleetlab.linux._throughput
attributes:
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
options:
  to:
    description: The other host, by its name in the inventory.
    type: str
    required: true
  address:
    description: The IP address of the other host that is measured. By default its C(ansible_host), if that is an address.
    type: str
  port:
    description:
      - The TCP port on which the other host listens. V(0) is any free port; name one that the firewalls between the hosts let through.
    type: int
    default: 0
  fail_below:
    description: Fail if the rate of payload is less than this, in decimal bit/s such as V(900M) or V(9.4G).
    type: str
  fail_below_percent:
    description:
      - Fail if the rate of the wire is less than this percentage of the speed of the interface.
      - Refused where the driver has no speed or makes one up, such as veth and virtio.
    type: float
seealso:
  - module: fleetlab.linux.throughput_agent
author:
  - fleetlab.linux contributors (@fleetlab)
"""

EXAMPLES = r"""
- name: Measure the way to server2, and fail if it is slower than a healthy link of 10 Gbit/s
  fleetlab.linux.throughput:
    to: server2
    fail_below: 9G
  register: way

- name: Show what was measured
  ansible.builtin.debug:
    msg: "{{ way.as_gbit }} Gbit/s of payload, {{ way.explained }} of the interface's bytes explained"

- name: Measure both ways over the storage network, at most 200 Mbit/s because the hosts are in use
  fleetlab.linux.throughput:
    to: server2
    address: 192.0.2.2
    direction: both
    rate: 200M
"""

RETURN = r"""
bounds:
  description: What the measurement may send.
  returned: success
  type: str
  sample: "1 x 6.2 s, 1 streams, at full speed: at most 7.75 GB"
plan:
  description: The measurement as planned, with its interface and MTU.
  returned: success
  type: dict
  contains:
    turn:
      description: Its number.
      type: int
    peer:
      description: The other host.
      type: str
    act:
      description: V(connect) or V(listen).
      type: str
    address:
      description: The address of the host that listens.
      type: str
    port:
      description: Its port, V(0) for any.
      type: int
    interface:
      description: The interface of this host.
      type: str
    mtu:
      description: The MTU of the path or the interface.
      type: int
    directions:
      description: V(to), V(from) or both.
      type: list
      elements: str
    streams:
      description: The number of connections.
      type: int
    seconds:
      description: How long it sends.
      type: float
    bytes:
      description: The most bytes that it sends, null if only the time bounds them.
      type: int
  sample: {act: connect, address: 192.0.2.2, bytes: 7750000000, interface: eth0, mtu: 9000, peer: server2, seconds: 6.2, streams: 1}
direction:
  description: The direction of the other values; V(to) for O(direction=both), of which RV(reverse) has the other.
  returned: unless in check mode
  type: str
  sample: to
rate:
  description:
    - Bits per second at each layer. C(payload) is what programs get, C(ip) what iftop counts, C(frame) what counters of interfaces count
      without offloads, and C(wire) what a port of a switch carries.
  returned: unless in check mode
  type: dict
  contains:
    payload:
      description: What programs get.
      type: int
    ip:
      description: What iftop counts.
      type: int
    frame:
      description: What counters of interfaces count without offloads.
      type: int
    wire:
      description: What a port of a switch carries.
      type: int
  sample: {payload: 9415000000, ip: 9753000000, frame: 9844000000, wire: 10000000000}
as_gbit:
  description: The payload in Gbit/s, 10^9 bits.
  returned: unless in check mode
  type: float
  sample: 9.415
as_gibit:
  description: The payload in Gibit/s, 2^30 bits.
  returned: unless in check mode
  type: float
  sample: 8.7684
iftop_would_show:
  description: The rate as iftop shows it, which counts IP packets, and calls 1024 Kb a Mb.
  returned: unless in check mode
  type: str
  sample: 9.08Gb
seconds:
  description: The window of RV(rate), as the receiver measured it.
  returned: unless in check mode
  type: float
  sample: 4.998
bytes:
  description: The payload of the whole measurement, with the seconds before the window.
  returned: unless in check mode
  type: int
  sample: 7061250000
efficiency:
  description:
    - C(measured) is the payload in the bytes of the sender's counter, and C(theory) the same for full segments without offloads. C(of_wire)
      is the payload in the bytes of the wire.
  returned: unless in check mode
  type: dict
  contains:
    measured:
      description: The payload in the bytes of the sender's counter.
      type: float
    theory:
      description: The same for full segments without offloads.
      type: float
    of_wire:
      description: The payload in the bytes of the wire.
      type: float
    timestamps:
      description: Whether segments have timestamps.
      type: bool
    mss:
      description: The payload of a full segment.
      type: int
    mtu:
      description: The MTU of the connection.
      type: int
  sample: {measured: 0.99881, theory: 0.95641, of_wire: 0.94148, timestamps: true, mss: 1448, mtu: 1500}
counters:
  description:
    - The growth of the sender's counters, C(segments) that TCP has sent, and C(segment_bytes), the bytes of their frames.
    - C(offload_share) is the part of C(segment_bytes) that the counter lacks, because with offloads it counts one header for many segments.
    - C(qdisc_bytes) is null if the interface has no queueing discipline.
  returned: unless in check mode
  type: dict
  contains:
    source:
      description: The interface.
      type: str
    speed:
      description: Its speed in bit/s, null if it has none.
      type: int
    tx_bytes:
      description: Bytes that it sent.
      type: int
    tx_packets:
      description: Packets that it sent.
      type: int
    segments:
      description: Segments that TCP sent.
      type: int
    segment_bytes:
      description: The bytes of their frames.
      type: int
    qdisc_bytes:
      description: Bytes of the queueing discipline, or null.
      type: int
    offloads:
      description: The offloads that are on.
      type: list
      elements: str
    offload_share:
      description: The part of the frames' bytes that the counter lacks.
      type: float
  sample:
    source: eth0 of the sender
    tx_bytes: 3507434060
    tx_packets: 62634
    segments: 2423969
    segment_bytes: 3663282170
    qdisc_bytes: 3663282170
    offloads: [gro, gso, tso]
    offload_share: 0.04254
predicted:
  description: The payload in bit/s that the receiver's counters give for the same window.
  returned: unless in check mode
  type: int
  sample: 9414100000
explained:
  description:
    - The share of the sender's counter that TCP's own count of bytes explains, with a header for each packet. Null if the kernel has no
      such count.
  returned: unless in check mode
  type: float
  sample: 1.0
unexplained_bytes:
  description: The bytes of the counter that belong to other traffic.
  returned: unless in check mode
  type: int
  sample: 104
retransmitted:
  description: What was sent again.
  returned: unless in check mode
  type: dict
  contains:
    segments:
      description: Segments.
      type: int
    bytes:
      description: Bytes.
      type: int
  sample: {segments: 2, bytes: 2896}
limited_by:
  description: The reason why it was not faster, one of C(network), C(receiver), C(sender) and C(cpu).
  returned: unless in check mode
  type: str
  sample: network
cpu:
  description: The busiest process of each half, in cores.
  returned: unless in check mode
  type: dict
  contains:
    sender:
      description: The busiest process of the sender.
      type: float
    receiver:
      description: The busiest process of the receiver.
      type: float
  sample: {sender: 0.287, receiver: 0.223}
trusted:
  description: Whether the rate is that of the network between the two hosts.
  returned: unless in check mode
  type: bool
  sample: true
reason:
  description: Why it is not trusted.
  returned: unless in check mode
  type: str
  sample: ""
path:
  description:
    - The MTU that packets of full size were found to have, and the MTU that both ends have agreed on. They differ in a black hole.
    - Null if O(mtu_probe) is false.
  returned: unless in check mode
  type: dict
  contains:
    mtu:
      description: The MTU that packets were found to have.
      type: int
    negotiated_mtu:
      description: The MTU that both ends have agreed on.
      type: int
    black_hole:
      description: Whether larger packets get lost.
      type: bool
    advice:
      description: What to do about it.
      type: str
    tries:
      description: The number of sizes that were tried.
      type: int
    seconds:
      description: How long that took.
      type: float
  sample: {mtu: 1500, negotiated_mtu: 1500, black_hole: false, advice: "", tries: 1, seconds: 0.01}
iperf3:
  description: With O(tool=both) what iperf3 measured afterwards, C(ratio) of RV(rate) to it, and whether they agree within 2 %.
  returned: if O(tool) is V(both)
  type: dict
  contains:
    version:
      description: Its version.
      type: str
    received:
      description: The rate of the receiver in bit/s.
      type: int
    sent:
      description: The rate of the sender in bit/s.
      type: int
    seconds:
      description: How long it sent.
      type: float
    ratio:
      description: RV(rate) by its rate.
      type: float
    agrees:
      description: Whether both agree within 2 %.
      type: bool
  sample: {version: iperf 3.12, received: 9409000000, sent: 9412000000, seconds: 5.0, ratio: 1.0006, agrees: true}
reverse:
  description: The same values for the other direction.
  returned: if O(direction) is V(both)
  type: dict
  contains:
    rate:
      description: As RV(rate).
      type: dict
      contains:
        payload:
          description: What programs get.
          type: int
        ip:
          description: What iftop counts.
          type: int
        frame:
          description: What counters of interfaces count without offloads.
          type: int
        wire:
          description: What a port of a switch carries.
          type: int
    as_gbit:
      description: As RV(as_gbit).
      type: float
  sample: {rate: {payload: 9415000000, ip: 9753000000, frame: 9844000000, wire: 10000000000}, as_gbit: 9.415}
"""
