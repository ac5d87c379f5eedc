# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans of sessions: what they do, what they refuse, and that a plan carried out leaves nothing to plan."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError, ObservationError, RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Command, Operation, Plan, RemoveFile, WriteFile
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Chap, Portal, parse_portal
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.logins import needs_login
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.options import PRESETS
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.plan import plan as plan_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.records import Credentials, Record, edit_record
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.show import info, returned
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.state import (
    LOGGED_IN,
    Answer,
    Device,
    Luns,
    Session,
    State,
    Wanted,
    WantedSession,
    ready_luns,
)

RECORDED = Path(__file__).resolve().parents[5] / "fixtures" / "iscsiadm" / "2.1.8"
NEW_RECORD = (RECORDED / "record_new_without_tag.txt").read_text(encoding="utf-8")
NAME = "iqn.2026-01.com.example:client"
NAME_FILE = f"## KEEP THIS LINE\nGenerateName=yes\nInitiatorName={NAME}\n"
TARGET = "iqn.2026-01.com.example:s1"
V4 = Portal("192.0.2.1")
V6 = Portal("2001:db8::1")
OLD = Chap("user", "old-secret-0123")
NEW = Chap("user", "new-secret-0123", "server", "mutual-secret-1")
SERVED = (0, 1, 2)


def devices(target: str, portal: Portal, luns: tuple[int, ...] = SERVED) -> tuple[Device, ...]:
    base = f"/dev/disk/by-path/ip-{portal.host}:{portal.port}-iscsi-{target}-lun-"
    return tuple(Device(lun, f"/dev/sd{lun}", 1 << 20, True, f"0x6001405{lun}", f"{base}{lun}") for lun in luns)


def record(target: str = TARGET, portal: Portal = V4, wanted: WantedSession | None = None, address: str | None = None) -> Record:
    identity: dict[str, str | None] = {"node.name": target, "node.conn[0].address": portal.host}
    text = edit_record(NEW_RECORD, {**identity, **(wanted.settings() if wanted else {})})
    return Record(f"/etc/iscsi/nodes/{target}/{portal.host},{portal.port}", target, portal, address or portal.host, text)


def session(
    target: str = TARGET,
    portal: Portal = V4,
    sid: int = 1,
    chap: Chap | None = None,
    state: str = LOGGED_IN,
    luns: tuple[int, ...] = SERVED,
    timeouts: dict[str, int] | None = None,
) -> Session:
    credentials = Credentials.of(chap) if chap else Credentials()
    live = {"replacement_timeout": 120, "noop_out_interval": 5, "noop_out_timeout": 5} if timeouts is None else timeouts
    return Session(sid, target, portal, portal, state, True, 1, live, credentials, devices(target, portal, luns))


def initiator(*parts: Record | Session, **changes: Any) -> State:
    records = tuple(part for part in parts if isinstance(part, Record))
    sessions = tuple(part for part in parts if isinstance(part, Session))
    return State(NAME, NAME_FILE, records, sessions, **changes)


def plan(state: State, wanted: Sequence[WantedSession], name: str | None = None) -> Plan:
    return plan_wanted(state, Wanted(tuple(wanted), name))


def report(state: State, wanted: Sequence[WantedSession]) -> Mapping[str, Any]:
    return returned(state, Wanted(tuple(wanted)), Plan("", {}, {}))


def words(made: Plan) -> list[str]:
    return [" ".join(step) for step in made.commands()]


def carried_out(state: State, made: Plan, wanted: dict[tuple[str, Portal], WantedSession]) -> State:
    """The state after the plan, as iscsiadm, iscsid and the kernel would leave it."""
    for step in made.steps:
        if isinstance(step, RemoveFile):
            state = replace(state, records=tuple(one for one in state.records if one.path != step.path))
            state = replace(state, stale_lock=None if state.stale_lock == step.path else state.stale_lock)
        elif isinstance(step, WriteFile):
            state = replace(state, name=step.content.rpartition("InitiatorName=")[2].strip(), name_file=step.content)
        elif isinstance(step, Command):
            state = _commanded(state, step.argv)
        else:
            assert isinstance(step, Operation)
            key = (step.arguments["target"], parse_portal("portal", step.arguments["portal"]))
            state = _operated(state, step, wanted[key])
    return state


