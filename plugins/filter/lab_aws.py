# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the lab on AWS."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Sequence

from ansible.errors import AnsibleFilterError

from ansible_collections.fleetlab.linux.plugins.plugin_utils._aws.costs import existing_parts, machine_lines, summary, wanted_parts
from ansible_collections.fleetlab.linux.plugins.plugin_utils._aws.explain import explain
from ansible_collections.fleetlab.linux.plugins.plugin_utils._aws.machines import guests, remaining_resources, untagged_resources
from ansible_collections.fleetlab.linux.plugins.plugin_utils._aws.request import drift, new_data_volumes, problems


def find_problems(request: Mapping[str, Any]) -> List[str]:
    """See L(problems)."""
    try:
        return problems(request)
    except (TypeError, ValueError) as error:
        raise AnsibleFilterError(f"lab_aws_problems: {error}") from error


def costs(request: Mapping[str, Any], prices: Mapping[str, Any]) -> Dict[str, Any]:
    """The cost of a lab to be created."""
    return summary(wanted_parts(request, prices), prices, str(request["region"]))


def status(
    instances: Sequence[Mapping[str, Any]], volumes: Sequence[Mapping[str, Any]], prices: Mapping[str, Any], region: str
) -> Dict[str, Any]:
    """The machines of a lab and its cost."""
    return {"machines": machine_lines(instances), **summary(existing_parts(instances, volumes, prices), prices, region)}


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> Dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {
            "lab_aws_costs": costs,
            "lab_aws_data_volumes": new_data_volumes,
            "lab_aws_drift": drift,
            "lab_aws_explain": explain,
            "lab_aws_guests": guests,
            "lab_aws_problems": find_problems,
            "lab_aws_remaining_resources": remaining_resources,
            "lab_aws_status": status,
            "lab_aws_untagged_resources": untagged_resources,
        }
