# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad options are refused by name before anything is read or changed, and no message holds a secret."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Portal
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.options import ENTRIES, make_wanted, secrets_of
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.state import Luns, Wanted, WantedSession

TARGET = "iqn.2026-01.com.example:a"


def chap(**changes: Any) -> dict[str, Any]:
    return {"username": "user", "password": "secret-0123456", "mutual_username": None, "mutual_password": None, **changes}


def timeouts(**changes: Any) -> dict[str, Any]:
    names = ("preset", "replacement_timeout", "noop_out_interval", "noop_out_timeout", "login_timeout", "logout_timeout")
    return {**dict.fromkeys(names), **changes}


def params(**changes: Any) -> dict[str, Any]:
    return {
        "portal": {"host": "192.0.2.1", "port": 3260},
        "target": TARGET,
        "state": None,
        "chap": None,
        "startup": None,
        "timeouts": None,
        "parameters": None,
        "wait_for_luns": None,
        "lun_mb": None,
        "relogin": None,
        "wait_timeout": None,
        "sessions": None,
        "initiator_name": None,
        **changes,
    }


def one(**changes: Any) -> WantedSession:
    (wanted,) = make_wanted(params(**changes)).sessions
    return wanted


def only_name(name: str | None) -> Wanted:
    return make_wanted(params(target=None, portal=None, initiator_name=name))


def portal(host: str, port: int = 3260) -> dict[str, Any]:
    return {"portal": {"host": host, "port": port}}


@pytest.mark.parametrize("name", ["IQN.2026-01.com.example:a", "iqn.2026-01.com.example:" + "a" * 200, "x", ""])
def test_malformed_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"^target: "):
        one(target=name)
    with pytest.raises(InputError, match=r"^initiator_name: "):
        only_name(name)


@pytest.mark.parametrize("name", ["iqn.2026-01.nodot:a", "iqn.2026-13.com.example:a"])
def test_a_name_of_a_target_need_not_follow_the_standard(name: str) -> None:
    assert one(target=name).target == name
    with pytest.raises(InputError, match=r"^initiator_name: "):
        only_name(name)


@pytest.mark.parametrize("host", ["192.0.2.1;reboot", "a b", "", "-x", "[192.0.2", "2001:db8:::1", "192.0.2.300"])
def test_hosts_that_are_none_are_refused(host: str) -> None:
    with pytest.raises(InputError, match=r"^portal: "):
        one(**portal(host))


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_ports_out_of_range_are_refused(port: int) -> None:
    with pytest.raises(InputError, match=rf"^portal: port {port}"):
        one(**portal("192.0.2.1", port))


@pytest.mark.parametrize("host", ["2001:db8::1", "[2001:DB8:0::1]", "2001:0db8:0000:0000:0000:0000:0000:0001"])
def test_an_ipv6_portal_is_the_same_in_all_its_spellings(host: str) -> None:
    assert one(**portal(host)).portal == Portal("2001:db8::1", 3260)


@pytest.mark.parametrize("secret", ["short", "seventeen-letters", "with#hash-0123", "with space 012", "ümlaut-0123456", 'quote"-0123456'])
def test_secrets_against_the_rule_are_refused_without_being_shown(secret: str) -> None:
    for changes in ({"password": secret}, {"mutual_username": "m", "mutual_password": secret}):
        with pytest.raises(InputError, match=r"^chap\.(mutual_)?password: ") as caught:
            one(chap=chap(**changes))
        assert secret not in str(caught.value)


def test_equal_secrets_are_refused() -> None:
    with pytest.raises(InputError, match=r"^chap: .*equals"):
        one(chap=chap(mutual_username="m", mutual_password="secret-0123456"))


def test_secrets_are_known_also_of_invalid_options() -> None:
    entries = [{"chap": {"password": "y", "mutual_password": "z"}}, {"chap": None}, {}]
    assert secrets_of({"chap": {"password": "x"}, "sessions": None}) == ("x",)
    assert secrets_of({"chap": None, "sessions": entries}) == ("y", "z")


def test_half_of_the_mutual_pair_is_refused() -> None:
    with pytest.raises(InputError, match=r"^chap: "):
        one(chap=chap(mutual_username="m"))


def test_a_secret_is_not_in_the_representation() -> None:
    assert "secret-0123456" not in repr(one(chap=chap()))


def test_a_bad_entry_of_sessions_is_named() -> None:
    entries = [params(), params(target="bad")]
    with pytest.raises(InputError, match=r"^sessions\[1\]\.target: "):
        make_wanted(params(target=None, portal=None, sessions=entries))


def test_a_session_named_twice_is_refused_whatever_its_spelling() -> None:
    entries = [params(**portal("2001:db8::1")), params(**portal("[2001:DB8::0001]"), state="absent")]
    with pytest.raises(InputError, match=r"^sessions\[1\]: .*twice"):
        make_wanted(params(target=None, portal=None, sessions=entries))


