# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs of tz_cron in a network of their own, with a /tmp of their own: the modules declare it all, the runner starts it on this kernel."""

from __future__ import annotations

import json
import os
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
"""
USER = "games" if os.geteuid() == 0 else "root"


def declare(host: Host, **options: Any) -> dict[str, Any]:
    """A job that is wanted at this minute."""
    job = {"name": "job", "timezone": "Etc/UTC", "at": [time.strftime("%H:%M", time.gmtime())], "user": USER, "backend": "cron", **options}
    return host.ask(module="tz_cron", options=job)


@pytest.mark.parametrize("private_tmp", [False, True])
@pytest.mark.parametrize("netns", [None, "web"])
def test_where_a_job_runs(host: Host, netns: str | None, private_tmp: bool) -> None:
    host.sh(OWN_FOLDERS)
    if netns is not None:
        assert "failed" not in host.netns(netns)
    launcher = f'#!/bin/sh\nexec {sys.executable} {ROOT}/plugins/module_utils/_tmp/launcher.py "$@"\n'
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
    host.sh(OWN_FOLDERS)
    made = declare(host, command="true", netns="nowhere")
    assert "failed" not in made, made
    done = host.try_run("/usr/local/bin/run-at", "--job", "job")
    assert done["exit_code"] != 0
    assert "nowhere" in done["stderr"]
    assert "last_success" not in json.loads(host.run("cat", "/var/lib/fleetlab/tz_cron/job/state.json"))
