# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages with a patch in roots of Debian: dpkg and apt are real, the archive is made for the test."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import SystemRunner
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.observe.builder import read_patch
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.observe.source import apply_patches
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.state import Patch

from . import debian_root
from .moving_archive import MovingArchive
from .patched_hostname import MODULE, OWN, PATCH, build, publish_and_install

if TYPE_CHECKING:
    from ansible_collections.fleetlab.linux.scripts.server_roots import ServerRoot


SHAPES = {
    "shape-native": ("3.23+nmu1", "3.23+nmu1+deb12u1"),
    "shape-revision": ("2.10-3", "2.10-3+deb12u1"),
    "shape-binnmu": ("1.0~pre4-9+b1", "1.0~pre4-9+deb12u1"),
}


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def root(request: pytest.FixtureRequest) -> Iterator[debian_root.Root]:
    """A root with the three packages of the distribution."""
    with debian_root.debian(request.param) as made:
        for name, (base, _security) in SHAPES.items():
            made.make_deb("/release", name, base)
        made.publish("/release", "Debian", made.suite)
        made.run("apt-get", "--yes", "install", *SHAPES)
        yield made


def patched(root: debian_root.Root, name: str, base: str, suite: str = "") -> str:
    """A package as a build makes it."""
    fields = {"Fleetlab-Base": base, "Fleetlab-Patches": "fix.patch=5891b5b522d5", "Fleetlab-Suite": suite or root.suite}
    return root.make_deb("/builds", name, f"{base}+0fleetlab1", **fields)


def test_a_patched_package_is_installed_held_watched_and_given_back(root: debian_root.Root) -> None:
    debs = {name: patched(root, name, base) for name, (base, _security) in SHAPES.items()}
    for name, deb in debs.items():
        options = {"name": name, "debs": [deb], "check": ["grep", "fleetlab", f"/usr/share/{name}"]}
        planned = root.apply(True, **options).commands()
        assert root.apply(**options).commands() == planned
        assert root.apply(**options).commands() == []
    assert root.info()["findings"] == []
    assert [(package["name"], package["held"]) for package in root.info()["packages"]] == [(name, True) for name in sorted(SHAPES)]
    for name, (_base, security) in SHAPES.items():
        root.make_deb("/security", name, security)
    root.publish("/security", "Debian-Security", f"{root.suite}-security")
    found = root.info(names=list(SHAPES))
    assert found["findings"] == ["security"]
    assert [package["newer"] for package in found["packages"]] == [
        [{"version": security, "origin": "Debian-Security", "security": True}] for _base, security in SHAPES.values()
    ]
    assert found["lists_age"] < 60
    root.run("apt-get", "--yes", "upgrade")
    assert root.info(names=list(SHAPES))["findings"] == ["security"]
    root.run("apt-mark", "unhold", "shape-native")
    assert root.info(names=["shape-native"])["findings"] == ["security", "unheld"]
    root.run("apt-get", "--yes", "upgrade")
    assert root.info(names=["shape-native"])["findings"] == ["lost"]
    root.apply(name="shape-binnmu", state="absent")
    assert root.info(names=["shape-binnmu"])["packages"][0]["version"] == "1.0~pre4-9+deb12u1"
    assert root.apply(name="shape-binnmu", state="absent").commands() == []
    with pytest.raises(RefusedError, match="which is newer than"):
        root.apply(name="shape-native", debs=[debs["shape-native"]])


def test_what_somebody_else_holds_is_left_alone(root: debian_root.Root) -> None:
    root.make_deb("/release", "shape-other", "1.0-1")
    root.publish("/release", "Debian", root.suite)
    root.run("apt-get", "--yes", "install", "shape-other")
    root.run("apt-mark", "hold", "shape-other")
    with pytest.raises(RefusedError, match="is held, and not by patched_package"):
        root.apply(name="shape-other", debs=[patched(root, "shape-other", "1.0-1")])
    root.run("apt-mark", "unhold", "shape-other")
    with pytest.raises(RefusedError, match="it was built for sid"):
        root.apply(name="shape-other", debs=[patched(root, "shape-other", "1.0-1", "sid")])


