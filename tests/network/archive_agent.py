# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in the root of a Debian release, which is builder and host at once: publishes builds, serves them by HTTP, and installs from there.

The output is a JSON object with what each step found.
"""

from __future__ import annotations

import http.server
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.fleetlab.linux.tests.network.ftp_agent import run_module

BUILDS = Path("/var/lib/fleetlab/patched-packages")
ARCHIVE = Path("/srv/patched")
PORT = 8080
PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.import_role:
        name: fleetlab.linux.patched_package
        tasks_from: archive
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server of files that writes no log."""

    def log_message(self, *_words: Any) -> None:
        """Say nothing."""


def make_deb(folder: Path, name: str, version: str, **fields: str) -> str:
    """A package with a file that holds its version. Returns the name of its file."""
    architecture = run("dpkg", "--print-architecture").strip()
    shown = {"Package": name, "Version": version, "Architecture": architecture, "Maintainer": "nobody", "Description": "nothing", **fields}
    file = f"{name}_{version}_{architecture}.deb"
    with tempfile.TemporaryDirectory() as work:
        Path(work, "DEBIAN").mkdir()
        Path(work, "DEBIAN", "control").write_text("".join(f"{key}: {value}\n" for key, value in shown.items()), encoding="ascii")
        content = Path(work, "usr", "share", name)
        content.parent.mkdir(parents=True)
        content.write_text(f"{version}\n", encoding="ascii")
        folder.mkdir(parents=True, exist_ok=True)
        run("dpkg-deb", "--root-owner-group", "-Zgzip", "--build", work, str(folder / file))
    return file


def make_build(suite: str, name: str, base: str, *others: str) -> str:
    """What patched_package leaves of a build of a source with several packages. Returns its version."""
    version = f"{base}+0fleetlab1"
    fields = {"Fleetlab-Base": base, "Fleetlab-Patches": "fix.patch=5891b5b522d5", "Fleetlab-Suite": suite, "Source": name}
    folder = BUILDS / name / version
    debs = [make_deb(folder, each, version, **{**fields, **({"Source": name} if each != name else {})}) for each in (name, *others)]
    record = {"version": version, "base": base, "key": version, "patch_key": "", "debs": debs}
    (folder / "built.json").write_text(json.dumps(record), encoding="ascii")
    return version


def run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def play(name: str, version: str, debs: list[str]) -> list[int]:
    """The tasks of the role that publish and install; how many changed something, and how many failed."""
    values = {
        "patched_package_name": name,
        "patched_package_archive_address": f"http://127.0.0.1:{PORT}",
        "patched_package_archive_path": str(ARCHIVE),
        "patched_package_build": {"version": version, "debs": debs},
    }
    Path("/tmp/play.yml").write_text(PLAYBOOK, encoding="ascii")
    env = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": "/tree",
        "ANSIBLE_BECOME_ALLOW_SAME_USER": "false",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
    }
    argv = ["python3", "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local", "-e", json.dumps(values), "/tmp/play.yml"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("localhost") and "ok=" in line), "")
    numbers = dict(word.split("=") for word in line.split() if "=" in word)
    if not numbers or numbers["failed"] != "0":
        raise SystemExit(done.stdout + done.stderr)
    return [int(numbers["changed"]), int(numbers["failed"])]


def installed(*names: str) -> dict[str, str]:
    """The version and the hold of packages."""
    text = run("dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Want}\n", *names)
    return {name: f"{version} {want}" for name, version, want in (line.split() for line in text.splitlines())}


