# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record fixtures with the tools of another release: on a guest of a lab, or in a temporary root folder of that release.

The script sends C(tests/record) with its imports there, and puts the recordings below tests/fixtures, in a folder for each tool and
version. All data on the disks of the guest are lost, so use a separate lab, with C(molecule/shared/create.yml) and five volumes.
"""

from __future__ import annotations

import argparse
import io
import shlex
import subprocess
import sys
import tarfile
from pathlib import Path

import ansible

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = ROOT / "tests" / "fixtures"
COLLECTION = "ansible_collections/fleetlab/linux"
PARTS = ("plugins/module_utils", "plugins/modules", "tests/record", "tests/unit/plugins/module_utils")
PACKAGES = {
    "cron": ("cron", "libfaketime"),
    "cronie": ("cronie", "libfaketime"),
    "fio": ("fio",),
    "memory-guest": ("linux-image-amd64", "initramfs-tools", "kmod", "python3", "qemu-system-x86", "zstd"),
    "netns": ("iproute2", "iptables", "nftables"),
    "throughput": ("iperf3", "iproute2", "nftables", "procps"),
}
"""The packages in a root for each tool that needs no guest."""
APT = "INITRD=No DEBIAN_FRONTEND=noninteractive apt-get -qq --yes --no-install-recommends -o Dpkg::Use-Pty=0"


def bundle() -> bytes:
    """The recorder, and the parts of Ansible that modules import, as a tar archive."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for part in PARTS:
            archive.add(ROOT / part, f"{COLLECTION}/{part}", filter=_sources)
        for name in ("__init__.py", "_vendor", "release.py", "module_utils"):
            archive.add(Path(ansible.__file__).parent / name, f"ansible/{name}", filter=_sources)
    return stream.getvalue()


def _sources(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return member if member.isdir() or member.name.endswith(".py") else None


def script(tools: list[str], packages: list[str]) -> str:
    """The script that runs there: it reads the bundle, and prints an archive of the recordings."""
    lines = [
        "set -e",
        'work=$(mktemp -d) && cd "$work"',
        "tar -x",
        f"apt-get -qq update && {APT} install {shlex.join(packages)} >/dev/null" if packages else ":",
        f"PYTHONPATH=. python3 -m {COLLECTION.replace('/', '.')}.tests.record out {shlex.join(tools)} >&2",
        "tar -c -C out .",
        'rm -r "$work"',
    ]
    return "\n".join(lines)


def command(arguments: argparse.Namespace) -> list[str]:
    """The command that starts the script on the guest or in the root."""
    if arguments.suite:
        packages = [package for tool in arguments.tools for package in PACKAGES.get(tool, ())]
        return [sys.executable, str(ROOT / "scripts" / "test_host.py"), arguments.suite, "sh", "-c", script(arguments.tools, packages)]
    lab, host = arguments.guest
    return ["ssh", "-F", str(ROOT / ".lab" / lab / "ssh_config"), host, f"sh -c {shlex.quote(script(arguments.tools, []))}"]


def main() -> int:
    """Record, and unpack the recordings."""
    parser = argparse.ArgumentParser(description="Record the fixtures of tools as another release has them.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--guest", nargs=2, metavar=("LAB", "HOST"), help="a guest, whose disks lose all data")
    where.add_argument("--suite", help="a root of this Debian release; for cron, cronie, fio, memory-guest, netns and throughput")
    parser.add_argument(
        "tools", nargs="+", metavar="TOOL", help="cron, cronie, fio, iscsi, mdadm, memory, memory-guest, netns, systemd or throughput"
    )
    arguments = parser.parse_args()
    if arguments.suite and not set(arguments.tools) <= set(PACKAGES):
        parser.error(f"a root does not have its own kernel, but for memory-guest: only {', '.join(PACKAGES)} can be recorded in a root")
    done = subprocess.run(command(arguments), input=bundle(), stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        print(f"record: nothing was recorded: exit code {done.returncode} (see above)", file=sys.stderr)
        return 1
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(FIXTURES, filter="data")
        names = sorted(member.name for member in archive if member.isfile())
    print("\n".join(names))
    return 0


if __name__ == "__main__":
    sys.exit(main())
