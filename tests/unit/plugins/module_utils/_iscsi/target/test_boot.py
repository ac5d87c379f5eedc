# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left in systemd's folders so that targets come back at boot."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Portal
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.boot import (
    drop_in_content,
    drop_in_path,
    find_family,
    find_saved_file,
    read_boot,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.state import Wanted, WantedLun

IQN = "iqn.2026-01.com.example:one"
DEBIAN = "rtslib-fb-targetctl.service"


def install(root: Path, unit: str = DEBIAN, folder: str = "lib/systemd/system") -> None:
    path = root / folder / unit
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[Unit]\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("unit", "path"),
    [(DEBIAN, "/etc/rtslib-fb-target/saveconfig.json"), ("target.service", "/etc/target/saveconfig.json")],
)
def test_each_distribution_has_its_own(tmp_path: Path, unit: str, path: str) -> None:
    install(tmp_path, unit)
    family = find_family(Host(str(tmp_path)))
    assert (family.target_unit, family.target_file) == (unit, path)


def test_nothing_installed_names_the_packages(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="python3-rtslib-fb"):
        find_family(Host(str(tmp_path)))
    assert find_saved_file(Host(str(tmp_path))) == "/etc/rtslib-fb-target/saveconfig.json"


def test_a_fresh_unit(tmp_path: Path) -> None:
    install(tmp_path)
    boot = read_boot(Host(str(tmp_path)), DEBIAN, IQN)
    assert (boot.enabled, boot.masked, boot.folder_exists, boot.drop_in) == (False, False, False, None)


def test_an_enabled_unit_with_an_addition(tmp_path: Path) -> None:
    install(tmp_path)
    wants = tmp_path / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    (wants / DEBIAN).symlink_to(f"/lib/systemd/system/{DEBIAN}")
    content = drop_in_content(Wanted(IQN, luns=(WantedLun(0, "block", "a", "/dev/vg/a"),)))
    assert content is not None
    path = tmp_path / drop_in_path(DEBIAN, IQN)[1:]
    path.parent.mkdir()
    path.write_text(content, encoding="utf-8")
    boot = read_boot(Host(str(tmp_path)), DEBIAN, IQN)
    assert (boot.enabled, boot.folder_exists, boot.drop_in) == (True, True, content)


def test_a_masked_unit(tmp_path: Path) -> None:
    install(tmp_path)
    own = tmp_path / "etc/systemd/system" / DEBIAN
    own.parent.mkdir(parents=True)
    own.symlink_to("/dev/null")
    assert read_boot(Host(str(tmp_path)), DEBIAN, IQN).masked


# Each as systemd-escape --path prints it.
@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/dev/vg/a", "dev-vg-a"),
        ("/dev/disk/by-id/wwn-0x5000", "dev-disk-by\\x2did-wwn\\x2d0x5000"),
        ("/dev/mapper/vg--0-a_b.c:d", "dev-mapper-vg\\x2d\\x2d0\\x2da_b.c:d"),
        ("/.hidden", "\\x2ehidden"),
        ("/dev/ä", "dev-\\xc3\\xa4"),
    ],
)
def test_paths_in_unit_names(path: str, unit: str) -> None:
    content = drop_in_content(Wanted(IQN, luns=(WantedLun(0, "block", "a", path),)))
    assert content is not None
    assert f"\nAfter={unit}.device\n" in content


def test_an_address_of_its_own_needs_the_network() -> None:
    content = drop_in_content(Wanted(IQN, luns=(), portals=(Portal("192.0.2.1"),)))
    assert content is not None
    assert content.endswith("[Unit]\nWants=network-online.target\nAfter=network-online.target\n")
    assert drop_in_content(Wanted(IQN, luns=(), portals=(Portal("0.0.0.0"), Portal("::")))) is None


@pytest.mark.parametrize(
    ("folder", "lines", "fails"),
    [
        ("python3/dist-packages", ["def clear():", "funcs[sys.argv[1]](savefile)"], True),
        ("python3.13/site-packages", ["def clear():", "funcs[sys.argv[1]](savefile)"], True),
        ("python3/dist-packages", ["def clear(unused):", "funcs[sys.argv[1]](savefile)"], False),
        ("python3/dist-packages", ["def clear():", "funcs[sys.argv[1]]()"], False),
        ("python3/dist-packages", [], False),
    ],
)
def test_a_way_to_stop_that_cannot_work_is_found(tmp_path: Path, folder: str, lines: list[str], fails: bool) -> None:
    install(tmp_path)
    path = tmp_path / "usr/lib" / folder / "rtslib/targetctl.py"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(["import sys", *lines]), encoding="utf-8")
    assert read_boot(Host(str(tmp_path)), DEBIAN, IQN).clear_fails == fails


def test_it_is_replaced_by_the_library_itself() -> None:
    """Also where nothing is waited for; an empty assignment takes away what the unit has."""
    stop = [
        "[Service]",
        "# targetctl clear of this version ends with a TypeError.",
        "ExecStop=",
        'ExecStop=/usr/bin/python3 -c "from rtslib_fb import RTSRoot; RTSRoot().clear_existing(confirm=True)"',
    ]
    for portals, before in (((Portal("0.0.0.0"),), []), ((Portal("192.0.2.1"),), ["[Unit]", "Wants=network-online.target"])):
        content = drop_in_content(Wanted(IQN, luns=(), portals=portals), clear_fails=True)
        assert content is not None
        assert content.splitlines()[-4:] == stop
        assert content.splitlines()[1 : 1 + len(before)] == before


def test_an_empty_file_of_reservations_is_removed_before_the_target_is_restored() -> None:
    content = drop_in_content(Wanted(IQN, luns=()), reservations="/etc/rtslib-fb-target/pr")
    assert content is not None
    assert content.endswith("[Service]\nExecStartPre=-/usr/bin/find /etc/rtslib-fb-target/pr -type f -empty -delete\n")


def test_observing_an_empty_machine(tmp_path: Path) -> None:
    install(tmp_path)
    wanted = Wanted(IQN, luns=(WantedLun(0, "fileio", "a", "/f"),), portals=(Portal("192.0.2.77"),))
    system = observe(wanted, Host(str(tmp_path)))
    assert not system.kernel_ready
    assert system.targets == {}
    assert system.saved.document is None
    assert system.paths["/f"].kind == "missing"
    assert system.portal_problems == {Portal("192.0.2.77"): "Cannot assign requested address"}