def fails(*argv: str) -> str:
    """What a command that has to fail says."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def publish(**options: Any) -> dict[str, Any]:
    return run_module("patched_package_archive", {"path": str(ARCHIVE), **options})


def touch_index(seconds: int) -> Path:
    """Give the index a later time."""
    (index,) = ARCHIVE.glob("dists/*/InRelease")
    later = index.stat().st_mtime + seconds
    os.utime(index, (later, later))
    return index


def prepare(suite: str) -> None:
    """A distribution in a folder, and nothing else that apt knows."""
    for left in [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").iterdir()]:
        left.unlink(missing_ok=True)
    for name in ("tool", "tool-data", "other"):
        make_deb(Path("/release"), name, "1.0-1", **({"Source": "tool"} if name == "tool-data" else {}))
    scan()
    Path("/etc/apt/sources.list.d/release.list").write_text("deb [trusted=yes] copy:/release ./\n", encoding="ascii")
    run("apt-get", "update")
    run("apt-get", "--yes", "install", "tool", "tool-data")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), partial(Quiet, directory=str(ARCHIVE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()


def scan() -> None:
    text = run("env", "--chdir=/release", "apt-ftparchive", "packages", ".")
    Path("/release/Packages").write_text(text, encoding="utf-8")
    head = ["-o", "APT::FTPArchive::Release::Label=Debian"]
    Path("/release/Release").write_text(run("apt-ftparchive", *head, "release", "/release"), encoding="utf-8")


def modes() -> dict[str, Any]:
    """Who may read the secret key, whether all of the archive may be read, and which processes of GnuPG are left."""
    keys = [path for path in BUILDS.joinpath(".keys").rglob("*") if path.is_file()]
    public = [path for path in ARCHIVE.rglob("*") if stat.S_IMODE(path.stat().st_mode) & 0o444 != 0o444]
    left = [path.read_text().strip() for path in Path("/proc").glob("[0-9]*/comm") if path.read_text().startswith("gpg")]
    return {
        "keys": oct(BUILDS.joinpath(".keys").stat().st_mode & 0o777),
        "has_key": bool(keys),
        "hidden": list(map(str, public)),
        "left": left,
    }


def first(suite: str, found: dict[str, Any]) -> str:
    """Publish, and install by the role, twice."""
    version = make_build(suite, "tool", "1.0-1", "tool-data", "tool-doc")
    make_build(suite, "other", "1.0-1")
    os.umask(0o077)
    found["planned"] = publish(_ansible_check_mode=True)
    found["published"] = publish()
    begin = time.monotonic()
    found["again"] = publish()
    found["seconds_again"] = time.monotonic() - begin
    os.umask(0o022)
    found["modes"] = modes()
    debs = [f"/x/{each}_{version}_amd64.deb" for each in ("tool", "tool-data", "tool-doc")]
    found["plays"] = [play("tool", version, debs), play("tool", version, debs)]
    found["installed"] = installed("tool", "tool-data")
    found["watch"] = run_module("patched_package_info", {"names": ["tool"]})["findings"]
    found["other"] = run("apt-cache", "policy", "other")
    return version


def moves_on(suite: str, found: dict[str, Any]) -> None:
    """The distribution has a newer version, and a build of it follows."""
    make_deb(Path("/release"), "tool", "1.0-1+deb12u1")
    make_deb(Path("/release"), "tool-data", "1.0-1+deb12u1", Source="tool")
    scan()
    run("apt-get", "update")
    run("apt-get", "--yes", "upgrade")
    found["held"] = installed("tool", "tool-data")
    found["newer"] = run_module("patched_package_info", {"names": ["tool"]})["findings"]
    version = make_build(suite, "tool", "1.0-1+deb12u1", "tool-data", "tool-doc")
    publish()
    run("apt-get", "update")
    options = {"name": "tool", "version": version}
    found["upgrade"] = run_module("patched_package", {**options, "_ansible_check_mode": True})["commands"]
    found["upgraded"] = run_module("patched_package", options)["commands"]
    found["upgraded_again"] = run_module("patched_package", options)["changed"]
    found["after"] = installed("tool", "tool-data")
    found["not_published"] = run_module("patched_package", {"name": "tool", "version": "9-1+0fleetlab1"})


def without_hold(suite: str, found: dict[str, Any]) -> None:
    """Without a hold, ordinary upgrades take the next build; then the packages of one source go back together."""
    run("apt-mark", "unhold", "tool", "tool-data")
    make_build(suite, "tool", "1.0-1+deb12u2", "tool-data")
    touch_index(60)  # as if both were published within a second: this index has the later time
    run("apt-get", "update")
    publish()
    run("apt-get", "update")
    run("apt-get", "--yes", "upgrade")
    found["ordinary"] = installed("tool", "tool-data")
    run_module("patched_package", {"name": "tool", "state": "absent"})
    found["absent"] = installed("tool", "tool-data")


def wrong(found: dict[str, Any]) -> None:
    """What is refused, by the module and by apt."""
    Path("/srv/site").mkdir()
    Path("/srv/site/index.html").write_text("x", encoding="ascii")
    found["foreign"] = publish(path="/srv/site")
    found["above"] = publish(path="/var/lib")
    found["unknown"] = publish(names=["nothing"])
    key = Path("/root/key")
    key.write_text("-----BEGIN PGP PRIVATE KEY BLOCK-----", encoding="ascii")
    key.chmod(0o644)
    shutil.copytree(BUILDS, "/srv/builds", ignore=shutil.ignore_patterns(".keys"))
    found["open_key"] = publish(path="/srv/other", directory="/srv/builds", signing_key=str(key))
    name = next(BUILDS.glob("other/*/*.deb"))
    name.write_bytes(name.read_bytes() + b"x")
    found["other_content"] = publish()
    index = touch_index(1)  # of the same second, the server would have nothing newer
    later = index.stat().st_mtime
    index.write_text(index.read_text().replace("Components: main", "Components: main more"), encoding="utf-8")
    os.utime(index, (later, later))
    found["forged"] = fails("apt-get", "-o", "APT::Update::Error-Mode=any", "update")


def other_key(found: dict[str, Any]) -> None:
    """A key that the task brings."""
    run("gpg", "--batch", "--passphrase", "", "--quick-generate-key", "somebody", "ed25519", "sign", "never")
    descriptor = os.open("/root/own-key", os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(run("gpg", "--armor", "--export-secret-keys"))
    shutil.rmtree("/srv/builds")
    shutil.copytree(BUILDS, "/srv/builds", ignore=shutil.ignore_patterns(".keys", "other"))
    options = {"path": "/srv/other", "directory": "/srv/builds", "signing_key": "/root/own-key"}
    found["own_key"], found["own_key_again"] = publish(**options), publish(**options)
    run("gpgconf", "--kill", "all")


def install(builds: str, name: str) -> None:
    """Publish a build, and install and hold it from there; the times of the steps."""
    shutil.copytree(builds, BUILDS, ignore=shutil.ignore_patterns(".*"))
    for left in [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").iterdir()]:
        left.unlink(missing_ok=True)
    found: dict[str, Any] = {}
    begin = time.monotonic()
    (package,) = publish()["packages"]
    source = f"deb [signed-by={ARCHIVE}/archive-key.asc] copy:{ARCHIVE} {package['suite']} main\n"
    Path("/etc/apt/sources.list.d/own.list").write_text(source, encoding="ascii")
    run("apt-get", "update")
    options = {"name": name, "version": package["version"], "check": [name, "--version"], "allow_essential": True}
    found["installed"] = run_module("patched_package", options)
    for step, module, values in (
        ("all", "", {}),
        ("publish again", "patched_package_archive", {"path": str(ARCHIVE)}),
        ("install again", "patched_package", options),
        ("info", "patched_package_info", {"names": [name]}),
    ):
        found[step] = run_module(module, values) if module else {}
        found[step]["seconds"] = time.monotonic() - begin
        begin = time.monotonic()
    found["says"] = run(name, "--version")
    print(json.dumps(found))


def main() -> None:
    """Play all."""
    if len(sys.argv) > 2:
        install(*sys.argv[1:])
    else:
        play_all(sys.argv[1])


def play_all(suite: str) -> None:
    """Publish, install, upgrade, go back, and be refused."""
    found: dict[str, Any] = {}
    prepare(suite)
    first(suite, found)
    moves_on(suite, found)
    without_hold(suite, found)
    wrong(found)
    other_key(found)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
