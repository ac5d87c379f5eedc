# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the options of a task and turns them into a L(Wanted). Pure; raises InputError only."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Any, Callable, Dict, Hashable, Iterable, List, Mapping, Optional, Tuple

from .._core.errors import InputError
from .names import Portal, check_iqn, make_chap, make_portal, parse_portal
from .target_state import Wanted, WantedAcl, WantedLun

_MAX_LUN = 65535
_BYTES = 16777215
_UINT = 2**32 - 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_SERIAL = re.compile(r"[0-9a-f-]{25,64}")

TARGET_NUMBERS: Mapping[str, Tuple[int, int]] = {
    "cache_dynamic_acls": (0, 1),
    "default_cmdsn_depth": (1, 512),
    "default_erl": (0, 2),
    "demo_mode_discovery": (0, 1),
    "demo_mode_write_protect": (0, 1),
    "login_keys_workaround": (0, 1),
    "login_timeout": (5, 30),
    "netif_timeout": (2, 15),
    "prod_mode_write_protect": (0, 1),
    "t10_pi": (0, 1),
    "tpg_enabled_sendtargets": (0, 1),
    "DefaultTime2Retain": (0, 3600),
    "DefaultTime2Wait": (0, 3600),
    "ErrorRecoveryLevel": (0, 2),
    "FirstBurstLength": (512, _BYTES),
    "MaxBurstLength": (512, _BYTES),
    "MaxConnections": (1, 65535),
    "MaxOutstandingR2T": (1, 65535),
    "MaxRecvDataSegmentLength": (512, _BYTES),
    "MaxXmitDataSegmentLength": (512, _BYTES),
}
"""Attributes of a portal group, and iSCSI parameters that are numbers, with their ranges."""

_DIGESTS = ("None", "CRC32C", "CRC32C,None", "None,CRC32C")
TARGET_WORDS: Mapping[str, Tuple[str, ...]] = {
    "DataDigest": _DIGESTS,
    "HeaderDigest": _DIGESTS,
    "DataPDUInOrder": ("Yes", "No"),
    "DataSequenceInOrder": ("Yes", "No"),
    "ImmediateData": ("Yes", "No"),
    "InitialR2T": ("Yes", "No"),
}
"""iSCSI parameters that are words."""

_RESERVED = {
    "authentication": "the option authentication sets it",
    "generate_node_acls": "only initiators in acls are let in",
    "AuthMethod": "the option authentication decides it",
}

ACL_NUMBERS: Mapping[str, Tuple[int, int]] = {
    "dataout_timeout": (2, 60),
    "dataout_timeout_retries": (1, 15),
    "default_erl": (0, 2),
    "nopin_response_timeout": (3, 60),
    "nopin_timeout": (0, 60),
    "random_datain_pdu_offsets": (0, 1),
    "random_datain_seq_offsets": (0, 1),
    "random_r2t_offsets": (0, 1),
}
"""Attributes of an ACL, with their ranges."""

_SHORTEST_NOPIN = 3
"""Seconds; 0 is never."""

LUN_NUMBERS: Mapping[str, Tuple[int, int]] = {
    "block_size": (512, 4096),
    "emulate_3pc": (0, 1),
    "emulate_caw": (0, 1),
    "emulate_fua_write": (0, 1),
    "emulate_model_alias": (0, 1),
    "emulate_pr": (0, 1),
    "emulate_tas": (0, 1),
    "emulate_tpu": (0, 1),
    "emulate_tpws": (0, 1),
    "emulate_ua_intlck_ctrl": (0, 2),
    "emulate_write_cache": (0, 1),
    "enforce_pr_isids": (0, 1),
    "is_nonrot": (0, 1),
    "max_unmap_block_desc_count": (0, _UINT),
    "max_unmap_lba_count": (0, _UINT),
    "max_write_same_len": (0, _UINT),
    "optimal_sectors": (1, _UINT),
    "queue_depth": (1, _UINT),
    "unmap_granularity": (0, _UINT),
    "unmap_granularity_alignment": (0, _UINT),
    "unmap_zeroes_data": (0, 1),
}
"""Attributes of a backstore, with their ranges."""


