# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which client writes to which LUNs, from the inventory alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.plugin_utils._storage.client import StorageError, lun_numbers, make_targets, md_names
from ansible_collections.fleetlab.linux.plugins.plugin_utils._storage.writers import initiator_acls, make_initiators, shared_luns

SERVERS = ["server1", "server2"]
IQN = "iqn.2026-01.com.example.storage:"


def hostvars(**clients: dict[str, Any]) -> dict[str, Any]:
    servers = {name: {"ansible_host": f"10.99.0.1{number}"} for number, name in enumerate(SERVERS, 1)}
    return {**servers, **clients}


def test_two_clients_without_luns_of_their_own_share_all() -> None:
    found = shared_luns(["a", "b"], hostvars(a={}, b={}), SERVERS)
    assert [text.partition(". ")[0] for text in found] == [f"a and b would both write to all LUNs of {IQN}server1, {IQN}server2"]
    assert found[0].partition(". ")[2].startswith("A LUN has one writer: give each client LUNs of its own in the inventory, such as")


def test_the_case_of_the_inputs_two_hosts_with_the_same_declared_targets() -> None:
    targets = [{"name": name, "host": "10.99.0.11", "port": 3261, "iqn": f"iqn.2026-01.com.example.alt:{name}"} for name in SERVERS]
    found = shared_luns(SERVERS, {name: {"storage_client_targets": targets} for name in SERVERS}, SERVERS)
    assert len(found) == 1
    assert found[0].startswith("server1 and server2 would both write to all LUNs of iqn.2026-01.com.example.alt:server1")


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ([0, 1], [2, 3], None),
        ([0, 1], [1, 2], "LUN 1 of"),
        (2, [1, 2], "LUN 1 of"),
        ("2", [2, 3], None),
        (2, 3, "LUN 0, 1 of"),
        ([0, 1], None, "LUN 0, 1 of"),
    ],
)
def test_luns_of_their_own(one: Any, other: Any, words: str | None) -> None:
    clients = {"a": {"storage_client_luns": one}, "b": {} if other is None else {"storage_client_luns": other}}
    found = shared_luns(["a", "b"], hostvars(**clients), SERVERS)
    assert not found if words is None else words in found[0]


def test_clients_with_one_initiator_name_are_named() -> None:
    common = {"storage_client_initiator": "iqn.2026-01.test:clone"}
    clients = {"a": {**common, "storage_client_luns": [0, 1]}, "b": {**common, "storage_client_luns": [2, 3]}}
    assert shared_luns(["a", "b"], hostvars(**clients), SERVERS) == [
        "a and b have the same initiator name, iqn.2026-01.test:clone: give each its own storage_client_initiator"
    ]


def test_names_that_differ_in_capitals_only_are_the_same() -> None:
    one, other = ({"storage_client_targets": [{"iqn": f"iqn.2000-01.com.synology:{name}"}]} for name in ("NAS", "nas"))
    found = shared_luns(["a", "b"], {"a": one, "b": {**other, "storage_client_initiator": f"{IQN}A"}}, [])
    assert [text.partition(": ")[0] for text in found] == [
        f"a and b have the same initiator name, {IQN}a",
        "a and b would both write to all LUNs of iqn.2000-01.com.synology:NAS. A LUN has one writer",
    ]


def test_a_client_that_leaves_is_no_writer_and_gets_no_acl() -> None:
    moved = hostvars(a={"storage_client_state": "absent", "storage_client_luns": "2"}, b={"storage_client_luns": 2})
    assert not shared_luns(["a", "b"], moved, SERVERS)
    assert shared_luns(["a", "b"], moved, SERVERS, certain=["a"])
    # The one that stays sees only its own LUNs, because the other one may still be logged in.
    assert make_initiators(["a", "b"], moved, "server1", f"{IQN}server1") == [{"initiator": f"{IQN}b", "luns": [0, 1]}]


def test_clients_of_other_servers_share_nothing() -> None:
    clients = {"a": {"storage_client_servers": ["server1"]}, "b": {"storage_client_servers": ["server2"]}}
    assert not shared_luns(["a", "b"], hostvars(**clients), SERVERS)


def test_one_client_that_is_named_twice_is_one_writer() -> None:
    assert not shared_luns(["a", "a"], {"a": {}}, SERVERS)


def test_a_client_outside_the_inventory_is_named() -> None:
    with pytest.raises(StorageError, match="b is not a host of the inventory"):
        shared_luns(["a", "b"], {"a": {}}, SERVERS)


