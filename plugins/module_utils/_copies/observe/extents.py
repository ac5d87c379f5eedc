# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a file lies: its extents by FIEMAP, its data by SEEK_DATA; and the calls that make holes and take blocks out."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
from typing import List, Optional, Tuple

from ..state import LAST, Extent, Map

_FIEMAP = 0xC020660B
_HEAD = "QQIIII"
_EXTENT = "QQQQQIIII"
_COUNT = 256
_KEEP_SIZE, _PUNCH_HOLE, _COLLAPSE_RANGE = 1, 2, 8
_UNKNOWN = frozenset({errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EBADR})


def read_map(descriptor: int) -> Map:
    """How the file lies now, without writing its data to the disk first."""
    return Map(_read_extents(descriptor), _read_data(descriptor))


def _read_extents(descriptor: int) -> Optional[Tuple[Extent, ...]]:
    found: List[Extent] = []
    while not found or not found[-1].flags & LAST:
        start = found[-1].end if found else 0
        size = struct.calcsize(_HEAD)
        answer = bytearray(size + _COUNT * struct.calcsize(_EXTENT))
        struct.pack_into(_HEAD, answer, 0, start, 2**63 - 1 - start, 0, 0, _COUNT, 0)
        try:
            fcntl.ioctl(descriptor, _FIEMAP, answer)
        except OSError as error:
            if error.errno in _UNKNOWN:
                return None
            raise
        count = struct.unpack_from(_HEAD, answer)[3]
        if not count:
            break
        for values in struct.iter_unpack(_EXTENT, answer[size : size + count * struct.calcsize(_EXTENT)]):
            found.append(Extent(logical=values[0], physical=values[1], length=values[2], flags=values[5]))
    return tuple(found)


def _read_data(descriptor: int) -> Optional[Tuple[Tuple[int, int], ...]]:
    ranges: List[Tuple[int, int]] = []
    end = 0
    while True:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return tuple(ranges)
            return None
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        ranges.append((start, end))


def punch(descriptor: int, offset: int, length: int) -> None:
    """Make a hole."""
    _fallocate(descriptor, _PUNCH_HOLE | _KEEP_SIZE, offset, length)


def collapse(descriptor: int, offset: int, length: int) -> None:
    """Take a range out; all behind it moves forward.

    :raises OSError: with EOPNOTSUPP where the file system cannot do that.
    """
    _fallocate(descriptor, _COLLAPSE_RANGE, offset, length)


def _fallocate(descriptor: int, mode: int, offset: int, length: int) -> None:
    # os.posix_fallocate has no mode.
    call = ctypes.CDLL(None, use_errno=True).fallocate64
    if call(descriptor, mode, ctypes.c_int64(offset), ctypes.c_int64(length)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
