# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in the root of a Debian release: plays scenes of an FTP server with real logins, and computes what they should see.

Each line of the standard input is a scene as JSON, and each line of the output its result.
"""

from __future__ import annotations

import ftplib
import importlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.apply.trial import try_out
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.observe.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.options import Wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.show import returned
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.verdict import judge
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner

PASSWORD = "only-for-this-test"
CONF = "/etc/proftpd/scene.conf"
TRACE = "/var/log/proftpd/trace"
LOG = "/var/log/proftpd/scene.log"
BASE = """
ServerName scene
ServerType standalone
Port 2121
UseIPv6 off
AuthPAM off
User proftpd
Group nogroup
ScoreboardFile /run/scene.scoreboard
PidFile /run/scene.pid
DelayEngine off
WtmpLog off
TransferLog none
SystemLog /var/log/proftpd/scene.log
TraceLog /var/log/proftpd/trace
Trace ftpaccess:10
"""
GROUPS = {"hosting": (2100, "u1"), "staff2": (2101, "u3")}
USERS = {"u1": (2001, "/home/u1/private/files"), "u3": (2003, "/home/u3"), "u4": (2004, "/home/u4")}


def add_users() -> None:
    """The users of all scenes; u1 is in hosting, u3 in staff2, and u4 has a link as home."""
    for name, (number, home) in USERS.items():
        with open("/etc/passwd", "a", encoding="ascii") as stream:
            stream.write(f"{name}:x:{number}:{number}::{home}:/bin/sh\n")
        with open("/etc/group", "a", encoding="ascii") as stream:
            stream.write(f"{name}:x:{number}:\n")
        with open("/etc/shadow", "a", encoding="ascii") as stream:
            stream.write(f"{name}:*:19000:0:99999:7:::\n")
    with open("/etc/group", "a", encoding="ascii") as stream:
        stream.writelines(f"{name}:x:{number}:{member}\n" for name, (number, member) in GROUPS.items())
    pairs = "".join(f"{name}:{PASSWORD}\n" for name in USERS)
    subprocess.run(["chpasswd", "-c", "SHA512"], input=pairs, text=True, check=True)
    hashed = next(line.split(":")[1] for line in Path("/etc/shadow").read_text(encoding="ascii").splitlines() if line.startswith("u1:"))
    Path("/etc/hr").mkdir()
    for path, text in (("passwd", f"virt1:{hashed}:2001:2200::/home/u1/private/files:/bin/sh\n"), ("group", "vgroup:x:2200:virt1\n")):
        Path("/etc/hr", path).write_text(text, encoding="ascii")
        os.chmod(f"/etc/hr/{path}", 0o600)


def make_homes() -> None:
    """Empty homes."""
    for top in ("/home", "/data", "/etc/hr/conf.d"):
        shutil.rmtree(top, ignore_errors=True)
        Path(top).mkdir(parents=True)
    for path, number in (("/home/u1/private/files", 2001), ("/home/u3/sub", 2003), ("/data/home4", 2004)):
        Path(path).mkdir(parents=True)
        own_all(path, number)
    own_all("/home/u3", 2003)
    Path("/home/u4").symlink_to("/data/home4")
    Path("/root/secret").unlink(missing_ok=True)


def own_all(path: str, number: int) -> None:
    os.chown(path, number, number)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.lchown(os.path.join(folder, name), number, number)


def lay_out(scene: dict[str, Any]) -> None:
    make_homes()
    for folder in scene["folders"]:
        Path(folder).mkdir(parents=True)
    for path, text in scene["files"].items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, encoding="utf-8")
    own_all("/home/u3", 2003)
    for path, target in scene["links"].items():
        Path(path).symlink_to(target)
    for path, mode in scene["modes"].items():
        os.chmod(path, mode)
    if "/root/secret" in scene["files"]:
        os.chmod("/root/secret", 0o600)
    dynamic = Path("/etc/proftpd/modules.conf").read_text(encoding="utf-8")
    needed = [f"LoadModule {name}\n" for name in ("mod_xfer.c", "mod_ls.c", "mod_delay.c") if f"LoadModule {name}" in dynamic]
    Path(CONF).write_text(f"ModulePath /usr/lib/proftpd\n{''.join(needed)}{BASE}{scene['conf']}\n", "utf-8", "surrogateescape")
    for path in (TRACE, LOG):
        Path(path).write_text("", encoding="ascii")


def start() -> subprocess.Popen[bytes]:
    server = subprocess.Popen(["proftpd", "-n", "-c", CONF], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 10
    while time.monotonic() < end and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", 2121), 1).close()
            return server
        except OSError:
            time.sleep(0.01)
    raise SystemExit(f"proftpd does not start: {Path(LOG).read_text(encoding='utf-8')}")


def store(ftp: ftplib.FTP, name: str) -> bool:
    try:
        ftp.storbinary(f"STOR {name}", io.BytesIO(b"x"))
    except ftplib.error_perm:
        return False
    return True


def log_in(scene: dict[str, Any]) -> dict[str, Any]:
    """What a real client sees."""
    server = start()
    try:
        return talk(scene)
    finally:
        server.terminate()
        server.wait()


def talk(scene: dict[str, Any]) -> dict[str, Any]:
    """What a client of the running server sees. The files that it stores are removed before."""
    for top in ("/home", "/data"):
        for stored in (*Path(top).rglob("written-by-the-test"), *Path(top).rglob("x")):
            stored.unlink()
    Path(TRACE).write_text("", encoding="ascii")
    with ftplib.FTP() as ftp:
        ftp.connect("127.0.0.1", 2121, 10)
        try:
            ftp.login(scene["user"], PASSWORD)
        except ftplib.error_perm as error:
            return {"login": str(error)[:3]}
        seen: dict[str, Any] = {"login": "230", "pwd": working_folder(ftp), "parsed": parsed()}
        seen["deletes"] = {name: delete(ftp, name) for name in scene["deletes"]}
        seen["writes"] = {name: store(ftp, name) for name in scene["writes"]}
        seen["stored"] = store(ftp, "written-by-the-test")
        return seen


def working_folder(ftp: ftplib.FTP) -> str | None:
    try:
        return ftp.pwd()
    except ftplib.error_perm:
        return None


def delete(ftp: ftplib.FTP, name: str) -> bool:
    try:
        ftp.delete(name)
    except ftplib.error_perm:
        return False
    return True


def parsed() -> list[str]:
    text = Path(TRACE).read_text("utf-8", "surrogateescape")
    failed = set(re.findall(r"error parsing '([^']+)'", text))
    return [path for path in dict.fromkeys(re.findall(r">: parsing '([^']+)'", text)) if path not in failed]


def compute(scene: dict[str, Any]) -> dict[str, Any]:
    """What the module says."""
    try:
        found, cases = observe(Wanted(CONF, (scene["user"],)), host_runner(), Host())
    except FleetlabError as error:
        return {"error": str(error)}
    verdicts = [judge(case) for case in cases]
    begin = time.monotonic()
    trial = try_out(found, verdicts)
    return {**returned(found, verdicts, trial), "seconds": time.monotonic() - begin}


def snapshot() -> dict[str, Any]:
    """All files with their times, all mounts, and the servers that run."""
    files: dict[str, list[int]] = {}
    for folder, folders, names in os.walk("/"):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/proc", "/sys", "/tree", "/dev")]
        for name in (*folders, *names):
            info = os.lstat(os.path.join(folder, name))
            files[os.path.join(folder, name)] = [info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_mode]
    return {"files": files, "mounts": Path("/proc/self/mountinfo").read_text(encoding="utf-8"), "servers": proftpds()}


def proftpds() -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_text(encoding="ascii").strip() == "proftpd":
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def leave_nothing(scene: dict[str, Any]) -> dict[str, Any]:
    """Look before and after a trial, and after one that is killed while its server runs."""
    found, cases = observe(Wanted(CONF, (scene["user"],)), host_runner(), Host())
    verdicts = [judge(case) for case in cases]
    before = snapshot()
    try_out(found, verdicts)
    after = snapshot()
    pid = os.fork()
    if pid == 0:
        try_out(found, verdicts * 200)
        os._exit(0)
    wait_until(lambda: bool(proftpds()))
    is_reachable = socket.socket().connect_ex(("127.0.0.1", 2121)) == 0
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    wait_until(lambda: not proftpds())
    killed = snapshot()
    return {"changed": differing(before, after), "after_kill": differing(before, killed), "reachable": is_reachable}


def differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    paths = one["files"].keys() | other["files"].keys()
    changed = [path for path in paths if one["files"].get(path) != other["files"].get(path)]
    return changed + [name for name in ("mounts", "servers") if one[name] != other[name]]


def wait_until(question: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not question():
        if time.monotonic() > end:
            raise SystemExit("waited in vain")
        time.sleep(0.01)


def run_module(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Run a module in a process of its own, as Ansible does."""
    module = importlib.import_module(f"ansible_collections.fleetlab.linux.plugins.modules.{name}")
    with tempfile.TemporaryFile() as output:
        pid = os.fork()
        if pid == 0:
            os.dup2(output.fileno(), 1)
            try:
                with patch_module_args(options):
                    module.main()
            finally:
                sys.stdout.flush()
                os._exit(0)
        os.waitpid(pid, 0)
        output.seek(0)
        answer: dict[str, Any] = json.loads(output.read())
        return answer


