# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the storage roles. Numbers may be text, as the command line gives them."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from ansible.errors import AnsibleFilterError

from ansible_collections.fleetlab.linux.plugins.plugin_utils._storage.client import (
    StorageError,
    address_of,
    lun_numbers,
    make_mirrors,
    make_sessions,
    make_stripe,
    make_targets,
    md_names,
    remove_arrays,
    remove_sessions,
    smaller_disks,
    undeclared_members,
)
from ansible_collections.fleetlab.linux.plugins.plugin_utils._storage.refused import refusal
from ansible_collections.fleetlab.linux.plugins.plugin_utils._storage.server import (
    inspect_disks,
    inspect_groups,
    make_group_volumes,
    make_luns,
    make_volumes,
)
from ansible_collections.fleetlab.linux.plugins.plugin_utils._storage.status import lines, read_cluster
from ansible_collections.fleetlab.linux.plugins.plugin_utils._storage.status_page import render_status
from ansible_collections.fleetlab.linux.plugins.plugin_utils._storage.writers import initiator_acls, make_initiators, shared_luns


def addresses(hosts: Sequence[str], hostvars: Mapping[str, Any]) -> List[Dict[str, str]]:
    """See L(address_of)."""
    try:
        return [{"name": host, "host": address_of(host, hostvars)} for host in hosts]
    except StorageError as error:
        raise AnsibleFilterError(f"storage_addresses: {error}") from error


def targets(servers: Sequence[str], hostvars: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """See L(make_targets)."""
    try:
        return make_targets(servers, hostvars)
    except StorageError as error:
        raise AnsibleFilterError(f"storage_targets: {error}") from error


def sessions(
    made: Sequence[Mapping[str, Any]],
    luns: Any,
    chap: Optional[Mapping[str, Any]] = None,
    timeouts: Optional[Mapping[str, Any]] = None,
    parameters: Optional[Mapping[str, Any]] = None,
) -> List[Dict[str, Any]]:
    """See L(make_sessions)."""
    options = {"chap": chap, "timeouts": timeouts, "parameters": parameters}
    return make_sessions(made, luns, {name: value for name, value in options.items() if value is not None})


def arrays(
    made: Sequence[Mapping[str, Any]],
    devices: Sequence[Mapping[str, Any]],
    luns: Any,
    prefix: str,
    stripe: str,
    chunk: Any = None,
    stripe_chunk: Any = 512,
    level: str = "raid1e",
    run_degraded: bool = False,
    wait: str = "none",
    homehost: str = "",
    left: Sequence[Mapping[str, Any]] = (),
    write_mostly: Optional[Sequence[str]] = None,
    failfast: Optional[Sequence[str]] = None,
) -> List[Dict[str, Any]]:
    """See L(make_mirrors) and L(make_stripe)."""
    common = {"grow": True, "wait": wait, **({"homehost": homehost} if homehost else {})}
    options = {"level": level, "bitmap": "internal", "replace_failed": True, "run_degraded": run_degraded, **common}
    # The level raid1 has no chunk.
    chunked = {} if chunk is None or level == "raid1" else {"chunk": int(chunk)}
    flags = {name: value for name, value in (("write_mostly", write_mostly), ("failfast", failfast)) if value is not None}
    mirrors = make_mirrors(made, devices, prefix, lun_numbers(luns), {**options, **chunked}, left, flags)
    return [*mirrors, make_stripe(stripe, mirrors, {"chunk": int(stripe_chunk), **common})]


def disks(
    lsblk: str, devices: Sequence[str], resolved: Sequence[str], volumes: Sequence[Mapping[str, Any]], lv: str, size_mb: Any
) -> Dict[str, Any]:
    """See L(inspect_disks)."""
    try:
        return inspect_disks(lsblk, devices, resolved, volumes, lv, int(size_mb))
    except StorageError as error:
        raise AnsibleFilterError(f"storage_disks: {error}") from error


def groups(lvs: str, vgs: str, volumes: Sequence[Mapping[str, Any]], size_mb: Any) -> Dict[str, Any]:
    """See L(inspect_groups)."""
    try:
        return inspect_groups(lvs, vgs, volumes, int(size_mb))
    except StorageError as error:
        raise AnsibleFilterError(f"storage_groups: {error}") from error


def luns_of_client(luns: Any) -> List[int]:
    """See L(lun_numbers)."""
    try:
        return lun_numbers(luns)
    except StorageError as error:
        raise AnsibleFilterError(f"storage_lun_numbers: {error}") from error


def writers(clients: Sequence[str], hostvars: Mapping[str, Any], servers: Sequence[str], certain: Sequence[str] = ()) -> List[str]:
    """See L(shared_luns)."""
    try:
        return shared_luns(clients, hostvars, servers, certain)
    except StorageError as error:
        raise AnsibleFilterError(f"storage_shared_luns: {error}") from error


def initiators(clients: Sequence[str], hostvars: Mapping[str, Any], server: str, iqn: str) -> List[Dict[str, Any]]:
    """See L(make_initiators)."""
    try:
        return make_initiators(clients, hostvars, server, iqn)
    except StorageError as error:
        raise AnsibleFilterError(f"storage_initiators: {error}") from error


def acls(made: Sequence[Any], chap: Optional[Mapping[str, Any]], attributes: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """See L(initiator_acls)."""
    try:
        return initiator_acls(made, chap, attributes)
    except StorageError as error:
        raise AnsibleFilterError(f"storage_acls: {error}") from error


def status(answers: Mapping[str, Mapping[str, Any]], servers: Sequence[str], now: float) -> Dict[str, Any]:
    """See L(read_cluster) and L(render_status)."""
    cluster = read_cluster(answers, servers, int(now))
    return {
        "level": cluster.level,
        "lines": lines(cluster),
        "problems": [f"{one.host}: {one.text}" for one in cluster.problems],
        "page": render_status(cluster),
    }


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> Dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {
            "storage_addresses": addresses,
            "storage_targets": targets,
            "storage_sessions": sessions,
            "storage_arrays": arrays,
            "storage_removed_arrays": remove_arrays,
            "storage_removed_sessions": remove_sessions,
            "storage_smaller_disks": smaller_disks,
            "storage_undeclared_members": undeclared_members,
            "storage_volumes": make_volumes,
            "storage_luns": make_luns,
            "storage_disks": disks,
            "storage_group_volumes": make_group_volumes,
            "storage_groups": groups,
            "storage_md_names": md_names,
            "storage_lun_numbers": luns_of_client,
            "storage_shared_luns": writers,
            "storage_initiators": initiators,
            "storage_acls": acls,
            "storage_refusal": refusal,
            "storage_status": status,
        }
