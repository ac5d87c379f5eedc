# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Persistent reservations of one SCSI disk (SPC-4 5.13), through the kernel's ioctl SG_IO: no other program is needed.

The commands are sent through a descriptor that is open for reading, because udev handles the close of one that was open for writing as a
change of the disk.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
from typing import List, NamedTuple, Optional, Tuple

WRITE_EXCLUSIVE_REGISTRANTS_ONLY = 5
"""The type of reservation in which every host may read, and registered hosts may write."""

_SG_IO = 0x2285
_TO_DISK, _FROM_DISK, _NO_DATA = -2, -3, -1
_PERSISTENT_IN, _PERSISTENT_OUT, _WRITE_16 = 0x5E, 0x5F, 0x8A
_READ_FULL_STATUS = 3
_REGISTER, _RESERVE, _CLEAR, _PREEMPT_AND_ABORT, _REGISTER_AND_IGNORE = 0, 1, 3, 5, 6
_CHECK_CONDITION, _CONFLICT = 0x02, 0x18
_UNIT_ATTENTION = 6
_THROUGH_POWER_LOSS = 1
_ATTEMPTS = 5
_TIMEOUT_MS = 20000
_ROOM = 16384
_HEADER, _DESCRIPTOR = 8, 24


class Refused(Exception):
    """The disk refused a command because of a reservation of another host."""


class Failed(Exception):
    """A command did not work on this disk; the message says why. C(is_away) tells whether the disk did not answer at all."""

    def __init__(self, problem: str, is_away: bool = False) -> None:
        super().__init__(problem)
        self.is_away = is_away


class Registration(NamedTuple):
    """A registered initiator. C(holder) is the type of the reservation that it holds, C(None) for none."""

    key: int
    initiator: str
    holder: Optional[int]


class _Request(ctypes.Structure):
    """C(struct sg_io_hdr) of C(scsi/sg.h)."""

    _fields_ = (
        ("interface_id", ctypes.c_int),
        ("dxfer_direction", ctypes.c_int),
        ("cmd_len", ctypes.c_ubyte),
        ("mx_sb_len", ctypes.c_ubyte),
        ("iovec_count", ctypes.c_ushort),
        ("dxfer_len", ctypes.c_uint),
        ("dxferp", ctypes.c_void_p),
        ("cmdp", ctypes.c_void_p),
        ("sbp", ctypes.c_void_p),
        ("timeout", ctypes.c_uint),
        ("flags", ctypes.c_uint),
        ("pack_id", ctypes.c_int),
        ("usr_ptr", ctypes.c_void_p),
        ("status", ctypes.c_ubyte),
        ("masked_status", ctypes.c_ubyte),
        ("msg_status", ctypes.c_ubyte),
        ("sb_len_wr", ctypes.c_ubyte),
        ("host_status", ctypes.c_ushort),
        ("driver_status", ctypes.c_ushort),
        ("resid", ctypes.c_int),
        ("duration", ctypes.c_uint),
        ("info", ctypes.c_uint),
    )


