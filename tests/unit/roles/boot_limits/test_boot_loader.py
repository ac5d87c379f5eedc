# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The limits of a host of RHEL, on what its grubby shows of its menu, and the refusal of a host that has no known boot loader."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import ROOT, load, play_role, play_tasks, programs, render

MENUS = sorted((ROOT / "tests" / "fixtures" / "grubby").glob("*"))
# What a play needs of a host, without a boot loader.
NEEDED = ("cat", "chmod", "dirname", "env", "grep", "ls", "mkdir", "rm", "sh", "sleep", "uname")


def grubby(folder: Path, menu: Path) -> str:
    return programs(folder, grubby=f'case $1 in --info=ALL) cat {menu};; *) echo "$*" >>{folder}/changed;; esac')


@pytest.mark.parametrize("version", MENUS, ids=lambda path: path.name)
def test_only_a_menu_that_lacks_the_limits_is_changed(version: Path) -> None:
    """C(former) has other limits, and in C(one) a single kernel has another one."""
    template = load("boot_limits", "vars/main.yml")["boot_limits_unlimited"]
    for name, lines in {"before": 3, "former": 3, "one": 1, "after": 0}.items():
        menu = {"stdout_lines": (version / f"{name}.txt").read_text(encoding="utf-8").splitlines()}
        text = render(template, boot_limits_menu=menu, boot_limits_cpus=4, boot_limits_memory_mb=2048)
        assert text.count("args=") == lines


@pytest.mark.parametrize(
    ("lines", "with_grub"),
    [
        (["/usr/sbin/update-grub", "/usr/sbin/grubby", "/boot/grub/grub.cfg"], "True"),
        # A host that has the programs, and does not boot by GRUB.
        (["/usr/sbin/update-grub"], "False"),
        (["/usr/bin/grubby", "/boot/grub/grub.cfg"], "False"),
        # As raw gives it where ssh has a terminal.
        (["ls: cannot access '/boot/grub/grub.cfg': No such file or directory", "/usr/sbin/update-grub"], "False"),
    ],
)
def test_which_program_sets_the_limits(lines: list[str], with_grub: str) -> None:
    variables = load("boot_limits", "vars/main.yml")
    names = [line.rpartition("/")[2] for line in lines]
    assert render(variables["boot_limits_found"], boot_limits_looked={"stdout_lines": lines}) == str(names)
    assert render(variables["boot_limits_with_grub"], boot_limits_found=names) == with_grub


def test_other_words_behind_the_limits_are_named() -> None:
    """With GRUB_CMDLINE_LINUX_DEFAULT="quiet maxcpus=8" another reboot would not help."""
    variables = load("boot_limits", "vars/main.yml")
    words = "maxcpus=4 mem=2048M"
    for line, expected in {
        f"ro {words} quiet maxcpus=8": f"is ro {words} quiet maxcpus=8",
        "ro quiet maxcpus=8": "",
        f"ro {words}0": "",
    }.items():
        now = {"stdout_lines": ["cpu0 1 2", "cpu1 3 4", "MemTotal:    4000 kB", line]}
        found = render(variables["boot_limits_booted_line"], boot_limits_now=now, boot_limits_words=words)
        text = render(variables["boot_limits_other_words"], boot_limits_booted_line=found)
        assert text.endswith(expected)
        assert bool(text) is bool(expected)
        assert render(variables["boot_limits_cpus_now"], boot_limits_now=now) == "2"


def bare(folder: Path) -> str:
    """What stands before a command that finds only the programs that every host has."""
    place = folder / "few"
    place.mkdir()
    for name in NEEDED:
        (place / name).symlink_to(str(shutil.which(name)))
    return f"env PATH={place}:{folder}/bin"


def test_a_host_with_grubby_is_changed_by_it(tmp_path: Path) -> None:
    grubby(tmp_path, MENUS[0] / "before.txt")
    variables = {"boot_limits_reboot": False}
    played = play_tasks(tmp_path, {"here": variables}, "--check", prefix=bare(tmp_path), name="fleetlab.linux.boot_limits")
    assert "Grubby | Limits on the command lines of all kernels" in [
        task["task"]["name"].partition(" : ")[2] for task in played if task["hosts"]["here"].get("changed")
    ]
    assert not (tmp_path / "changed").exists()


def test_a_host_that_has_both_boots_by_the_one_with_a_menu(tmp_path: Path) -> None:
    """update-grub without a menu is what is left of Debian's packages on a host that boots otherwise."""
    grubby(tmp_path, MENUS[0] / "before.txt")
    programs(tmp_path, update_grub="exit 1")
    played = play_tasks(
        tmp_path, {"here": {"boot_limits_reboot": False}}, "--check", prefix=bare(tmp_path), name="fleetlab.linux.boot_limits"
    )
    assert [task["task"]["name"].partition(" : ")[2] for task in played if task["hosts"]["here"].get("changed")] == [
        "Grubby | Limits on the command lines of all kernels"
    ]


def test_another_boot_loader_is_refused(tmp_path: Path) -> None:
    failed = play_role(tmp_path, {"here": {}}, "--check", prefix=bare(tmp_path), name="fleetlab.linux.boot_limits")
    assert failed["here"].startswith("here has neither update-grub with /boot/grub/grub.cfg, as Debian and Ubuntu, nor grubby")
    assert "Set boot_limits_through to backend" in failed["here"]