def make_wanted(params: Mapping[str, Any], to_bytes: Callable[[str], int]) -> Wanted:
    """Check every option of C(iscsi_target).

    :arg to_bytes: turns a size such as C(10G) into bytes; raises ValueError.
    """
    luns = _make_luns(params.get("luns"), to_bytes)
    authentication = params["authentication"]
    wanted = Wanted(
        iqn=check_iqn("iqn", params["iqn"]),
        state=params["state"],
        portals=_make_portals(params["portals"]),
        luns=luns,
        acls=_make_acls(params.get("acls"), luns, authentication),
        attributes={
            **_check_target_attributes(params.get("attributes") or {}),
            "authentication": "1" if authentication else "0",
            "generate_node_acls": "0",
        },
        exclusive=params["exclusive"],
        force=params["force"],
    )
    if not wanted.portals and wanted.state == "present":
        raise InputError("portals", "a target without a portal cannot be reached: name at least one")
    # What is to be gone has no parts: a task may keep them to say so of the same target.
    return wanted if wanted.state == "present" else replace(wanted, portals=(), luns=None, acls=None, attributes={})


def secrets_of(params: Mapping[str, Any]) -> Tuple[str, ...]:
    """Every secret in the options, also where they are not valid."""
    chaps = [acl.get("chap") or {} for acl in params.get("acls") or ()]
    return tuple(str(chap[name]) for chap in chaps for name in ("password", "mutual_password") if chap.get(name))


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


def shadows(one: Portal, other: Portal) -> bool:
    """Whether C(one) listens on every address and so leaves no room for C(other) on the same port."""
    if one == other or one.port != other.port:
        return False
    # An IPv6 socket on every address takes IPv4 as well.
    return one.host == "::" or (one.host == "0.0.0.0" and not other.is_ipv6)


def _make_portal(option: str, entry: Any) -> Portal:
    if isinstance(entry, Mapping):
        unknown = sorted(str(key) for key in set(entry) - {"host", "port"})
        if unknown or "host" not in entry:
            raise InputError(option, "expected the keys host and, optionally, port" + (f", not {', '.join(unknown)}" if unknown else ""))
        portal = make_portal(f"{option}.host", str(entry["host"]), _port_number(f"{option}.port", entry.get("port")))
    else:
        portal = parse_portal(option, str(entry))
    if not portal.is_ipv6 and not re.fullmatch(r"[0-9.]+", portal.host):
        raise InputError(option, f"'{portal.host}' is a name: a target listens on IPv4 or IPv6 addresses")
    return portal


def _port_number(option: str, value: Any) -> Optional[int]:
    if value is None:
        return None
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,5}", str(value)):
        raise InputError(option, f"'{value}' is not a port number")
    return int(value)


def _make_luns(entries: Optional[Iterable[Mapping[str, Any]]], to_bytes: Callable[[str], int]) -> Optional[Tuple[WantedLun, ...]]:
    if entries is None:
        return None
    luns = tuple(_make_lun(f"luns[{number}]", entry, to_bytes) for number, entry in enumerate(entries))
    _no_duplicates("luns", "the LUN number", (lun.number for lun in luns))
    _no_duplicates("luns", "the name", (lun.name for lun in luns))
    _no_duplicates("luns", "the path", (lun.path for lun in luns))
    _no_duplicates("luns", "the serial", (lun.serial for lun in luns if lun.serial))
    return luns


def _make_lun(option: str, entry: Mapping[str, Any], to_bytes: Callable[[str], int]) -> WantedLun:
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
                f"'{serial}': expected at least 25 hexadecimal digits, such as a UUID: initiators know the disk by a name made of them",
            )
    return WantedLun(
        number=number,
        plugin="block" if path is not None else "fileio",
        name=name,
        path=_check_path(f"{option}.path", path) if path is not None else _check_path(f"{option}.file", str(file)),
        size=_make_size(f"{option}.size", entry.get("size"), to_bytes, path is not None),
        serial=serial,
        attributes=_check_lun_attributes(f"{option}.attributes", entry.get("attributes") or {}, path is not None),
    )


def _check_path(option: str, path: str) -> str:
    if not path.startswith("/") or os.path.normpath(path) != path or any(char.isspace() or ord(char) < 32 or char == "," for char in path):
        raise InputError(option, f"'{path}': expected an absolute path without '..', double slashes, white space or commas")
    return path


