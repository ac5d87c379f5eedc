# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths and commands that reading and planning share."""

from __future__ import annotations

SETTLE = ("udevadm", "settle", "--timeout=60")
"""Wait until udev has nothing left to do. Exit code 1 says that it was slow."""

STATE_FOLDER = "/var/lib"

JOURNAL = f"{STATE_FOLDER}/fleetlab-md_array.json"
"""Where a run notes what it has begun, until it is done."""

LOCK = "/run/fleetlab/md_array.lock"
LOCK_TIMEOUT = 300.0
"""Seconds; a run that also makes the initramfs again can take minutes. What waits for the kernel holds no lock."""

MARKS = "/run/mdadm"
MARK_PREFIX = "creating-"
"""mdadm leaves a file of this name behind when it is killed; while it is there, udev takes the array for not ready."""
