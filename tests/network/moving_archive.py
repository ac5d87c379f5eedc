# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A signed archive of one source, which moves on from version to version."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

_KEY = "%no-protection\nKey-Type: eddsa\nKey-Curve: ed25519\nKey-Usage: sign\nName-Real: moving\nExpire-Date: 0\n%commit\n"


def run(*argv: str, cwd: Path | None = None, stdin: str | None = None) -> str:
    """The output of a command."""
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=cwd, input=stdin).stdout


class MovingArchive:
    """C(path) should be short, because the daemon of GnuPG has a socket below it."""

    def __init__(self, path: Path) -> None:
        self.path, self._home = path, path / "g"
        self._home.mkdir(mode=0o700)
        (path / "a").mkdir()
        run(*self._gpg(), "--generate-key", stdin=_KEY)
        (path / "key.asc").write_text(run(*self._gpg(), "--armor", "--export"), encoding="ascii")

    def _gpg(self) -> tuple[str, ...]:
        return ("gpg", "--batch", "--quiet", "--homedir", str(self._home))

    @property
    def line(self) -> str:
        """The archive as a line of sources.list."""
        return f"deb [signed-by={self.path}/key.asc] copy:{self.path}/a ./"

    def move(self, config: Path, name: str, version: str, edit: Callable[[Path], object]) -> None:
        """Bring a version of a source, and of its package, in which some files are edited.

        :arg config: a configuration of apt that knows an archive with the source.
        """
        work = self.path / version
        work.mkdir()
        run("apt-get", f"--config-file={config}", "source", "--download-only", "--only-source", name, cwd=work)
        run("dpkg-source", "--no-check", "--extract", *map(str, work.glob("*.dsc")), "tree", cwd=work)
        changelog = work / "tree" / "debian" / "changelog"
        text = changelog.read_text(encoding="utf-8")
        entry = f"{name} ({version}) stable; urgency=low\n\n  * moved\n\n -- n <n@n>  Thu, 01 Jan 2026 00:00:00 +0000\n\n"
        changelog.write_text(entry + text, encoding="utf-8")
        edit(work / "tree")
        run("dpkg-source", "--build", "tree", cwd=work)
        for file in (*work.glob(f"{name}_{version}.*"),):
            shutil.copy(file, self.path / "a")
        self._make_package(work, name, version)
        self._sign()

    def _make_package(self, work: Path, name: str, version: str) -> None:
        control = work / "package" / "DEBIAN" / "control"
        control.parent.mkdir(parents=True)
        architecture = run("dpkg", "--print-architecture").strip()
        control.write_text(
            f"Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: n\nDescription: n\n", encoding="ascii"
        )
        run("dpkg-deb", "-Zgzip", "--build", str(work / "package"), f"{self.path}/a/{name}_{version}_{architecture}.deb")

    def _sign(self) -> None:
        archive = self.path / "a"
        lines = []
        for name, scan in (("Packages", "dpkg-scanpackages"), ("Sources", "dpkg-scansources")):
            content = run(scan, *(("--multiversion",) if name == "Packages" else ()), ".", cwd=archive)
            (archive / name).write_text(content, encoding="utf-8")
            lines.append(f" {hashlib.sha256(content.encode()).hexdigest()} {len(content.encode())} {name}\n")
        head = "Origin: Debian\nLabel: Debian\nSuite: moving\nCodename: moving\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n"
        signed = run(*self._gpg(), "--clearsign", "--output", "-", stdin=head + "".join(lines))
        (archive / "InRelease").write_text(signed, encoding="utf-8")

    def close(self) -> None:
        """End the daemon of GnuPG, and remove all."""
        subprocess.run(["gpgconf", "--homedir", str(self._home), "--kill", "all"], check=False, env=dict(os.environ))
        shutil.rmtree(self.path)
