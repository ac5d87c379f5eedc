# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a server's TLS: a machine made of a few values is killed at any step, and planned again."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Optional, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError, InputError, RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Command, Operation, RemoveFile, Step, WriteFile
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.options import Wanted, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.plan import plan, settings_for
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.profiles import PROFILES, Settings
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.servers import APACHE, Server
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.show import returned
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.state import Config, File, Kept, Listener, Place, Setting, State
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._server_tls.scans import END, report

OPTIONS: Dict[str, Any] = {
    "state": "present",
    "profile": "intermediate",
    "oldest_client": None,
    "groups": None,
    "tickets": "off",
    "stapling": "auto",
    "trace": False,
    "overrides": "refuse",
    "timeout": 5.0,
}
PLACE = Place("/etc/apache2/sites-enabled/a.conf", 7)
CERTIFICATE = File("/etc/tls/a.pem", PLACE, age=10.0)
CONFIG = Config(has_tls=True, reads_owned=True, endpoints=(END,), certificates=(CERTIFICATE,))


def want(**options: Any) -> Wanted:
    return make_wanted({**OPTIONS, **options})


@dataclass
class Machine:
    """A server with its owned file. C(loaded) are the settings that the running process has, C(None) for those of its package.

    nginx and ProFTPD read every file of a folder: theirs is enabled by its existence.
    """

    content: Optional[str] = None
    enabled: bool = False
    running: bool = True
    loaded: Optional[Settings] = None
    journal: Optional[str] = None
    version: Any = (3, 0, 22)
    server: Server = APACHE

    def state(self) -> State:
        return State(
            config=CONFIG,
            version=self.version,
            pid=1 if self.running else None,
            files={self.server.owned: (self.content, 0o644)} if self.content is not None else {},
            is_enabled=self.enabled if self.server.enable else self.content is not None,
            live=(report(self.loaded),) if self.running else (),
            kept=Kept(**json.loads(self.journal)) if self.journal else None,
        )

    def carry_out(self, step: Step, settings: Settings) -> None:
        if isinstance(step, WriteFile) and step.path == self.server.journal:
            self.journal = step.content
        elif isinstance(step, WriteFile):
            assert step.path == self.server.owned
            assert self.journal, "the old file has to be kept first"
            self.content = step.content
        elif isinstance(step, RemoveFile) and step.path == self.server.owned:
            assert self.journal, "the old file has to be kept first"
            self.content = None
        elif isinstance(step, RemoveFile):
            assert step.path == self.server.journal
            self.journal = None
        elif isinstance(step, Command):
            assert step.argv in (self.server.enable, self.server.disable)
            self.enabled = step.argv == self.server.enable
        elif isinstance(step, Operation) and step.name == "prove":
            assert self.running
            if self.content is None:
                self.loaded = None
            self.loaded = settings if self.state().is_enabled and self.content == self.server.render(settings) else self.loaded

    def apply(self, wanted: Wanted, most: Optional[int] = None) -> List[Step]:
        state = self.state()
        steps = plan(state, wanted, self.server).steps
        for step in steps[:most]:
            self.carry_out(step, settings_for(state, wanted))
        return list(steps)


SETTINGS = st.builds(lambda name: Settings(name, ("X25519", "prime256v1", "secp384r1")), st.sampled_from(sorted(PROFILES)))
MACHINES = st.builds(
    Machine,
    content=st.none() | st.builds(APACHE.render, SETTINGS),
    enabled=st.booleans(),
    running=st.booleans(),
    loaded=st.none() | SETTINGS,
    version=st.sampled_from([(3, 0, 22), (3, 5, 9)]),
)


