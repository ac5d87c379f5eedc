# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of iscsi_target: their argument spec, and the checks that turn them into a L(Wanted). Pure; raises InputError only."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import Any, Dict, Hashable, Iterable, List, Mapping, Optional, Tuple

from ansible.module_utils.common.text.formatters import human_to_bytes

from ..._core.errors import InputError
from ..names import CHAP_SPEC, Portal, chap_secrets, check_iqn, make_chap, make_portal, parse_portal, shadows
from .attributes import TARGET, read_acl_attributes, read_lun_attributes
from .state import Wanted, WantedAcl, WantedLun

_MAX_LUN = 65535
_NEW_PORTALS = ("0.0.0.0:3260",)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_SERIAL = re.compile(r"[0-9a-f-]{25,64}")


def argument_spec() -> Dict[str, Any]:
    """The options of the module."""
    lun = {
        "lun": {"type": "int", "required": True},
        "name": {"type": "str", "required": True},
        "path": {"type": "path"},
        "file": {"type": "path"},
        "size": {"type": "str"},
        "serial": {"type": "str"},
        "attributes": {"type": "dict", "default": {}},
    }
    acl = {
        "initiator": {"type": "str", "required": True},
        "chap": {"type": "dict", "options": CHAP_SPEC},
        "luns": {"type": "list", "elements": "int"},
        "attributes": {"type": "dict", "default": {}},
    }
    return {
        "iqn": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "portals": {"type": "list", "elements": "raw"},
        "luns": {"type": "list", "elements": "dict", "options": lun},
        "acls": {"type": "list", "elements": "dict", "options": acl},
        "authentication": {"type": "bool"},
        "attributes": {"type": "dict", "default": {}},
        "exclusive": {"type": "bool", "default": False},
        "force": {"type": "bool", "default": False},
        "lost_initiators": {"type": "list", "elements": "str", "default": []},
    }


def make_wanted(params: Mapping[str, Any]) -> Wanted:
    """Check every option.

    :raises InputError: an option is not valid.
    """
    luns = _make_luns(params.get("luns"))
    authentication, portals = params.get("authentication"), params.get("portals")
    wanted = Wanted(
        iqn=check_iqn("iqn", params["iqn"]),
        state=params["state"],
        portals=_make_portals(_NEW_PORTALS if portals is None else portals),
        luns=luns,
        acls=_make_acls(params.get("acls"), luns),
        attributes={
            **TARGET.read("attributes", params.get("attributes") or {}),
            "authentication": "0" if authentication is False else "1",
            "generate_node_acls": "0",
        },
        exclusive=params["exclusive"],
        force=params["force"],
        lost_initiators=tuple(check_iqn(f"lost_initiators[{number}]", name) for number, name in enumerate(params["lost_initiators"])),
        keeps_portals=portals is None,
        keeps_authentication=authentication is None,
    )
    if authentication is not None:
        check_credentials(wanted, authentication)
    if not wanted.portals and wanted.state == "present":
        raise InputError("portals", "a target without a portal cannot be reached: name at least one")
    _refuse_lost_acls(wanted)
    # A task that removes a target may still declare its parts.
    return wanted if wanted.state == "present" else replace(wanted, portals=(), luns=None, acls=None, attributes={})


def _refuse_lost_acls(wanted: Wanted) -> None:
    for name in wanted.lost_initiators:
        if wanted.state == "present" and name in [acl.initiator for acl in wanted.acls or ()]:
            raise InputError("lost_initiators", f"{name} is in acls too, and may log in: name it in one of them")


def check_credentials(wanted: Wanted, authentication: bool) -> None:
    """Compare the credentials in the ACLs with the authentication of the target.

    :raises InputError: credentials are missing, or have no effect.
    """
    for number, acl in enumerate(wanted.acls or ()):
        option = f"acls[{number}].chap"
        if authentication and acl.chap is None:
            raise InputError(option, "missing: with authentication no initiator can log in without credentials")
        if acl.chap is not None and not authentication:
            raise InputError(option, "credentials have no effect without authentication: omit chap, or set authentication")


def secrets_of(params: Mapping[str, Any]) -> Tuple[str, ...]:
    """Every secret in the options, also in options that are not valid."""
    return chap_secrets(params.get("acls") or ())


def _no_duplicates(option: str, what: str, values: Iterable[Hashable]) -> None:
    seen = set()
    for value in values:
        if value in seen:
            raise InputError(option, f"{what} {value} is given twice")
        seen.add(value)


def _make_portals(entries: Iterable[Any]) -> Tuple[Portal, ...]:
    portals = tuple(_make_portal(f"portals[{number}]", entry) for number, entry in enumerate(entries))
    _no_duplicates("portals", "the portal", portals)
    for portal in portals:
        for other in portals:
            if shadows(other, portal):
                raise InputError("portals", f"{portal} is part of {other}, which listens on every address: name one of them")
    return portals


