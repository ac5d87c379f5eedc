# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters over the families of distributions."""

from __future__ import annotations

from typing import Any, Callable, Dict, List

from ansible.errors import AnsibleFilterError

from ansible_collections.fleetlab.linux.plugins.module_utils._host.distribution import FAMILIES, Family, role_packages


def _family(filter_name: str, os_family: str) -> Family:
    for family in FAMILIES:
        if family.os_family == os_family:
            return family
    known = ", ".join(family.os_family for family in FAMILIES)
    raise AnsibleFilterError(f"{filter_name}: {os_family!r} is not a known family of distributions ({known}): set the variable itself")


def packages(os_family: str, role: str) -> List[str]:
    """See L(role_packages). Without a family, before the host was asked for it, there are none."""
    return list(role_packages(_family("host_packages", os_family), role)) if os_family else []


def services(os_family: str, role: str) -> List[str]:
    """The services that a role enables at boot on a host of this family."""
    return list(_family("host_services", os_family).services.get(role, ()))


def mdadm_conf(os_family: str) -> str:
    """The configuration file of mdadm. Further files are in the directory of the same name with C(.d)."""
    return _family("host_mdadm_conf", os_family).mdadm_conf


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> Dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"host_packages": packages, "host_services": services, "host_mdadm_conf": mdadm_conf}
