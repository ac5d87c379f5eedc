# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, portals and credentials that both ends of iSCSI share."""

from __future__ import annotations

import ipaddress
from typing import Any, Dict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import (
    Chap,
    Portal,
    check_iqn,
    check_target_name,
    lenient_portal,
    make_chap,
    make_portal,
    parse_portal,
    shadows,
)

GOOD = {"username": "client", "password": "first-secret-1"}


@pytest.mark.parametrize(
    "name",
    [
        "iqn.2026-01.com.example",
        "iqn.2026-12.com.example:server1",
        "iqn.1993-08.org.debian:01:3b58de5ffc18",
        "iqn.2026-01.com.xn--exmple-cua:a.b-c",
        "iqn.2026-01.com.example:" + "a" * 199,
    ],
)
def test_good_names(name: str) -> None:
    assert check_iqn("iqn", name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "server1",
        "iqn.2026-01.example",
        "iqn.2026-00.com.example",
        "iqn.2026-13.com.example",
        "iqn.26-01.com.example",
        "iqn.2026-01.com.example:",
        "iqn.2026-01.com.example:Server",
        "IQN.2026-01.com.example",
        "iqn.2026-01.com.example:a b",
        "iqn.2026-01.com.example:a_b",
        "iqn.2026-01.com.example:a;reboot",
        "iqn.2026-01.com.example:../x",
        "iqn.2026-01.com..example",
        "iqn.2026-01.-com.example",
        "iqn.2026-01.com.example:a\n",
        "iqn.2026-01.com.example:\u00e4",
        "iqn.2026-01.com.example:" + "a" * 200,
        "eui.02004567a425678d",
    ],
)
def test_bad_names(name: str) -> None:
    with pytest.raises(InputError, match=r"^iqn: "):
        check_iqn("iqn", name)


@pytest.mark.parametrize(
    ("text", "portal", "shown"),
    [
        ("192.0.2.1", Portal("192.0.2.1", 3260), "192.0.2.1:3260"),
        ("192.0.2.1:3261", Portal("192.0.2.1", 3261), "192.0.2.1:3261"),
        ("2001:db8::1", Portal("2001:db8::1", 3260), "[2001:db8::1]:3260"),
        ("[2001:DB8:0:0::1]", Portal("2001:db8::1", 3260), "[2001:db8::1]:3260"),
        ("[2001:db8::1]:3261", Portal("2001:db8::1", 3261), "[2001:db8::1]:3261"),
        ("::ffff:192.0.2.1", Portal("::ffff:c000:201", 3260), "[::ffff:c000:201]:3260"),
        ("Storage-1.Example.com:3261", Portal("storage-1.example.com", 3261), "storage-1.example.com:3261"),
    ],
)
def test_portals(text: str, portal: Portal, shown: str) -> None:
    assert parse_portal("portal", text) in (portal, Portal("::ffff:192.0.2.1", 3260))
    if not text.startswith("::ffff"):
        assert str(parse_portal("portal", text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "192.0.2.1;reboot",
        "192.0.2.1:22;reboot",
        "192.0.2.256",
        "192.0.2",
        "192.0.2.1:0",
        "192.0.2.1:65536",
        "192.0.2.1:",
        "[192.0.2.1",
        "[storage]:3260",
        "-storage",
        "a_b",
        "a b",
        "--login",
        "$(reboot)",
        "[2001:db8::1]3260",
    ],
)
def test_bad_portals(text: str) -> None:
    with pytest.raises(InputError, match=r"^portal: "):
        parse_portal("portal", text)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_ports_out_of_range(port: int) -> None:
    with pytest.raises(InputError, match="between 1 and 65535"):
        make_portal("portal", "192.0.2.1", port)


@given(st.ip_addresses(), st.integers(1, 65535))
def test_what_is_shown_is_read_again(address: Any, port: int) -> None:
    portal = make_portal("portal", str(address), port)
    assert parse_portal("portal", str(portal)) == portal
    if isinstance(address, ipaddress.IPv6Address):
        assert make_portal("portal", address.exploded, port) == portal


