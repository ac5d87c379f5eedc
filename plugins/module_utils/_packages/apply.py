# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build a package with patches in a root that is thrown away, without network."""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import tempfile
import time
from functools import partial
from typing import Callable, Iterator, List

from .._core.errors import CommandError, FleetlabError
from .._core.plan import Operations, WriteFile, write_file
from .._core.runner import Runner
from .._host.files import Host
from .observe.builder import RECORD, apt_folder, observe_builder
from .observe.source import TREE, apply_patches, fetch, unpack
from .options import Wanted
from .parse import parse_deb
from .plan import build_key, describe_patches, patch_key
from .render import add_changelog, add_fields
from .state import Builder

_BUILD = "dpkg-buildpackage --build=binary --no-sign"
_LAST_LINES = 12
# A process that is killed takes no children with it, but the first one of a namespace of processes takes all.
_ENDS_WITH_US = ("setpriv", "--pdeathsig=KILL", "unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child", "--")


def operations(wanted: Wanted, runner: Runner) -> Operations:
    """The operation of the plan."""
    return {"build": partial(_build, runner, wanted)}


def _build(runner: Runner, wanted: Wanted, source: str, version: str, suite: str) -> None:
    """Build, and give the result its name when it is whole. A build that was killed leaves only a folder that the next one removes."""
    del source, suite
    state = observe_builder(wanted, runner, Host())
    home = os.path.join(wanted.directory, wanted.name)
    os.makedirs(home, mode=0o755, exist_ok=True)
    for left in [*glob.glob(os.path.join(home, ".build-*")), *glob.glob(os.path.join(wanted.directory, ".try-*"))]:
        shutil.rmtree(left)
    work = tempfile.mkdtemp(prefix=".build-", dir=home)
    try:
        _prepare(runner, wanted, state, work, version)
        result = os.path.join(work, "result")
        os.mkdir(result)
        _build_in_root(runner, wanted, state, work, result)
        _check_result(runner, wanted, version, result)
        _record(wanted, state, version, result)
        os.chmod(result, 0o755)
        os.rename(result, os.path.join(home, version))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _prepare(runner: Runner, wanted: Wanted, state: Builder, work: str, version: str) -> None:
    config = os.path.join(apt_folder(wanted, state.lines), "apt.conf")
    source = os.path.join(work, "source")
    os.mkdir(source)
    fetch(runner, config, state.candidate, source)
    tree = unpack(runner, source)
    problem = apply_patches(runner, tree, state.patches)
    if problem:
        raise FleetlabError(problem)
    patches = describe_patches(state)
    fields = {"Fleetlab-Base": state.candidate.version, "Fleetlab-Patches": patches, "Fleetlab-Suite": state.suite}
    _edit(os.path.join(tree, "debian", "changelog"), lambda text: add_changelog(text, version, state.suite, patches, time.time()))
    _edit(os.path.join(tree, "debian", "control"), lambda text: add_fields(text, fields))


def _edit(path: str, change: Callable[[str], str]) -> None:
    # Old entries of changelogs are in older encodings, and stay as they are.
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
        text = stream.read()
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        stream.write(change(text))


def _build_in_root(runner: Runner, wanted: Wanted, state: Builder, work: str, result: str) -> None:
    tree = f"/source/{TREE}"
    log = os.path.join(work, "log")
    as_user = f'unshare --net chroot --userspec=65534:65534 "$1" env --chdir={tree} HOME=/nonexistent'
    hooks = [
        f"copy-in {work}/source /",
        f'chroot "$1" apt-get --yes build-dep {tree}',
        'chroot "$1" chown -R 65534:65534 /source',
        # The tests of the package are part of the build, and run without network, as a user without rights.
        f"{as_user} {_BUILD} >{log} 2>&1",
        # The build may have left links, which outside of the root lead to files of the builder.
        f'find "$1/source" -maxdepth 1 -type f -name "*.deb" -exec cp -t {result} {{}} +',
    ]
    argv = [*_ENDS_WITH_US, "env", f"TMPDIR={work}", "mmdebstrap", "--quiet", "--mode=root", "--variant=buildd", "--include=fakeroot"]
    argv += [f"--architectures={state.architecture}", "--aptopt=Apt::Install-Recommends false"]
    argv += [f"--setup-hook={hook}" for hook in _copy_logins()] + [f"--customize-hook={hook}" for hook in hooks]
    try:
        # The addresses of archives may have passwords in them, which everybody can read in an argv.
        sources = os.path.join(work, "sources.list")
        write_file(WriteFile(sources, "".join(f"{re.sub('^deb-src ', 'deb ', line)}\n" for line in state.lines), 0o600))
        runner.run([*argv, state.suite, "/dev/null", sources], timeout=wanted.timeout)
    except CommandError as error:
        raise FleetlabError(f"the build failed: {_last_lines(log) or error.problem}") from None


def _copy_logins() -> Iterator[str]:
    """The hooks that give the root what apt of this host knows of archives with passwords."""
    for path in ("/etc/apt/auth.conf", "/etc/apt/auth.conf.d"):
        if os.path.exists(path):
            yield f"copy-in {path} /etc/apt"


def _last_lines(log: str) -> str:
    if not os.path.exists(log):
        return ""
    with open(log, encoding="utf-8", errors="replace") as stream:
        return " | ".join(line.strip() for line in stream.readlines()[-_LAST_LINES:])


def _check_result(runner: Runner, wanted: Wanted, version: str, result: str) -> None:
    """Refuse a build that made something else: a source may give its packages versions of their own."""
    fields = [runner.run(["dpkg-deb", "--field", path]).stdout for path in sorted(glob.glob(os.path.join(result, "*.deb")))]
    made = {deb.name: deb for deb in (parse_deb("", text) for text in fields)}
    found = made.get(wanted.name)
    if found is None:
        raise FleetlabError(f"the build made no {wanted.name}, but {', '.join(sorted(made)) or 'nothing'}; name one of its packages")
    if found.version != version or not found.base:
        made_as = f"{found.version}{'' if found.base else ' without the field Fleetlab-Base'}"
        raise FleetlabError(f"the build made {wanted.name} {made_as}, and not {version}: its source gives its packages versions of its own")


def _record(wanted: Wanted, state: Builder, version: str, result: str) -> None:
    debs: List[str] = sorted(name for name in os.listdir(result) if name.endswith(".deb") and "-dbgsym_" not in name)
    record = {"version": version, "base": state.candidate.version, "key": build_key(state, wanted)}
    with open(os.path.join(result, RECORD), "w", encoding="utf-8") as stream:
        json.dump({**record, "patch_key": patch_key(state, wanted), "debs": debs}, stream, indent=2)
