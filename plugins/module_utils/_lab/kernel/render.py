# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that starts a kernel of User-mode Linux. Pure text."""

from __future__ import annotations

from .state import Kernel

LOADER = "ld-linux-x86-64.so.2"
XSTATE = "xstate.so"


def launcher(kernel: Kernel, own_libc: bool, xstate: bool) -> str:
    """The script that starts the kernel with its arguments and becomes its process.

    :arg own_libc: use the C library in the kernel's folder, because this machine's may be older than the kernel needs. The path of the
        loader is fixed in every program, so the loader replaces this machine's in a private mount namespace.
    :arg xstate: use the library that pads the kernel's calls of ptrace, see xstate.c.
    """
    preload = f"export LD_PRELOAD={XSTATE}${{LD_PRELOAD:+:$LD_PRELOAD}}; " if xstate else ""
    library_path = 'export LD_LIBRARY_PATH="$0"; ' if own_libc or xstate else ""
    if own_libc:
        enter, mount = "unshare --mount ", f'mount --bind "$0/{LOADER}" /lib64/{LOADER}; '
    else:
        enter, mount = "", ""
    inner = f'set -e; {mount}{library_path}{preload}exec "$0/linux.uml" "$@"'
    return f"""#!/bin/sh
# Starts {kernel.label}: linux ARGUMENT...
exec {enter}sh -c '{inner}' "$(dirname "$(readlink -f "$0")")" "$@"
"""