def test_a_changed_file_is_named(root: debian_root.Root) -> None:
    root.apply(name="shape-changed", debs=[patched(root, "shape-changed", "1.0")])
    root.run("sh", "-c", "echo other > /usr/share/shape-changed")
    found = root.info(names=["shape-changed"])
    assert found["packages"][0]["files_changed"] == ["/usr/share/shape-changed"]
    assert found["findings"] == ["files_changed"]


@pytest.mark.parametrize("root", [OWN], indirect=True)
def test_hostname_is_built_published_installed_and_held(
    root: debian_root.Root, tree: Path, tmp_path: Path, server_root: Callable[[str], ServerRoot]
) -> None:
    patch = tmp_path / "output.patch"
    patch.write_text(PATCH)
    options = {
        "name": "hostname",
        "state": "built",
        "patches": [str(patch)],
        "directory": str(tmp_path / "builds"),
        "allow_essential": True,
    }
    refused = build(tree, {**options, "patches": [str(patch), str(patch)]})
    assert "the patch output.patch is already in the source" in refused["msg"]
    done = build(tree, options)
    (deb,) = done["debs"]
    again = build(tree, options)
    assert (again["changed"], again["debs"], again["version"]) == (False, [deb], done["version"])
    found_there = publish_and_install(server_root(OWN), tmp_path / "builds", "hostname")
    assert (found_there["installed"]["version"], found_there["installed"]["held"]) == (done["version"], True), found_there["installed"]
    assert [found_there[step]["changed"] for step in ("publish again", "install again")] == [False, False]
    assert found_there["info"]["findings"] == []
    assert found_there["says"].endswith(" (patched)\n")
    follow(tree, options, done)
    shutil.copy(deb, root.path)
    values = {"name": "hostname", "debs": [f"/{Path(deb).name}"], "check": ["hostname", "--version"], "allow_essential": True}
    root.apply(**values)
    assert root.apply(**values).commands() == []
    assert root.run("hostname", "--version").endswith(" (patched)\n")
    (found,) = root.info(names=["hostname"])["packages"]
    assert (found["held"], found["base"], found["lost"]) == (True, done["base"], False)
    assert not list((tmp_path / "builds" / "hostname").glob(".build-*"))


def follow(tree: Path, options: dict[str, Any], built: dict[str, Any]) -> None:
    """The signed archive moves on twice: the patch applies to the first version, and no longer to the second."""
    archive = MovingArchive(Path(tempfile.mkdtemp(prefix="fl-")))
    (config,) = Path(options["directory"]).glob(".apt-*/apt.conf")
    moving = {**options, "sources": [archive.line], "max_lists_age": 0, "_ansible_check_mode": True}
    first, second = f"{built['base']}+deb99u1", f"{built['base']}+deb99u2"
    try:
        archive.move(config, "hostname", first, lambda folder: (folder / "README.moved").write_text("moved\n"))
        stays, moves = build(tree, moving), build(tree, {**moving, "follow": True})
        assert (stays["changed"], stays["version"]) == (False, built["version"])
        assert f"the archive has {first}, newer than {built['base']}" in str(stays["warnings"])
        assert (moves["changed"], moves["version"], moves["base"]) == (True, f"{first}+0fleetlab1", first)
        archive.move(config, "hostname", second, break_patch)
        refused = build(tree, {**moving, "follow": True})
        assert f"hostname {second}: refused: the patch output.patch does not apply without fuzz" in refused["msg"]
        (archive.path / "a" / "InRelease").write_text("Origin: Debian\n")
        assert "apt-get" in build(tree, {**moving, "follow": True})["msg"]
    finally:
        archive.close()


def break_patch(folder: Path) -> None:
    """Change the line that the patch changes."""
    path = folder / "hostname.c"
    path.write_text(path.read_text().replace('printf("hostname %s\\n", VERSION)', 'printf("other %s\\n", VERSION)'))


def test_a_patch_that_applies_only_with_fuzz_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hostname.c").write_text("one\ntwo\nthree\nother\nfive\nsix\n")
    lines = " one\n two\n-three\n+3\n {}\n five\n"
    exact, fuzzy = (
        Patch(name, f"--- a/hostname.c\n+++ b/hostname.c\n@@ -1,5 +1,5 @@\n{lines.format(name)}", "x") for name in ("other", "four")
    )
    runner = SystemRunner()
    assert apply_patches(runner, str(tmp_path), [fuzzy]).startswith("the patch four does not apply without fuzz: ")
    assert apply_patches(runner, str(tmp_path), [exact]) == ""
    assert (tmp_path / "hostname.c").read_text() == "one\ntwo\n3\nother\nfive\nsix\n"
    assert apply_patches(runner, str(tmp_path), [exact]) == "the patch other is already in the source; leave it out"


