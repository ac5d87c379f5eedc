# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that cannot be right are refused with the option's name and without a secret."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Portal
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.options import make_wanted, secrets_of
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.state import Wanted

IQN = "iqn.2026-01.com.example:one"
CHAP = {"username": "client", "password": "first-secret-1", "mutual_username": None, "mutual_password": None}
LUN = {"lun": 0, "name": "a", "path": "/dev/vg/a"}
ACL = {"initiator": "iqn.2026-01.com.example:client", "chap": CHAP}


def make(**options: Any) -> Wanted:
    params: Dict[str, Any] = {
        "iqn": IQN,
        "state": "present",
        "portals": ["0.0.0.0:3260"],
        "luns": [LUN],
        "acls": [ACL],
        "authentication": True,
        "attributes": {},
        "exclusive": False,
        "force": False,
        "lost_initiators": [],
    }
    return make_wanted({**params, **options})


def test_defaults() -> None:
    wanted = make()
    assert wanted.attributes == {"authentication": "1", "generate_node_acls": "0"}
    assert wanted.portals == (Portal("0.0.0.0", 3260),)
    assert wanted.luns is not None
    assert wanted.luns[0].plugin == "block"
    assert wanted.acls is not None
    assert wanted.acls[0].luns is None


def test_a_target_to_be_removed_has_no_parts_although_they_are_checked() -> None:
    assert make(state="absent") == Wanted(IQN, state="absent", portals=())
    with pytest.raises(InputError):
        make(state="absent", luns=[LUN, LUN])


def test_an_initiator_that_may_log_in_is_not_lost() -> None:
    lost = ["iqn.2026-01.com.example:former"]
    assert make(lost_initiators=lost).lost_initiators == tuple(lost)
    with pytest.raises(InputError, match="client is in acls too"):
        make(lost_initiators=[ACL["initiator"]])
    # A target that is removed has no ACLs, and the session of a host may be older than its new machine.
    assert make(state="absent", lost_initiators=[ACL["initiator"]]).lost_initiators == (ACL["initiator"],)
    with pytest.raises(InputError, match=r"lost_initiators\[0\]"):
        make(lost_initiators=["former"])


def test_lists_that_are_left_out_and_empty_ones_differ() -> None:
    assert make(luns=None, acls=None).luns is None
    assert make(luns=[], acls=[]).luns == ()


def test_without_authentication() -> None:
    wanted = make(authentication=False, acls=[{"initiator": IQN}])
    assert wanted.attributes == {"authentication": "0", "generate_node_acls": "0"}


@pytest.mark.parametrize(
    ("given", "portals"),
    [
        (["192.0.2.1"], [Portal("192.0.2.1", 3260)]),
        (["192.0.2.1:3261"], [Portal("192.0.2.1", 3261)]),
        (["[2001:DB8:0::1]:3261"], [Portal("2001:db8::1", 3261)]),
        (["2001:db8::1"], [Portal("2001:db8::1", 3260)]),
        ([{"host": "::1", "port": 3261}], [Portal("::1", 3261)]),
        ([{"host": "::1", "port": "3261"}, {"host": "127.0.0.1"}], [Portal("::1", 3261), Portal("127.0.0.1", 3260)]),
    ],
)
def test_portals(given: List[Any], portals: List[Portal]) -> None:
    assert list(make(portals=given).portals) == portals


@pytest.mark.parametrize(
    ("portal", "says"),
    [
        ("192.0.2.1:0", "port 0 is not between"),
        ("192.0.2.1:65536", "port 65536 is not between"),
        ("192.0.2.1:22;reboot", "portals[0]"),
        ("192.0.2.1;reboot", "portals[0]"),
        ("storage.example.com", "is a name"),
        ({"host": "192.0.2.1", "port": "22;reboot"}, "portals[0].port"),
        ({"host": "192.0.2.1", "port": True}, "portals[0].port"),
        ({"host": "192.0.2.1", "port": -1}, "portals[0].port"),
        ({"port": 3260}, "keys host"),
        ({"host": "192.0.2.1", "prot": 1}, "not prot"),
    ],
)
def test_bad_portals(portal: Any, says: str) -> None:
    with pytest.raises(InputError) as error:
        make(portals=[portal])
    assert says in str(error.value)


