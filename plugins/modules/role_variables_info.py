#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of role_variables_info, which is an action: all of it happens on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: role_variables_info
short_description: Warns of variables that look like those of a role, and that no role knows
version_added: 0.1.0
description:
  - As a task of a role, names the variables that begin as the role's own do and that it neither declares nor uses, with the declared one
    that may be meant. Ansible itself says nothing of a misspelt variable, which has no effect.
  - Declared is what C(meta/argument_specs.yml) has as options; used is every name in a file of the role, of the roles beside it, and of the
    playbooks and C(vars) of the collection, also what a role registers for itself.
  - Variables begin with the name of the role, or with what all declared ones have in common.
  - Only names are looked at. Nothing runs on the host.
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
"""

EXAMPLES = r"""
- name: Preflight | Name variables that this role does not know
  fleetlab.linux.role_variables_info:
"""

RETURN = r"""
prefix:
  description: What the role's variables begin with.
  type: str
  returned: success
  sample: storage_client_
unknown:
  description: The variables that no role knows; each is a warning too.
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
