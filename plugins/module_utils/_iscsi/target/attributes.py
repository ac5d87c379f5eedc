# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes of LIO that a task may set, with a row for each: of the portal group, iSCSI parameters, of an ACL, of a backstore. Pure.

To add an attribute, add its row; all other code finds it by its name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Tuple, Union

from ..._core.errors import InputError

_BYTES = 16777215
_UINT = 2**32 - 1
_SHORTEST_NOPIN = 3


@dataclass(frozen=True)
class Number:
    """A whole number. C(fixed): the kernel does not change it while a LUN uses the backstore."""

    least: int
    most: int
    fixed: bool = False

    def read(self, option: str, value: Any) -> str:
        """The value in the kernel's form.

        :raises InputError: the value is out of range.
        """
        text = str(int(value)) if isinstance(value, bool) else str(value)
        if not re.fullmatch(r"[0-9]{1,10}", text) or not self.least <= int(text) <= self.most:
            raise InputError(option, f"'{value}' is not a whole number between {self.least} and {self.most}")
        return str(int(text))


@dataclass(frozen=True)
class Word:
    """A word from a list."""

    allowed: Tuple[str, ...]

    def read(self, option: str, value: Any) -> str:
        """See L(Number.read). The booleans of YAML become Yes and No."""
        text = ("Yes" if value else "No") if isinstance(value, bool) else str(value)
        if text not in self.allowed:
            raise InputError(option, f"'{value}' is none of {', '.join(repr(word) for word in self.allowed)}")
        return text


@dataclass(frozen=True)
class Table:
    """The attributes of one kind of object. C(reserved) are attributes that a task cannot set, by name, with the reason."""

    rows: Mapping[str, Union[Number, Word]]
    reserved: Mapping[str, str] = field(default_factory=dict)

    def read(self, option: str, values: Mapping[str, Any]) -> Dict[str, str]:
        """The values in the kernel's form.

        :raises InputError: an attribute is unknown, reserved or out of range.
        """
        return {name: self._row(f"{option}.{name}", name).read(f"{option}.{name}", value) for name, value in values.items()}

    def _row(self, option: str, name: str) -> Union[Number, Word]:
        if name in self.reserved:
            raise InputError(option, f"cannot be set here: {self.reserved[name]}")
        if name not in self.rows:
            raise InputError(option, f"unknown; known are {', '.join(sorted(self.rows))}")
        return self.rows[name]


_FLAG = Number(0, 1)
_FIXED_FLAG = Number(0, 1, fixed=True)
_YES_NO = Word(("Yes", "No"))
_DIGEST = Word(("None", "CRC32C", "CRC32C,None", "None,CRC32C"))
_AUTHENTICATION = {"authentication": "the option authentication sets it"}

TARGET = Table(
    {
        "cache_dynamic_acls": _FLAG,
        "default_cmdsn_depth": Number(1, 512),
        "default_erl": Number(0, 2),
        "demo_mode_discovery": _FLAG,
        "demo_mode_write_protect": _FLAG,
        "login_keys_workaround": _FLAG,
        "login_timeout": Number(5, 30),
        "netif_timeout": Number(2, 15),
        "prod_mode_write_protect": _FLAG,
        "t10_pi": _FLAG,
        "tpg_enabled_sendtargets": _FLAG,
        "DataDigest": _DIGEST,
        "DataPDUInOrder": _YES_NO,
        "DataSequenceInOrder": _YES_NO,
        "DefaultTime2Retain": Number(0, 3600),
        "DefaultTime2Wait": Number(0, 3600),
        "ErrorRecoveryLevel": Number(0, 2),
        "FirstBurstLength": Number(512, _BYTES),
        "HeaderDigest": _DIGEST,
        "ImmediateData": _YES_NO,
        "InitialR2T": _YES_NO,
        "MaxBurstLength": Number(512, _BYTES),
        "MaxConnections": Number(1, 65535),
        "MaxOutstandingR2T": Number(1, 65535),
        "MaxRecvDataSegmentLength": Number(512, _BYTES),
        "MaxXmitDataSegmentLength": Number(512, _BYTES),
    },
    {
        **_AUTHENTICATION,
        "generate_node_acls": "only initiators in acls are let in",
        "AuthMethod": "the option authentication decides it",
    },
)
"""Attributes of the portal group and, capitalised, iSCSI parameters."""

ACL = Table(
    {
        "dataout_timeout": Number(2, 60),
        "dataout_timeout_retries": Number(1, 15),
        "default_erl": Number(0, 2),
        "nopin_response_timeout": Number(3, 60),
        "nopin_timeout": Number(0, 60),
        "random_datain_pdu_offsets": _FLAG,
        "random_datain_seq_offsets": _FLAG,
        "random_r2t_offsets": _FLAG,
    },
    _AUTHENTICATION,
)
"""Attributes of an ACL."""

LUN = Table(
    {
        "block_size": Number(512, 4096, fixed=True),
        "emulate_3pc": _FLAG,
        "emulate_caw": _FLAG,
        "emulate_fua_write": _FLAG,
        "emulate_model_alias": _FIXED_FLAG,
        "emulate_pr": _FLAG,
        "emulate_tas": _FIXED_FLAG,
        "emulate_tpu": _FLAG,
        "emulate_tpws": _FLAG,
        "emulate_ua_intlck_ctrl": Number(0, 2, fixed=True),
        "emulate_write_cache": _FLAG,
        "enforce_pr_isids": _FLAG,
        "is_nonrot": _FLAG,
        "max_unmap_block_desc_count": Number(0, _UINT),
        "max_unmap_lba_count": Number(0, _UINT),
        "max_write_same_len": Number(0, _UINT),
        "optimal_sectors": Number(1, _UINT, fixed=True),
        "queue_depth": Number(1, _UINT, fixed=True),
        "unmap_granularity": Number(0, _UINT),
        "unmap_granularity_alignment": Number(0, _UINT),
        "unmap_zeroes_data": _FIXED_FLAG,
    }
)
"""Attributes of a backstore."""


def read_acl_attributes(option: str, values: Mapping[str, Any]) -> Dict[str, str]:
    """See L(Table.read)."""
    checked = ACL.read(option, values)
    if 0 < int(checked.get("nopin_timeout", 0)) < _SHORTEST_NOPIN:
        problem = f"'{checked['nopin_timeout']}': expected 0 for never, or {_SHORTEST_NOPIN} to 60 seconds"
        raise InputError(f"{option}.nopin_timeout", problem)
    return checked


def read_lun_attributes(option: str, values: Mapping[str, Any], plugin: str) -> Dict[str, str]:
    """See L(Table.read)."""
    checked = LUN.read(option, values)
    if plugin == "block" and checked.get("emulate_write_cache") == "1":
        raise InputError(f"{option}.emulate_write_cache", "the kernel takes it from the block device itself; it can be set only for files")
    return checked


def is_fixed(name: str, plugin: str) -> bool:
    """Whether the kernel refuses to change an attribute while a LUN uses the backstore; a file's cache is chosen when LIO opens it."""
    row = LUN.rows[name]
    return (isinstance(row, Number) and row.fixed) or (name == "emulate_write_cache" and plugin == "fileio")
