# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""File systems in files, mounted in a mount namespace of each test."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

MODULE = "ansible_collections.fleetlab.linux.plugins.modules.copy_check"
BROKEN = [sys.executable, "-I", "-S", str(Path(__file__).with_name("broken_copier.py"))]
"""A copier that damages each copy."""

_MAKE = {"ext4": ["mkfs.ext4", "-q"], "xfs": ["mkfs.xfs", "-q"], "btrfs": ["mkfs.btrfs", "-q"]}
_SIZE = 320 << 20
_HOLD = 'mount "$@" && echo mounted && exec sleep infinity'
# The upper layer is an ext4 of its own, whatever this machine has.
_HOLD_OVERLAY = """mount -o loop "$1" "$2" && mkdir "$2/lower" "$2/upper" "$2/work" &&
mount -t overlay -o "lowerdir=$2/lower,upperdir=$2/upper,workdir=$2/work" none "$3" && echo mounted && exec sleep infinity"""
# A file system of the network without a network: client and server of SFTP are joined by a pipe. The client stays in the foreground, so
# that it ends with its namespace.
_HOLD_SSHFS = """printf '#!/bin/sh\\nexec %s\\n' "$3" > "$1/server" && chmod +x "$1/server" && mkdir "$1/served" &&
{ sshfs -f -o ssh_command="$1/server" "none:$1/served" "$2" & } &&
until mountpoint --quiet "$2"; do kill -0 $! && sleep 0.02 || exit; done && echo mounted && exec sleep infinity"""
SSHFS = "fuse.sshfs"
_SFTP_SERVER = "/usr/lib/openssh/sftp-server"
"""Where Debian has it."""


def kinds() -> list[str]:
    """The kinds of file systems that the kernel of this machine has. Only root can mount those that are on a device."""
    if os.geteuid() != 0:
        return ["tmpfs"]
    known = Path("/proc/filesystems").read_text(encoding="utf-8").split()
    found = [kind for kind in ("ext4", "xfs", "btrfs", "tmpfs", "overlay") if kind in known]
    return found + [SSHFS] * ("fuse" in known)


@dataclass(frozen=True)
class FileSystem:
    """A mounted file system. C(process) holds the namespace."""

    point: Path
    process: int
    names_before: tuple[str, ...]

    def names(self) -> tuple[str, ...]:
        """The names in its upper directory."""
        return _names(self.process, self.point)

    def check(self, **options: Any) -> dict[str, Any]:
        """The result of copy_check."""
        arguments = self.point.with_name("arguments")
        arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {"paths": [str(self.point)], **options}}))
        done = _enter(self.process, sys.executable, "-m", MODULE, str(arguments))
        result: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == 0, result
        return result


def _user(*options: str) -> list[str]:
    return [] if os.geteuid() == 0 else list(options)


def _enter(process: int, *argv: str) -> subprocess.CompletedProcess[str]:
    command = ["nsenter", f"--target={process}", *_user("--user", "--preserve-credentials"), "--mount", f"--wd={os.getcwd()}", *argv]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=300)


def _names(process: int, point: Path) -> tuple[str, ...]:
    return tuple(sorted(_enter(process, "ls", "-A", str(point)).stdout.split()))


@contextlib.contextmanager
def mounted(kind: str, folder: Path) -> Iterator[FileSystem]:
    """A new file system in a mount namespace of its own. With the namespace the mount and the loop device go."""
    point, image = folder / kind, folder / f"{kind}.img"
    point.mkdir()
    what = ["-t", "tmpfs", "-o", f"size={_SIZE}", "none"]
    if kind in (*_MAKE, "overlay"):
        with image.open("wb") as stream:
            stream.truncate(_SIZE)
        subprocess.run([*_MAKE.get(kind, _MAKE["ext4"]), str(image)], check=True, stdout=subprocess.DEVNULL)
        what = ["-o", "loop", str(image)]
    command = ["sh", "-c", _HOLD, "mount", *what, str(point)]
    if kind == "overlay":
        base = folder / "base"
        base.mkdir()
        command = ["sh", "-c", _HOLD_OVERLAY, "mount", str(image), str(base), str(point)]
    if kind == SSHFS:
        base = folder / "base"
        base.mkdir()
        # With the first process of their namespace, client and server end too.
        alone = ["--pid", "--fork", "--kill-child"]
        command = [*alone, "sh", "-c", _HOLD_SSHFS, "mount", str(base), str(point), _SFTP_SERVER]
    hold = ["unshare", *_user("--map-root-user"), "--mount", "--propagation=private", *command]
    with subprocess.Popen(hold, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "mounted\n", f"{kind} could not be mounted"
            yield FileSystem(point, process.pid, _names(process.pid, point))
        finally:
            process.kill()
