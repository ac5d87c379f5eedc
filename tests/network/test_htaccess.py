# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What htaccess_info computes against real requests, on the Apache of two releases of Debian."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ansible
import pytest

from .web_scenes import SCENES, SHOP, Scene, directory

if TYPE_CHECKING:
    from ansible_collections.fleetlab.linux.scripts.server_roots import ServerRoot

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "/tree/ansible_collections/fleetlab/linux"
SUITES = ("bookworm", "trixie")
Roots = Callable[[str], "ServerRoot"]


def play(root: ServerRoot, scenes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers of the agent."""
    argv = ["env", "PYTHONPATH=/tree:/tree/packages", "PYTHONDONTWRITEBYTECODE=1", "python3", f"{COLLECTION}/tests/network/web_agent.py"]
    binds = {ROOT: COLLECTION, Path(ansible.__path__[0]).parent: "/tree/packages"}
    done = root.run(*argv, binds=binds, stdin="".join(json.dumps(scene) + "\n" for scene in scenes), timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@lru_cache
def play_all(root: ServerRoot) -> dict[str, dict[str, Any]]:
    """The result of each scene by its name."""
    answers = play(root, [dataclasses.asdict(scene) for scene in SCENES])
    return {scene.name: answer for scene, answer in zip(SCENES, answers, strict=True)}


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
@pytest.mark.parametrize("suite", SUITES)
def test_a_request_meets_what_was_computed(server_root: Roots, suite: str, scene: Scene) -> None:
    """Each file in turn ends with a line that Apache refuses everywhere, and the log of an ordinary server says whether it was read."""
    found = play_all(server_root(suite))[scene.name]
    assert "error" not in found["computed"], found["computed"]
    (verdict,) = (one for one in found["computed"]["paths"] if one["server"] == scene.server)
    in_force = {each["file"]: each["refused"] for each in verdict["in_force"]}
    links = {target: link for link, target in scene.links.items()}
    for file, said in found["seen"].items():
        folder = file.rpartition("/")[0]
        named = f"{links.get(folder, folder)}/{file.rpartition('/')[2]}"
        assert (named in in_force) == said.startswith("500"), (file, said)
        if in_force.get(named):
            directive = in_force[named][0]["directive"]
            words = (
                f"{directive} not allowed here",
                f"{directive} in .htaccess forbidden by AllowOverride",
                f"Invalid command '{directive}",
            )
            is_option = "Option ExecCGI not allowed here" in said and directive == "Options"
            assert any(each in said.replace("'<", "'") for each in words) or scene.mark.startswith("<") or is_option
        elif named in in_force and not (verdict["problem"] or "").startswith(f"{named}:"):
            assert "Invalid command 'NotAtAll'" in said or folder in links
    is_closed = "closed" in scene.name.replace("not closed", "") or scene.name in (
        "not readable",
        "a link not followed",
        "a link of another owner",
    )
    assert (verdict["problem"] or "").endswith("requests get 403") == is_closed


def test_without_allowoverride_a_file_is_read_and_ends_requests(server_root: Roots) -> None:
    """The documentation says that None is the default."""
    computed = play_all(server_root("bookworm"))["none by default"]["computed"]
    assert computed["paths"][0]["problem"] == "/srv/.htaccess:1: AddType needs AllowOverride FileInfo: requests get 500"


@pytest.mark.parametrize("suite", SUITES)
def test_the_module_looks_at_the_roots_of_all_servers(server_root: Roots, suite: str) -> None:
    conf = directory("/srv/www", "AllowOverride None") + '<DirectoryMatch "^/x">\nAllowOverrideList None\n</DirectoryMatch>\n'
    conf += "".join(
        f"<VirtualHost *:2280>\nServerName {name}\nDocumentRoot {path}\n</VirtualHost>\n" for name, path in (("a", "/srv"), ("b", SHOP))
    )
    scene = dataclasses.asdict(Scene("", directory("/srv", "AllowOverride FileInfo") + conf))
    (found,) = play(server_root(suite), [{**scene, "module": {"trial": True}}])
    assert [(one["server"], one["path"], len(one["in_force"])) for one in found["paths"]] == [
        ("*:2280 a", "/srv", 1),
        ("*:2280 b", SHOP, 1),
    ]
    assert found["trial"][0]["files"] == {"/srv/.htaccess": "read"}
    assert found["problems"] == [
        f"{SHOP} on server *:2280 b: {file} is without effect: AllowOverride None (/etc/apache2/scene.conf:18)"
        for file in ("/srv/www/.htaccess", f"{SHOP}/.htaccess")
    ]


def test_what_only_requests_show_is_a_problem(server_root: Roots) -> None:
    found = play_all(server_root("bookworm"))
    for name, words in (
        ("a section that is not closed", f"{SHOP}/.htaccess:1: <Files> was not closed"),
        ("words that Apache does not understand", "Either all Options must start with + or -"),
    ):
        (verdict,) = found[name]["computed"]["paths"]
        assert words in verdict["problem"]
        assert verdict["problem"].endswith(": requests get 500")


def test_servers_without_names_are_told_apart_and_a_path_that_does_not_exist_is_named(server_root: Roots) -> None:
    conf = "".join(f"<VirtualHost *:2280>\nDocumentRoot {path}\n</VirtualHost>\n" for path in ("/srv/www", SHOP))
    scene = dataclasses.asdict(Scene("", directory("/srv", "AllowOverride FileInfo") + conf))
    root = server_root("bookworm")
    (roots,) = play(root, [{**scene, "module": {"trial": True}}])
    assert [(one["server"], one["path"]) for one in roots["paths"]] == [
        ("*:2280 (/etc/apache2/scene.conf:17)", "/srv/www"),
        ("*:2280 (/etc/apache2/scene.conf:20)", SHOP),
    ]
    (missing,) = play(root, [{**scene, "module": {"paths": ["/srv/www/shpo"]}}])
    assert missing["paths"][0]["problem"] == "/srv/www/shpo does not exist, so that only the files above it count"


@pytest.mark.parametrize(
    ("conf", "options", "words"),
    [
        ("Nonsense on\n", {}, "Invalid command 'Nonsense'"),
        ("", {"paths": ["srv"]}, "paths: 'srv' is no absolute path"),
        ("User nobody-here\n", {}, "User nobody-here of Apache's configuration does not exist"),
    ],
)
def test_refusals(server_root: Roots, conf: str, options: dict[str, Any], words: str) -> None:
    (found,) = play(server_root("bookworm"), [{**dataclasses.asdict(Scene("", conf)), "module": options}])
    assert found["failed"]
    assert words in found["msg"] or "bad user name" in found["msg"]
