# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs of tz_cron in a network namespace with a private /tmp: declared by the modules, started by run-at on this kernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import Host

ROOT = Path(__file__).resolve().parents[2]
# A /usr/local and a /var/lib that end with the test; Python may be in the first.
OWN_FOLDERS = """
mkdir /mnt/local /mnt/cron.d
mount --rbind /usr/local /mnt/local
mount -t tmpfs tmpfs /usr/local
mount -t tmpfs tmpfs /var/lib
mkdir /usr/local/bin /usr/local/sbin
for file in /mnt/local/* /mnt/local/bin/*; do
    place=/usr/local${file#/mnt/local}
    [ -e "$place" ] || ln -s "$file" "$place"
done
rm -f /usr/local/lib
mkdir -p /usr/local/lib /etc/cron.d
cp "$(command -v sleep)" /usr/local/sbin/cron
"""
USER = "games" if os.geteuid() == 0 else "root"


@pytest.fixture(autouse=True)
def prepared(host: Host) -> None:
    """A host with separate folders, whose cron starts nothing: the test starts the jobs."""
    host.sh(OWN_FOLDERS)
    cron = subprocess.Popen([*host.enter(None), "/usr/local/sbin/cron", "600"])
    host.services.append(cron)
    host.wait_until(lambda: Path(f"/proc/{cron.pid}/comm").read_text(encoding="utf-8") == "cron\n")


def declare(host: Host, **options: Any) -> dict[str, Any]:
    """A job with a wanted time in this minute."""
    job = {"name": "job", "timezone": "Etc/UTC", "at": [time.strftime("%H:%M", time.gmtime())], "user": USER, "backend": "cron", **options}
    return host.ask(module="tz_cron", options=job)


@pytest.mark.parametrize("private_tmp", [False, True])
@pytest.mark.parametrize("netns", [None, "web"])
def test_where_a_job_runs(host: Host, netns: str | None, private_tmp: bool) -> None:
    if netns is not None:
        assert "failed" not in host.netns(netns)
    launcher = f'#!/bin/sh\nexec {sys.executable} {ROOT}/plugins/module_utils/_programs/private_tmp/launcher.py "$@"\n'
    host.run("sh", "-c", "cat >/usr/local/sbin/private-tmp && chmod 755 /usr/local/sbin/private-tmp", stdin=launcher)
    # The /tmp of the host is the machine's.
    with tempfile.NamedTemporaryFile(dir="/tmp", prefix="fleetlab-of-the-host-") as of_the_host:
        command = f"[ -e {of_the_host.name} ] && echo shared || echo own; ls /sys/class/net; id -un; exit 7"
        made = declare(host, command=command, netns=netns, private_tmp=private_tmp)
        assert "failed" not in made, made
        done = host.try_run("/usr/local/bin/run-at", "--job", "job")
    assert (done["exit_code"], done["stderr"]) == (7, "")
    tmp, *links, user = done["stdout"].split()
    assert tmp == ("own" if private_tmp else "shared")
    assert user == USER
    assert ("eth0" in links) == (netns is None)
    assert "lo" in links
    state = json.loads(host.run("cat", "/var/lib/fleetlab/tz_cron/job/state.json"))
    assert (state["exit_code"], state["consecutive_failures"]) == (7, 1)


def test_a_network_that_is_not_there_is_a_failure_that_is_on_record(host: Host) -> None:
    made = declare(host, command="true", netns="nowhere")
    assert "failed" not in made, made
    done = host.try_run("/usr/local/bin/run-at", "--job", "job")
    assert done["exit_code"] != 0
    assert "nowhere" in done["stderr"]
    assert "last_success" not in json.loads(host.run("cat", "/var/lib/fleetlab/tz_cron/job/state.json"))


PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  roles: [fleetlab.linux.tz_cron]
"""
JOBS = [
    {"name": "posts", "timezone": "Europe/Sofia", "at": [5, 19], "command": "true", "warn_after": 900, "backend": "cron"},
    {"name": "late", "timezone": "Etc/UTC", "at": ["00:00"], "command": "false", "warn_after": 1, "backend": "cron"},
]
FORGET = """
cd /var/lib/fleetlab/tz_cron/late
sed -i 's/"first_call": [0-9]*/"first_call": 1/' state.json
touch -d '2000-01-01' /etc/fleetlab/tz_cron/late.json
"""


def test_the_role(host: Host, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")

    def play(*options: str, **variables: Any) -> str:
        variables["ansible_python_interpreter"] = sys.executable
        program = ["env", f"ANSIBLE_COLLECTIONS_PATH={tree}", f"ANSIBLE_HOME={tmp_path}", sys.executable, "-m", "ansible", "playbook"]
        done = host.try_run(*program, *options, "-i", "localhost,", "-e", json.dumps(variables), str(tmp_path / "play.yml"))
        return str(done["stdout"])

    assert "changed=0 " in play()
    assert "changed=1 " in play("--check", tz_cron_jobs=JOBS)
    assert "tz_cron-posts" not in host.run("ls", "/etc/cron.d")
    assert "changed=1 " in play(tz_cron_jobs=JOBS)
    assert "* * * root /usr/local/bin/run-at --job posts" in host.run("cat", "/etc/cron.d/tz_cron-posts")
    assert "changed=0 " in play(tz_cron_jobs=JOBS)
    host.try_run("/usr/local/bin/run-at", "--job", "late")
    host.sh(FORGET)
    failed = play(tz_cron_jobs=JOBS)
    assert "failed=1 " in failed
    assert "localhost: late: no success within warn_after." in failed
    assert "failed=0 " in play(tz_cron_jobs=JOBS, tz_cron_verify=False)
    wrong = play("--check", tz_cron_jobs=[{**JOBS[0], "at": [24]}])
    assert "jobs[0].at: '24' is neither an hour" in wrong
    gone = [{"name": job["name"], "state": "absent", "purge": True} for job in JOBS]
    assert "changed=1 " in play(tz_cron_jobs=gone)
    assert "tz_cron" not in host.run("ls", "/etc/cron.d")
