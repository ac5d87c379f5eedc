#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of tls_report, which is an action: all of it happens on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tls_report
short_description: Reports the forward secrecy of many hosts as a table, JSON, one page of HTML, and metrics
version_added: 0.1.0
description:
  - Takes the results that the role P(fleetlab.linux.apache_forward_secrecy#role) has registered on each host, and writes files on the
    controller. Nothing runs on the hosts.
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
    description: Names of the hosts.
    type: list
    elements: str
    required: true
  directory:
    description: Folder on the controller for the files. It is created if it is missing. If omitted, no files are written.
    type: path
  forms:
    description: The files to write in O(directory), such as V(json) for C(tls.json).
    type: list
    elements: str
    choices: [json, html]
    default: [json, html]
  textfile:
    description: A file on the controller with metrics for the textfile collector of node_exporter. Its folder has to exist.
    type: path
  mode:
    description: Permissions of the files, in octal digits, such as V("0644").
    type: raw
    default: "0644"
  fail_on:
    description: The findings that are returned in RV(missed).
    type: list
    elements: str
    choices: [no_forward_secrecy, tickets, old_protocols]
    default: [no_forward_secrecy]
seealso:
  - module: fleetlab.linux.apache_tls
author:
  - fleetlab.linux contributors (@fleetlab)
"""

EXAMPLES = r"""
- name: Write the report
  fleetlab.linux.tls_report:
    hosts: "{{ ansible_play_hosts_all }}"
    directory: /srv/www/tls
    fail_on: [no_forward_secrecy, tickets]
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
  sample: [[write-file, /srv/www/tls/tls.json, "0644"]]
files:
  description: Paths of all files of the report, changed and unchanged.
  type: list
  elements: str
  returned: success
  sample: [/srv/www/tls/tls.json]
table:
  description: The report as lines of text.
  type: list
  elements: str
  returned: success
  sample: ["host  server  address        name    protocols        suites  without FS  post-quantum  tickets"]
missed:
  description: A sentence for each finding of O(fail_on).
  type: list
  elements: str
  returned: success
  sample: ["web1 apache 127.0.0.1:443 a.test: 16 of 62 suites have no forward secrecy"]
matrix:
  description: All data of the report, with the names in C(rows) and the servers that could not be set up or asked in C(failed).
  type: dict
  returned: success
  contains:
    hosts:
      description: The hosts.
      type: list
      elements: str
    rows:
      description: An entry for each name, with C(host), C(server), C(findings), and the values that the module of the server returns.
      type: list
      elements: dict
    failed:
      description: The servers without a result.
      type: list
      elements: dict
      contains:
        host:
          description: The host.
          type: str
        server:
          description: The server, empty if none was asked.
          type: str
        reason:
          description: The reason.
          type: str
    missed:
      description: A sentence for each finding that fails the report.
      type: list
      elements: str
  sample: {hosts: [web1], rows: [], failed: [{host: web1, server: apache, reason: "apache_tls: refused"}], missed: []}
"""