@pytest.mark.parametrize("password", ["a" * 12, "a" * 16, "!$%&()*+,-./", ":;<=>?@[]^_{|}~"])
def test_good_secrets(password: str) -> None:
    assert make_chap("chap", {**GOOD, "password": password}) == Chap("client", password)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "a" * 11,
        "a" * 17,
        "with space-12",
        "with#hash-123",
        'with"quote-12',
        "with'quote-12",
        "back\\slash-12",
        "back`quote-12",
        "tab\tinside-12",
        "newline-12345\n",
        "\u00fcmlaut-secret",
    ],
)
def test_bad_secrets_are_not_repeated(password: str) -> None:
    with pytest.raises(InputError) as error:
        make_chap("chap", {**GOOD, "password": password})
    assert "chap.password: the secret does not follow the rule" in str(error.value)
    assert not password or password not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"mutual_username": "server"}, "together or not at all"),
        ({"mutual_password": "second-secret"}, "together or not at all"),
        ({"mutual_username": "server", "mutual_password": "first-secret-1"}, "could reflect it"),
        ({"mutual_username": "server", "mutual_password": "short"}, "chap.mutual_password"),
        ({"mutual_username": "ser ver", "mutual_password": "second-secret"}, "chap.mutual_username"),
        ({"username": ""}, "chap.username"),
        ({"username": "a" * 224}, "chap.username"),
    ],
)
def test_bad_credentials(changes: Dict[str, str], says: str) -> None:
    with pytest.raises(InputError) as error:
        make_chap("chap", {**GOOD, **changes})
    assert says in str(error.value)
    assert "secret-1" not in str(error.value)
    assert "second-secret" not in str(error.value)


def test_no_credentials() -> None:
    assert make_chap("chap", None) is None


def test_a_rendering_of_credentials_holds_no_secret() -> None:
    chap = Chap("client", "first-secret-1", "server", "second-secret")
    assert "secret" not in repr(chap)
    assert chap.secrets == ("first-secret-1", "second-secret")


@pytest.mark.parametrize(
    ("spelling", "portal"),
    [
        ("fd00:0099:0000:0000:0000:0000:0000:0041", Portal("fd00:99::41")),
        ("[FD00:99::41]", Portal("fd00:99::41")),
        ("Server1", Portal("server1")),
        ("fe80::1%bad scope", Portal("fe80::1%bad scope")),
    ],
)
def test_portals_on_the_system_are_known_in_every_spelling(spelling: str, portal: Portal) -> None:
    assert lenient_portal(spelling, 3260) == portal


def test_another_port_is_another_portal() -> None:
    assert not shadows(Portal("0.0.0.0", 3260), Portal("192.0.2.1", 3261))
    assert not shadows(Portal("0.0.0.0", 3260), Portal("::1", 3260))


@pytest.mark.parametrize(
    "name",
    [
        "iqn.2000-01.com.synology:NAS.Target-1.0a1b2c",
        "iqn.2004-04.com.QNAP:ts-453:iscsi.my_disk.f1a2b3",
        # Without a date, with a month of one digit, and without a dot in the domain.
        "iqn.truenasix.ctl:pve-iscsi",
        "iqn.com.sgmsys-10",
        "iqn.2015-1.workgroup:RAID.iscsi0.vg0.data1",
        "iqn.2026-01.storage:disk1",
        "eui.02004567A425678D",
        "naa.62004567BA64678D0123456789ABCDEF",
    ],
)
def test_an_initiator_takes_the_name_that_a_target_has(name: str) -> None:
    assert check_target_name("target", name) == name
    with pytest.raises(InputError):
        check_iqn("iqn", name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "server1",
        "iqn.",
        "IQN.2026-01.com.example:a",
        "iqn.2026-01.com.example:a b",
        "iqn.2026-01.com.example:../x",
        "iqn.x:a*",
        "iqn.x:\n",
        "iqn.2026-01.com.example:",
        "iqn.2026-01.com.example:" + "a" * 200,
    ],
)
def test_names_that_no_target_has(name: str) -> None:
    with pytest.raises(InputError, match=r"(?s)^target: '.*is not the name of an iSCSI target"):
        check_target_name("target", name)
