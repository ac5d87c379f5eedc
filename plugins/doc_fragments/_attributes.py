# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the attributes that the modules of this collection share."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of modules that change a host, and in C(INFO_MODULE) of modules that only read."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: full
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: full
  platform:
    description: Target OS/families that can be operated against.
    support: full
    platforms: linux
"""

    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details: This module never changes anything.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: N/A
    details: This module never changes anything.
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: full
    details: This module never changes anything.
  platform:
    description: Target OS/families that can be operated against.
    support: full
    platforms: linux
"""

    GROUP_FTPACCESS = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/fleetlab.linux.ftpaccess) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - fleetlab.linux.ftpaccess
"""

    GROUP_INITIATOR = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/fleetlab.linux.initiator) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - fleetlab.linux.initiator
"""

    GROUP_REPORTS = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/fleetlab.linux.reports) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - fleetlab.linux.reports
"""

    GROUP_SERVER_TLS = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/fleetlab.linux.server_tls) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - fleetlab.linux.server_tls
"""

    GROUP_THROUGHPUT = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/fleetlab.linux.throughput) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - fleetlab.linux.throughput
"""
