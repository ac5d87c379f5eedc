#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which .ftpaccess files of ProFTPD are in force."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ftpaccess_info
short_description: Which .ftpaccess files of ProFTPD are in force for each user, and which are without effect
version_added: 0.1.0
description:
  - Computes, for each user of each server of a configuration, the root folder of the session, the folder in which it starts, the
    C(.ftpaccess) files in force with their limits, and those that are without effect, with the reason. A file in a folder above
    C(DefaultRoot ~) is without effect, and ProFTPD does not say so.
  - Names the files that a path avoids, those that the user may replace by FTP, and the lines in them that ProFTPD skips.
  - With O(trial=true) proves the result. It logs in as each user to a throwaway server with the same rules, and fails if a login sees
    something else than was computed.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes.info_module
  - fleetlab.linux._attributes.group_ftpaccess
options:
  config:
    description: The configuration of ProFTPD.
    type: path
    default: /etc/proftpd/proftpd.conf
  users:
    description:
      - The users to look at. By default all that may log in, as far as files list them; users of SQL or LDAP have to be named.
    type: list
    elements: str
    default: []
  walk:
    description: Levels of folders below the first folder of a session in which further files are looked for, 0 to 5.
    type: int
    default: 2
  trial:
    description:
      - Whether to prove the result by logins. The server for it has a network, mounts and processes of its own. Nobody else can reach it,
        it can write nothing, it knows no password of the users, and it ends with the module, also if that is killed.
      - Without O(users) it is refused for more than 200 users.
    type: bool
    default: false
requirements:
  - proftpd
notes:
  - Runs as root, because only root can look at the folders as each of the users does.
  - Rules on addresses and classes of clients are not judged, because there is no client. What they have a say in is told.
seealso:
  - module: fleetlab.linux.ftpaccess
"""

EXAMPLES = r"""
- name: Look at all users
  fleetlab.linux.ftpaccess_info:
  register: ftp

- name: Fail if a file is without effect
  ansible.builtin.assert:
    that: ftp.problems | length == 0
    fail_msg: "{{ ftp.problems | join('; ') }}"

- name: Prove the result for two users by logins
  fleetlab.linux.ftpaccess_info:
    users: [alice, bob]
    trial: true
"""

RETURN = r"""
users:
  description: An entry for each user of each server.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The user.
      type: str
    source:
      description: The file that has the user, or C(the name service).
      type: str
    server:
      description: V(main), or the addresses of the virtual host.
      type: str
    port:
      description: The port of the server.
      type: int
    anonymous:
      description: Whether the name leads into a section C(<Anonymous>).
      type: bool
    home:
      description: The home of the user, as it is written.
      type: str
    root:
      description: The root of the session on the host, V(/) for none. Symbolic links are resolved.
      type: str
    starts:
      description: The first folder of the session, as a path of the host.
      type: str
    may_write:
      description:
        - Whether the rules let the user write into the first folder, from a client that no rule names. The permissions of the file system
          are another matter.
      type: bool
    depends_on_client:
      description:
        - Whether a rule on addresses or classes of clients has a say in that, so that a client which it names may get another answer.
      type: bool
    in_force:
      description: The files in force, each with its C(limits) and with C(warnings) on the lines in it that ProFTPD skips.
      type: list
      elements: dict
      contains:
        file:
          description: The file.
          type: str
        limits:
          description: Its sections C(<Limit>).
          type: list
          elements: dict
          contains:
            commands:
              description: The commands that it limits.
              type: list
              elements: str
            rules:
              description: Its lines.
              type: list
              elements: str
        warnings:
          description: A sentence for each line that ProFTPD skips.
          type: list
          elements: str
    without_effect:
      description:
        - The files without effect, each with the C(reason). C(covered) tells whether a section C(<Directory>) of the configuration has the
          same rules, so that they hold after all.
      type: list
      elements: dict
      contains:
        file:
          description: The file.
          type: str
        reason:
          description: Why it has no effect.
          type: str
        covered:
          description: Whether a section C(<Directory>) of the configuration has the same rules.
          type: bool
    around:
      description: The files that a path avoids, each with the C(way).
      type: list
      elements: dict
      contains:
        file:
          description: The file.
          type: str
        way:
          description: The way.
          type: str
    writable_by_user:
      description: The files that the user may remove or replace by FTP, each with the C(way).
      type: list
      elements: dict
      contains:
        file:
          description: The file.
          type: str
        way:
          description: The way.
          type: str
    problem:
      description: Why the login fails, null if it does not.
      type: str
  sample:
    - name: alice
      source: /etc/passwd
      server: main
      port: 21
      anonymous: false
      home: /home/alice/private/files
      root: /home/alice/private/files
      starts: /home/alice/private/files
      may_write: true
      in_force: []
      without_effect:
        - file: /home/alice/.ftpaccess
          reason: outside the session's root /home/alice/private/files
          covered: false
      around: []
      writable_by_user: []
      problem: null
problems:
  description: A sentence for each finding. Empty when all is well.
  returned: success
  type: list
  elements: str
  sample:
    - alice on server main (port 21), /home/alice/.ftpaccess is without effect, outside the session's root /home/alice/private/files
version:
  description: The version of ProFTPD.
  returned: success
  type: str
  sample: 1.3.8
trial:
  description: For each entry of RV(users) what the login saw, with the lines of the server's own C(trace). Empty without O(trial).
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The user.
      type: str
    server:
      description: The server, as in RV(users).
      type: str
    login:
      description: Whether the login succeeded.
      type: bool
    trace:
      description: The lines of the server's trace.
      type: list
      elements: str
  sample:
    - name: alice
      server: main
      login: true
      trace: ["checking for .ftpaccess file '/.ftpaccess'"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import fail, require_root
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.apply.trial import try_out
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.checks import check
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.observe.limited import judge_all
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.observe.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.options import SPEC, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.show import returned
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner


def main() -> None:
    """Look, judge, and prove if asked."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    try:
        wanted = make_wanted(module.params)
        require_root("look at folders as the users of FTP do")
        found, cases = observe(wanted, host_runner(), Host())
        check(found, cases, wanted)
        verdicts = judge_all(cases)
        trial = try_out(found, verdicts) if wanted.trial else []
    except FleetlabError as error:
        fail(module, error)
    module.exit_json(changed=False, **returned(found, verdicts, trial))


if __name__ == "__main__":
    main()