def _commanded(state: State, argv: tuple[str, ...]) -> State:
    if argv[:2] == ("systemctl", "try-restart"):
        return state
    assert argv[0] == "iscsiadm"
    options = dict(zip(argv[1:-1:2], argv[2::2]))
    if argv[-1] == "-R":
        sid = int(options["-r"])
        found = tuple(replace(one, devices=devices(one.target, one.portal)) if one.sid == sid else one for one in state.sessions)
        return replace(state, sessions=found)
    key = (options["-T"], parse_portal("portal", options["-p"].partition(",")[0]))
    if options["-o"] == "new":
        return replace(state, records=(*state.records, record(*key)))
    assert options["-o"] == "delete"
    return replace(state, records=tuple(one for one in state.records if (one.target, one.portal) != key))


def _operated(state: State, step: Operation, wanted: WantedSession) -> State:
    records, sessions = state.records_of(*wanted.key), state.sessions_of(*wanted.key)
    other_records = tuple(one for one in state.records if one not in records)
    others = tuple(one for one in state.sessions if one not in sessions)
    if step.name == "write_record":
        assert records
        changed = tuple(replace(one, text=edit_record(one.text, wanted.settings())) for one in records)
        return replace(state, records=(*other_records, *changed))
    if step.name == "log_in":
        assert len(records) == 1
        assert not sessions
        chap = records[0].credentials
        live = {name: int(records[0].settings[key]) for name, key in LIVE.items()}
        new = replace(session(*wanted.key, sid=max([0, *(one.sid for one in others)]) + 1, timeouts=live), credentials=chap)
        return replace(state, sessions=(*others, new))
    if step.name == "log_out":
        return replace(state, sessions=tuple(one for one in state.sessions if one.sid != step.arguments["session"]))
    if step.name == "wait_for_session":
        return replace(state, sessions=(*others, *(replace(one, state=LOGGED_IN) for one in sessions)))
    if step.name == "set_replacement_timeout":
        live = {"replacement_timeout": step.arguments["seconds"]}
        return replace(state, sessions=(*others, *(replace(one, timeouts={**one.timeouts, **live}) for one in sessions)))
    assert step.name == "wait_for_devices"
    assert not wanted.luns.missing(ready_luns(sessions))
    return state


LIVE = {
    "replacement_timeout": "node.session.timeo.replacement_timeout",
    "noop_out_interval": "node.conn[0].timeo.noop_out_interval",
    "noop_out_timeout": "node.conn[0].timeo.noop_out_timeout",
}
CHAPS = st.sampled_from([None, OLD, NEW])


@st.composite
def wanteds(draw: st.DrawFn, portal: Portal) -> WantedSession:
    state = draw(st.sampled_from(["logged_in", "logged_out", "absent"]))
    return WantedSession(
        target=TARGET,
        portal=portal,
        state=state,
        chap=draw(CHAPS),
        startup=draw(st.sampled_from(["automatic", "manual"])) if state == "logged_in" else draw(st.sampled_from([None, "manual"])),
        parameters=draw(st.sampled_from([{}, {"cmds_max": 512, "queue_depth": 128}, {"queue_depth": 32}])),
        timeouts=draw(st.sampled_from([{}, PRESETS["md"], {"replacement_timeout": 0}, {"noop_out_timeout": 9}])),
        relogin=draw(st.booleans()),
        luns=draw(st.sampled_from([Luns(), Luns(count=3), Luns(numbers=(0, 2))])),
    )


