# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a signed archive, and the builds of a builder. Nothing is written."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import stat
from typing import Iterator, List, Optional, Tuple

from ..._core.errors import ObservationError
from ..._core.runner import Runner
from ..observe.builder import RECORD
from ..observe.host import read_architecture
from ..parse import parse_deb, parse_stanzas
from .options import WantedArchive
from .state import Archive, Entry, Index

_OWN = ("dists", "pool", "archive-key.asc")


def observe(wanted: WantedArchive, runner: Runner) -> Archive:
    """The state of the archive."""
    fingerprint = _fingerprint(runner, wanted)
    entries = tuple(_builds(runner, wanted))
    suites = sorted({entry.suite for entry in entries} | {os.path.basename(path) for path in glob.glob(f"{wanted.path}/dists/*")})
    names = sorted(os.listdir(wanted.path)) if os.path.isdir(wanted.path) else []
    return Archive(
        architecture=read_architecture(runner),
        entries=entries,
        indexes=tuple(_index(runner, wanted, suite, fingerprint) for suite in suites),
        pool=tuple(sorted(os.path.relpath(path, wanted.path) for path in glob.glob(f"{wanted.path}/pool/*/*/*.deb"))),
        foreign=tuple(name for name in names if name not in _OWN),
        fingerprint=fingerprint,
        has_public_key=os.path.exists(wanted.public_key),
        key_problem=_key_problem(wanted) if fingerprint is None else "",
        missing=tuple(
            name for name in wanted.names if name not in {os.path.basename(os.path.dirname(os.path.dirname(e.path))) for e in entries}
        ),
    )


def _builds(runner: Runner, wanted: WantedArchive) -> Iterator[Entry]:
    for record in sorted(glob.glob(f"{wanted.directory}/*/*/{RECORD}")):
        folder = os.path.dirname(record)
        if wanted.names and os.path.basename(os.path.dirname(folder)) not in wanted.names:
            continue
        with open(record, encoding="utf-8") as stream:
            names: List[str] = json.load(stream)["debs"]
        for name in names:
            path = os.path.join(folder, name)
            deb = parse_deb(path, runner.run(["dpkg-deb", "--field", path]).stdout)
            yield Entry(deb.name, deb.version, deb.architecture, deb.suite, path, digest(path))


def digest(path: str) -> str:
    """The SHA-256 of a file."""
    found = hashlib.sha256()
    with open(path, "rb") as stream:
        for part in iter(lambda: stream.read(1 << 20), b""):
            found.update(part)
    return found.hexdigest()


def _fingerprint(runner: Runner, wanted: WantedArchive) -> Optional[str]:
    """The fingerprint of the key that signs."""
    if not os.path.isdir(wanted.keys):
        return None
    info = os.stat(wanted.keys)
    if info.st_uid != os.geteuid() or stat.S_IMODE(info.st_mode) & 0o077:
        raise ObservationError(
            f"{wanted.keys} has the secret key and is open to others. Nothing was changed; make a new key if they read it"
        )
    if not glob.glob(f"{wanted.keys}/private-keys-v1.d/*.key"):
        return None
    # Without a daemon, which a listing of secret keys would start.
    text = runner.run([*gpg(wanted), "--no-autostart", "--list-keys", "--with-colons"]).stdout
    found = re.findall(r"^fpr:(?:[^:]*:){8}([0-9A-F]+):", text, re.MULTILINE)
    return found[0] if found else None


def gpg(wanted: WantedArchive) -> Tuple[str, ...]:
    """The begin of each command of GnuPG."""
    return ("gpg", "--batch", "--no-tty", "--quiet", "--homedir", wanted.keys)


def _key_problem(wanted: WantedArchive) -> str:
    if wanted.signing_key is None:
        return ""
    try:
        info = os.stat(wanted.signing_key)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "can be read by others; run chmod 600 on it, and make a new key if they did" if stat.S_IMODE(info.st_mode) & 0o077 else ""


def _index(runner: Runner, wanted: WantedArchive, suite: str, fingerprint: Optional[str]) -> Index:
    top = f"{wanted.path}/dists/{suite}"
    entries: List[Tuple[str, str]] = []
    digests: List[str] = []
    paths = sorted(glob.glob(f"{top}/main/binary-*/Packages"))
    for path in paths:
        digests.append(digest(path))
        with open(path, encoding="utf-8", errors="replace") as stream:
            entries += [(each.get("Filename", ""), each.get("SHA256", "")) for each in parse_stanzas(stream.read())]
    architectures = tuple(os.path.basename(os.path.dirname(path))[len("binary-") :] for path in paths)
    return Index(suite, architectures, tuple(dict.fromkeys(entries)), _is_signed(runner, wanted, f"{top}/InRelease", fingerprint, digests))


def _is_signed(runner: Runner, wanted: WantedArchive, path: str, fingerprint: Optional[str], digests: List[str]) -> bool:
    if fingerprint is None or not os.path.exists(path):
        return False
    answer = runner.run([*gpg(wanted), "--no-autostart", "--status-fd", "1", "--verify", path], accept=(0, 1, 2)).stdout
    with open(path, encoding="utf-8", errors="replace") as stream:
        text = stream.read()
    is_ours = re.search(rf"^\[GNUPG:\] VALIDSIG .*{fingerprint}", answer, re.MULTILINE) is not None
    return is_ours and f"\nOrigin: {wanted.origin}\n" in text and all(each in text for each in digests)
