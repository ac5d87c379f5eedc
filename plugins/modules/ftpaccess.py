#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put the rules of .ftpaccess files in force that ProFTPD would not apply."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ftpaccess
short_description: Put the rules of .ftpaccess files in force that ProFTPD would not apply
version_added: 0.1.0
description:
  - Finds the C(.ftpaccess) files whose rules do not hold, as M(fleetlab.linux.ftpaccess_info) does, because they are outside the root of a
    session, or because a path avoids them. Writes a section C(<Directory>) with the rules of each into one file of the configuration.
    Such a section reaches into the chroot.
  - Before anything changes, also in check mode, logins to a throwaway server prove what the new file means for each user that it concerns.
  - Then the running server reads its configuration. If it does not survive that, the file is put back, and systemd starts the server.
  - Shows for each user which rules hold before and after.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes
  - fleetlab.linux._attributes.group_ftpaccess
options:
  config:
    description: The configuration of ProFTPD. It has to include O(file).
    type: path
    default: /etc/proftpd/proftpd.conf
  users:
    description:
      - The users whose files count. By default all that may log in, as far as files list them. Each run writes O(file) for exactly these.
    type: list
    elements: str
    default: []
  walk:
    description: Levels of folders below the first folder of a session in which files are looked for, 0 to 5.
    type: int
    default: 2
  state:
    description: Whether the file of sections exists.
    type: str
    choices: [present, absent]
    default: present
  files:
    description:
      - With V(keep) ProFTPD goes on to read C(.ftpaccess) files.
      - With V(off) the rules of all of them that hold are in O(file) too, ProFTPD no longer looks for any, and nobody can store one by FTP.
    type: str
    choices: [keep, "off"]
    default: keep
  file:
    description: The file that is written. A file that this module has not written is refused.
    type: path
    default: /etc/proftpd/conf.d/fleetlab-ftpaccess.conf
requirements:
  - proftpd
notes:
  - Runs as root.
  - A C(.ftpaccess) that changes later needs another run.
  - The sections hold for all servers of the configuration.
seealso:
  - module: fleetlab.linux.ftpaccess_info
"""

EXAMPLES = r"""
- name: Put all rules in force
  fleetlab.linux.ftpaccess:

- name: Keep the rules, and let nobody change them by FTP
  fleetlab.linux.ftpaccess:
    files: "off"
"""

RETURN = r"""
commands:
  description: The steps that were carried out, or in check mode planned, each as a list of words.
  returned: success
  type: list
  elements: list
  sample:
    - [mkdir, --parents, /run/fleetlab]
    - [write-file, /run/fleetlab/ftpaccess.unread, '0644']
    - [write-file, /etc/proftpd/conf.d/fleetlab-ftpaccess.conf, '0644']
    - [reload, config=/etc/proftpd/proftpd.conf, running=True]
    - [rm, --force, /run/fleetlab/ftpaccess.unread]
users:
  description:
    - For each user which rules hold C(before) and C(after). C(rules_of) are files whose rules hold, C(may_write) tells whether the rules
      let the user write into the first folder.
  returned: success
  type: dict
  sample:
    alice on server main:
      before:
        may_write: true
        rules_of: []
        without_effect: [/home/alice/.ftpaccess]
        around: []
      after:
        may_write: false
        rules_of: [/home/alice/.ftpaccess]
        without_effect: []
        around: []
"""

from functools import partial

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import Lock
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import Wing, require_root, run
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.apply.operations import operations
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.apply.trial import try_out
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.observe.cure import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.options import CURE_SPEC, make_wanted_cure
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.show import cured
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner

LOCK = Lock("proftpd", "the configuration of ProFTPD")


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=CURE_SPEC, supports_check_mode=True)
    runner = host_runner()
    wing = Wing(
        make_wanted=make_wanted_cure,
        require=partial(require_root, "look at folders as the users of FTP do, and change the configuration"),
        observe=partial(observe, runner=runner, host=Host(), try_out=try_out),
        plan=plan,
        returned=cured,
        operations=lambda wanted: operations(wanted.file, runner, Host()),
        lock=LOCK,
    )
    run(module, wing, runner)


if __name__ == "__main__":
    main()
