#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of role_variables_info, which is an action and runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: role_variables_info
short_description: Warns of variables that look like variables of a role but are unknown to every role
version_added: 0.1.0
description:
  - As a task of a role, warns of variables that begin with the role's prefix but that the role neither declares nor uses, and names the
    declared variable that may be meant. Ansible itself does not report a misspelt variable, which has no effect.
  - A variable is declared if it is an option in C(meta/argument_specs.yml). It is used if its name is in a file of the role, of the roles
    beside it, or of the playbooks and C(vars) of the collection; variables that a role registers count too.
  - The prefix is the name of the role, or the common beginning of all declared variables.
  - Reads only the names of variables, not their values. Nothing runs on the host.
extends_documentation_fragment:
  - fleetlab.linux._attributes.info_module
attributes:
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
  bypass_host_loop:
    description: Forces a global task that does not execute per host.
    support: none
options: {}
author:
  - fleetlab.linux contributors (@fleetlab)
seealso:
  - module: ansible.builtin.validate_argument_spec
"""

EXAMPLES = r"""
- name: Preflight | Warn of variables that this role does not know
  fleetlab.linux.role_variables_info:
"""

RETURN = r"""
prefix:
  description: The prefix of the role's variables.
  type: str
  returned: success
  sample: storage_client_
unknown:
  description: The variables that no role knows. The task also warns of each.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The name of the variable.
      type: str
    nearest:
      description: The declared name that may be meant, or null.
      type: str
  sample: [{name: storage_client_recovr, nearest: storage_client_recover}]
"""