def test_a_patch_of_which_the_source_has_a_part_is_not_left_out(tmp_path: Path) -> None:
    """Its first part applies, and its second is there: both could be taken back then, and yet the first is missing without the patch."""
    for name in "ab":
        (tmp_path / name).write_text("new\n" if name == "b" else "old\n")
    half = "".join(f"--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n-old\n+new\n" for name in "ab")
    assert apply_patches(SystemRunner(), str(tmp_path), [Patch("half", half, "0")]).startswith("the patch half does not apply without fuzz")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the patch fix is empty; was it fetched?"),
        ("\n", "the patch fix is empty"),
        (
            "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-old\n+new\nBinary files a/logo.png and b/logo.png differ\n",
            "the patch fix has no content for a file: 'Binary files a/logo.png and b/logo.png differ'",
        ),
    ],
)
def test_a_patch_that_would_change_nothing_or_too_little_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "a").write_text("old\n")
    assert apply_patches(SystemRunner(), str(tmp_path), [Patch("fix", content, "0")]).startswith(said)
    assert (tmp_path / "a").read_text() == "old\n"


@pytest.mark.parametrize("names", [("a", "a"), ("old/src/a", "new/src/a")])
def test_a_patch_with_other_folders_in_front_is_refused_with_the_right_ones(tmp_path: Path, names: tuple[str, str]) -> None:
    (tmp_path / "a").write_text("old\n")
    content = "--- {}\n+++ {}\n@@ -1 +1 @@\n-old\n+new\n".format(*names)
    said = apply_patches(SystemRunner(), str(tmp_path), [Patch("fix", content, "0")])
    assert said.startswith("the patch fix is for files that the source does not have below one leading folder (patch -p1)")
    assert said.endswith("with a/ and b/ in front")


def test_a_patch_in_an_older_encoding_applies(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"J\xf6rg\n")
    (tmp_path / "fix").write_bytes(b"From: J\xf6rg\n--- a/a\n+++ b/a\n@@ -1 +1,2 @@\n J\xf6rg\n+\xfc\n")
    assert apply_patches(SystemRunner(), str(tmp_path), [read_patch(str(tmp_path / "fix"))]) == ""
    assert (tmp_path / "a").read_bytes() == b"J\xf6rg\n\xfc\n"


def test_a_killed_builder_leaves_no_process(tree: Path, tmp_path: Path) -> None:
    """Also none that fetches or unpacks, and no mount."""
    (tmp_path / "output.patch").write_text(PATCH)
    folder = tmp_path / "builds"
    options = {"name": "hostname", "state": "built", "patches": [str(tmp_path / "output.patch")], "directory": str(folder)}
    arguments = tmp_path / "arguments"
    arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {**options, "allow_essential": True}}))
    env = {**os.environ, "PYTHONPATH": str(tree)}
    with subprocess.Popen([sys.executable, "-m", MODULE, str(arguments)], env=env, stdout=subprocess.DEVNULL) as process:
        wait_until(lambda: any(folder.glob("hostname/.build-*/mmdebstrap.*/etc")), 120)
        assert children(folder)
        process.kill()
    wait_until(lambda: not children(folder), 20)
    assert str(folder) not in Path("/proc/mounts").read_text()


def children(folder: Path) -> list[str]:
    """The living processes that have a folder in their arguments, or their root below it."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            argv = (place / "cmdline").read_bytes().split(b"\0")
            is_below = os.readlink(place / "root").startswith(str(folder))
            if is_below or (b"mmdebstrap" in b" ".join(argv) and str(folder).encode() in b" ".join(argv)):
                found.append(place.name)
    return found


def wait_until(question: Callable[[], bool], limit: float) -> None:
    end = time.monotonic() + limit
    while not question():
        assert time.monotonic() < end
        time.sleep(0.05)
