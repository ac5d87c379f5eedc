# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command on a host of another Debian release: in a clone of this checkout, in a temporary root folder.

The root has the packages of a fresh machine with git, make and python3. It has separate processes and mounts, and the machine's kernel and
network. The sources of packages are those of the machine's apt and pip. The clone contains only committed changes.
"""

from __future__ import annotations

import ast
import configparser
import contextlib
import fcntl
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Iterator

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / ".cache" / "test-host"
CLONE = "/srv/fleetlab.linux"

_PACKAGES = ("ca-certificates", "git", "make", "python3")
_APT_SETTINGS = ("Acquire::http::", "Acquire::https::", "Acquire::Check-", "Acquire::Retries")
_CERTIFICATES = "usr/local/share/ca-certificates"
_NODES = ("null", "zero", "full", "random", "urandom", "tty", "net/tun", "kvm")
ENVIRONMENT = {"HOME": "/root", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
_INSIDE = "--inside"


@dataclass(frozen=True)
class PipSettings:
    """The configuration of the machine's pip, as the text of a pip.conf, and the files and folders that it names."""

    text: str
    paths: tuple[Path, ...]


def mirror(targets: str) -> str | None:
    """The first archive of Debian itself in the labels and addresses of C(apt-get indextargets)."""
    for line in targets.splitlines():
        label, _space, address = line.partition(" ")
        if label == "Debian":
            return address
    return None


def apt_settings(dump: str) -> tuple[str, ...]:
    """The lines of C(apt-config dump) that say how packages are fetched."""
    return tuple(line.strip() for line in dump.splitlines() if line.startswith(_APT_SETTINGS))


def pip_settings(listed: str) -> PipSettings:
    """The output of C(pip config list), in which the environment takes precedence over files."""
    values: dict[tuple[str, str], str] = {}
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _sign, value = line.partition("=")
        section, _dot, option = name.rpartition(".")
        values["global" if section == ":env:" else section, option] = ast.literal_eval(value)
    parser = configparser.RawConfigParser()
    for (section, option), value in values.items():
        if not parser.has_section(section):
            parser.add_section(section)
        parser.set(section, option, value)
    text = io.StringIO()
    parser.write(text)
    paths = (path for (_section, option), value in values.items() for path in _paths(option, value))
    return PipSettings(text.getvalue(), tuple(dict.fromkeys(paths)))


def _paths(option: str, value: str) -> Iterator[Path]:
    for word in value.split():
        path = Path(word.removeprefix("file://"))
        if path.is_absolute():
            # An index on disk refers to the packages beside it.
            yield path.parent if option.endswith("index-url") and path.parent != Path("/") else path


