#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of meminfo_report, which is an action: all of it happens on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: meminfo_report
short_description: Reports the memory of many hosts as a table, JSON, CSV, one page of HTML, and metrics
version_added: 0.1.0
description:
  - Takes the memory facts of the hosts from M(fleetlab.linux.meminfo_facts), a fact cache, or the variable C(meminfo) of
    P(fleetlab.linux.meminfo#inventory), and writes files on the controller. Nothing runs on the hosts.
  - Run the task once, with C(run_once). A file is only written if its content or its permissions differ.
  - Needs the Python packages C(tabulate), and C(prometheus_client) for O(textfile), on the controller.
  - If files cannot be written, the task fails after everything else is done, and its result still has the table and the data.
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
    description: Names of the hosts to report; by default all hosts of the play. A host without facts is listed with the reason.
    type: list
    elements: str
  directory:
    description: Folder on the controller for the files. It is created if it is missing. If omitted, no files are written.
    type: path
  forms:
    description: The files to write in O(directory), such as V(json) for C(memory.json).
    type: list
    elements: str
    choices: [json, csv, html]
    default: [json, csv, html]
  textfile:
    description: A file on the controller with metrics for the textfile collector of node_exporter. Its folder has to exist.
    type: path
  history:
    description:
      - A folder on the controller for a small file with the available memory of each host, which is added in each run. The page then shows
        the last 48 runs as a time axis. The folder is created if it is missing. Nothing removes old files.
    type: path
  mode:
    description:
      - Permissions of the files, in octal digits, such as V("0644"). C(0644) without quotes is right too, because YAML reads it as octal.
    type: raw
    default: "0644"
  short_below:
    description: A threshold. Hosts with less than this percentage available are returned as RV(short). V(0) is no threshold.
    type: float
    default: 0
  low_below:
    description: Hosts with less than this percentage available are marked as low.
    type: float
    default: 10
  max_age:
    description: Readings that are older than this number of seconds are marked as old. With V(0) none is.
    type: float
    default: 3600
  show:
    description: Print the table as plain text, and the paths of the files.
    type: bool
    default: false
seealso:
  - module: fleetlab.linux.meminfo_facts
  - plugin: fleetlab.linux.meminfo_report
    plugin_type: filter
author:
  - fleetlab.linux contributors (@fleetlab)
"""

EXAMPLES = r"""
- name: Read the memory of all hosts
  fleetlab.linux.meminfo_facts:

- name: Write the report
  fleetlab.linux.meminfo_report:
    directory: /srv/www/memory
    short_below: 5
    show: true
  run_once: true
  delegate_to: localhost
  register: report

- name: Fail if a threshold is not met, or was compared with nothing
  ansible.builtin.assert:
    that: report.problems == []
    fail_msg: "{{ report.problems | join('; ') }}"
  run_once: true
"""

RETURN = r"""
commands:
  description: The steps, as lists of arguments.
  type: list
  elements: list
  returned: success
  sample: [[write-file, /srv/www/memory/memory.json, "0644"]]
files:
  description: Paths of all files of the report, changed and unchanged.
  type: list
  elements: str
  returned: success
  sample: [/srv/www/memory/memory.json, /srv/www/memory/memory.html]
table:
  description: The report as lines of text, worst hosts first.
  type: list
  elements: str
  returned: success
  sample:
    - "host  available    total  tmpfs  unexplained  source      kernel        read"
    - "web1     79.2 %  3.8 GiB  2.3 %       0.00 %  kernel  6.1.0-18-amd64  2026-11-30 12:00:02Z"
short:
  description: Hosts with less than O(short_below) percent available.
  type: list
  elements: str
  returned: success
  sample: [web3]
problems:
  description:
    - Why the report should count as failed, as sentences. Files that cannot be written; with O(short_below) also hosts below it, and
      whatever leaves the threshold without a figure to compare it with, which is no hosts, no readings, or only old readings.
  type: list
  elements: str
  returned: success
  sample: ["Less than 5 % of the memory is available on web3"]
unwritten:
  description: Why files cannot be written, as sentences.
  type: list
  elements: str
  returned: always
  sample: []
fleet:
  description: The data of the report, as the filter P(fleetlab.linux.meminfo_fleet#filter) returns them, without the parts, processes and
    reasons of each host, which C(memory.json) has.
  type: dict
  returned: success
  contains:
    hosts:
      description: The hosts with their figures, ordered by available memory, lowest first.
      type: list
      elements: dict
    failed:
      description: The hosts without a reading.
      type: list
      elements: dict
      contains:
        host:
          description: The host.
          type: str
        reason:
          description: The reason.
          type: str
    read:
      description: The times of the first and the last reading, the number of old ones, and the age that makes one old.
      type: dict
      contains:
        first:
          description: Seconds since 1970.
          type: float
        last:
          description: Seconds since 1970.
          type: float
        old:
          description: The number of old readings.
          type: int
        max_age:
          description: The age in seconds.
          type: int
    low_below:
      description: The percentage below which a host is marked as low.
      type: float
    sums:
      description: The sums over all hosts in bytes.
      type: dict
      contains:
        total:
          description: The memory.
          type: int
        available:
          description: The available memory.
          type: int
        tmpfs:
          description: The memory in tmpfs.
          type: int
    available_percent:
      description: Percentiles over the hosts, by name.
      type: dict
    tmpfs_percent:
      description: The same of the memory in tmpfs.
      type: dict
    sources:
      description: The number of hosts for each source of the available memory.
      type: dict
    residuals:
      description: Percentiles of the unexplained memory, by the sum.
      type: dict
    outliers:
      description: Hosts that differ from the others.
      type: list
      elements: dict
      contains:
        host:
          description: The host.
          type: str
        figure:
          description: The figure that differs.
          type: str
        value:
          description: Its value.
          type: float
        usual:
          description: The lowest and the highest usual value.
          type: list
          elements: float
  sample:
    hosts: [{host: web1, total: 4143972352, available: 3253850112, available_percent: 78.52, source: kernel}]
    failed: [{host: db1, reason: "Failed to connect to the host via ssh: Connection refused"}]
"""
