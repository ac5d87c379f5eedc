# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of storage_monitor: applied, killed after any step, applied again, and taken back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError, RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._monitor.options import Wanted, make_wanted, secrets
from ansible_collections.fleetlab.linux.plugins.module_utils._monitor.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._monitor.program import CHECK, EVENT, UNITS
from ansible_collections.fleetlab.linux.plugins.module_utils._monitor.show import returned
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check.notify import SETTINGS
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._monitor.machine import CONF, DEBIAN, Machine

RESTART = ("systemctl", "restart", "mdmonitor.service")
WANTED = st.builds(
    Wanted,
    textfile=st.sampled_from([None, "/metrics"]),
    mail=st.sampled_from([None, "root", "oncall@example.com"]),
    program=st.sampled_from([None, "/usr/local/bin/page"]),
    webhook=st.sampled_from([None, "https://chat.example.com/hook/secret"]),
)


def options(**given: str) -> Wanted:
    return make_wanted({"state": "present", "textfile": None, "mail": None, "program": None, "webhook": None, **given})


def apply(machine: Machine, wanted: Wanted, stop: int = 10**6) -> None:
    machine.carry_out(plan(machine.observe(wanted), wanted).steps[:stop])


@given(first=WANTED, then=WANTED, stop=st.integers(0, 30), has_mdadm=st.booleans())
@settings(deadline=None, max_examples=60)
def test_a_run_that_was_killed_is_completed_by_the_next(first: Wanted, then: Wanted, stop: int, has_mdadm: bool) -> None:
    machine = Machine()
    if not has_mdadm:
        machine.facts = replace(machine.facts, confs=None)
    apply(machine, first)
    apply(machine, then, stop)
    apply(machine, then)
    assert plan(machine.observe(then), then).steps == ()
    assert machine.enabled
    assert json.loads(machine.files[SETTINGS]).get("webhook") == then.webhook
    assert (f"PROGRAM {EVENT}" in machine.files[CONF]) == (then.has_events and has_mdadm)


@given(wanted=WANTED, stop=st.integers(0, 30))
@settings(deadline=None, max_examples=30)
def test_absent_leaves_the_host_as_it_was_but_for_the_address(wanted: Wanted, stop: int) -> None:
    machine, absent = Machine(), Wanted(present=False)
    apply(machine, wanted)
    apply(machine, absent, stop)
    apply(machine, absent)
    assert plan(machine.observe(absent), absent).steps == ()
    assert machine.files == {CONF: DEBIAN.replace("MAILADDR root", f"MAILADDR {wanted.mail or 'root'}")}
    assert not machine.enabled


def test_the_monitor_is_restarted_only_for_a_change_and_with_arrays() -> None:
    machine = Machine()
    apply(machine, options(mail="root"))
    assert RESTART not in machine.ran
    apply(machine, options(mail="a@example.com"))
    assert machine.ran[-1] == RESTART
    machine.facts, machine.ran = replace(machine.facts, has_arrays=False), []
    apply(machine, options(mail="b@example.com"))
    assert RESTART not in machine.ran
    assert machine.files[CONF] == DEBIAN.replace("root", "b@example.com")


@pytest.mark.parametrize("line", ["MAILADDR x@example.com", "mailaddr x@example.com # ours", "MAIL x@example.com"])
def test_an_address_is_replaced_where_it_is_in_every_spelling_of_mdadm(line: str) -> None:
    machine = Machine(files={CONF: f"ARRAY /dev/md1 UUID=1\n  MAILADDR no\n{line}\nMAILADDR y@example.com\n"})
    apply(machine, options(mail="z@example.com"))
    assert machine.files[CONF] == "ARRAY /dev/md1 UUID=1\n  MAILADDR no\nMAILADDR z@example.com\n"


def test_the_webhook_is_in_no_diff_command_or_result_and_only_root_reads_it() -> None:
    machine, wanted = Machine(), options(webhook="https://chat.example.com/hook/secret")
    state = machine.observe(wanted)
    made = plan(state, wanted)
    shown = json.dumps([made.diff(), made.commands(), returned(state, wanted, made), repr(wanted)])
    assert "secret" not in shown
    assert ["write-file", SETTINGS, "0600"] in made.commands()
    assert secrets({"webhook": "https://x"}) == ["https://x"]


def test_a_foreign_program_of_mdadm_is_refused_and_taken_over_if_it_is_named() -> None:
    machine = Machine(files={CONF: "PROGRAM /usr/local/bin/page\n"})
    with pytest.raises(RefusedError, match="mdadm's monitor starts /usr/local/bin/page, and it starts one program only"):
        apply(machine, options(webhook="https://chat.example.com/hook"))
    apply(machine, options(mail="root"))
    assert machine.files[CONF] == "PROGRAM /usr/local/bin/page\nMAILADDR root\n"
    apply(machine, options(program="/usr/local/bin/page"))
    assert machine.files[CONF] == f"PROGRAM {EVENT}\nMAILADDR root\n"


@pytest.mark.parametrize("path", [CHECK, UNITS[1]])
def test_a_foreign_file_is_refused_by_name(path: str) -> None:
    machine = Machine(files={path: "#!/bin/sh\necho mine\n"})
    with pytest.raises(RefusedError, match=path):
        apply(machine, options())


@pytest.mark.parametrize(
    ("given", "facts", "told", "undelivered"),
    [
        ({}, {}, [], "mail to root would not be delivered, because this host has no sendmail"),
        ({}, {"has_sendmail": True}, ["mail to root"], ""),
        ({"webhook": "https://chat.example.com"}, {}, ["webhook"], ""),
        ({"mail": "a@example.com", "webhook": "https://x.example.com"}, {}, ["webhook"], "mail to a@example.com would not be delivered"),
        ({}, {"confs": None}, [], "nobody is told of problems"),
        ({"mail": "root"}, {"confs": None, "has_sendmail": True}, [], "no mail is sent from this host, because it has no mdadm"),
        ({"program": "/bin/true"}, {"confs": None}, ["program /bin/true"], ""),
    ],
)
def test_it_says_where_nobody_would_be_told(given: dict[str, str], facts: dict[str, object], told: list[str], undelivered: str) -> None:
    machine, wanted = Machine(), options(**given)
    machine.facts = replace(machine.facts, **facts)  # type: ignore[arg-type]
    state = machine.observe(wanted)
    made = plan(state, wanted)
    shown = returned(state, wanted, made)
    assert shown["told"] == told
    assert shown["undelivered"] == list(made.warnings)
    assert undelivered in " ".join(made.warnings)
    assert bool(undelivered) == bool(made.warnings)


def test_what_the_host_lacks_is_refused() -> None:
    machine = Machine()
    machine.facts = replace(machine.facts, program_runs=False)
    with pytest.raises(InputError, match="program: /x is not a program that can be started"):
        apply(machine, options(program="/x"))
    machine.facts = replace(machine.facts, program_runs=True, textfile_exists=False)
    with pytest.raises(InputError, match="textfile: the folder /x does not exist"):
        apply(machine, options(textfile="/x"))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("program", "page"),
        ("program", "/bin/page me"),
        ("textfile", "metrics"),
        ("mail", "a@example.com, b@example.com"),
        ("mail", "a # b"),
        ("webhook", "chat.example.com/secret"),
        ("webhook", "file:///etc/secret"),
    ],
)
def test_input_that_cannot_be_right_is_refused(option: str, value: str) -> None:
    with pytest.raises(InputError) as refused:
        options(**{option: value})
    assert refused.value.option == option
    assert "secret" not in str(refused.value)
