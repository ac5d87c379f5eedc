# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names that a task may choose for namespaces and links, and the names of a namespace's files, rules and settings. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import Tuple

from .._core.errors import InputError
from .._host.entering import NAMED
from .._host.systemd import SYSTEM_FOLDER

NOTE = "Written by fleetlab.linux.netns"
LONGEST_LINK = 15
"""The kernel's limit for the names of interfaces."""

_ALLOWED = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_RESERVED_LINKS = ("lo", "all", "default")
PREFIX = "fleetlab-netns-"
_LONGEST_NAME = 128 - len(PREFIX)
"""The longest comment of nftables has 128 characters; the kernel's own limit for names is 255."""

IP_FORWARD = "net/ipv4/ip_forward"
IP6_FORWARD = "net/ipv6/conf/all/forwarding"

GATE = "03:66:6c:65:65:74"
"""The Ethernet address to which a namespace sends: one of multicast, so that the kernel of the host takes no packet by itself."""

CONF_FOLDER = "/etc/netns"
LASTING_FOLDER = "/etc/fleetlab/netns"
PASSING_FOLDER = "/run/fleetlab/netns"


def check_name(option: str, name: str) -> str:
    """Return the name of a namespace.

    :raises InputError: the name is not allowed.
    """
    if len(name) > _LONGEST_NAME:
        raise InputError(option, f"'{name[:20]}...' is longer than {_LONGEST_NAME} characters")
    return _allowed(option, name)


def check_link(option: str, name: str) -> str:
    """Return the name of an interface.

    :raises InputError: the name is not allowed.
    """
    if len(name) > LONGEST_LINK:
        raise InputError(option, f"'{name}' is longer than {LONGEST_LINK} characters, the kernel's limit for an interface")
    if name in _RESERVED_LINKS:
        raise InputError(option, f"'{name}' has a special meaning for the kernel: choose another name")
    return _allowed(option, name)


def _allowed(option: str, name: str) -> str:
    if not _ALLOWED.fullmatch(name):
        raise InputError(option, f"'{name}' is not a name: use letters, digits, _ . and -, and begin with a letter, a digit or _")
    return name


def default_link(name: str) -> str:
    """The default name of the host's end of a namespace's first link."""
    link = f"v-{name}"
    return link if len(link) <= LONGEST_LINK else f"v-{_digest(name)}"


def tag(name: str) -> str:
    """The name of a namespace's table in nftables, and the comment of its rules in foreign chains."""
    return f"{PREFIX}{name}"


def chain(name: str, hook: str) -> str:
    """The name of a chain of iptables; such names have at most 28 characters."""
    return f"fleetlab-{_digest(name)}-{hook}"


def unit(name: str) -> str:
    """The service that builds a namespace at boot."""
    return f"{PREFIX}{name}.service"


def unit_path(name: str) -> str:
    """The file of the service."""
    return f"{SYSTEM_FOLDER}/{unit(name)}"


def script_path(name: str) -> str:
    """The script that the service runs."""
    return f"{LASTING_FOLDER}/{name}.sh"


def record_path(name: str, persist: bool) -> str:
    """The file of the record. A record below /run vanishes at the next boot, like the namespace."""
    return f"{LASTING_FOLDER if persist else PASSING_FOLDER}/{name}.json"


def namespace_path(name: str) -> str:
    """The file of the name, on which the namespace is mounted."""
    return f"{NAMED}/{name}"


def entering(name: str) -> Tuple[str, ...]:
    """The words before a command that runs in a namespace, with the files of the host: this takes less time than C(ip netns exec)."""
    return "nsenter", f"--net={namespace_path(name)}"


def resolv_conf_path(name: str) -> str:
    """The file that C(ip netns exec) shows as /etc/resolv.conf."""
    return f"{CONF_FOLDER}/{name}/resolv.conf"


def nsswitch_path(name: str) -> str:
    """The file that C(ip netns exec) shows as /etc/nsswitch.conf."""
    return f"{CONF_FOLDER}/{name}/nsswitch.conf"


def route_localnet(link: str) -> str:
    """The setting that lets the host's loopback addresses reach a link."""
    return f"net/ipv4/conf/{link}/route_localnet"


def only_unicast(link: str) -> str:
    """The setting that drops packets of IPv4 that were sent to a multicast address of Ethernet, unless a rule takes them."""
    return f"net/ipv4/conf/{link}/drop_unicast_in_l2_multicast"


def is_of_link(setting: str) -> bool:
    """Whether a setting belongs to a link of a namespace, begins with 0, and vanishes with the link."""
    return setting.endswith(("/route_localnet", "/drop_unicast_in_l2_multicast"))


def accept_ra(link: str) -> str:
    """The setting that decides whether an interface still listens to routers when the host is a router itself."""
    return f"net/ipv6/conf/{link}/accept_ra"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8")).hexdigest()[:10]