@st.composite
def systems(draw: st.DrawFn) -> State:
    parts: list[Record | Session] = []
    sid = 0
    for target in (TARGET, "iqn.2026-01.com.example:other"):
        for portal in (V4, V6):
            if draw(st.booleans()):
                found = record(target, portal, draw(wanteds(portal)))
                parts.append(replace(found, text=found.text[: draw(st.sampled_from([900, 0]))]) if draw(st.booleans()) else found)
            if draw(st.booleans()):
                sid += 1
                luns = draw(st.sampled_from([SERVED, (0,), ()]))
                parts.append(session(target, portal, sid, draw(CHAPS), draw(st.sampled_from([LOGGED_IN, "FAILED", "FREE"])), luns))
    lock = draw(st.sampled_from([None, "/run/lock/iscsi/lock.write"]))
    return initiator(*parts, stale_lock=lock)


@settings(max_examples=150, deadline=None)
@given(systems(), st.lists(st.sampled_from([V4, V6]), unique=True, min_size=1).flatmap(lambda ps: st.tuples(*(wanteds(p) for p in ps))))
def test_a_plan_carried_out_leaves_nothing_to_plan(state: State, wanted: tuple[WantedSession, ...]) -> None:
    made = plan(state, wanted)
    after = carried_out(state, made, {one.key: one for one in wanted})
    again = plan(after, wanted)
    assert again.steps == ()
    assert again.before == again.after
    # The diff told the truth of it.
    if made.changed:
        pairs = [(made.after, again.before)] if len(wanted) == 1 else [(made.after[key], again.before[key]) for key in made.after]
        for promised, found in pairs:
            assert {key: promised[key] for key in ("session", "record")} == {key: found[key] for key in ("session", "record")}
    # What the task did not name is as it was.
    keys = {one.key for one in wanted}
    for one in state.records + state.sessions:
        if (one.target, one.portal) not in keys:
            assert one in after.records + after.sessions
    shown = json.dumps([made.commands(), made.diff(), made.warnings, report(after, wanted), info(after)])
    assert "secret" not in shown.replace('"secrets"', "")


@settings(max_examples=100, deadline=None)
@given(systems(), st.sampled_from([V4, V6]).flatmap(wanteds), st.data())
def test_a_plan_killed_after_any_step_is_completed_by_the_next(state: State, wanted: WantedSession, data: st.DataObject) -> None:
    made = plan(state, [wanted])
    done = data.draw(st.integers(0, len(made.steps)))
    named = {wanted.key: wanted}
    half = carried_out(state, replace(made, steps=made.steps[:done]), named)
    whole = carried_out(half, plan(half, [wanted]), named)
    assert not plan(whole, [wanted]).changed
    assert needs_login(whole, wanted) is False
    assert bool(whole.sessions_of(*wanted.key)) == (wanted.state == "logged_in")


def test_a_first_login() -> None:
    wanted = WantedSession(TARGET, V4, chap=NEW, startup="automatic", timeouts=PRESETS["md"], luns=Luns(count=3))
    offers = ((TARGET, V4, 1), ("iqn.2026-01.com.example:other", V4, 1))
    made = plan(initiator(answers={wanted.key: Answer(peer=V4, offers=offers)}), [wanted])
    first, write, login, wait = words(made)
    assert first == f"iscsiadm -m node -o new -T {TARGET} -p 192.0.2.1:3260,1"
    assert write.startswith(f"write_record target={TARGET} portal=192.0.2.1:3260 settings=node.startup=automatic ")
    assert "replacement_timeout=10" in write
    assert "password_in=********" in write
    assert login == f"log_in target={TARGET} portal=192.0.2.1:3260 created=True limit=60"
    assert wait == f"wait_for_devices target={TARGET} portal=192.0.2.1:3260 luns=3 limit=60"
    assert made.diff()["after"]["chap"] == {"username": "user", "mutual_username": "server", "secrets": "as asked"}


