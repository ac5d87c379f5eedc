# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which client writes to which LUNs, from the inventory alone, so that two writers are refused before any login. Pure."""

from __future__ import annotations

from itertools import combinations
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .client import StorageError, default_iqn, iqn_of, lun_numbers

_REMEDY = (
    "A LUN has one writer: give each client LUNs of its own in the inventory, such as storage_client_luns: [0, 1] for the one and"
    " storage_client_luns: [2, 3] for the other, or servers of its own (storage_client_servers)"
)

Luns = Optional[Tuple[int, ...]]
"""The numbers of the LUNs of a client; C(None) stands for all LUNs of its targets."""


def shared_luns(clients: Sequence[str], hostvars: Mapping[str, Any], servers: Sequence[str], certain: Sequence[str] = ()) -> List[str]:
    """A sentence for each pair of clients that would write to the same LUNs of a target; empty if every LUN has one writer.

    A client with C(storage_client_state=absent) in the inventory writes to none.

    :arg servers: the servers of a client that names neither C(storage_client_targets) nor C(storage_client_servers).
    :arg certain: clients that do write, whatever the inventory says.
    :raises StorageError: a client is not in the inventory, or its variables cannot be understood.
    """
    names = sorted({name for name in clients if name in certain or not _leaves(_variables_of(name, hostvars))})
    if len(names) < 2:
        return []
    luns = {name: _luns_of(name, hostvars) for name in names}
    iqns = {name: _targets_of(hostvars[name], hostvars, servers) for name in names}
    found = []
    for one, other in combinations(names, 2):
        name = initiator_of(one, hostvars[one])
        # A target takes names in every spelling for those in lower case (RFC 7143 4.2.7.2).
        if name.lower() == initiator_of(other, hostvars[other]).lower():
            found.append(f"{one} and {other} have the same initiator name, {name}: give each its own storage_client_initiator")
        common = [iqn for iqn in iqns[one] if iqn.lower() in [name.lower() for name in iqns[other]]]
        both = _both(luns[one], luns[other])
        if common and both:
            found.append(f"{one} and {other} would both write to {both} of {', '.join(common)}. {_REMEDY}")
    return found


def make_initiators(clients: Sequence[str], hostvars: Mapping[str, Any], server: str, iqn: str) -> List[Dict[str, Any]]:
    """The initiators that may log in to the target C(iqn) of a server, each with its LUNs if the inventory limits it to some.

    A client with C(storage_client_state=absent) is none of them; if it has an ACL, it keeps that. A number of LUNs limits a client where
    others use the target too. A client alone may name LUNs that its server does not have yet.

    :raises StorageError: see L(shared_luns).
    """
    found: List[Dict[str, Any]] = []
    users = [client for client in dict.fromkeys(clients) if _uses(_variables_of(client, hostvars), server, iqn)]
    for client in (client for client in users if not _leaves(hostvars[client])):
        luns = _luns_of(client, hostvars)
        limited = luns is not None and (len(users) > 1 or not isinstance(_given(hostvars[client]), (int, str)))
        found.append({"initiator": initiator_of(client, hostvars[client]), **({"luns": list(luns or ())} if limited else {})})
    return found


def initiator_of(client: str, variables: Mapping[str, Any]) -> str:
    """The initiator name of a client: its C(storage_client_initiator), or else the default of the role."""
    return str(variables["storage_client_initiator"]) if "storage_client_initiator" in variables else default_iqn(client)


def _uses(variables: Mapping[str, Any], server: str, iqn: str) -> bool:
    if "storage_client_targets" in variables:
        return iqn in [target["iqn"] for target in variables["storage_client_targets"]]
    return "storage_client_servers" not in variables or server in variables["storage_client_servers"]


def initiator_acls(initiators: Sequence[Any], chap: Optional[Mapping[str, Any]], attributes: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """The ACL of each initiator: a name alone for all LUNs, or C(initiator) with its C(luns).

    :raises StorageError: two initiators would write to the same LUNs.
    """
    acls: List[Dict[str, Any]] = [{"initiator": one} if isinstance(one, str) else dict(one) for one in initiators]
    for one, other in combinations(acls, 2):
        both = _both(_as_luns(one.get("luns")), _as_luns(other.get("luns")))
        if both:
            raise StorageError(
                f"{one['initiator']} and {other['initiator']} would both write to {both}. A LUN has one writer: give each initiator luns of"
                " its own"
            )
    common = {"attributes": dict(attributes), **({"chap": dict(chap)} if chap else {})}
    return [{**common, **acl} for acl in acls]


def _leaves(variables: Mapping[str, Any]) -> bool:
    return variables.get("storage_client_state") == "absent"


def _variables_of(client: str, hostvars: Mapping[str, Any]) -> Mapping[str, Any]:
    if client not in hostvars:
        raise StorageError(f"{client} is not a host of the inventory")
    found: Mapping[str, Any] = hostvars[client]
    return found


def _luns_of(client: str, hostvars: Mapping[str, Any]) -> Luns:
    return _as_luns(_given(_variables_of(client, hostvars)))


def _given(variables: Mapping[str, Any]) -> Any:
    return variables.get("storage_client_luns", None)


def _as_luns(given: Any) -> Luns:
    return None if given is None else tuple(lun_numbers(given))


def _both(one: Luns, other: Luns) -> str:
    """The LUNs of both, in words; empty if there are none."""
    if one is None and other is None:
        return "all LUNs"
    numbers = sorted(set(one or other or ()) if None in (one, other) else set(one or ()) & set(other or ()))
    return f"LUN {', '.join(str(number) for number in numbers)}" if numbers else ""


def _targets_of(variables: Mapping[str, Any], hostvars: Mapping[str, Any], servers: Sequence[str]) -> List[str]:
    """The IQNs of the targets of a client."""
    if "storage_client_targets" in variables:
        return [str(target["iqn"]) for target in variables["storage_client_targets"]]
    named = variables.get("storage_client_servers", servers)
    return [iqn_of(server, hostvars) for server in named]
