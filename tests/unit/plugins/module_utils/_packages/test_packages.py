# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans, refusals and findings of patched packages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError, RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Operation, Plan
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host as Files
from ansible_collections.fleetlab.linux.plugins.module_utils._packages import show
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.checks import check_builder
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.observe.host import read_is_ubuntu
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.options import (
    INFO_SPEC,
    SPEC,
    Wanted,
    make_wanted,
    make_wanted_info,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.plan import build_key, patch_key, plan_builder, plan_host
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.state import (
    Builder,
    Built,
    Candidate,
    Deb,
    Host,
    Installed,
    Offer,
    Patch,
)

LOCAL = "2.10-3+0fleetlab1"
DEB = Deb("/debs/hello.deb", "hello", LOCAL, "amd64", "2.10-3", "fix.patch=5891b5b522d5", "bookworm")
OTHER_DEB = replace(DEB, path="/debs/hello-dev.deb", name="hello-dev")
PLAIN = Installed("hello", "2.10-3", "amd64", False)
PATCHED = Installed("hello", LOCAL, "amd64", True, "2.10-3", "fix.patch=5891b5b522d5", "bookworm")
UPDATE = Offer("hello", "2.10-3+deb12u1", "Debian-Security", "bookworm-security", False)
RELEASE = Offer("hello", "2.10-3", "Debian", "bookworm", False)
OWN = Offer("hello", LOCAL, "fleetlab", "bookworm", True)


def wanted(**options: Any) -> Wanted:
    """The options as Ansible completes them."""
    usual = {name: spec.get("default") for name, spec in SPEC.items()}
    return make_wanted({**usual, "name": "hello", "debs": [DEB.path], "patches": ["/fix.patch"], **options})


def host(*installed: Installed, debs: tuple[Deb, ...] = (DEB,), offers: tuple[Offer, ...] = ()) -> Host:
    """A host with bookworm."""
    return Host("amd64", "bookworm", installed, offers, debs)


def carried_out(state: Host, plan: Plan) -> Host:
    """The host after the plan."""
    for argv in plan.commands():
        state = after_command(state, argv)
    return state


def after_command(state: Host, argv: list[str]) -> Host:
    """The host after one command."""
    packages = {package.name: package for package in state.installed}
    if argv[0] == "apt-mark":
        for name in argv[2:]:
            short = name.partition(":")[0]
            packages[short] = replace(packages[short], is_held=argv[1] == "hold")
    elif argv[0] == "apt-get":
        for word in argv[argv.index("install") + 1 :]:
            name, _equals, version = word.partition("=")
            deb = next((deb for deb in state.debs if deb.path == word), None)
            if deb:
                held = packages[deb.name].is_held if deb.name in packages else False
                packages[deb.name] = Installed(deb.name, deb.version, deb.architecture, held, deb.base, deb.patches, deb.suite)
            else:
                short = name.partition(":")[0]
                packages[short] = Installed(short, version, "amd64", packages[short].is_held)
    return replace(state, installed=tuple(packages.values()))


INSTALLED = st.sampled_from(
    [None, PLAIN, PATCHED, replace(PATCHED, is_held=False), replace(PATCHED, version="2.10-2+0fleetlab1", base="2.10-2")]
)


@given(INSTALLED, st.booleans(), st.booleans(), st.sampled_from(["present", "absent"]), st.integers(0, 3))
def test_a_second_run_changes_nothing_also_after_a_kill(
    installed: Optional[Installed], has_other: bool, hold: bool, kind: str, kill_after: int
) -> None:
    start = host(
        *filter(None, [installed, replace(PLAIN, name="hello-dev") if has_other else None]), debs=(DEB, OTHER_DEB), offers=(RELEASE, OWN)
    )
    options = wanted(state=kind, hold=hold, check=["hello"])
    begun = plan_host(start, options)
    killed = replace(begun, steps=begun.steps[:kill_after])
    half = carried_out(start, killed)
    done = carried_out(half, plan_host(half, options))
    assert plan_host(done, options).commands() == []
    found = done.find("hello")
    if kind == "present":
        assert found is not None
        assert (found.version, found.is_held) == (LOCAL, hold)
        assert sorted(package.name for package in done.installed if package.is_patched) == ["hello"] + ["hello-dev"] * has_other
    elif installed is not None:
        assert found is not None
        assert found.version == "2.10-3"
        assert not found.is_patched
        assert not found.is_held


def test_the_check_runs_before_the_hold() -> None:
    commands = plan_host(host(PLAIN), wanted(check=["hello", "--version"])).commands()
    assert [argv[0] for argv in commands] == ["apt-get", "hello", "apt-mark"]
    assert "--option=DPkg::Lock::Timeout=300" in commands[0]
    assert commands[0][-2:] == ["install", "/debs/hello.deb"]
    assert commands[2] == ["apt-mark", "hold", "hello:amd64"]


@pytest.mark.parametrize(
    ("installed", "changes", "problem"),
    [
        (replace(PLAIN, is_held=True), {}, "hello 2.10-3 is held, and not by patched_package"),
        (replace(PLAIN, version="2.10-3+deb12u1"), {}, "which is newer than 2.10-3\\+0fleetlab1"),
        (replace(PATCHED, version="2.10-3+0other1"), {}, "is a build of the same 2.10-3 that sorts above .*; run state: absent first"),
        (PLAIN, {"base": ""}, "not built by patched_package"),
        (PLAIN, {"architecture": "arm64"}, "it is for arm64, this host is amd64"),
        (PLAIN, {"suite": "trixie"}, "it was built for trixie, this host runs bookworm"),
        (PLAIN, {"is_essential": True}, "set allow_essential to true"),
        (PLAIN, {"name": "hello-dev"}, "and hello is none of them"),
    ],
)
def test_what_is_refused_on_a_host(installed: Installed, changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(RefusedError, match=problem):
        plan_host(host(installed, debs=(replace(DEB, **changes),)), wanted())


def test_without_an_archive_there_is_no_way_back() -> None:
    with pytest.raises(RefusedError, match="no archive of this host has a version of hello without the patches"):
        plan_host(host(PATCHED, offers=(OWN,)), wanted(state="absent"))
    assert plan_host(host(replace(PLAIN, is_held=True)), wanted(state="absent")).commands() == []


BUILDER = Builder(
    "amd64", "bookworm", (), Candidate("2.10-3", "hello", "2.10-3", False), (Patch("fix.patch", "x", "5891b5b522d5aa"),), (), 4 << 30
)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"problem": "the patch fix.patch is already in the source; leave it out"},
            "hello 2.10-3: refused: the patch fix.patch is already",
        ),
        ({"free": 1 << 30}, "has 1024 MiB free, a build needs 2048"),
        ({"candidate": Candidate("2.10-3", "hello", "2.10-3", True)}, "allow_essential"),
    ],
)
def test_what_is_refused_on_a_builder(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(RefusedError, match=problem):
        plan_builder(replace(BUILDER, **changes), wanted(state="built"))


@pytest.mark.parametrize("version", ["2.10-3~patched1", "2.10-3+patched1"])
def test_a_version_that_sorts_wrong_is_refused_on_a_builder(version: str) -> None:
    options = wanted(state="built")
    with pytest.raises(RefusedError, match=r"does not sort between 2\.10-3 and what may follow it, such as .*2\.10-3"):
        check_builder(BUILDER, options, version)


def test_a_build_is_not_repeated_and_other_patches_follow_it() -> None:
    options = wanted(state="built")
    first = plan_builder(BUILDER, options)
    assert first.after["version"] == LOCAL
    built = replace(
        BUILDER, built=(Built(LOCAL, "2.10-3", build_key(BUILDER, options), patch_key(BUILDER, options), ("/builds/hello.deb",)),)
    )
    again = plan_builder(built, options)
    assert (again.commands(), again.after["version"]) == ([], LOCAL)
    assert show.returned_builder(built, options, again)["debs"] == ["/builds/hello.deb"]
    other = plan_builder(replace(built, patches=(Patch("fix.patch", "y", "ffffb5b522d5aa"),)), options)
    assert other.after["version"] == "2.10-3+0fleetlab2"
    newer = replace(built, candidate=Candidate("2.10-3+deb12u1", "hello", "2.10-3+deb12u1", False))
    kept = plan_builder(newer, options)
    assert (kept.commands(), kept.after["version"], len(kept.warnings)) == ([], LOCAL, 1)
    followed = plan_builder(newer, wanted(state="built", follow=True))
    assert followed.after["version"] == "2.10-3+deb12u1+0fleetlab1"


def found(*installed: Installed, offers: tuple[Offer, ...] = (), age: Optional[float] = 60.0, **options: Any) -> dict[str, Any]:
    """The result of patched_package_info."""
    usual = {name: spec.get("default") for name, spec in INFO_SPEC.items()}
    state = replace(host(*installed, offers=offers), lists_age=age)
    return show.returned_info(state, make_wanted_info({**usual, "names": ["hello"], **options}))


@pytest.mark.parametrize(
    ("installed", "offers", "findings"),
    [
        (PATCHED, (RELEASE, OWN), []),
        (PATCHED, (RELEASE, UPDATE), ["security"]),
        (PATCHED, (replace(UPDATE, version="2.10-4", origin="Debian", suite="bookworm"),), ["newer"]),
        (replace(PATCHED, version="2.10-3+patched1"), (UPDATE,), ["security", "masked"]),
        (replace(PATCHED, is_held=False), (RELEASE,), ["unheld"]),
        (PLAIN, (RELEASE,), ["lost"]),
        (replace(PLAIN, version="2.10-3+deb12u1"), (UPDATE,), ["lost"]),
    ],
)
def test_the_findings(installed: Installed, offers: tuple[Offer, ...], findings: list[str]) -> None:
    result = found(installed, offers=offers)
    assert result["findings"] == findings
    assert len(result["problems"]) == len(findings)


def test_other_patches_of_the_same_version_are_installed() -> None:
    (command,) = plan_host(host(replace(PATCHED, patches="old.patch=000000000000")), wanted(hold=True)).commands()[:1]
    assert command[-3:] == ["--reinstall", "install", DEB.path]
    assert "--reinstall" not in plan_host(host(PLAIN), wanted()).commands()[0]


def test_the_same_package_of_another_architecture_needs_the_same_version() -> None:
    other = replace(PLAIN, architecture="i386")
    with pytest.raises(RefusedError, match=r"hello:i386 2\.10-3 is installed, too, and needs the same version; remove it"):
        plan_host(host(PLAIN, other), wanted())
    assert plan_host(host(PATCHED, replace(other, version=LOCAL)), wanted()).commands() == []


@pytest.mark.parametrize("suite", ["bookworm-backports", "bookworm-backports-sloppy", "trixie", "bookworm-proposed"])
def test_archives_of_which_apt_installs_nothing_by_itself_do_not_count(suite: str) -> None:
    later = replace(RELEASE, version="2.12-1~bpo12+1", suite=suite)
    (_unhold, command) = plan_host(host(PATCHED, offers=(later, RELEASE)), wanted(state="absent")).commands()
    assert command[-1] == "hello:amd64=2.10-3"
    assert found(PATCHED, offers=(later, RELEASE))["findings"] == []
    (_unhold, command) = plan_host(host(PATCHED, offers=(later,)), wanted(state="absent")).commands()
    assert command[-1] == f"hello:amd64={later.version}"


def test_an_update_in_two_archives_is_a_security_update() -> None:
    result = found(PATCHED, offers=(replace(UPDATE, origin="Debian", suite="bookworm"), UPDATE))
    assert result["packages"][0]["newer"] == [{"version": "2.10-3+deb12u1", "origin": "Debian-Security", "security": True}]
    assert result["problems"] == ["hello: the security update 2.10-3+deb12u1 is newer than 2.10-3: build it again"]


def test_old_lists_are_named() -> None:
    assert found(PATCHED, age=90000.0)["problems"] == [
        "the package lists are 25 hours old, so that no newer version may be seen: run apt-get update",
    ]
    assert found(PATCHED, age=None)["findings"] == ["stale"]
    assert found()["packages"][0]["lost"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"name": "a/b"}, "is no name of a Debian package"),
        ({"name": "a b"}, "is no name of a Debian package"),
        ({"suffix": "~patched"}, "has to be 2 to 20 lower-case letters"),
        ({"sources": ["deb [trusted=yes] file:/a bookworm main"]}, "takes packages without a signature"),
        ({"sources": ["deb [trusted=1] file:/a bookworm main"]}, "takes packages without a signature"),
        ({"sources": ["deb [Allow-Insecure=True] file:/a bookworm main"]}, "takes packages without a signature"),
        ({"sources": ["deb-src [allow-downgrade-to-insecure=on] file:/a bookworm main"]}, "takes packages without a signature"),
        ({"sources": ["nonsense"]}, "is no line of sources.list"),
        ({"state": "built", "patches": []}, "without a patch"),
        ({"debs": []}, "give the files that state=built returned"),
        ({"debs": ["a.deb"]}, "has to be absolute"),
        ({"directory": "/a b"}, "has to be absolute, of letters"),
        ({"suite": "Bookworm"}, "is no code name"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        wanted(**options)


@pytest.mark.parametrize(
    ("release", "is_ubuntu"),
    [
        ("ID=debian\nVERSION_CODENAME=bookworm\n", False),
        ('ID="ubuntu"\nID_LIKE=debian\nVERSION_CODENAME=noble\n', True),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_CODENAME=x\n', True),
        ("", False),
    ],
)
def test_the_versions_of_ubuntu_are_for_its_family(tmp_path: Path, release: str, is_ubuntu: bool) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text(release)
    assert read_is_ubuntu(Files(str(tmp_path))) == is_ubuntu
    (step,) = plan_builder(replace(BUILDER, is_ubuntu=is_ubuntu), wanted(state="built")).steps
    assert isinstance(step, Operation)
    assert step.arguments["version"] == ("2.10-3a0+0fleetlab1" if is_ubuntu else LOCAL)
