# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in the root of a Debian release: plays scenes of a web server with real requests, and computes what they should meet."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.web.apply.trial import try_out
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.web.observe.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.web.options import Wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.web.rehearsal import proved
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.web.show import returned
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.web.verdict import judge
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.tests.network.ftp_agent import run_module

CONF = "/etc/apache2/scene.conf"
LOG = "/var/log/apache2/scene.log"
BASE = """
ServerName scene
PidFile /run/scene.pid
DefaultRuntimeDir /run
Mutex file:/run default
User www-data
Group www-data
Listen 2280
ErrorLog /var/log/apache2/scene.log
LogLevel error
DocumentRoot /srv/www
IncludeOptional mods-enabled/*.load
IncludeOptional mods-enabled/*.conf
"""


def lay_out(scene: dict[str, Any]) -> None:
    """The files of a scene, and its configuration."""
    for top in ("/srv", "/data"):
        shutil.rmtree(top, ignore_errors=True)
        Path(top).mkdir()
    Path("/.htaccess").unlink(missing_ok=True)
    Path("/srv/www/shop").mkdir(parents=True)
    for path, text in scene["files"].items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, "utf-8", "surrogateescape")
    for path, target in scene["links"].items():
        Path(path).symlink_to(target)
        os.lchown(path, 1000, 1000)
    for path, mode in scene["modes"].items():
        os.chmod(path, mode)
    Path(CONF).write_text(f"{BASE}{scene['conf']}", encoding="utf-8")
    Path(LOG).write_text("", encoding="ascii")


def start() -> subprocess.Popen[bytes]:
    server = subprocess.Popen(["apache2", "-D", "FOREGROUND", "-f", CONF], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 10
    while time.monotonic() < end and server.poll() is None:
        try:
            head("/")
        except (OSError, http.client.HTTPException):
            time.sleep(0.01)
        else:
            return server
    raise SystemExit(f"apache2 does not start: {Path(LOG).read_text(encoding='utf-8')}")


def head(url: str) -> int:
    client = http.client.HTTPConnection("127.0.0.1", 2280, timeout=5)
    try:
        client.request("HEAD", url)
        return client.getresponse().status
    finally:
        client.close()


def ask(scene: dict[str, Any]) -> dict[str, str]:
    """What the log of an ordinary server says about each file of the scene, when a line that is wrong everywhere ends it."""
    server = start()
    try:
        return {path: ask_for(scene, path) for path in scene["files"]}
    finally:
        server.terminate()
        server.wait()


def ask_for(scene: dict[str, Any], path: str) -> str:
    for other in scene["files"]:
        # Also here the permissions stay.
        Path(other).write_text(f"{scene['files'][path]}\n{scene['mark']}\n" if other == path else "", "utf-8", "surrogateescape")
    Path(LOG).write_text("", encoding="ascii")
    status = head(f"{scene['url']}/nothing")
    for other, text in scene["files"].items():
        Path(other).write_text(text, "utf-8", "surrogateescape")
    log = Path(LOG).read_text(encoding="utf-8")
    return f"{status} {log}" if path in log else str(status)


def compute(scene: dict[str, Any]) -> dict[str, Any]:
    """What the module says, after its own trial."""
    try:
        found, cases = observe(Wanted(CONF, (scene["path"],)), host_runner(), Host())
        verdicts = [judge(found, *case) for case in cases]
        trial = try_out(found, cases, verdicts)
        return returned(found, [proved(*each) for each in zip(verdicts, trial, strict=True)], trial)
    except FleetlabError as error:
        return {"error": str(error)}


def main() -> None:
    """Play all scenes."""
    for line in sys.stdin:
        scene = json.loads(line)
        lay_out(scene)
        if "module" in scene:
            print(json.dumps(run_module("htaccess_info", {"config": CONF, **scene["module"]})), flush=True)
        else:
            print(json.dumps({"computed": compute(scene), "seen": ask(scene)}), flush=True)


if __name__ == "__main__":
    main()