def run_playbook(variables: dict[str, Any]) -> dict[str, Any]:
    """Run the playbook of the audit on this host."""
    argv = ["python3", "-m", "ansible", "playbook", "-i", "ftp1,", "-c", "local", "-e", json.dumps(variables)]
    env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": "/tree", "ANSIBLE_BECOME_ALLOW_SAME_USER": "false"}
    done = subprocess.run([*argv, "fleetlab.linux.ftpaccess_audit"], env=env, capture_output=True, text=True, check=False)
    return {"exit_code": done.returncode, "printed": done.stdout + done.stderr}


def answer(scene: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    if "module" in request:
        return run_module(request["module"], request["options"])
    if request.get("leave_nothing"):
        return leave_nothing(scene)
    if "playbook" in request:
        return run_playbook(request["playbook"])
    if request.get("log_in"):
        return log_in(scene)
    if request.get("start"):
        return {"pid": start().pid}
    if request.get("talk"):
        return talk(scene)
    if request.get("read"):
        path = Path(request["read"])
        return {"text": path.read_text(encoding="utf-8") if path.exists() else None, "servers": proftpds()}
    return {"computed": compute(scene), "seen": log_in(scene)}


def main() -> None:
    """Play all scenes, each with its requests."""
    add_users()
    for line in sys.stdin:
        asked = json.loads(line)
        lay_out(asked["scene"])
        print(json.dumps([answer(asked["scene"], request) for request in asked["requests"]]), flush=True)


if __name__ == "__main__":
    main()
