# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names: of namespaces and links, as a task may choose them, and of the files, rules and settings that belong to a namespace. Pure."""

from __future__ import annotations

import hashlib
import re

from .._core.errors import InputError
from .._host.systemd import SYSTEM_FOLDER

NOTE = "Written by fleetlab.linux.netns"
LONGEST_LINK = 15
"""The kernel's limit for the names of interfaces."""

_ALLOWED = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_RESERVED_LINKS = ("lo", "all", "default")
PREFIX = "fleetlab-netns-"
_LONGEST_NAME = 128 - len(PREFIX)
"""Comments of nftables hold 128 characters; the kernel's own limit is 255."""

IP_FORWARD = "net/ipv4/ip_forward"
IP6_FORWARD = "net/ipv6/conf/all/forwarding"

RUN_FOLDER = "/run/netns"
CONF_FOLDER = "/etc/netns"
LASTING_FOLDER = "/etc/fleetlab/netns"
PASSING_FOLDER = "/run/fleetlab/netns"


def check_name(option: str, name: str) -> str:
    """A namespace's name, or an error."""
    if len(name) > _LONGEST_NAME:
        raise InputError(option, f"'{name[:20]}...' is longer than {_LONGEST_NAME} characters")
    return _allowed(option, name)


def check_link(option: str, name: str) -> str:
    """An interface's name, or an error."""
    if len(name) > LONGEST_LINK:
        raise InputError(option, f"'{name}' is longer than the {LONGEST_LINK} characters that the kernel takes for an interface")
    if name in _RESERVED_LINKS:
        raise InputError(option, f"'{name}' has a meaning of its own to the kernel: choose another name")
    return _allowed(option, name)


def _allowed(option: str, name: str) -> str:
    if not _ALLOWED.fullmatch(name):
        raise InputError(option, f"'{name}' is not a name: letters, digits, _ . and - are taken, the first one a letter, a digit or _")
    return name


def default_link(name: str) -> str:
    """The host's end of a namespace's first link when the task does not name it."""
    link = f"v-{name}"
    return link if len(link) <= LONGEST_LINK else f"v-{_digest(name)}"


def tag(name: str) -> str:
    """The table of a namespace in nftables, and the comment of its rules in chains of others."""
    return f"{PREFIX}{name}"


def chain(name: str, hook: str) -> str:
    """A chain of iptables; their names have at most 28 characters."""
    return f"fleetlab-{_digest(name)}-{hook}"


def unit(name: str) -> str:
    """The service that builds a namespace at boot."""
    return f"{PREFIX}{name}.service"


def unit_path(name: str) -> str:
    """Where the service lies."""
    return f"{SYSTEM_FOLDER}/{unit(name)}"


def script_path(name: str) -> str:
    """What the service runs."""
    return f"{LASTING_FOLDER}/{name}.sh"


def record_path(name: str, persist: bool) -> str:
    """The file that says what was made. One below /run goes with the namespace at the next boot."""
    return f"{LASTING_FOLDER if persist else PASSING_FOLDER}/{name}.json"


def namespace_path(name: str) -> str:
    """The name's file, on which the namespace is mounted."""
    return f"{RUN_FOLDER}/{name}"


def resolv_conf_path(name: str) -> str:
    """What C(ip netns exec) puts in the place of /etc/resolv.conf."""
    return f"{CONF_FOLDER}/{name}/resolv.conf"


def route_localnet(link: str) -> str:
    """The setting that lets the host's loopback addresses reach a link."""
    return f"net/ipv4/conf/{link}/route_localnet"


def accept_ra(link: str) -> str:
    """The setting that says whether an interface goes on listening to routers when the host is a router itself."""
    return f"net/ipv6/conf/{link}/accept_ra"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8")).hexdigest()[:10]
