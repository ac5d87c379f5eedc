#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of throughput_report, which is an action: all of it happens on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: throughput_report
short_description: Reports the throughput between many hosts as a table, JSON, CSV, one page of HTML, and metrics
version_added: 0.1.0
description:
  - Takes the results that the role P(fleetlab.linux.throughput#role) has registered on each host, and writes files on the controller.
    Nothing runs on the hosts.
  - Run the task once, with C(run_once). A file is only written if its content or its permissions differ.
extends_documentation_fragment:
  - fleetlab.linux._attributes
  - fleetlab.linux._attributes.group_reports
attributes:
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
  bypass_host_loop:
    description: Forces a global task that does not execute per host.
    support: none
options:
  hosts:
    description: Names of the measured hosts.
    type: list
    elements: str
    required: true
  one:
    description: The host from which all others were measured. By default every pair was.
    type: str
  directory:
    description: Folder on the controller for the files. It is created if it is missing. If omitted, no files are written.
    type: path
  forms:
    description: The files to write in O(directory), such as V(json) for C(throughput.json).
    type: list
    elements: str
    choices: [json, csv, html]
    default: [json, csv, html]
  textfile:
    description: A file on the controller with metrics for the textfile collector of node_exporter. Its folder has to exist.
    type: path
  mode:
    description: Permissions of the files, in octal digits, such as V("0644").
    type: raw
    default: "0644"
  fail_below:
    description: Directions with a lower rate of payload, in decimal bit/s such as V(9.4G), are returned in RV(missed).
    type: str
  fail_below_percent:
    description: The same for the rate of the wire as a percentage of the speed of the sender's interface.
    type: float
seealso:
  - module: fleetlab.linux.throughput
  - plugin: fleetlab.linux.throughput_report
    plugin_type: filter
author:
  - fleetlab.linux contributors (@fleetlab)
"""

EXAMPLES = r"""
- name: Write the report
  fleetlab.linux.throughput_report:
    hosts: "{{ ansible_play_hosts_all }}"
    directory: /srv/www/throughput
    fail_below: 9G
  run_once: true
  delegate_to: localhost
  register: report
"""

RETURN = r"""
commands:
  description: The steps, as lists of arguments.
  type: list
  elements: list
  returned: success
  sample: [[write-file, /srv/www/throughput/throughput.json, "0644"]]
files:
  description: Paths of all files of the report, changed and unchanged.
  type: list
  elements: str
  returned: success
  sample: [/srv/www/throughput/throughput.json]
table:
  description: The report as lines of text, slowest first.
  type: list
  elements: str
  returned: success
  sample: ["from  to      payload         wire   MTU  explained  limited by  trusted"]
missed:
  description: A sentence for each threshold that a direction missed.
  type: list
  elements: str
  returned: success
  sample: ["server1 -> server2: 8 Gbit/s of payload is less than 9 Gbit/s; limited by network"]
matrix:
  description: All data of the report, with the measurements in C(cells) and the pairs without one in C(failed).
  type: dict
  returned: success
  contains:
    hosts:
      description: The hosts.
      type: list
      elements: str
    rounds:
      description: The pairs of each round.
      type: list
      elements: list
    cells:
      description: The measurements, slowest first, with C(from) and C(to) and the values of M(fleetlab.linux.throughput).
      type: list
      elements: dict
    failed:
      description: The pairs without a measurement.
      type: list
      elements: dict
      contains:
        from:
          description: The first host.
          type: str
        to:
          description: The second host.
          type: str
        round:
          description: The round.
          type: int
        reason:
          description: The reason.
          type: str
    missed:
      description: A sentence for each threshold that was missed.
      type: list
      elements: str
    payload:
      description: The payload in bit/s over all measurements, null without any.
      type: dict
      contains:
        min:
          description: The lowest.
          type: int
        median:
          description: The median.
          type: int
        max:
          description: The highest.
          type: int
  sample:
    hosts: [server1, server2]
    rounds: [[[server1, server2]]]
    cells: []
    failed: [{from: server1, to: server2, round: 0, reason: "server2: no route"}]
    missed: []
    payload: null
"""