def test_a_host_name_portal_takes_the_tag_of_the_address_it_leads_to() -> None:
    wanted = WantedSession(TARGET, Portal("server1"))
    made = plan(initiator(answers={wanted.key: Answer(peer=V4, offers=((TARGET, V4, 7),))}), [wanted])
    assert words(made)[0].endswith("-p server1:3260,7")


def test_a_target_without_a_tag_is_logged_in_to_by_its_portal() -> None:
    wanted = WantedSession(TARGET, V4)
    made = plan(initiator(answers={wanted.key: Answer(peer=V4, offers=((TARGET, V4, None),))}), [wanted])
    assert words(made)[0].endswith("-p 192.0.2.1:3260")


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (Answer(peer=V4, offers=(("iqn.2026-01.com.example:b", V4, 1),)), "answers as another target: it offers iqn.2026-01.com.example:b"),
        (Answer(peer=V4, offers=()), "answers as another target: it offers no target"),
        (Answer(peer=V4, offers=(("iqn.2026-01.com.example:b", V4, 1), (TARGET, V6, 1))), "that target is at [2001:db8::1]:3260"),
    ],
)
def test_portals_of_another_target_are_refused_by_name(answer: Answer, found: str) -> None:
    wanted = WantedSession(TARGET, V4)
    with pytest.raises(ObservationError) as caught:
        plan(initiator(answers={wanted.key: answer}), [wanted])
    assert str(caught.value).startswith(f"portal 192.0.2.1:3260 (for {TARGET}) ")
    assert found in str(caught.value)


def test_all_bad_portals_are_in_one_message() -> None:
    wanted = [WantedSession(TARGET, V4), WantedSession(TARGET, V6)]
    with pytest.raises(ObservationError, match=r"192\.0\.2\.1.*; .*2001:db8::1"):
        plan(initiator(answers={one.key: Answer(peer=one.portal, offers=()) for one in wanted}), wanted)


def test_portals_that_are_down_keep_no_other_session_from_being_made() -> None:
    down = WantedSession(TARGET, V4, chap=NEW, startup="automatic", timeouts=PRESETS["md"])
    up, away = replace(down, portal=V6), WantedSession("iqn.2026-01.com.example:away", V4)
    former = record(wanted=WantedSession(TARGET, V4, chap=OLD))
    problem = Answer(problem="refuses the connection")
    state = initiator(former, session(chap=NEW, state="FAILED"), answers={down.key: problem, away.key: problem})
    made = plan(state, [down, up, away])
    # The record is ready for the login that comes by itself, nothing waits for it, and nothing new is tried at every boot.
    assert [step.split()[0] for step in words(plan(state, [down]))] == ["write_record", "set_replacement_timeout"]
    assert [step.split()[0] for step in words(made)][2:] == ["iscsiadm", "write_record", "log_in", "wait_for_devices"]
    assert len(made.unmet) == 2
    assert made.unmet[0] == f"portal 192.0.2.1:3260 (for {TARGET}) refuses the connection; session 1 is FAILED, and iscsid keeps trying"
    after = carried_out(state, made, {one.key: one for one in (down, up, away)})
    again = plan(after, [down, up, away])
    assert (again.steps, again.unmet) == ((), made.unmet)
    for key, view in again.before.items():
        # What a new record has where nothing was asked for, is not known before it is made.
        known = {name: made.after[key][name] for name in ("luns", "parameters")}
        assert {name: made.after[key][name] for name in view} == {**view, **known}


@pytest.mark.parametrize("offers", [None, ((TARGET, Portal("10.1.1.1"), 1),)])
def test_a_portal_that_hides_its_targets_or_its_address_is_left_to_the_login(offers: Any) -> None:
    wanted = WantedSession(TARGET, V4)
    made = plan(initiator(answers={wanted.key: Answer(peer=V4, offers=offers)}), [wanted])
    assert words(made)[0].endswith("-p 192.0.2.1:3260")