def _output(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def apt_options() -> list[str]:
    """The options by which mmdebstrap fetches as the machine's apt does, without recommended packages."""
    settings = apt_settings(_output("apt-config", "dump"))
    return [*(f"--aptopt={setting}" for setting in settings), "--aptopt=Apt::Install-Recommends false"]


def _make_root(suite: str, root: Path, pip: PipSettings) -> None:
    targets = _output("apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages")
    address = mirror(targets)
    print(f"test-host: making a root of {suite}", file=sys.stderr, flush=True)
    subprocess.run(
        ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={','.join(_PACKAGES)}", *apt_options()]
        + [suite, str(root), *([address] if address else [])],
        check=True,
    )
    certificates = Path("/", _CERTIFICATES)
    if certificates.is_dir():
        shutil.copytree(certificates, root / _CERTIFICATES, dirs_exist_ok=True)
        subprocess.run(["chroot", str(root), "update-ca-certificates"], check=True, capture_output=True)
    for name in ("hosts", "resolv.conf"):
        shutil.copyfile(f"/etc/{name}", root / "etc" / name)
    (root / "etc" / "pip.conf").write_text(pip.text, encoding="utf-8")
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), f"{root}{CLONE}"], check=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def bind(source: Path, target: Path, *, writable: bool) -> None:
    """Mount a file or folder at another place."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    _mount("--bind", str(source), str(target))
    if not writable:
        _mount("-o", "remount,bind,ro", str(target))


def mount_all(root: Path, paths: Iterable[Path]) -> None:
    """Mount what a running machine has, in this mount namespace only."""
    # The new root has to be a mount.
    _mount("--bind", str(root), str(root))
    _mount("-t", "proc", "proc", f"{root}/proc")
    _mount("--rbind", "/sys", f"{root}/sys")
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", f"{root}/dev")
    for node in _NODES:
        if Path("/dev", node).exists():
            bind(Path("/dev", node), root / "dev" / node, writable=True)
    for folder, kind, options in (("pts", "devpts", "newinstance,ptmxmode=0666,mode=620"), ("shm", "tmpfs", "mode=1777")):
        (root / "dev" / folder).mkdir()
        _mount("-t", kind, "-o", options, kind, f"{root}/dev/{folder}")
    for link, target in (("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        (root / "dev" / link).symlink_to(target)
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", f"{root}/run")
    for path in paths:
        inside = Path(f"{root}{path}")
        if path.exists() and not inside.exists():
            bind(path, inside, writable=False)


def enter_root(root: Path) -> None:
    """Make the root that of the whole mount namespace, so that a process that enters it later finds the same root."""
    os.chdir(root)
    subprocess.run(["pivot_root", ".", "mnt"], check=True)
    subprocess.run(["umount", "--lazy", "/mnt"], check=True)


def _run_inside(root: Path, paths: Iterable[Path], command: list[str]) -> int:
    """The first process of the root, which also reaps orphaned processes. Returns the exit code of the command."""
    mount_all(root, paths)
    enter_root(root)
    os.chdir(CLONE)
    kept = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy") or name in ("TERM", "CI")}
    process = subprocess.Popen(command, env={**kept, **ENVIRONMENT})
    while True:
        pid, status = os.wait()
        if pid == process.pid:
            return os.waitstatus_to_exitcode(status)


def remove(root: Path, mountinfo: str) -> None:
    """Remove a root. Mounts of the command are invisible here; a visible mount belongs to somebody else, and stops the removal."""
    mounts = [line.split()[4].replace("\\040", " ") for line in mountinfo.splitlines()]
    below = [mount for mount in mounts if mount == str(root) or mount.startswith(f"{root}/")]
    if below:
        raise SystemExit(f"test-host: {root} is not removed: mounted below it: {', '.join(below)}; unmount that and run this again")
    # A process that was just killed may still write.
    deadline = time.monotonic() + 30
    while root.exists():
        shutil.rmtree(root, ignore_errors=time.monotonic() < deadline)


def _remove(root: Path) -> None:
    remove(root, Path("/proc/self/mountinfo").read_text(encoding="utf-8"))


@contextlib.contextmanager
def _locked(suite: str) -> Iterator[None]:
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / f"{suite}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"test-host: a root of {suite} is in use by another run on this checkout; wait for its end") from None
        yield


def _run(suite: str, command: list[str]) -> int:
    root = PLACE / suite
    pip = pip_settings(_output(sys.executable, "-m", "pip", "config", "list"))
    with _locked(suite):
        # A killed run has not removed its root.
        _remove(root)
        try:
            _make_root(suite, root, pip)
            namespaces = ["--mount", "--pid", "--fork", "--kill-child"]
            inside = [sys.executable, __file__, _INSIDE, str(root), os.pathsep.join(map(str, pip.paths)), *command]
            return subprocess.run(["unshare", *namespaces, *inside], check=False).returncode
        finally:
            _remove(root)


def _stop(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    """Create the root, run the command, remove the root."""
    try:
        return _main(arguments)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except subprocess.CalledProcessError as error:
        print(f"test-host: {error.cmd[0]} ended with exit code {error.returncode} (see above)\n{error.stderr or ''}", file=sys.stderr)
        return 1


def _main(arguments: list[str]) -> int:
    if arguments[:1] == [_INSIDE]:
        return _run_inside(Path(arguments[1]), map(Path, filter(None, arguments[2].split(os.pathsep))), arguments[3:])
    if len(arguments) < 2 or not arguments[0].isalpha():
        print("usage: test_host.py SUITE COMMAND [ARGUMENT ...]; SUITE is a release of Debian, such as trixie", file=sys.stderr)
        return 2
    if os.geteuid() != 0:
        print("test-host: only root can mount what a root of another release needs; run this as root", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _stop)
    return _run(arguments[0], arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
