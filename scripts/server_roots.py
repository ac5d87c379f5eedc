# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Root folders of Debian releases with real servers, for tests: made once, kept below .cache/roots, and never written to.

A command runs in a root with mounts, processes and a network of its own. Its files go to memory, and are gone with it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Mapping, Sequence

from ansible_collections.fleetlab.linux.scripts.test_host import ENVIRONMENT, apt_options, bind, enter_root, mount_all

PLACE = Path(__file__).resolve().parents[1] / ".cache" / "roots"
PACKAGES = (
    "apache2",
    "nginx-light",
    "proftpd-core",
    "proftpd-mod-crypto",
    "gnutls-bin",
    "openssl",
    "python3",
    "iproute2",
    "apt-utils",
    "gpg",
    "gpg-agent",
    "electric-fence",
    "python3-apt",
    "sudo",
)

# Documentation and translations are a third of the size and nothing of what is tested.
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
_TREE = Path(__file__).absolute().parents[1] / ".cache" / "collections"
_MODULE = "ansible_collections.fleetlab.linux.scripts.server_roots"


@dataclass(frozen=True)
class ServerRoot:
    """A root folder of a Debian release."""

    path: Path

    def argv(self, *command: str, binds: Mapping[Path, str] | None = None) -> list[str]:
        """The argv that runs a command in the root; C(binds) are paths of the machine that are readable there, each with its place.

        The loopback interface is up, and there is no other. When the process of this argv ends, also by a signal, so do all in the root.
        """
        pairs = [f"{source}={target}" for source, target in (binds or {}).items()]
        namespaces = ["--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child"]
        python = ["env", f"PYTHONPATH={_TREE}", sys.executable, "-m", _MODULE]
        return ["unshare", *_as_root(), *namespaces, *python, str(self.path), *pairs, "--", *command]

    def run(
        self, *command: str, binds: Mapping[Path, str] | None = None, stdin: str | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the root to its end; its exit code is not judged."""
        argv = self.argv(*command, binds=binds)
        return subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)


def server_root(suite: str, place: Path = PLACE) -> ServerRoot:
    """The root of a release, which is made if it does not exist. That takes minutes; another run that needs it waits."""
    digest = hashlib.sha256("\n".join(sorted((*PACKAGES, *_LEFT_OUT))).encode()).hexdigest()[:12]
    root = place / f"{suite}-{digest}"
    if root.is_dir():
        return ServerRoot(root)
    place.mkdir(parents=True, exist_ok=True)
    with _locked(place / f"{root.name}.lock"):
        if not root.is_dir():
            _make(suite, root)
    return ServerRoot(root)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _as_root() -> list[str]:
    """An ordinary user is root in a user namespace, where the subordinate ids are the other users."""
    return [] if os.geteuid() == 0 else ["--user", "--map-root-user", "--map-auto"]


def _make(suite: str, root: Path) -> None:
    new, archive = root.with_name(f"{root.name}.new"), root.with_name(f"{root.name}.tar")
    prefix = ["unshare", *_as_root(), "--"] if _as_root() else []
    left_out = [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
    print(f"server-roots: making a root of {suite} with {', '.join(PACKAGES)}", file=sys.stderr, flush=True)
    try:
        # An ordinary user cannot make a folder with files of other users; a tar archive can have them.
        options = ["--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", *left_out]
        subprocess.run(["mmdebstrap", *options, *apt_options(), suite, str(archive)], check=True)
        # A killed run may have left it.
        subprocess.run([*prefix, "rm", "-rf", str(new)], check=True)
        new.mkdir()
        subprocess.run([*prefix, "tar", "--numeric-owner", "--exclude=./dev/*", "-C", str(new), "-xf", str(archive)], check=True)
        new.rename(root)
    finally:
        archive.unlink(missing_ok=True)


def _mount_overlay(root: Path, place: Path) -> Path:
    """The root with a layer in memory above it. C(place) is an existing folder that is covered in this mount namespace."""
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(place)], check=True)
    for name in ("upper", "work", "top"):
        (place / name).mkdir()
    own = ",userxattr" if Path("/proc/self/uid_map").read_text(encoding="ascii").split()[:2] != ["0", "0"] else ""
    layers = f"lowerdir={root},upperdir={place}/upper,workdir={place}/work{own}"
    subprocess.run(["mount", "-t", "overlay", "-o", layers, "overlay", str(place / "top")], check=True)
    return place / "top"


def _run_inside(root: Path, binds: Sequence[str], command: Sequence[str]) -> int:
    """The first process in the root, which also reaps orphaned processes. Returns the exit code of the command."""
    subprocess.run(["ip", "link", "set", "dev", "lo", "up"], check=True)
    top = _mount_overlay(root, Path("/mnt"))
    mount_all(top, ())
    (top / "run" / "lock").mkdir(mode=0o1777)
    for pair in binds:
        source, _sign, target = pair.partition("=")
        bind(Path(source), Path(f"{top}{target}"), writable=False)
    (top / "etc" / "hosts").write_text("127.0.0.1 localhost\n127.0.1.1 server\n", encoding="ascii")
    subprocess.run(["hostname", "server"], check=True)
    enter_root(top)
    process = subprocess.Popen(command, env=ENVIRONMENT)
    while True:
        pid, status = os.wait()
        if pid == process.pid:
            return os.waitstatus_to_exitcode(status) & 0xFF


def main(arguments: list[str]) -> int:
    """Make the root of a suite, or, as the first process of a namespace, run a command in a root."""
    if "--" in arguments:
        end = arguments.index("--")
        return _run_inside(Path(arguments[0]), arguments[1:end], arguments[end + 1 :])
    print(*(server_root(suite).path for suite in arguments), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