def _make_portal(option: str, entry: Any) -> Portal:
    if isinstance(entry, Mapping):
        unknown = sorted(str(key) for key in set(entry) - {"host", "port"})
        if unknown or "host" not in entry:
            raise InputError(option, "expected the keys host and, optionally, port" + (f", not {', '.join(unknown)}" if unknown else ""))
        portal = make_portal(f"{option}.host", str(entry["host"]), _port_number(f"{option}.port", entry.get("port")))
    else:
        portal = parse_portal(option, str(entry))
    if not portal.is_ipv6 and not re.fullmatch(r"[0-9.]+", portal.host):
        raise InputError(option, f"'{portal.host}' is a name, and a target listens on addresses: give an IPv4 or IPv6 address")
    return portal


def _port_number(option: str, value: Any) -> Optional[int]:
    if value is None:
        return None
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,5}", str(value)):
        raise InputError(option, f"'{value}' is not a port number")
    return int(value)


def _make_luns(entries: Optional[Iterable[Mapping[str, Any]]]) -> Optional[Tuple[WantedLun, ...]]:
    if entries is None:
        return None
    luns = tuple(_make_lun(f"luns[{number}]", entry) for number, entry in enumerate(entries))
    _no_duplicates("luns", "the LUN number", (lun.number for lun in luns))
    _no_duplicates("luns", "the name", (lun.name for lun in luns))
    _no_duplicates("luns", "the path", (lun.path for lun in luns))
    _no_duplicates("luns", "the serial", (lun.serial for lun in luns if lun.serial))
    return luns


def _make_lun(option: str, entry: Mapping[str, Any]) -> WantedLun:
    number, name, serial = entry["lun"], entry["name"], entry.get("serial")
    if not 0 <= number <= _MAX_LUN:
        raise InputError(f"{option}.lun", f"{number} is not between 0 and {_MAX_LUN}")
    if not _NAME.fullmatch(name):
        raise InputError(f"{option}.name", f"'{name}': expected 1 to 64 letters, digits, '.', '_', ':' or '-', the first a letter or digit")
    path, file = entry.get("path"), entry.get("file")
    if (path is None) == (file is None):
        raise InputError(option, f"LUN {number} needs either path (a block device) or file")
    if serial is not None:
        serial = serial.lower()
        if not _SERIAL.fullmatch(serial) or len(serial.replace("-", "")) < 25:
            raise InputError(
                f"{option}.serial",
                f"'{serial}': expected at least 25 hexadecimal digits, such as a UUID: initiators derive the disk's name from it",
            )
    plugin = "block" if path is not None else "fileio"
    return WantedLun(
        number=number,
        plugin=plugin,
        name=name,
        path=_check_path(f"{option}.path", path) if path is not None else _check_path(f"{option}.file", str(file)),
        size=_make_size(f"{option}.size", entry.get("size"), plugin),
        serial=serial,
        attributes=read_lun_attributes(f"{option}.attributes", entry.get("attributes") or {}, plugin),
    )


def _check_path(option: str, path: str) -> str:
    if (
        not path.startswith("/")
        or posixpath.normpath(path) != path
        or any(char.isspace() or ord(char) < 32 or char == "," for char in path)
    ):
        raise InputError(option, f"'{path}': expected an absolute path without '..', double slashes, white space or commas")
    return path


def _make_size(option: str, text: Optional[str], plugin: str) -> Optional[int]:
    if text is None:
        return None
    if plugin == "block":
        raise InputError(option, "a block device has its own size; size belongs to file")
    try:
        size = int(human_to_bytes(text))
    except ValueError:
        raise InputError(option, f"'{text}' is not a size such as 512M or 10G") from None
    if size < 1048576 or size % 512:
        raise InputError(option, f"'{text}': expected at least 1M, in whole sectors of 512 bytes")
    return size


def _make_acls(entries: Optional[Iterable[Mapping[str, Any]]], luns: Optional[Tuple[WantedLun, ...]]) -> Optional[Tuple[WantedAcl, ...]]:
    if entries is None:
        return None
    numbers = None if luns is None else [lun.number for lun in luns]
    acls = tuple(_make_acl(f"acls[{number}]", entry, numbers) for number, entry in enumerate(entries))
    _no_duplicates("acls", "the initiator", (acl.initiator for acl in acls))
    return acls


def _make_acl(option: str, entry: Mapping[str, Any], numbers: Optional[List[int]]) -> WantedAcl:
    chap = make_chap(f"{option}.chap", entry.get("chap"))
    mapped = entry.get("luns")
    if mapped is not None:
        _no_duplicates(f"{option}.luns", "LUN", mapped)
        unknown = [str(number) for number in mapped if numbers is not None and number not in numbers]
        if unknown:
            raise InputError(f"{option}.luns", f"not declared in luns: {', '.join(unknown)}")
    return WantedAcl(
        initiator=check_iqn(f"{option}.initiator", entry["initiator"]),
        chap=chap,
        luns=None if mapped is None else tuple(sorted(mapped)),
        attributes=read_acl_attributes(f"{option}.attributes", entry.get("attributes") or {}),
    )