def test_the_same_portal_by_another_name_is_not_logged_in_to_twice() -> None:
    wanted = WantedSession(TARGET, Portal("server1"))
    with pytest.raises(ObservationError, match=r"is the portal 192\.0\.2\.1:3260 that session 1 is logged in to"):
        plan(initiator(session(), answers={wanted.key: Answer(peer=V4)}), [wanted])


def test_a_lost_session_whose_portal_is_silent_is_reported() -> None:
    wanted = WantedSession(TARGET, V4)
    state = initiator(record(), session(state="FAILED"), answers={wanted.key: Answer(problem="refuses the connection")})
    assert needs_login(state, wanted)
    assert "session 1 is FAILED" in plan(state, [wanted]).unmet[0]


def test_a_lost_session_with_former_credentials_is_replaced_when_it_is_free() -> None:
    wanted = WantedSession(TARGET, V4, chap=NEW)
    lost = session(chap=OLD, state="FREE")
    state = initiator(record(wanted=wanted), lost)
    assert [step.split()[0] for step in words(plan(state, [wanted]))] == ["log_out", "log_in", "wait_for_devices"]
    used = replace(lost, devices=(replace(lost.devices[0], users=("sda is held by md1",)),))
    made = plan(initiator(record(wanted=wanted), used, session(portal=V6, sid=2, state="FREE")), [wanted, WantedSession(TARGET, V6)])
    assert "held by md1" in made.unmet[0]
    # The other session is brought back all the same.
    assert not [step for step in words(made) if "192.0.2.1" in step]
    assert f"wait_for_session target={TARGET} portal=[2001:db8::1]:3260 limit=60" in words(made)


def test_changed_credentials_go_to_the_record_and_drop_no_session() -> None:
    wanted = WantedSession(TARGET, V4, chap=NEW)
    state = initiator(record(wanted=WantedSession(TARGET, V4, chap=OLD)), session(chap=OLD))
    made = plan(state, [wanted])
    assert [step.split()[0] for step in words(made)] == ["write_record"]
    assert made.diff()["before"]["chap"]["secrets"] == "others"
    assert "keeps its former CHAP credentials" in made.warnings[0]
    after = carried_out(state, made, {wanted.key: wanted})
    assert not plan(after, [wanted]).changed
    shown = report(after, [wanted])
    assert shown["relogin_needed"] is True
    assert shown["sessions"][0]["relogin_needed"] == ["CHAP credentials"]


def test_a_running_session_is_logged_in_anew_only_where_that_is_asked_for_needed_and_free() -> None:
    wanted = WantedSession(TARGET, V4, chap=NEW, relogin=True, timeouts={"noop_out_interval": 5})
    state = initiator(record(wanted=wanted), session(chap=OLD))
    assert needs_login(state, wanted)
    assert [step.split()[0] for step in words(plan(state, [wanted]))] == ["log_out", "log_in", "wait_for_devices"]
    assert not plan(state, [wanted]).warnings
    slower = replace(wanted, chap=OLD, timeouts={"noop_out_interval": 9})
    assert words(plan(initiator(record(wanted=slower), session(chap=OLD)), [slower]))[0].startswith("log_out")
    assert not plan(initiator(record(wanted=wanted), session(chap=NEW)), [wanted]).changed
    # It stays where its portal does not answer, or where its disks are in use.
    silent = plan(replace(state, answers={wanted.key: Answer(problem="refuses the connection")}), [wanted])
    assert silent.unmet == (f"portal 192.0.2.1:3260 (for {TARGET}) refuses the connection; session 1 is {LOGGED_IN}",)
    used = replace(state.sessions[0], devices=(replace(state.sessions[0].devices[0], users=("sda is held by md1",)),))
    held = plan(replace(state, sessions=(used,)), [wanted])
    assert "is LOGGED_IN with its former CHAP credentials and cannot be logged out while its disks are in use: sda is" in held.unmet[0]
    assert not silent.changed
    assert not held.changed


