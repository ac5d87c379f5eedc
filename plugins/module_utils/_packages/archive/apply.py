# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of plans: the key, the copy of a build, and the signed index of a suite, by apt-ftparchive and GnuPG."""

from __future__ import annotations

import glob
import gzip
import os
import shutil
import tempfile
from functools import partial
from typing import List, Optional

from ..._core.errors import FleetlabError
from ..._core.plan import Operations, WriteFile, write_file
from ..._core.runner import Runner
from .observe import digest, gpg
from .options import WantedArchive

_KEY = """%no-protection
Key-Type: eddsa
Key-Curve: ed25519
Key-Usage: sign
Name-Real: Packages patched on this host
Expire-Date: 0
%commit
"""


def operations(wanted: WantedArchive, runner: Runner) -> Operations:
    """The operations of plans."""
    return {
        "make_key": partial(_make_key, runner, wanted),
        "write_public_key": partial(_write_public_key, runner, wanted),
        "copy": partial(_copy, wanted),
        "publish": partial(_publish, runner, wanted),
    }


def _make_key(runner: Runner, wanted: WantedArchive, keys: str, signing_key: Optional[str]) -> None:
    os.makedirs(os.path.dirname(keys), mode=0o755, exist_ok=True)
    os.makedirs(keys, mode=0o700, exist_ok=True)
    try:
        if signing_key is None:
            runner.run([*gpg(wanted), "--generate-key"], stdin=_KEY)
        else:
            with open(signing_key, encoding="utf-8", errors="surrogateescape") as stream:
                _import(runner, wanted, stream.read())
    finally:
        _end_agent(runner, wanted)


def _import(runner: Runner, wanted: WantedArchive, text: str) -> None:
    if "PGP PRIVATE KEY BLOCK" not in text:
        raise FleetlabError(f"{wanted.signing_key} has no secret key; export one by gpg --armor --export-secret-keys")
    runner.run([*gpg(wanted), "--import"], stdin=text)


def _end_agent(runner: Runner, wanted: WantedArchive) -> None:
    """GnuPG starts a daemon for each folder of keys, which would stay."""
    runner.run(["gpgconf", "--homedir", wanted.keys, "--kill", "all"], accept=(0, 1, 2))


def _write_public_key(runner: Runner, wanted: WantedArchive, path: str) -> None:
    write_file(WriteFile(path, runner.run([*gpg(wanted), "--armor", "--export"]).stdout))


def _copy(wanted: WantedArchive, path: str, place: str) -> None:
    """Copy a package; it gets its name when it is whole."""
    target = os.path.join(wanted.path, place)
    part = f"{target}.part"
    shutil.copyfile(path, part)
    os.chmod(part, 0o644)
    os.replace(part, target)


def _publish(runner: Runner, wanted: WantedArchive, suite: str, architectures: List[str]) -> None:
    """Make the index of a suite beside the old one. Hosts take the index by its digest, so that a fetch meanwhile finds the old one."""
    top = os.path.join(wanted.path, "dists", suite)
    for left in glob.glob(os.path.join(wanted.directory, ".index-*")):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=".index-", dir=wanted.directory) as work:
        for architecture in architectures:
            folder = os.path.join(work, "main", f"binary-{architecture}")
            os.makedirs(folder)
            scan = ["env", f"--chdir={wanted.path}", "apt-ftparchive", "--arch", architecture, "packages", f"pool/{suite}"]
            text = runner.run(scan, timeout=600).stdout
            write_file(WriteFile(os.path.join(folder, "Packages"), text))
            with gzip.GzipFile(os.path.join(folder, "Packages.gz"), "wb", mtime=0) as stream:
                stream.write(text.encode("utf-8"))
        release = _release(runner, wanted, suite, architectures, work)
        write_file(WriteFile(os.path.join(work, "Release"), release))
        write_file(WriteFile(os.path.join(work, "InRelease"), _sign(runner, wanted, os.path.join(work, "Release"))))
        for architecture in architectures:
            _put(os.path.join(work, "main", f"binary-{architecture}"), os.path.join(top, "main", f"binary-{architecture}"))
        for name in ("Release", "InRelease"):
            _replace(os.path.join(work, name), os.path.join(top, name))


def _release(runner: Runner, wanted: WantedArchive, suite: str, architectures: List[str], work: str) -> str:
    values = {"Origin": wanted.origin, "Label": wanted.origin, "Suite": suite, "Codename": suite, "Components": "main"}
    values.update({"Architectures": " ".join(architectures), "Acquire-By-Hash": "yes"})
    words = [f"--option=APT::FTPArchive::Release::{name}={value}" for name, value in values.items()]
    return runner.run(["apt-ftparchive", *words, "release", work]).stdout


def _sign(runner: Runner, wanted: WantedArchive, path: str) -> str:
    try:
        return runner.run([*gpg(wanted), "--digest-algo", "SHA512", "--clearsign", "--output", "-", path]).stdout
    finally:
        _end_agent(runner, wanted)


def _put(folder: str, target: str) -> None:
    by_hash = os.path.join(target, "by-hash", "SHA256")
    for name in ("Packages", "Packages.gz"):
        path = os.path.join(folder, name)
        _replace(path, os.path.join(by_hash, digest(path)))
        _replace(path, os.path.join(target, name))


def _replace(path: str, target: str) -> None:
    """Replace a file. Hosts ask for what is newer than their copy, in whole seconds, so that each file is a second newer than the last."""
    _make_folder(os.path.dirname(target))
    part = f"{target}.part"
    shutil.copyfile(path, part)
    os.chmod(part, 0o644)
    changed = os.stat(part).st_mtime
    if os.path.exists(target):
        changed = max(changed, int(os.stat(target).st_mtime) + 1)
    os.utime(part, (changed, changed))
    os.replace(part, target)


def _make_folder(path: str) -> None:
    """Web servers read the archive as users without rights."""
    before = os.umask(0o022)
    try:
        os.makedirs(path, exist_ok=True)
    finally:
        os.umask(before)