@given(machine=MACHINES, profile=st.sampled_from(sorted(PROFILES)), killed=st.lists(st.integers(0, 7), max_size=3))
def test_a_run_that_was_killed_after_any_steps_is_completed_by_the_next(machine: Machine, profile: str, killed: List[int]) -> None:
    wanted = want(profile=profile)
    before = machine.content if machine.enabled else None
    for most in killed:
        machine.apply(wanted, most)
        if machine.journal:
            assert json.loads(machine.journal)["files"] == {APACHE.owned: before}
        else:
            before = machine.content if machine.enabled else None
    machine.apply(wanted)
    settings = settings_for(machine.state(), wanted)
    assert machine.enabled
    assert machine.content == APACHE.render(settings)
    assert machine.journal is None
    assert machine.loaded == settings or not machine.running
    again = plan(machine.state(), wanted, APACHE)
    assert not again.changed
    assert again.before == again.after


@given(
    machine=MACHINES,
    profile=st.sampled_from(sorted(PROFILES)),
    killed=st.lists(st.tuples(st.sampled_from(["present", "absent"]), st.integers(0, 7)), max_size=3),
)
def test_after_killed_runs_nothing_is_left_of_the_profile(machine: Machine, profile: str, killed: List[Tuple[str, int]]) -> None:
    for state, most in killed:
        machine.apply(want(profile=profile, state=state), most)
    machine.apply(want(state="absent"))
    assert (machine.content, machine.enabled, machine.journal) == (None, False, None)
    again = plan(machine.state(), want(state="absent"), APACHE)
    assert not again.changed
    assert again.before == again.after == {"file": "", "commented_out_in": []}


def test_lines_that_were_made_comments_come_back_and_nothing_else_is_judged() -> None:
    site = "/etc/apache2/sites-available/a.conf"
    text = "# apache_tls: SSLProtocol all\n# apache_tls is a program\nSSLEngine on\n"
    files = {APACHE.owned: ("x", 0o644), site: (text, 0o640)}
    config = replace(CONFIG, has_tls=False, certificates=(replace(CERTIFICATE, age=None),))
    made = plan(replace(Machine(enabled=True).state(), files=files, config=config), want(state="absent"), APACHE)
    assert [step[0] for step in made.commands()] == ["trial_absent", "mkdir", "write-file", "write-file", "a2disconf", "rm", "prove", "rm"]
    (restored,) = (step for step in made.steps if isinstance(step, WriteFile) and step.path == site)
    assert (restored.content, restored.mode) == ("SSLProtocol all\n# apache_tls is a program\nSSLEngine on\n", 0o640)
    assert made.before["commented_out_in"] == [site]


def test_an_address_of_another_host_is_named() -> None:
    made = plan(replace(Machine().state(), elsewhere=("192.0.2.9:443",)), want(), APACHE)
    assert any("192.0.2.9:443 is no address of this host now" in text for text in made.warnings)


def test_a_server_that_a_killed_run_left_without_life_is_not_passed_over() -> None:
    machine = Machine()
    assert len(machine.apply(want(), 5)) > 5
    machine.running = False
    with pytest.raises(RefusedError, match="does not run now"):
        plan(machine.state(), want(), APACHE)
    machine.running = True
    machine.apply(want())
    assert machine.journal is None


@given(machine=MACHINES)
def test_nothing_is_written_before_the_trial_and_all_that_is_written_is_proved(machine: Machine) -> None:
    names = [step.rendered()[0] for step in plan(machine.state(), want(), APACHE).steps]
    if names:
        assert names[0] == "trial"
        assert names[-1] == "rm"
        assert ("prove" in names) == machine.running


def test_the_diff_shows_the_file_and_the_names() -> None:
    made = plan(Machine().state(), want(), APACHE)
    assert made.before == {
        "file": "",
        "elsewhere": [],
        "names": {
            "127.0.0.1:443 a.test": "2 of 3 suites before TLS 1.3 are not forward secret",
            "127.0.0.1:443 (no name)": "2 of 3 suites before TLS 1.3 are not forward secret",
        },
    }
    assert "SSLSessionTickets off" in made.after["file"]
    assert set(made.after["names"].values()) == {"every suite is forward secret"}
    assert made.commands()[0] == ["trial", "profile=intermediate", "groups=X25519 prime256v1 secp384r1"]


