# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The families of distributions: one row for each, with all differences between them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Iterable, Mapping, Tuple

from .files import Host
from .systemd import has_unit


@dataclass(frozen=True)
class Family:
    """A family of distributions. C(ids) are words of ID and ID_LIKE in os-release, C(os_family) is Ansible's fact.

    C(packages) are the packages by the command that they contain; C(initramfs) is the command that makes the initramfs again.
    C(target_unit) restores the targets of LIO at boot, from C(target_file); C(services) are the services that a role starts at boot.
    """

    name: str
    os_family: str
    ids: Tuple[str, ...]
    packages: Mapping[str, Tuple[str, ...]]
    mdadm_conf: str
    initramfs: Tuple[str, ...]
    services: Mapping[str, Tuple[str, ...]]
    target_unit: str
    target_file: str


_SAME_PACKAGES = {"mdadm": ("mdadm",), "lvm": ("lvm2",), "lsblk": ("util-linux",), "wipefs": ("util-linux",), "nft": ("nftables",)}

FAMILIES = (
    Family(
        name="Debian, Ubuntu",
        os_family="Debian",
        ids=("debian", "ubuntu"),
        packages={
            **_SAME_PACKAGES,
            "iscsiadm": ("open-iscsi",),
            "udevadm": ("udev",),
            "ip": ("iproute2",),
            "rtslib": ("python3-rtslib-fb",),
            "targetcli": ("targetcli-fb",),
            **dict.fromkeys(("dpkg", "dpkg-deb", "dpkg-query"), ("dpkg",)),
            **dict.fromkeys(("apt-cache", "apt-get", "apt-mark"), ("apt",)),
            "apache2ctl": ("apache2",),
        },
        mdadm_conf="/etc/mdadm/mdadm.conf",
        initramfs=("update-initramfs", "-u"),
        services={"storage_client": ("open-iscsi",)},
        target_unit="rtslib-fb-targetctl.service",
        target_file="/etc/rtslib-fb-target/saveconfig.json",
    ),
    Family(
        name="RHEL, Fedora",
        os_family="RedHat",
        ids=("rhel", "fedora", "centos"),
        packages={
            **_SAME_PACKAGES,
            "iscsiadm": ("iscsi-initiator-utils",),
            "udevadm": ("systemd-udev",),
            "ip": ("iproute",),
            "rtslib": ("python3-rtslib", "target-restore"),
            "targetcli": ("targetcli",),
        },
        mdadm_conf="/etc/mdadm.conf",
        # Without the option the configuration of dracut decides whether the arrays have their names at boot.
        initramfs=("dracut", "--force", "--mdadmconf"),
        services={"storage_client": ("iscsi",)},
        target_unit="target.service",
        target_file="/etc/target/saveconfig.json",
    ),
)
_ROLE_COMMANDS = {"storage_client": ("mdadm", "iscsiadm"), "storage_server": ("lvm", "rtslib", "targetcli")}
"""The commands that a role needs on its hosts, as keys of C(packages)."""

_OTHER = FAMILIES[1]
"""The row for all other distributions: mdadm itself looks for /etc/mdadm.conf unless Debian builds it."""


def family_of(host: Host) -> Family:
    """The family of this host by os-release; for an unknown distribution a row with defaults."""
    words = set(_os_words((host.read("/etc/os-release") or "").splitlines()))
    return next((family for family in FAMILIES if words & set(family.ids)), _OTHER)


def _os_words(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        key, _equals, value = line.partition("=")
        if key in ("ID", "ID_LIKE"):
            yield from " ".join(shlex.split(value)).split()


def packages_for(command: str) -> str:
    """The packages that contain a command, for the error on a host that lacks it; empty if no family has such packages."""
    named = {family.name: " and ".join(family.packages[command]) for family in FAMILIES if command in family.packages}
    if len(named) == 1:
        family, packages = next(iter(named.items()))
        return f"{packages} of {family}; on other distributions this cannot be done"
    if len(set(named.values())) == 1:
        return next(iter(named.values()))
    return " or ".join(f"{packages} ({family})" for family, packages in named.items())


def role_packages(family: Family, role: str) -> Tuple[str, ...]:
    """The packages that a role installs on a host of this family."""
    return tuple(package for command in _ROLE_COMMANDS[role] for package in family.packages[command])


def initramfs_command(host: Host) -> Tuple[str, ...]:
    """The command that makes this host's initramfs again; empty if it has none. Found by the program, because a family may have either."""
    return next((family.initramfs for family in FAMILIES if host.program(family.initramfs[0])), ())


def target_family(host: Host) -> Tuple[Family, ...]:
    """The family whose unit restores targets on this host; empty if no such unit is installed."""
    return tuple(family for family in FAMILIES if has_unit(host, family.target_unit))[:1]