@given(st.lists(st.sets(st.integers(0, 9), min_size=1), min_size=2, max_size=4))
def test_every_common_lun_is_found(luns: list[set[int]]) -> None:
    clients = {f"c{number}": {"storage_client_luns": sorted(one)} for number, one in enumerate(luns)}
    common = sum(1 for index, one in enumerate(luns) for other in luns[index + 1 :] if one & other)
    assert len(shared_luns(list(clients), hostvars(**clients), SERVERS)) == common
    acls = [{"initiator": name, "luns": client["storage_client_luns"]} for name, client in clients.items()]
    if common:
        with pytest.raises(StorageError, match="A LUN has one writer"):
            initiator_acls(acls, None, {})
    else:
        assert initiator_acls(acls, None, {}) == [{"attributes": {}, **acl} for acl in acls]


def test_the_initiators_of_a_server_with_their_luns() -> None:
    clients: dict[str, Any] = {
        "a": {"storage_client_luns": [0, 1]},
        "b": {"storage_client_luns": [2, 3], "storage_client_initiator": "iqn.2026-01.test:other"},
        "c": {"storage_client_servers": ["server2"]},
    }
    found = make_initiators(list(clients), hostvars(**clients), "server1", f"{IQN}server1")
    assert found == [{"initiator": f"{IQN}a", "luns": [0, 1]}, {"initiator": "iqn.2026-01.test:other", "luns": [2, 3]}]
    assert make_initiators(["a"], hostvars(a={}), "server1", f"{IQN}server1") == [{"initiator": f"{IQN}a"}]
    assert make_initiators(["a"], hostvars(a={"storage_client_luns": 5}), "server1", "iqn.x") == [{"initiator": f"{IQN}a"}]
    # Beside another client a number counts too, else both would have the LUNs of the other.
    both = make_initiators(["a", "b"], hostvars(a={"storage_client_luns": "2"}, b={"storage_client_luns": [2, 3]}), "server1", "iqn.x")
    assert [one["luns"] for one in both] == [[0, 1], [2, 3]]
    assert len(initiator_acls(both, None, {})) == 2
    named = hostvars(a={"storage_client_targets": [{"iqn": "iqn.x"}]})
    assert [make_initiators(["a"], named, "server1", iqn) for iqn in ("iqn.x", "iqn.y")] == [[{"initiator": f"{IQN}a"}], []]


def test_acls_with_chap_and_without() -> None:
    chap = {"username": "u", "password": "p"}
    assert initiator_acls(["iqn.a"], chap, {"nopin_timeout": 0}) == [
        {"initiator": "iqn.a", "chap": chap, "attributes": {"nopin_timeout": 0}}
    ]
    assert "chap" not in initiator_acls(["iqn.a"], {}, {})[0]
    with pytest.raises(StorageError, match=r"iqn\.a and iqn\.b would both write to all LUNs"):
        initiator_acls(["iqn.a", "iqn.b"], {}, {})


def test_lun_numbers() -> None:
    assert [lun_numbers(luns) for luns in (2, "3", [3, "1"])] == [[0, 1], [0, 1, 2], [1, 3]]
    wrongs: tuple[Any, ...] = ([], [1, 1], "x", None, [-1], {})
    for wrong in wrongs:
        with pytest.raises(StorageError, match="expected the number of LUNs, or a list"):
            lun_numbers(wrong)
    assert md_names([2, 3], "md1", "md98") == ["md13", "md14", "md98"]


@pytest.mark.parametrize(
    ("portals", "host", "port"),
    [
        ([{"host": "0.0.0.0", "port": 3261}], "10.99.0.11", 3261),
        ([{"host": "::"}], "10.99.0.11", 3260),
        ([{"host": "[2001:db8::1]", "port": 3261}, {"host": "192.0.2.1"}], "2001:db8::1", 3261),
    ],
)
def test_another_name_and_portal_of_a_server_reach_its_clients(portals: list[dict[str, Any]], host: str, port: int) -> None:
    variables = {"server1": {"ansible_host": "10.99.0.11", "storage_server_iqn": "iqn.2026-01.test:alt", "storage_server_portals": portals}}
    assert make_targets(["server1"], variables) == [{"name": "server1", "host": host, "port": port, "iqn": "iqn.2026-01.test:alt"}]


def test_a_size_that_is_no_number_is_said_with_its_server() -> None:
    with pytest.raises(StorageError, match="storage_server_volume_mb of server1 is '20G': expected a number of MiB"):
        make_targets(["server1"], {"server1": {"ansible_host": "10.99.0.11", "storage_server_volume_mb": "20G"}})


@pytest.mark.parametrize("portal", [{"port": 3261}, "0.0.0.0:3260", {"host": None}, {"host": "192.0.2.1", "port": "iscsi"}])
def test_a_portal_that_is_none_is_said_with_its_server(portal: Any) -> None:
    variables = {"server1": {"ansible_host": "10.99.0.11", "storage_server_portals": [portal]}}
    with pytest.raises(StorageError, match=r"storage_server_portals of server1 begins with .*: expected host, an address, and port"):
        make_targets(["server1"], variables)