def test_a_task_may_be_about_the_initiator_name_only() -> None:
    assert only_name(None) == Wanted((), None)
    assert only_name("iqn.2026-01.com.example:client") == Wanted((), "iqn.2026-01.com.example:client")


def test_what_is_left_out_has_a_default() -> None:
    assert (one().state, one().wait_timeout) == ("logged_in", 60)


def test_an_explicit_null_is_as_good_as_an_omitted_option() -> None:
    (wanted,) = make_wanted(params(target=None, portal=None, sessions=[params()])).sessions
    assert (wanted.state, wanted.relogin, wanted.wait_timeout) == ("logged_in", False, 60)


def test_only_an_entry_has_defaults() -> None:
    spec = ENTRIES.argument_spec()
    assert not [name for name, option in spec.items() if "default" in option]
    assert {name: option["default"] for name, option in spec["sessions"]["options"].items() if "default" in option} == ENTRIES.defaults


def test_a_login_comes_back_at_boot_unless_told_otherwise() -> None:
    assert one().startup == "automatic"
    assert one(startup="manual").startup == "manual"
    assert one(state="logged_out").startup is None


def test_the_md_preset_keeps_the_stall_below_20_s_and_bears_an_outage_of_10_s() -> None:
    found = one(timeouts=timeouts(preset="md")).timeouts
    # The sum is how long commands wait, see docs/timeouts.md; both bounds have room for a busy machine and for the login.
    assert 14 <= found["noop_out_interval"] + found["noop_out_timeout"] + found["replacement_timeout"] <= 17
    assert found["login_timeout"] < found["replacement_timeout"]


def test_named_timeouts_go_before_the_preset() -> None:
    found = one(timeouts=timeouts(preset="md", replacement_timeout=20)).timeouts
    assert (found["replacement_timeout"], found["noop_out_interval"]) == (20, 3)
    assert one(timeouts=timeouts(login_timeout=7)).timeouts == {"login_timeout": 7}
    assert one(timeouts=timeouts()).settings() == {"node.startup": "automatic", "node.conn[0].startup": "automatic"}


@pytest.mark.parametrize(("name", "value"), [("replacement_timeout", -1), ("login_timeout", 0), ("noop_out_timeout", 86401)])
def test_timeouts_out_of_range_are_refused(name: str, value: int) -> None:
    with pytest.raises(InputError, match=rf"^timeouts\.{name}: {value} "):
        one(timeouts=timeouts(**{name: value}))


@pytest.mark.parametrize("value", [0, 3601])
def test_a_wait_out_of_range_is_refused(value: int) -> None:
    with pytest.raises(InputError, match=r"^wait_timeout: "):
        one(wait_timeout=value)


@pytest.mark.parametrize(
    ("value", "expected"), [(None, Luns()), (5, Luns(count=5)), ("5", Luns(count=5)), ([3, "0"], Luns(numbers=(0, 3))), ([], Luns())]
)
def test_luns_are_a_count_or_a_list(value: Any, expected: Luns) -> None:
    assert one(wait_for_luns=value).luns == expected


@pytest.mark.parametrize("value", [0, -1, "all", True, 1.5, [0, 0], [-1], ["x"], [True], {"a": 1}, [16384], "٣"])
def test_other_luns_are_refused(value: Any) -> None:
    with pytest.raises(InputError, match=r"^wait_for_luns: "):
        one(wait_for_luns=value)


def test_missing_luns_are_named() -> None:
    assert Luns(numbers=(0, 3, 4)).missing([0, 7]) == ["3", "4"]
    assert Luns(count=3).missing([0]) == ["2 of 3"]
    assert Luns(count=2).missing([5, 6]) == []
    assert [str(Luns()), str(Luns(count=2)), str(Luns(numbers=(0, 1)))] == ["any", "2", "0,1"]


def test_parameters_that_are_given_are_set_and_no_others() -> None:
    assert one(parameters={"cmds_max": 512, "queue_depth": None}).settings()["node.session.cmds_max"] == "512"
    assert "node.session.queue_depth" not in one(parameters={"cmds_max": 512, "queue_depth": None}).settings()


@pytest.mark.parametrize(
    ("name", "value"), [("cmds_max", 500), ("cmds_max", 4096), ("cmds_max", 1), ("queue_depth", 0), ("queue_depth", 1025)]
)
def test_parameters_that_open_iscsi_would_not_take_are_refused(name: str, value: int) -> None:
    with pytest.raises(InputError, match=rf"^parameters\.{name}: {value} is not "):
        one(parameters={"cmds_max": None, "queue_depth": None, name: value})


def test_mutual_credentials_that_are_not_asked_for_must_not_be_there() -> None:
    settings = one(chap=chap()).settings()
    assert settings["node.session.auth.authmethod"] == "CHAP"
    assert settings["node.session.auth.username_in"] is None
    assert settings["node.session.auth.password_in"] is None