@pytest.mark.parametrize(
    "portals",
    [[], ["192.0.2.1", "192.0.2.1:3260"], ["::1", "[0::1]:3260"], ["0.0.0.0", "192.0.2.1"], ["::", "192.0.2.1"], ["::", "0.0.0.0"]],
)
def test_portals_that_exclude_each_other(portals: List[str]) -> None:
    with pytest.raises(InputError, match="portals"):
        make(portals=portals)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"lun": -1}, "luns[0].lun"),
        ({"lun": 65536}, "luns[0].lun"),
        ({"name": "a/b"}, "luns[0].name"),
        ({"name": ""}, "luns[0].name"),
        ({"name": "-x"}, "luns[0].name"),
        ({"name": "a b"}, "luns[0].name"),
        ({"path": None}, "needs either path"),
        ({"file": "/srv/f"}, "needs either path"),
        ({"path": "relative"}, "luns[0].path"),
        ({"path": "/dev/../etc/shadow"}, "luns[0].path"),
        ({"path": "/dev/a b"}, "luns[0].path"),
        ({"path": "/dev/a,fd_dev_size=1"}, "luns[0].path"),
        ({"path": "/dev/a\n"}, "luns[0].path"),
        ({"size": "10G"}, "luns[0].size"),
        ({"path": None, "file": "/srv/f", "size": "ten"}, "luns[0].size"),
        ({"path": None, "file": "/srv/f", "size": "1000"}, "luns[0].size"),
        ({"path": None, "file": "/srv/f", "size": "-1G"}, "luns[0].size"),
        ({"serial": "short"}, "luns[0].serial"),
        ({"serial": "g" * 32}, "luns[0].serial"),
        ({"serial": "0" * 24}, "luns[0].serial"),
        ({"attributes": {"is_nonrot": 2}}, "luns[0].attributes.is_nonrot"),
        ({"attributes": {"is_nonrot": "x"}}, "luns[0].attributes.is_nonrot"),
        ({"attributes": {"unknown": 1}}, "luns[0].attributes.unknown"),
        ({"attributes": {"emulate_write_cache": 1}}, "takes it from the block device"),
    ],
)
def test_bad_luns(changes: Dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as error:
        make(luns=[{**LUN, **changes}])
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ({"lun": 0, "name": "b", "path": "/dev/vg/b"}, "LUN number 0 is given twice"),
        ({"lun": 1, "name": "a", "path": "/dev/vg/b"}, "the name a is given twice"),
        ({"lun": 1, "name": "b", "path": "/dev/vg/a"}, "the path /dev/vg/a is given twice"),
        ({"lun": 1, "name": "b", "path": "/dev/vg/b", "serial": "0123456789ABCDEF0123456789abcdef"}, "serial"),
    ],
)
def test_duplicate_luns(second: Dict[str, Any], says: str) -> None:
    first = {**LUN, "serial": "0123456789abcdef0123456789abcdef"}
    with pytest.raises(InputError) as error:
        make(luns=[first, second])
    assert says in str(error.value)