def test_the_replacement_timeout_of_a_running_session_is_brought_back() -> None:
    wanted = WantedSession(TARGET, V4, timeouts=PRESETS["md"])
    made = plan(initiator(record(wanted=wanted), session()), [wanted])
    assert words(made) == [f"set_replacement_timeout target={TARGET} portal=192.0.2.1:3260 session=1 seconds=10"]


def test_other_live_timeouts_need_a_login() -> None:
    wanted = WantedSession(TARGET, V4, timeouts={"noop_out_interval": 9})
    made = plan(initiator(record(wanted=wanted), session()), [wanted])
    assert not made.changed
    assert "noop_out_interval" in made.warnings[0]


def test_only_missing_luns_bring_a_scan() -> None:
    state = initiator(record(), session(luns=(0, 1)))
    assert not plan(state, [WantedSession(TARGET, V4, luns=Luns(count=2))]).changed
    assert not plan(state, [WantedSession(TARGET, V4, luns=Luns(numbers=(1,)))]).changed
    scan, wait = words(plan(state, [WantedSession(TARGET, V4, luns=Luns(numbers=(1, 2)))]))
    assert scan == "iscsiadm -m session -r 1 -R"
    assert "luns=1,2" in wait


def test_only_luns_that_are_smaller_than_declared_bring_a_scan() -> None:
    state = initiator(record(), session())
    assert not plan(state, [WantedSession(TARGET, V4, least_mb=1)]).changed
    made = plan(state, [WantedSession(TARGET, V4, least_mb=2)])
    scan, wait = words(made)
    assert scan == "iscsiadm -m session -r 1 -R"
    assert wait.startswith("wait_for_devices")
    assert (made.before["smallest_lun_mb"], made.after["smallest_lun_mb"]) == (1, 2)
    # The task names the LUNs that it means: another LUN of the target may have any size.
    disks = state.sessions[0].devices
    mixed = replace(state.sessions[0], devices=(replace(disks[0], size=4 << 20), *disks[1:]))
    assert not plan(initiator(record(), mixed), [WantedSession(TARGET, V4, luns=Luns(numbers=(0,)), least_mb=2)]).changed


@pytest.mark.parametrize("state", ["logged_out", "absent"])
def test_a_session_in_use_is_not_ended(state: str) -> None:
    used = session()
    used = replace(used, devices=(replace(used.devices[0], users=("sda is mounted on /srv", "sda1 is held by md1")),))
    with pytest.raises(RefusedError, match="mounted on /srv; sda1 is held by md1"):
        plan(initiator(record(), used), [WantedSession(TARGET, V4, state=state)])


def test_logging_out_keeps_the_record_and_needs_none() -> None:
    assert words(plan(initiator(record(), session()), [WantedSession(TARGET, V4, state="logged_out")])) == [
        f"log_out target={TARGET} portal=192.0.2.1:3260 session=1 limit=60"
    ]
    assert plan(initiator(session()), [WantedSession(TARGET, V4, state="logged_out")]).changed
    assert not plan(initiator(record()), [WantedSession(TARGET, V4, state="logged_out")]).changed


def test_absent_removes_the_record_of_that_portal_as_it_was_spelt() -> None:
    state = initiator(record(portal=V6, address="2001:DB8:0::1"), record(), session(portal=V6, sid=4))
    made = plan(state, [WantedSession(TARGET, V6, state="absent")])
    assert words(made) == [
        f"log_out target={TARGET} portal=[2001:db8::1]:3260 session=4 limit=60",
        f"iscsiadm -m node -T {TARGET} -p [2001:DB8:0::1]:3260 -o delete",
    ]


def test_a_damaged_record_is_made_again() -> None:
    broken = replace(record(), text=NEW_RECORD[:500])
    made = plan(initiator(broken, session()), [WantedSession(TARGET, V4)])
    assert words(made)[:2] == [f"rm --force {broken.path}", f"iscsiadm -m node -o new -T {TARGET} -p 192.0.2.1:3260,1"]
    assert made.before["record"] == "damaged"