class Disk:
    """The reservations of one disk, by its device node."""

    def __init__(self, node: str) -> None:
        self.node = node

    def registrations(self) -> List[Registration]:
        """Every registered initiator."""
        command = struct.pack(">BB5xHx", _PERSISTENT_IN, _READ_FULL_STATUS, _ROOM)
        return parse_full_status(self._send(command, _FROM_DISK, bytes(_ROOM)))

    def may_write(self) -> bool:
        """Whether this host may write to the disk now, asked with a write of no blocks."""
        try:
            self._send(struct.pack(">BB8xI2x", _WRITE_16, 0, 0), _NO_DATA)
        except Refused:
            return False
        return True

    def register(self, key: int) -> None:
        """Register this host with a key, whatever key it is registered with now."""
        self._change(_REGISTER_AND_IGNORE, 0, key)

    def unregister(self, key: int) -> None:
        """Remove the registration of this host."""
        self._change(_REGISTER, key, 0)

    def reserve(self, key: int) -> None:
        """Reserve the disk for registered hosts."""
        self._change(_RESERVE, key, 0)

    def preempt(self, key: int, other: int) -> None:
        """Take the reservation from the hosts registered with the key C(other), and abort their commands."""
        self._change(_PREEMPT_AND_ABORT, key, other)

    def clear(self, key: int) -> None:
        """Remove the reservation and all registrations."""
        self._change(_CLEAR, key, 0)

    def _change(self, action: int, key: int, other: int) -> None:
        # The target keeps registrations over its restart, which also is the only way in which its restart keeps the reservation.
        # LIO takes the flag of every registration for all that it keeps of the disk, so that leaving without it forgets those of others.
        flags = _THROUGH_POWER_LOSS if action in (_REGISTER, _REGISTER_AND_IGNORE) else 0
        parameters = struct.pack(">QQ4xB3x", key, other, flags)
        kind = WRITE_EXCLUSIVE_REGISTRANTS_ONLY if action in (_RESERVE, _PREEMPT_AND_ABORT) else 0
        self._send(struct.pack(">BBB2xIx", _PERSISTENT_OUT, action, kind, len(parameters)), _TO_DISK, parameters)

    def _send(self, command: bytes, direction: int, data: bytes = b"") -> bytes:
        try:
            descriptor = os.open(self.node, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise Failed(f"{self.node} cannot be opened: {error.strerror}", is_away=True) from None
        try:
            for _attempt in range(_ATTEMPTS):
                status, sense, answer = self._send_once(descriptor, command, direction, data)
                if status == 0:
                    return answer
                if status == _CONFLICT:
                    raise Refused(self.node)
                # A unit attention tells of an earlier event, and the command was not carried out.
                if not (status == _CHECK_CONDITION and sense == _UNIT_ATTENTION):
                    break
            raise Failed(
                f"{self.node} does not support persistent reservations: command {command[:2].hex()}, status {status}, sense {sense}"
            )
        finally:
            os.close(descriptor)

    def _send_once(self, descriptor: int, command: bytes, direction: int, data: bytes) -> Tuple[int, int, bytes]:
        """Status, sense key and data of one command."""
        sent, room, sense = ctypes.create_string_buffer(command, len(command)), ctypes.create_string_buffer(data, len(data) or 1), _sense()
        request = _Request(
            interface_id=ord("S"),
            dxfer_direction=direction,
            cmd_len=len(command),
            mx_sb_len=len(sense),
            dxfer_len=len(data),
            dxferp=ctypes.addressof(room) if data else None,
            cmdp=ctypes.addressof(sent),
            sbp=ctypes.addressof(sense),
            timeout=_TIMEOUT_MS,
        )
        try:
            fcntl.ioctl(descriptor, _SG_IO, request)
        except OSError as error:
            raise Failed(f"{self.node} takes no SCSI commands: {error.strerror}") from None
        if request.status == 0 and request.host_status:
            raise Failed(f"{self.node} does not answer (host status {request.host_status})", is_away=True)
        return request.status, sense_key(sense.raw), room.raw[: len(data) - request.resid]


def _sense() -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(64)


def sense_key(sense: bytes) -> int:
    """The sense key in sense data of both formats."""
    return sense[1] & 15 if sense[0] & 0x7E == 0x72 else sense[2] & 15


def parse_full_status(answer: bytes) -> List[Registration]:
    """The registrations in the answer to READ FULL STATUS."""
    if len(answer) < _HEADER:
        return []
    end = min(_HEADER + int(struct.unpack_from(">I", answer, 4)[0]), len(answer))
    found, place = [], _HEADER
    while place + _DESCRIPTOR <= end:
        key, holds, kind, length = struct.unpack_from(">Q4xBB6xI", answer, place)
        name = _initiator(answer[place + _DESCRIPTOR : place + _DESCRIPTOR + length])
        found.append(Registration(key, name, kind & 15 if holds & 1 else None))
        place += _DESCRIPTOR + length
    return found


def _initiator(transport: bytes) -> str:
    """The name in the TransportID of an iSCSI initiator, without its session; empty for other transports."""
    if len(transport) < 4 or transport[0] & 15 != 5:
        return ""
    return transport[4:].partition(b"\0")[0].partition(b",")[0].decode("ascii", "replace")