def test_attributes_are_made_comparable() -> None:
    wanted = make(
        luns=[{"lun": 1, "name": "f", "file": "/srv/f", "size": "1G", "attributes": {"emulate_write_cache": True, "is_nonrot": "01"}}],
        attributes={"login_timeout": 20, "ImmediateData": False, "HeaderDigest": "CRC32C"},
    )
    assert wanted.luns is not None
    assert wanted.luns[0].attributes == {"emulate_write_cache": "1", "is_nonrot": "1"}
    assert (wanted.luns[0].size, wanted.luns[0].write_back) == (2**30, True)
    assert wanted.attributes["login_timeout"] == "20"
    assert wanted.attributes["ImmediateData"] == "No"
    assert wanted.attributes["HeaderDigest"] == "CRC32C"


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ({"authentication": 0}, "the option authentication sets it"),
        ({"generate_node_acls": 1}, "only initiators in acls"),
        ({"AuthMethod": "None"}, "the option authentication decides it"),
        ({"login_timeout": 31}, "between 5 and 30"),
        ({"login_timeout": None}, "between 5 and 30"),
        ({"MaxBurstLength": 1}, "between 512"),
        ({"ImmediateData": "maybe"}, "'Yes', 'No'"),
        ({"loginTimeout": 20}, "unknown; known are"),
    ],
)
def test_bad_attributes(attributes: Dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as error:
        make(attributes=attributes)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ({"authentication": 0}, "the option authentication sets it"),
        ({"nopin_timeout": 2}, "acls[0].attributes.nopin_timeout: '2': expected 0 for never, or 3 to 60 seconds"),
        ({"nopin_timeout": 61}, "between 0 and 60"),
        ({"nopin_timeout": "x"}, "between 0 and 60"),
        ({"noop_timeout": 0}, "unknown; known are dataout_timeout"),
    ],
)
def test_bad_attributes_of_an_acl(attributes: Dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as error:
        make(acls=[{**ACL, "attributes": attributes}])
    assert says in str(error.value)


@pytest.mark.parametrize("value", [0, "3", 60])
def test_attributes_of_an_acl(value: Any) -> None:
    wanted = make(acls=[{**ACL, "attributes": {"nopin_timeout": value}}])
    assert wanted.acls is not None
    assert wanted.acls[0].attributes == {"nopin_timeout": str(value)}


@pytest.mark.parametrize(
    "iqn", ["", "iqn.2026-01.com", "iqn.2026-13.com.example", "iqn.2026-01.com.Example", "iqn.2026-01.com.example:" + "a" * 220]
)
def test_bad_names(iqn: str) -> None:
    with pytest.raises(InputError, match="iqn"):
        make(iqn=iqn)
    with pytest.raises(InputError, match="initiator"):
        make(acls=[{**ACL, "initiator": iqn}])


@pytest.mark.parametrize(
    ("acls", "authentication", "says"),
    [
        ([{**ACL, "chap": None}], True, "acls[0].chap: missing"),
        ([ACL], False, "no effect without authentication"),
        ([ACL, ACL], True, "is given twice"),
        ([{**ACL, "luns": [0, 0]}], True, "LUN 0 is given twice"),
        ([{**ACL, "luns": [1]}], True, "not declared in luns: 1"),
        ([{**ACL, "chap": {**CHAP, "password": "hunter2"}}], True, "does not follow the rule"),
        ([{**ACL, "chap": {**CHAP, "password": "with#hash-and-more"}}], True, "does not follow the rule"),
        ([{**ACL, "chap": {**CHAP, "mutual_username": "x"}}], True, "given together"),
        ([{**ACL, "chap": {**CHAP, "mutual_username": "x", "mutual_password": "first-secret-1"}}], True, "could reflect it"),
    ],
)
def test_bad_acls(acls: List[Dict[str, Any]], authentication: bool, says: str) -> None:
    with pytest.raises(InputError) as error:
        make(acls=acls, authentication=authentication)
    assert says in str(error.value)
    for acl in acls:
        secret: Optional[str] = (acl["chap"] or {}).get("password")
        assert secret is None or secret not in str(error.value)


def test_secrets_are_known_also_of_invalid_options() -> None:
    acls = [{"chap": {"password": "x", "mutual_password": "y"}}, {"chap": None}, {}]
    assert secrets_of({"acls": acls}) == ("x", "y")
    assert secrets_of({"acls": None}) == ()
