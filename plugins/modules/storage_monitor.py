#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install the check of a host's storage, its metrics, and who is told of problems."""

from __future__ import annotations

DOCUMENTATION = r"""
module: storage_monitor
short_description: Check arrays, iSCSI sessions and targets of a host, write metrics, and tell somebody of problems
version_added: 0.1.0
author:
  - fleetlab.linux contributors (@fleetlab)
description:
  - Installs C(/usr/local/sbin/storage-check), which reports md arrays, iSCSI sessions, iSCSI targets and file systems on arrays to a
    monitoring system, in one line and by exit code, 0, 1, 2, or 3 for unknown. It reads no disk, and so never waits for one.
  - A timer runs the check every minute, remembers since when problems last, writes the metrics, and reports new problems.
  - Objects that are configured and do not exist are problems too. These are arrays of mdadm.conf, targets of node records with automatic
    startup, targets that are saved for boot, and file systems of C(/etc/fstab) on arrays.
  - Sets the address and the program of mdadm's monitor in mdadm.conf, and restarts the monitor if the host has arrays.
  - Installs C(/usr/local/sbin/storage-scrub), which compares the copies of arrays within a window of time, see C(storage-scrub --help).
  - Warns if a message would reach nobody, for example because the host has no sendmail.
options:
  state:
    description:
      - V(present) installs the check.
      - V(absent) removes all files that this module writes, and its line C(PROGRAM) of mdadm.conf. The line C(MAILADDR) stays.
    type: str
    choices: [present, absent]
    default: present
  textfile:
    description:
      - Folder of node_exporter's textfile collector, which has to exist, for the file C(fleetlab_storage.prom).
      - If omitted or empty, no metrics are written.
    type: path
  mail:
    description:
      - The address to which mdadm's monitor mails, written as the line C(MAILADDR) of mdadm.conf.
      - If omitted or empty, that line stays as it is.
    type: str
  program:
    description:
      - A program that is started for each event of mdadm's monitor, with the arguments that mdadm gives (event, device and member), and
        when the problems that C(storage-check) finds change, with the arguments C(StorageProblem) or C(StorageRecovered) and the line of
        the check.
    type: path
  webhook:
    description:
      - An address that gets a JSON object by POST for the same events, except for those of mdadm's monitor that are no alarms, such as the
        progress of a rebuild. The object has C(text), C(host) and C(event), and either C(device) and C(member), or C(status) and
        C(problems). Chat services with incoming webhooks show C(text).
      - A message that could not be delivered is sent again by the next run of the timer.
      - The address is kept in a file that only root can read, and is never shown.
    type: str
extends_documentation_fragment:
  - fleetlab.linux._attributes
requirements:
  - systemd
  - Python 3.8 or later on the managed host
notes:
  - Runs as root.
  - mdadm starts one program only. Another program in mdadm.conf is refused, unless it is named by O(program).
seealso:
  - module: fleetlab.linux.md_array_info
  - module: fleetlab.linux.iscsi_session_info
  - module: fleetlab.linux.iscsi_target_info
"""

EXAMPLES = r"""
- name: Check the storage, write metrics, and tell a chat room
  fleetlab.linux.storage_monitor:
    textfile: /var/lib/prometheus/node-exporter
    webhook: "{{ vault_storage_webhook }}"

- name: Mail to the people on call
  fleetlab.linux.storage_monitor:
    mail: oncall@example.com

- name: Remove the check
  fleetlab.linux.storage_monitor:
    state: absent
"""

RETURN = r"""
commands:
  description: The steps that were carried out, or in check mode planned, each as a list of words.
  returned: success
  type: list
  elements: list
  sample:
    - [write-file, /etc/fleetlab/storage-check.json, '0600']
    - [systemctl, enable, --now, fleetlab-storage-check.timer]
told:
  description: Who is told of problems. Mail only counts if the host has a program that delivers it.
  returned: success
  type: list
  elements: str
  sample: ["mail to root", webhook]
undelivered:
  description: A sentence for each reason why a message would not reach anybody; empty if all is well. The module also warns of them.
  returned: success
  type: list
  elements: str
  sample:
    - >-
      mail to root would not be delivered, because this host has no sendmail: install a mail server such as postfix or msmtp-mta, or set
      program or webhook
"""

from functools import partial

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import Lock
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import Wing, require_root, run
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.plugins.module_utils._monitor import show
from ansible_collections.fleetlab.linux.plugins.module_utils._monitor.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._monitor.options import ARGUMENT_SPEC, make_wanted, secrets
from ansible_collections.fleetlab.linux.plugins.module_utils._monitor.plan import plan

# The lock of md_array, which writes mdadm.conf too.
LOCK = Lock("md_array", "mdadm.conf", 300.0)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    host, runner = Host(), host_runner()
    wing = Wing(
        make_wanted=make_wanted,
        observe=partial(observe, runner=runner, host=host),
        plan=plan,
        returned=show.returned,
        require=partial(require_root, "install the check of the storage"),
        lock=LOCK,
        secrets=secrets,
    )
    run(module, wing, runner)


if __name__ == "__main__":
    main()