def test_the_hybrid_group_is_used_from_the_openssl_that_has_it() -> None:
    assert plan(Machine(version=(3, 5, 0)).state(), want(), APACHE).commands()[0][2].startswith("groups=X25519MLKEM768 ")
    assert "MLKEM" not in APACHE.render(settings_for(Machine(version=(3, 4, 9)).state(), want()))
    with pytest.raises(InputError, match=r"X25519MLKEM768 is not in the OpenSSL 3[.]0[.]22 of this server"):
        plan(Machine().state(), want(groups=["X25519MLKEM768", "X25519"]), APACHE)


def refused(**changes: Any) -> str:
    options = changes.pop("options", {})
    blocked = changes.pop("blocked", ())
    state = replace(Machine().state(), config=replace(CONFIG, **changes), blocked=blocked)
    with pytest.raises(RefusedError) as found:
        plan(state, want(**options), APACHE)
    assert "Nothing was changed" in str(found.value)
    return str(found.value)


def test_what_could_not_work_is_refused_with_file_and_line() -> None:
    override = Setting(PLACE, "SSLProtocol all", "<virtualhost *:443>")
    assert "module ssl is not loaded: run a2enmod ssl" in refused(has_tls=False)
    assert "does not read /etc/apache2/conf-enabled/zz-fleetlab-tls.conf" in refused(reads_owned=False)
    assert "no address was found where TLS is spoken" in refused(endpoints=())
    assert "/etc/tls/a.pem (/etc/apache2/sites-enabled/a.conf:7) does not exist" in refused(certificates=(replace(CERTIFICATE, age=None),))
    assert "a.conf:7: SSLProtocol all (in <virtualhost *:443>)" in refused(overrides=(override,))
    for age in (None, 86401.0):
        assert "missing or older than a day" in refused(ticket_keys=(replace(CERTIFICATE, age=age),), options={"overrides": "report"})
    assert "cannot listen on port 444 as" in refused(blocked=((Listener("", 444, PLACE), "Address already in use"),))


def test_reported_overrides_are_warnings_and_need_forward_secrecy_only() -> None:
    machine = Machine()
    machine.apply(want())
    config = replace(CONFIG, overrides=(Setting(PLACE, "SSLProtocol -all +TLSv1.2"),))
    forward_secret = report(Settings("intermediate", ("X448",)))
    state = replace(machine.state(), config=config, live=(forward_secret,))
    made = plan(state, want(overrides="report"), APACHE)
    assert not made.changed
    assert made.warnings == (
        "/etc/apache2/sites-enabled/a.conf:7: SSLProtocol -all +TLSv1.2 has its own TLS, which the profile does not change",
    )
    assert plan(replace(state, live=(report(None),)), want(overrides="report"), APACHE).changed


def test_settings_elsewhere_become_comments_and_all_files_are_kept() -> None:
    override = Setting(PLACE, "SSLProtocol all", real="/etc/apache2/sites-available/a.conf")
    text = "\n" * 6 + "  SSLProtocol all\nLast on\n"
    config = replace(CONFIG, overrides=(override,))
    state = replace(Machine().state(), config=config, files={override.real: (text, 0o640)})
    made = plan(state, want(overrides="comment_out"), APACHE)
    written = {step.path: step for step in made.steps if isinstance(step, WriteFile)}
    assert list(written) == [APACHE.journal, APACHE.owned, override.real]
    assert written[override.real].content == text.replace("  SSLProtocol", "# apache_tls:   SSLProtocol")
    assert written[override.real].mode == 0o640
    assert json.loads(written[APACHE.journal].content) == {"files": {APACHE.owned: None, override.real: text}, "running": True}
    assert (made.before["elsewhere"], made.after["elsewhere"]) == ([str(override)], [])
    assert not made.warnings


