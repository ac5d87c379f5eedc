# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roots of Debian that are thrown away, with an archive of their own whose packages are made for each test."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Sequence

from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Plan, apply
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import CommandResult, SystemRunner
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._packages import options, show
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.observe.host import observe_host, observe_info
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.plan import plan_host

_INSIDE = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--net", "chroot"]


@dataclass(frozen=True)
class InRoot(SystemRunner):
    """Runs commands in a root, without network."""

    root: str

    def run(self, argv: Sequence[str], stdin: str | None = None, timeout: float = 60.0, accept: Sequence[int] = (0,)) -> CommandResult:
        """See L(Runner.run)."""
        return SystemRunner().run([*_INSIDE, self.root, *argv], stdin, timeout, accept)


@dataclass(frozen=True)
class Root:
    """A root of Debian, which knows only its own archives."""

    path: str
    suite: str

    @property
    def runner(self) -> InRoot:
        """The runner for this root."""
        return InRoot(self.path)

    def run(self, *argv: str) -> str:
        """The output of a command in the root."""
        return self.runner.run(argv).stdout

    def make_deb(self, folder: str, name: str, version: str, **fields: str) -> str:
        """Make a package with one file. Returns its path in the root."""
        shown = {"Package": name, "Version": version, "Architecture": "amd64", "Maintainer": "nobody", "Description": "nothing", **fields}
        with tempfile.TemporaryDirectory() as work:
            (Path(work) / "DEBIAN").mkdir()
            (Path(work) / "DEBIAN" / "control").write_text("".join(f"{key}: {value}\n" for key, value in shown.items()))
            content = Path(work) / "usr" / "share" / name
            content.parent.mkdir(parents=True)
            content.write_text(f"{version}\n")
            target = f"{folder}/{name}_{version.replace(':', '%3a')}_{shown['Architecture']}.deb"
            Path(self.path + folder).mkdir(parents=True, exist_ok=True)
            command = ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", work, self.path + target]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return target

    def publish(self, folder: str, label: str, release: str) -> None:
        """Make an archive of the packages in a folder, and fetch the lists of all archives."""
        made = subprocess.run(["dpkg-scanpackages", "--multiversion", "."], cwd=self.path + folder, check=True, capture_output=True)
        archive = Path(self.path + folder)
        (archive / "Packages").write_bytes(made.stdout)
        digest = subprocess.run(["sha256sum", "Packages"], cwd=archive, check=True, capture_output=True, text=True).stdout.split()[0]
        size = (archive / "Packages").stat().st_size
        head = f"Origin: Debian\nLabel: {label}\nSuite: {release}\nCodename: {release}\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n"
        (archive / "Release").write_text(f"{head}SHA256:\n {digest} {size} Packages\n")
        source = Path(self.path, "etc/apt/sources.list.d", f"{folder.strip('/')}.list")
        source.write_text(f"deb [trusted=yes] copy:{folder} ./\n")
        self.run("apt-get", "update")

    def apply(self, is_check: bool = False, /, **values: Any) -> Plan:
        """Do what the module patched_package does on a host."""
        usual = {name: spec.get("default") for name, spec in options.SPEC.items()}
        wanted = options.make_wanted({**usual, **values})
        plan = plan_host(observe_host(wanted, self.runner, Host(self.path)), wanted)
        if not is_check:
            apply(plan, self.runner)
        return plan

    def info(self, **values: Any) -> dict[str, Any]:
        """The result of patched_package_info."""
        usual = {name: spec.get("default") for name, spec in options.INFO_SPEC.items()}
        wanted = options.make_wanted_info({**usual, **values})
        return show.returned_info(observe_info(wanted, self.runner, Host(self.path)), wanted)


@contextlib.contextmanager
def debian(suite: str) -> Iterator[Root]:
    """A root of this suite."""
    folder = tempfile.mkdtemp(prefix="fleetlab-root-")
    try:
        path = os.path.join(folder, "root")
        subprocess.run(["mmdebstrap", "--quiet", "--mode=root", "--variant=apt", suite, path], check=True)
        for left in [*Path(path, "etc/apt").glob("sources.list"), *Path(path, "etc/apt/sources.list.d").iterdir()]:
            left.unlink()
        yield Root(path, suite)
    finally:
        shutil.rmtree(folder)
