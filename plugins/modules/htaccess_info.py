#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which .htaccess files of Apache are in force."""

from __future__ import annotations

DOCUMENTATION = r"""
module: htaccess_info
short_description: Which .htaccess files of Apache are in force for a path, and which are without effect
version_added: 0.1.0
description:
  - Computes, for each server of a configuration and each path, the C(.htaccess) files that Apache reads on the way, what AllowOverride and
    AllowOverrideList let them say, and the lines in them that they may not have, which end every request with the status 500. Names the
    files that are without effect, with the reason.
  - Apache itself resolves its configuration, with all files, conditions and variables, by mod_info, which is loaded only for that.
  - With O(trial=true) proves the result by requests to a throwaway Apache with the same sections C(<Directory>), and fails if a request
    meets something else than was computed.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes.info_module
options:
  config:
    description: The configuration of Apache. By default its own.
    type: path
  paths:
    description: Folders on the host, as the configuration names them. By default the DocumentRoot of each server.
    type: list
    elements: path
    default: []
  trial:
    description:
      - Whether to prove the result by requests. The server for it has a network, mounts and processes of its own. Nobody else can reach it,
        it can write nothing, and no program of a site runs in it. It ends with the module, also if that is killed.
    type: bool
    default: false
requirements:
  - apache2
notes:
  - Runs as root, because only root can look at the folders as the user of Apache does.
  - A directive that this Apache does not have is named, because it ends every request unless a guard such as C(<IfModule>) is around it.
    Which AllowOverride each directive needs, Apache itself says.
  - Whether Apache understands the arguments of each line, and whether all sections are closed, only a trial tells.
  - Options in a C(.htaccess) are not followed to links below it.
seealso:
  - module: fleetlab.linux.ftpaccess_info
"""

EXAMPLES = r"""
- name: Look at the roots of all sites
  fleetlab.linux.htaccess_info:
  register: web

- name: Prove for one folder what is in force
  fleetlab.linux.htaccess_info:
    paths: [/var/www/shop/uploads]
    trial: true
"""

RETURN = r"""
paths:
  description: An entry for each path and server.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The path.
      type: str
    server:
      description: Addresses and name of the virtual host, V(main) if there are none.
      type: str
    in_force:
      description:
        - The files that Apache reads, outermost first. C(classes) and C(directives) are what AllowOverride and AllowOverrideList let them
          say, C(refused) are the lines that they may not have, each with the class that it C(needs), or C(unknown) if this Apache does not
          have the directive.
      type: list
      elements: dict
      contains:
        file:
          description: The file.
          type: str
        classes:
          description: The classes of AllowOverride.
          type: list
          elements: str
        directives:
          description: The directives of AllowOverrideList.
          type: list
          elements: str
        refused:
          description: The lines that the file may not have.
          type: list
          elements: dict
          contains:
            line:
              description: The number of the line.
              type: int
            directive:
              description: The directive.
              type: str
            needs:
              description: The class that it needs, or null.
              type: str
            unknown:
              description: Whether this Apache does not have the directive.
              type: bool
    without_effect:
      description: The files without effect, each with the C(reason).
      type: list
      elements: dict
      contains:
        file:
          description: The file.
          type: str
        reason:
          description: Why it has no effect.
          type: str
    problem:
      description: What ends every request to the path, null for nothing.
      type: str
  sample:
    - path: /var/www/shop/uploads
      server: "*:80 shop.example.org"
      in_force: []
      without_effect:
        - file: /var/www/shop/uploads/.htaccess
          reason: AllowOverride None (/etc/apache2/apache2.conf:171)
      problem: null
problems:
  description: A sentence for each finding. Empty when all is well.
  returned: success
  type: list
  elements: str
  sample: ["/var/www/shop on server *:80, /var/www/shop/.htaccess is without effect"]
version:
  description: The version of Apache.
  returned: success
  type: str
  sample: 2.4.71
trial:
  description:
    - For each entry of RV(paths) what Apache's log of errors said about each file, V(read), the line that it may not have, C(not readable),
      or nothing for a file that was not read. Empty without O(trial).
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The path.
      type: str
    server:
      description: The server, as in RV(paths).
      type: str
    files:
      description: What was said about each file, by its path.
      type: dict
  sample:
    - path: /var/www/shop/uploads
      server: "*:80 shop.example.org"
      files: {/var/www/shop/.htaccess: read}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import fail, require_root
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.web.apply.trial import try_out
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.web.observe.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.web.options import SPEC, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.web.rehearsal import proved
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.web.show import returned
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.web.verdict import judge
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner


def main() -> None:
    """Look, judge, and prove if asked."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    try:
        wanted = make_wanted(module.params)
        require_root("look at folders as the user of Apache does")
        found, cases = observe(wanted, host_runner(), Host())
        verdicts = [judge(found, server, path, folders) for server, path, folders in cases]
        trial = try_out(found, cases, verdicts) if wanted.trial else []
        verdicts = [proved(one, files) for one, files in zip(verdicts, trial)] if wanted.trial else verdicts
    except FleetlabError as error:
        fail(module, error)
    module.exit_json(changed=False, **returned(found, verdicts, trial))


if __name__ == "__main__":
    main()
