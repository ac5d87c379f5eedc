# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs of tz_cron in a network namespace with a private /tmp: declared by the modules, started by run-at on this kernel."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from .conftest import Host

ROOT = Path(__file__).resolve().parents[2]
# A /usr/local and a /var/lib that end with the test; Python may be in the first.
OWN_FOLDERS = """
mkdir /mnt/local /mnt/cron.d
mount --rbind /usr/local /mnt/local
mount -t tmpfs tmpfs /usr/local
mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir /usr/local/bin /usr/local/sbin
for file in /mnt/local/* /mnt/local/bin/*; do
    place=/usr/local${file#/mnt/local}
    [ -e "$place" ] || ln -s "$file" "$place"
done
rm -f /usr/local/lib
mkdir -p /usr/local/lib /etc/cron.d
cp "$(command -v sleep)" /usr/local/sbin/cron
echo /etc/crontab /etc/cron.d >>/usr/local/sbin/cron
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
    """A job that is wanted in each minute."""
    job = {"name": "job", "timezone": "Etc/UTC", "at": ["00:00-23:59/1"], "user": USER, "backend": "cron", **options}
    return host.ask(module="tz_cron", options=job)


@pytest.mark.parametrize("private_tmp", [False, True])
@pytest.mark.parametrize("netns", [None, "web"])
def test_where_a_job_runs(host: Host, netns: str | None, private_tmp: bool) -> None:
    if netns is not None:
        assert "failed" not in host.netns(netns)
    # tz_cron looks for the option in the launcher, because an older one lacks it.
    launcher = f'#!/bin/sh\n# takes --keep\nexec {sys.executable} {ROOT}/plugins/module_utils/_programs/private_tmp/launcher.py "$@"\n'
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
    assert "nowhere" in done["stdout"]
    assert "last_success" not in json.loads(host.run("cat", "/var/lib/fleetlab/tz_cron/job/state.json"))


def test_a_folder_for_metrics_is_looked_for_when_the_job_is_declared(host: Host) -> None:
    made = declare(host, command="true", textfile="/var/lib/metrics")
    assert "no folder /var/lib/metrics" in str(made["warnings"])
    host.run("mkdir", "/var/lib/metrics")
    made = declare(host, command="exit 3", textfile="/var/lib/metrics")
    assert made["changed"]
    assert "/var/lib/metrics" not in str(made.get("warnings"))
    host.try_run("/usr/local/bin/run-at", "--job", "job")
    assert 'tz_cron_last_exit_code{name="job",timezone="Etc/UTC"} 3' in host.run("cat", "/var/lib/metrics/tz_cron_job.prom")


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/St_Johns", ":/nowhere"])
def test_the_zone_of_cron_itself_does_not_matter(host: Host, zone: str) -> None:
    """c03: C(TZ=) in the environment of cron, as in /etc/default/cron or of a container."""
    hour = datetime.now(timezone.utc).hour
    at = [f"{one:02}:00-{one:02}:59/1" for one in (hour, (hour + 1) % 24)]
    made = declare(host, at=at, command="echo $TZ", env={"TZ": "Etc/UTC"})
    assert [job["problem"] for job in made["jobs"]] == [None]
    assert made["jobs"][0]["entry"] == ["* * * * * root /usr/local/bin/run-at --job job"]
    done = host.try_run("env", "-i", f"TZ={zone}", "PATH=/usr/bin:/bin", "/usr/local/bin/run-at", "--job", "job")
    assert (done["exit_code"], done["stdout"], done["stderr"]) == (0, "Etc/UTC\n", "")
    assert json.loads(host.run("cat", "/var/lib/fleetlab/tz_cron/job/state.json"))["exit_code"] == 0


README = (ROOT / "README.md", ROOT / "docs" / "cron.md")
# What cron gives to the command of a crontab.
CRON = ("env", "-i", "HOME=/root", "PATH=/usr/bin:/bin", "SHELL=/bin/sh", "LOGNAME=root")


def blocks(kind: str) -> list[str]:
    """The examples of one kind in the documentation."""
    return [block for file in README for block in re.findall(rf"^```{kind}\n(.*?)^```", file.read_text(encoding="utf-8"), re.M | re.S)]


def test_the_examples_of_the_documentation_run_as_they_are_written(host: Host) -> None:
    tasks = [task for block in blocks("yaml") if "tz_cron:" in block for task in yaml.safe_load(block)]
    assert len(tasks) == 3
    names: set[str] = set()
    for task in tasks:
        options = task["fleetlab.linux.tz_cron"]
        if "warn_after" in options:
            assert options["warn_after"] == "{{ 15 * 60 }}"
            options["warn_after"] = 900
        made = host.ask(module="tz_cron", options=options)
        assert "failed" not in made, made
        names.update(job["name"] for job in made["jobs"])
        assert [job["problem"] for job in made["jobs"]] == [None] * len(made["jobs"])
    host.run("sh", "-c", "printf '#!/bin/sh\necho $0 >> /var/lib/reports\n' > /usr/local/bin/report; chmod 755 /usr/local/bin/report")
    for line in [line for block in blocks("sh") for line in block.splitlines() if "run-at " in line and "journalctl" not in line]:
        done = host.try_run(*CRON, "sh", "-c", line)
        assert (done["exit_code"], done["stderr"]) == (0, ""), (line, done)
        if "--list" in line:
            assert names <= {row.split()[0] for row in done["stdout"].splitlines()}
        elif "--next" in line:
            assert len(done["stdout"].splitlines()) == 4
    assert host.run("cat", "/var/lib/closed").split()[-2] == "JST"
    (crontab,) = [line for block in blocks("crontab") for line in block.splitlines()]
    fields = crontab.split(None, 5)
    assert fields[1:5] == ["*"] * 4
    # At whatever hour of the day this test runs.
    call = fields[5].replace("5,19", ",".join(str(hour) for hour in range(24)))
    for _time in range(2):
        done = host.try_run(*CRON, "sh", "-c", call)
        assert (done["exit_code"], done["stderr"]) == (0, "")
    assert host.run("cat", "/var/lib/reports") == "/usr/local/bin/report\n"


def test_a_job_is_heard_where_no_mail_can_be_sent(host: Host) -> None:
    """c10: the log has its output, and a hook hears of the failure; the hook's URL that does not answer holds up nothing."""
    made = declare(
        host, command="echo to stdout; echo to stderr >&2; exit 3", on_failure='echo "$RUN_AT_MESSAGE" > /var/lib/heard', user="root"
    )
    assert "failed" not in made, made
    if not any(os.access(path, os.X_OK) for path in ("/usr/sbin/sendmail", "/usr/lib/sendmail")):
        assert "cron can send no mail on this host" in str(made["warnings"])
    assert host.try_run("/usr/local/bin/run-at", "--job", "job")["exit_code"] == 3
    output = host.run("cat", "/var/lib/fleetlab/tz_cron/job/state.json.output").splitlines()
    assert output[1:] == ["to stdout", "to stderr"]
    assert host.run("cat", "/var/lib/heard").endswith("ended with exit code 3\n")
    declare(host, command="false", on_failure="http://127.0.0.1:1/ping/secret")
    done = host.try_run("/usr/local/bin/run-at", "--now", "--job", "job")
    assert done["exit_code"] == 1
    assert "on_failure: the request failed:" in done["stderr"]
    assert "secret" not in done["stderr"]


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
    host.sh("sed -i s/root/games/ /etc/cron.d/tz_cron-posts")
    found = play("--tags", "verify", tz_cron_jobs=JOBS)
    assert "localhost: posts: the entry of cron or the timer does not call the job" in found
    found = play("--check", tz_cron_jobs=JOBS)
    assert "changed=1 " in found
    assert "failed=0 " in found
    assert "changed=1 " in play(tz_cron_jobs=JOBS)
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
