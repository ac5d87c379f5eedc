# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ftpaccess_info computes against real logins, on the ProFTPD of two releases of Debian."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ansible
import pytest

from .ftp_scenes import CLIENTS, DEEPER, SCENES, START, U1, Scene, of_clients

if TYPE_CHECKING:
    from ansible_collections.fleetlab.linux.scripts.server_roots import ServerRoot

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "/tree/ansible_collections/fleetlab/linux"
SUITES = ("bookworm", "trixie")
Roots = Callable[[str], "ServerRoot"]


def play(root: ServerRoot, asked: list[tuple[Scene, list[dict[str, Any]]]], timeout: float = 120) -> list[list[dict[str, Any]]]:
    """The answers of the agent to the requests of each scene."""
    argv = ["env", "PYTHONPATH=/tree:/tree/packages", "PYTHONDONTWRITEBYTECODE=1", "python3", f"{COLLECTION}/tests/network/ftp_agent.py"]
    binds = {ROOT: COLLECTION, Path(ansible.__path__[0]).parent: "/tree/packages"}
    lines = "".join(json.dumps({"scene": dataclasses.asdict(scene), "requests": requests}) + "\n" for scene, requests in asked)
    done = root.run(*argv, binds=binds, stdin=lines, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@lru_cache
def play_all(root: ServerRoot) -> dict[str, dict[str, Any]]:
    """The result of each scene by its name."""
    scenes = (*SCENES, *DEEPER, *map(of_clients, CLIENTS))
    answers = play(root, [(scene, [{}]) for scene in scenes])
    return {scene.name: answer for scene, (answer,) in zip(scenes, answers, strict=True)}


def result(root: ServerRoot, scene: Scene) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was computed for the user, and what the login saw. The trial has already been equal to the first."""
    found = play_all(root)[scene.name]
    assert "error" not in found["computed"], found
    (user, *_virtual) = found["computed"]["users"]
    return user, found["seen"]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
@pytest.mark.parametrize("suite", SUITES)
def test_a_login_sees_what_was_computed(server_root: Roots, suite: str, scene: Scene) -> None:
    user, seen = result(server_root(suite), scene)
    assert (seen["login"] == "230") == (user["problem"] is None)
    if seen["login"] != "230":
        return
    root = "" if user["root"] == "/" else user["root"]
    in_force = [each["file"] for each in user["in_force"] if user["starts"].startswith(each["file"].rpartition("/")[0])]
    assert seen["pwd"] is None or (f"{root}{seen['pwd']}".rstrip("/") or "/") == user["starts"]
    assert sorted(f"{root}{path}" for path in seen["parsed"]) == sorted(in_force)
    assert seen["stored"] == user["may_write"]


@pytest.mark.parametrize("suite", SUITES)
def test_the_post(server_root: Roots, suite: str) -> None:
    """The configuration of the posts: the file above the home has no effect once the home is the root."""
    open_user, open_login = result(server_root(suite), SCENES[0])
    assert (open_user["in_force"][0]["file"], open_login["stored"]) == ("/home/u1/.ftpaccess", False)
    assert open_user["in_force"][0]["limits"] == [{"commands": ["WRITE"], "rules": ["DenyAll"]}]
    closed_user, closed_login = result(server_root(suite), SCENES[1])
    reason = f"outside the session's root {START}"
    assert closed_user["without_effect"] == [{"file": "/home/u1/.ftpaccess", "reason": reason, "covered": False}]
    assert (closed_login["stored"], closed_login["parsed"]) == (True, [])


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("scene", DEEPER, ids=lambda scene: scene.name)
def test_deeper_folders(server_root: Roots, suite: str, scene: Scene) -> None:
    user, seen = result(server_root(suite), scene)
    for name, was_written in seen["writes"].items():
        governing = [each for each in user["in_force"] if each["file"] == f"{user['starts']}/pub/.ftpaccess"]
        avoided = [each for each in user["around"] if each["file"] == f"{user['starts']}/pub/.ftpaccess"] and "deep" in name
        assert was_written == (not governing or bool(avoided))
    for name, was_removed in seen["deletes"].items():
        assert was_removed == ({"file": f"{user['starts']}/{name}", "way": "DELE"} in user["writable_by_user"])


@pytest.mark.parametrize("suite", SUITES)
def test_lines_that_are_skipped_are_named(server_root: Roots, suite: str) -> None:
    typing_error = next(scene for scene in SCENES if scene.name == "typing error")
    user, seen = result(server_root(suite), typing_error)
    assert user["in_force"][0]["warnings"] == ["line 2: DenyAl is not understood, and has no effect"]
    assert seen["stored"]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("rules", CLIENTS)
def test_rules_on_addresses_are_told_and_do_not_stop_the_trial(server_root: Roots, suite: str, rules: str) -> None:
    user, seen = result(server_root(suite), of_clients(rules))
    assert user["depends_on_client"]
    assert user["may_write"] == rules.startswith("Deny")
    assert seen["stored"] == CLIENTS[rules]


@pytest.mark.parametrize("suite", SUITES)
def test_a_trial_leaves_nothing_also_if_it_is_killed(server_root: Roots, suite: str) -> None:
    ((found,),) = play(server_root(suite), [(Scene("", "DefaultRoot ~", "u1", U1), [{"leave_nothing": True}])])
    assert found == {"changed": [], "after_kill": [], "reachable": False}


CONFIG = {"config": "/etc/proftpd/scene.conf"}


def test_the_module_finds_all_users_and_proves_it(server_root: Roots) -> None:
    request = {"module": "ftpaccess_info", "options": {**CONFIG, "trial": True}}
    ((found,),) = play(server_root("bookworm"), [(Scene("", "DefaultRoot ~", "u1", U1), [request])])
    assert [user["name"] for user in found["users"]] == ["u1", "u3", "u4"]
    assert found["problems"] == [
        f"u1 on server main (port 2121): /home/u1/.ftpaccess is without effect: outside the session's root {START}"
    ]
    assert found["trial"][0]["trace"][0] == "checking for .ftpaccess file '/.ftpaccess'"


@pytest.mark.parametrize(
    ("conf", "options", "words"),
    [
        ("", {"users": ["nobody-here"]}, "users: nobody-here: no server of /etc/proftpd/scene.conf knows this user; correct the name"),
        ("<Directory /home>", {}, "the section <Directory> is not closed"),
        ("Nonsense on", {}, "proftpd refuses it: unknown configuration directive 'Nonsense'"),
        ("AllowOverride off user !u1", {}, "Please use mod_ifsession"),
        ("", {"config": "/etc/proftpd/nosuch.conf"}, "/etc/proftpd/nosuch.conf does not exist"),
        ("DefaultRoot /data/loop", {"users": ["u1"]}, "u1: refused: its path is a circle of symbolic links"),
        ("", {"walk": 6}, "walk: is 6"),
    ],
)
def test_refusals(server_root: Roots, conf: str, options: dict[str, Any], words: str) -> None:
    scene = Scene("", conf, "u1", U1, links={"/data/loop": "/data/loop"})
    ((found,),) = play(server_root("bookworm"), [(scene, [{"module": "ftpaccess_info", "options": {**CONFIG, **options}}])])
    assert found["failed"]
    assert words in found["msg"]


FILE = "/etc/proftpd/conf.d/fleetlab-ftpaccess.conf"
INCLUDE = "Include /etc/proftpd/conf.d/\n"


def cure(check: bool = False, **options: Any) -> dict[str, Any]:
    flags = {"_ansible_check_mode": check, "_ansible_diff": True}
    return {"module": "ftpaccess", "options": {**CONFIG, **options, **flags}}


@pytest.mark.parametrize("suite", SUITES)
def test_rules_above_the_root_are_put_in_force(server_root: Roots, suite: str) -> None:
    scene = Scene("", f"{INCLUDE}DefaultRoot ~", "u1", U1)
    requests = [{"log_in": True}, cure(check=True), {"read": FILE}, cure(), cure(), cure(check=True), {"log_in": True}, {"read": FILE}]
    info = {"module": "ftpaccess_info", "options": {**CONFIG, "trial": True}}
    ((open_, planned, nothing, done, again, again_planned, closed, written, found, absent, gone),) = play(
        server_root(suite), [(scene, [*requests, info, cure(state="absent"), {"read": FILE}])]
    )
    assert (open_["stored"], closed["stored"]) == (True, False)
    assert nothing["text"] is None
    assert (planned["changed"], planned["commands"], planned["diff"]) == (True, done["commands"], done["diff"])
    assert done["users"]["u1 on server main"] == {
        "before": {"may_write": True, "rules_of": [], "without_effect": ["/home/u1/.ftpaccess"], "around": []},
        "after": {"may_write": False, "rules_of": ["/home/u1/.ftpaccess"], "without_effect": [], "around": []},
    }
    assert "<Directory /home/u1>\n    <Limit WRITE>\n      DenyAll\n    </Limit>\n  </Directory>" in written["text"]
    assert [(each["changed"], each["commands"]) for each in (again, again_planned)] == [(False, [])] * 2
    assert found["problems"] == []
    assert (absent["changed"], gone["text"]) == (True, None)


@pytest.mark.parametrize("suite", SUITES)
def test_a_way_around_is_closed(server_root: Roots, suite: str) -> None:
    scene = dataclasses.replace(DEEPER[0], conf=f"{INCLUDE}DefaultRoot ~")
    ((before, done, after, again),) = play(server_root(suite), [(scene, [{"log_in": True}, cure(), {"log_in": True}, cure()])])
    assert (before["writes"], after["writes"]) == ({"pub/deep/x": True}, {"pub/deep/x": False})
    assert done["users"]["u3 on server main"]["after"]["around"] == []
    assert not again["changed"]


@pytest.mark.parametrize("suite", SUITES)
def test_files_can_be_switched_off_with_their_rules_kept(server_root: Roots, suite: str) -> None:
    files = {"/home/u3/.ftpaccess": "<Limit STOR>\n  DenyAll\n</Limit>\n"}
    scene = Scene("", INCLUDE, "u3", files, deletes=(".ftpaccess",))
    ((done, after, again),) = play(server_root(suite), [(scene, [cure(files="off"), {"log_in": True}, cure(files="off")])])
    assert done["changed"]
    assert (after["deletes"], after["stored"], after["parsed"]) == ({".ftpaccess": False}, False, [])
    assert not again["changed"]


@pytest.mark.parametrize("suite", SUITES)
def test_the_running_server_reads_the_file(server_root: Roots, suite: str) -> None:
    scene = Scene("", f"{INCLUDE}DefaultRoot ~", "u1", U1)
    requests = [{"start": True}, {"talk": True}, cure(), {"talk": True}, {"read": FILE}]
    ((started, before, done, after, last),) = play(server_root(suite), [(scene, requests)])
    assert (before["stored"], after["stored"]) == (True, False)
    assert done["commands"][-2] == ["reload", "config=/etc/proftpd/scene.conf", "running=True"]
    assert started["pid"] in last["servers"]


@pytest.mark.parametrize(
    ("conf", "files", "options", "words"),
    [
        ("DefaultRoot ~", {}, {}, f"{FILE}: refused: /etc/proftpd/scene.conf does not include it"),
        (f"{INCLUDE}DefaultRoot ~", {FILE: "Umask 022\n"}, {}, "it was not written by this module"),
        (f"{INCLUDE}DefaultRoot ~\n<Directory /home/u1>\n</Directory>", {}, {}, "move the rules of /home/u1/.ftpaccess into it"),
        (f"{INCLUDE}AllowOverride on", {}, {"files": "off"}, "AllowOverride on counts before files: off"),
        (INCLUDE, {}, {"files": "off", "state": "absent"}, "files: has no effect with state: absent"),
    ],
)
def test_refusals_of_the_cure(server_root: Roots, conf: str, files: dict[str, str], options: dict[str, Any], words: str) -> None:
    scene = Scene("", conf, "u1", {**U1, **files})
    ((planned, done, last),) = play(server_root("bookworm"), [(scene, [cure(check=True, **options), cure(**options), {"read": FILE}])])
    for result_of in (planned, done):
        assert result_of["failed"]
        assert words in result_of["msg"]
    assert last["text"] == files.get(FILE)


def test_the_playbook_reports_cures_and_fails(server_root: Roots) -> None:
    scene = Scene("", f"{INCLUDE}DefaultRoot ~", "u1", U1)
    variables = {f"ftpaccess_audit_{name}": value for name, value in {"config": CONFIG["config"], "file": "/root/found.json"}.items()}
    requests: list[dict[str, Any]] = [{"playbook": variables}, {"playbook": {**variables, "ftpaccess_audit_cure": True}}]
    # The Python of this release is one that every supported ansible-core runs on.
    ((found, cured),) = play(server_root("trixie"), [(scene, requests)])
    assert (found["exit_code"], cured["exit_code"]) == (2, 0), found["printed"]
    assert f"/home/u1/.ftpaccess is without effect: outside the session's root {START}" in found["printed"]
    assert "No problems, 1 host" in cured["printed"]
    assert "proved by a login" in cured["printed"]