def test_what_cannot_become_a_comment_is_refused() -> None:
    override = Setting(PLACE, "SSLProtocol all", real="/x", is_whole=False)
    assert "not a text in UTF-8: /etc/apache2/sites-enabled/a.conf" in refused(overrides=(override,), options={"overrides": "comment_out"})
    state = replace(Machine().state(), config=replace(CONFIG, overrides=(override,)), files={"/x": ("", 0o644)})
    with pytest.raises(RefusedError, match=r"other settings share their lines: /etc/apache2/sites-enabled/a[.]conf:7: SSLProtocol all"):
        plan(state, want(overrides="comment_out"), APACHE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"profile": "modern", "oldest_client": "TLSv1.2"}, "profile: modern speaks only TLS 1.3"),
        ({"groups": []}, "groups: is empty"),
        ({"groups": ["P-256"]}, "groups: 'P-256' is no group that this module knows"),
        ({"timeout": 0.0}, "timeout: is 0.0"),
    ],
)
def test_wrong_options_are_refused(options: Dict[str, Any], message: str) -> None:
    with pytest.raises(FleetlabError, match=message):
        want(**options)


def test_stapling_needs_a_responder_in_every_certificate() -> None:
    with_ocsp = replace(CERTIFICATE, has_ocsp=True)
    for files, stapling, expected in (
        ((with_ocsp,), "auto", True),
        ((with_ocsp, CERTIFICATE), "auto", False),
        ((with_ocsp,), "off", False),
    ):
        state = replace(Machine().state(), config=replace(CONFIG, certificates=files))
        assert settings_for(state, want(stapling=stapling)).stapling == expected


def test_the_result_tells_what_each_name_does() -> None:
    found = returned(Machine().state(), want(), plan(Machine().state(), want(), APACHE))
    assert found["openssl"] == "3.0.22"
    assert found["names"][0]["name"] == "a.test"
    assert found["names"][1]["without"] == ["AES128-GCM-SHA256", "AES256-SHA"]


def kept_by_the_next(now: Dict[str, str], kept: Dict[str, Optional[str]]) -> Optional[Any]:
    """What a run keeps after a killed one has kept something; C(None) if that stays as it is."""
    override = Setting(PLACE, "SSLProtocol all", real="/a.conf")
    files = {path: (text, 0o640) for path, text in now.items()}
    state = replace(Machine().state(), config=replace(CONFIG, overrides=(override,)), files=files, kept=Kept(kept))
    made = plan(state, want(overrides="comment_out"), APACHE)
    written = {step.path: step.content for step in made.steps if isinstance(step, WriteFile)}
    return json.loads(written[APACHE.journal])["files"] if APACHE.journal in written else None


TEXT = "\n" * 6 + "SSLProtocol all\n"
HALF = {APACHE.owned: "half", "/a.conf": TEXT}


def test_what_a_killed_run_did_not_keep_is_kept_by_the_next() -> None:
    assert kept_by_the_next(HALF, {APACHE.owned: "old"}) == {APACHE.owned: "old", "/a.conf": TEXT}


def test_what_somebody_changed_after_a_killed_run_is_not_undone() -> None:
    assert kept_by_the_next(HALF, {APACHE.owned: "old", "/a.conf": TEXT}) is None
    commented = "# apache_tls: SSLProtocol all\n"
    kept: Dict[str, Optional[str]] = {APACHE.owned: "old", "/a.conf": TEXT, "/b.conf": "SSLProtocol all\n"}
    assert kept_by_the_next({**HALF, "/b.conf": commented}, kept) is None
    changed = {**HALF, "/a.conf": f"{TEXT}Changed on\n", "/b.conf": f"{commented}Changed on\n"}
    assert kept_by_the_next(changed, kept) == {APACHE.owned: "old", "/a.conf": changed["/a.conf"]}