def test_the_initiator_name_is_written_and_other_lines_kept() -> None:
    made = plan(initiator(), [], "iqn.2026-01.com.example:new")
    (write, restart) = made.steps
    assert isinstance(write, WriteFile)
    assert write.content == "## KEEP THIS LINE\nInitiatorName=iqn.2026-01.com.example:new\n"
    assert write.mode == 0o600
    assert restart == Command(("systemctl", "try-restart", "iscsid.service"))
    assert not plan(initiator(session()), [], NAME).changed


def test_the_initiator_name_is_not_changed_under_sessions() -> None:
    with pytest.raises(RefusedError, match=rf"initiator_name: refused: .*1 \({TARGET} at 192\.0\.2\.1:3260\)"):
        plan(initiator(session()), [], "iqn.2026-01.com.example:new")


def test_what_a_portal_offers_the_former_name_does_not_count() -> None:
    wanted = WantedSession(TARGET, V4)
    state = initiator(answers={wanted.key: Answer(peer=V4, offers=())})
    assert plan(state, [wanted], "iqn.2026-01.com.example:new").changed


def test_a_stale_lock_is_removed_before_the_first_command_only() -> None:
    state = initiator(record(), stale_lock="/run/lock/iscsi/lock.write")
    wanted = WantedSession(TARGET, V4, state="absent")
    made = plan(state, [wanted])
    assert words(made)[0] == "rm --force /run/lock/iscsi/lock.write"
    assert "killed" in made.warnings[0]
    assert not plan(replace(state, records=()), [wanted]).changed


def test_the_report_is_of_the_named_sessions_and_the_info_of_all() -> None:
    state = initiator(record(wanted=WantedSession(TARGET, V4, chap=NEW)), session(), session(portal=V6, sid=2))
    shown = report(state, [WantedSession(TARGET, V4), WantedSession("iqn.2026-01.com.example:none", V4)])
    assert [device["lun"] for device in shown["devices"]] == [0, 1, 2]
    first = shown["devices"][0]
    assert (first["portal"], first["target"]) == ({"host": "192.0.2.1", "port": 3260}, TARGET)
    assert first["by_path"] == f"/dev/disk/by-path/ip-192.0.2.1:3260-iscsi-{TARGET}-lun-0"
    assert (first["wwn"], first["device"], first["size"], first["rotational"]) == ("0x60014050", "/dev/sd0", 1 << 20, True)
    assert [one["state"] for one in shown["sessions"]] == [LOGGED_IN, None]
    assert shown["initiator_name"] == NAME
    everything = info(state)
    assert everything["logins"][1] == {"portal": {"host": "2001:db8::1", "port": 3260}, "target": TARGET}
    assert everything["records"][0]["username"] == "user"
    assert everything["records"][0]["timeouts"]["replacement_timeout"] == 120


def test_without_iscsid_it_is_started_before_anything_else() -> None:
    asked = WantedSession(TARGET, V4, startup="automatic")
    settled = initiator(record(wanted=asked), session())
    assert words(plan(settled, [asked])) == []
    assert words(plan(replace(settled, daemon=False), [asked])) == ["systemctl start iscsid.service"]
    assert words(plan(replace(settled, daemon=False), [asked], NAME)) == ["systemctl start iscsid.service"]
    assert words(plan(initiator(daemon=False), [WantedSession(TARGET, V4, state="absent")])) == []


def test_a_host_without_a_name_is_said_before_a_login() -> None:
    nameless = replace(initiator(), name=None, name_file="")
    with pytest.raises(InputError, match=r"initiator_name: /etc/iscsi/initiatorname\.iscsi gives this host no name"):
        plan(nameless, [WantedSession(TARGET, V4, startup="automatic")])
    assert plan(nameless, [WantedSession(TARGET, V4, startup="automatic")], NAME).changed
