# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dpkg and apt printed, read; and the texts of sources that are built."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._packages import parse, render
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.state import Candidate, Installed

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures"
APT = sorted((FIXTURES / "apt").iterdir())
DPKG = sorted((FIXTURES / "dpkg").iterdir())


@pytest.mark.parametrize("folder", APT, ids=lambda folder: folder.name)
def test_versions_are_read_with_their_archives(folder: Path) -> None:
    targets = parse.parse_targets((folder / "targets").read_text())
    offers = parse.parse_offers((folder / "madison").read_text(), targets)
    assert [(offer.name, offer.origin, offer.suite, offer.is_security) for offer in offers] == [
        ("openssl", "Debian-Security", "bookworm-security", True),
        ("openssl", "Debian", "bookworm", False),
        ("openssl", "Debian", "bookworm-updates", False),
        ("hostname", "Debian", "bookworm", False),
    ]
    assert parse.parse_candidate((folder / "show").read_text()) == Candidate(
        "3:20221126-1+deb12u1", "iputils", "3:20221126-1+deb12u1", is_essential=False
    )


def test_archives_with_one_code_name_are_told_apart() -> None:
    parts = ("jammy", "jammy-security", "jammy-backports")
    targets = parse.parse_targets("".join(f"http://a/ubuntu/|{part}|main|Ubuntu|Ubuntu|jammy\n" for part in parts))
    offers = parse.parse_offers("".join(f" hello | 1 | http://a/ubuntu {part}/main amd64 Packages\n" for part in parts), targets)
    assert [(offer.suite, offer.is_security) for offer in offers] == [(parts[0], False), (parts[1], True), (parts[2], False)]


def test_the_source_of_a_package_that_was_built_again_has_its_own_version() -> None:
    text = "Package: iftop\nSource: iftop (1.0~pre4-9)\nVersion: 1.0~pre4-9+b1\n\nPackage: iftop\nVersion: 1.0~pre4-8\n"
    assert parse.parse_candidate(text) == Candidate("1.0~pre4-9+b1", "iftop", "1.0~pre4-9", is_essential=False)


@pytest.mark.parametrize("folder", DPKG, ids=lambda folder: folder.name)
def test_dpkg_is_read(folder: Path) -> None:
    installed = {package.name: package for package in parse.parse_installed((folder / "installed").read_text())}
    assert installed["hostname"] == Installed("hostname", "3.23+nmu1", "amd64", is_held=False, is_essential=True, source="hostname")
    assert installed["hostname"].full_name == "hostname:amd64"
    assert installed["adduser"].full_name == "adduser"
    assert parse.parse_changed_files((folder / "verify").read_text()) == ("/usr/sbin/adduser", "/usr/share/man/man8/adduser.8.gz")


def test_files_that_are_missing_are_changed() -> None:
    assert parse.parse_changed_files("missing     /usr/bin/a\nmissing   c /etc/b\n") == ("/usr/bin/a",)


def test_files_that_dpkg_never_installs_are_not_missing() -> None:
    settings = 'path-exclude=/usr/share/doc/*\npath-exclude "/usr/share/man/*"\npath-include=/usr/share/doc/*/copyright\n'
    text = "missing     /usr/share/doc/a/b\nmissing     /usr/share/doc/a/copyright\nmissing     /usr/share/man/x\nmissing     /usr/bin/a\n"
    text += "??5??????   /usr/share/doc/a/c\n"
    assert parse.parse_changed_files(text, settings) == ("/usr/share/doc/a/copyright", "/usr/bin/a", "/usr/share/doc/a/c")


def test_the_source_gets_a_version_and_fields() -> None:
    text = render.add_changelog("hostname (3.23) unstable; urgency=low\n", "3.23+0fleetlab1", "bookworm", "a.patch=00", 0)
    assert text.startswith("hostname (3.23+0fleetlab1) bookworm; urgency=medium\n\n  * Local patches: a.patch=00\n\n -- ")
    assert "Thu, 01 Jan 1970 00:00:00 -0000\n\nhostname (3.23) unstable" in text
    control = render.add_fields("Source: a\nSection: b\n\nPackage: c\nArchitecture: any\n\nPackage: d\n", {"Fleetlab-Base": "1"})
    assert control == ("Source: a\nSection: b\n\nPackage: c\nXB-Fleetlab-Base: 1\nArchitecture: any\n\nPackage: d\nXB-Fleetlab-Base: 1\n")


@pytest.mark.parametrize("folder", APT, ids=lambda folder: folder.name)
def test_the_sources_of_a_suite_are_those_of_the_host(folder: Path) -> None:
    lines = render.make_lines((folder / "targets").read_text(), "bookworm")
    assert lines == (
        "deb http://archive.example.org/debian/ bookworm main",
        "deb http://archive.example.org/debian/ bookworm-updates main",
        "deb http://archive.example.org/debian-security/ bookworm-security main",
    )
    assert render.make_lines((folder / "targets").read_text(), "trixie") == ()
    assert render.with_sources(["deb-src [signed-by=/k] file:/a b main"]) == (
        "deb [signed-by=/k] file:/a b main\ndeb-src [signed-by=/k] file:/a b main\n"
    )


@pytest.mark.parametrize("kind", ["Insecure", "Weak", "DowngradeToInsecure"])
def test_the_host_cannot_let_a_build_take_sources_without_a_signature(kind: str) -> None:
    assert f'Acquire::Allow{kind}Repositories "false";' in render.render_apt("/a", "amd64").splitlines()
