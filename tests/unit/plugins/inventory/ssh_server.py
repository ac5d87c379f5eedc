# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An ssh server on a port of the loopback interface, so that the tests need none installed: C(ssh_server.py FOLDER).

It has the key FOLDER/host_key, lets in whoever has FOLDER/key, runs what it is told in a shell, and is a jump host as well. It writes down
what it does in FOLDER/log and prints its port. Where there is a folder FOLDER/root, it is all that a command sees, with /proc.
"""

from __future__ import annotations

import asyncio
import functools
import os
import sys
from pathlib import Path

import asyncssh


class Server(asyncssh.SSHServer):
    """Every user may come, and go on to anywhere."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        """Somebody takes this server for a jump host."""
        _note(self.log, f"jump to {dest_host}:{dest_port}")
        return True


def _note(log: Path, line: str) -> None:
    with log.open("a", encoding="utf-8") as stream:
        stream.write(f"{line}\n")


def _argv(command: str, root: Path) -> list[str]:
    """What runs a command."""
    if not root.is_dir():
        return ["/bin/sh", "-c", command]
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return [
        "unshare",
        *own,
        "--mount",
        "/bin/sh",
        "-c",
        'mount --rbind /proc "$0/proc" && exec chroot "$0" /bin/sh -c "$1"',
        str(root),
        command,
    ]


async def _run(log: Path, process: asyncssh.SSHServerProcess[bytes]) -> None:
    _note(log, f"command of {process.get_extra_info('username')}")
    child = await asyncio.create_subprocess_exec(
        *_argv(process.command or "", log.with_name("root")),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await child.communicate()
    process.stdout.write(stdout)
    process.stderr.write(stderr)
    process.exit(await child.wait())


async def main(folder: Path) -> None:
    """Serve until somebody ends the process."""
    log = folder / "log"
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=functools.partial(Server, log),
        server_host_keys=[str(folder / "host_key")],
        authorized_client_keys=str(folder / "key.pub"),
        process_factory=functools.partial(_run, log),
        encoding=None,
    )
    print(server.get_port(), flush=True)
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