def _make_size(option: str, text: Optional[str], to_bytes: Callable[[str], int], block: bool) -> Optional[int]:
    if text is None:
        return None
    if block:
        raise InputError(option, "a block device has a size of its own; size belongs to file")
    try:
        size = to_bytes(text)
    except ValueError:
        raise InputError(option, f"'{text}' is not a size such as 512M or 10G") from None
    if size < 1048576 or size % 512:
        raise InputError(option, f"'{text}': expected at least 1M, in whole sectors of 512 bytes")
    return size


def _make_acls(
    entries: Optional[Iterable[Mapping[str, Any]]], luns: Optional[Tuple[WantedLun, ...]], authentication: bool
) -> Optional[Tuple[WantedAcl, ...]]:
    if entries is None:
        return None
    numbers = None if luns is None else [lun.number for lun in luns]
    acls = tuple(_make_acl(f"acls[{number}]", entry, numbers, authentication) for number, entry in enumerate(entries))
    _no_duplicates("acls", "the initiator", (acl.initiator for acl in acls))
    return acls


def _make_acl(option: str, entry: Mapping[str, Any], numbers: Optional[List[int]], authentication: bool) -> WantedAcl:
    chap = make_chap(f"{option}.chap", entry.get("chap"))
    if authentication and chap is None:
        raise InputError(f"{option}.chap", "missing: with authentication no initiator can log in without credentials")
    if chap is not None and not authentication:
        raise InputError(f"{option}.chap", "credentials are of no effect without authentication: leave out one of the two")
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
        attributes=_check_acl_attributes(f"{option}.attributes", entry.get("attributes") or {}),
    )


def _check_acl_attributes(option: str, values: Mapping[str, Any]) -> Dict[str, str]:
    checked = {}
    for name, value in values.items():
        if name == "authentication":
            raise InputError(f"{option}.{name}", f"cannot be set here: {_RESERVED[name]}")
        if name not in ACL_NUMBERS:
            raise InputError(f"{option}.{name}", f"unknown; known are {', '.join(sorted(ACL_NUMBERS))}")
        checked[name] = _number(f"{option}.{name}", value, ACL_NUMBERS[name])
    if 0 < int(checked.get("nopin_timeout", 0)) < _SHORTEST_NOPIN:
        raise InputError(
            f"{option}.nopin_timeout", f"'{checked['nopin_timeout']}': expected 0 for never, or {_SHORTEST_NOPIN} to 60 seconds"
        )
    return checked


def _check_target_attributes(values: Mapping[str, Any]) -> Dict[str, str]:
    checked = {}
    for name, value in values.items():
        option = f"attributes.{name}"
        if name in _RESERVED:
            raise InputError(option, f"cannot be set here: {_RESERVED[name]}")
        if name in TARGET_NUMBERS:
            checked[name] = _number(option, value, TARGET_NUMBERS[name])
        elif name in TARGET_WORDS:
            checked[name] = _word(option, value, TARGET_WORDS[name])
        else:
            raise InputError(option, f"unknown; known are {', '.join(sorted([*TARGET_NUMBERS, *TARGET_WORDS]))}")
    return checked


def _check_lun_attributes(option: str, values: Mapping[str, Any], block: bool) -> Dict[str, str]:
    checked = {}
    for name, value in values.items():
        if name not in LUN_NUMBERS:
            raise InputError(f"{option}.{name}", f"unknown; known are {', '.join(sorted(LUN_NUMBERS))}")
        checked[name] = _number(f"{option}.{name}", value, LUN_NUMBERS[name])
    if block and checked.get("emulate_write_cache") == "1":
        raise InputError(f"{option}.emulate_write_cache", "the kernel takes it from the block device itself; it can be set for files only")
    return checked


def _number(option: str, value: Any, limits: Tuple[int, int]) -> str:
    text = str(int(value)) if isinstance(value, bool) else str(value)
    if not re.fullmatch(r"[0-9]{1,10}", text) or not limits[0] <= int(text) <= limits[1]:
        raise InputError(option, f"'{value}' is not a whole number between {limits[0]} and {limits[1]}")
    return str(int(text))


def _word(option: str, value: Any, allowed: Tuple[str, ...]) -> str:
    text = ("Yes" if value else "No") if isinstance(value, bool) else str(value)
    if text not in allowed:
        raise InputError(option, f"'{value}' is none of {', '.join(repr(word) for word in allowed)}")
    return text
