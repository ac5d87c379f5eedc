# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sshd of the benchmark: that of the machine, or where there is none, that of Debian's package, unpacked and not installed.

An installed package would start a server on all addresses of the machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_PACKAGES = ("openssh-server", "libwrap0")
_WITHIN = 120.0

_SCRIPT = """#!/bin/sh
# As root, sshd wants a user of its own and a folder in /run; both exist for this process and its children only.
here=$(dirname "$0")
LD_LIBRARY_PATH=$(echo "$here"/usr/lib/*-linux-gnu "$here"/lib/*-linux-gnu | tr ' ' :)
export LD_LIBRARY_PATH
[ "$(id -u)" = 0 ] || exec "$here/usr/sbin/sshd" "$@"
{ cat /etc/passwd; echo sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin; } > "$here/passwd"
exec unshare --mount --propagation private sh -c '
mount --bind "$0/passwd" /etc/passwd && mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec "$0/usr/sbin/sshd" "$@"' "$here" "$@"
"""


def find_sshd(folder: Path) -> tuple[str | None, str]:
    """The whole path of the program, or None and the reason.

    :arg folder: where the package is unpacked.
    """
    found = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found:
        return found, ""
    script = folder / "sshd"
    problem = None if script.exists() else _unpack(folder)
    if problem is None:
        script.write_text(_SCRIPT, encoding="utf-8")
        script.chmod(0o755)
    return (None, f"no sshd on this machine, and {problem}") if problem else (str(script), "")


def _unpack(folder: Path) -> str | None:
    """Unpack the packages. Returns the reason why not."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        subprocess.run(["apt-get", "download", *_PACKAGES], cwd=folder, check=True, capture_output=True, timeout=_WITHIN)
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True, capture_output=True, timeout=_WITHIN)
    except (OSError, subprocess.SubprocessError) as error:
        return f"the Debian package cannot be unpacked: {error}"
    return None
