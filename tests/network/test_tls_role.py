# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook apache_forward_secrecy with a real Apache, and what goes again, on hosts that are roots of Debian."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Callable, Iterator

import pytest

from .apache_host import CONF, OWNED, SITES, START, pid, site
from .server_host import ServerHost

if TYPE_CHECKING:
    from ansible_collections.fleetlab.linux.scripts.server_roots import ServerRoot

# Without systemd the log of the system is a socket in /dev; this host has one, and keeps what it gets.
DEVLOG = """
import socket
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind("/dev/log")
with open("/tmp/devlog", "ab", buffering=0) as stream:
    while True:
        stream.write(server.recv(4096) + b"\\n")
"""


@pytest.fixture
def host(server_root: Callable[[str], ServerRoot]) -> Iterator[ServerHost]:
    """A host whose Apache has two sites with TLS."""
    made = ServerHost(server_root("bookworm"))
    for name in ("a.test", "b.test"):
        made.write(f"{SITES}/{name}.conf", site(name))
    made.sh(START)
    yield made
    made.close()


def test_the_playbook_sets_up_reports_and_changes_nothing_the_second_time(host: ServerHost) -> None:
    process = pid(host)
    variables = {"apache_forward_secrecy_pattern": "all", "apache_forward_secrecy_directory": "/tmp/report"}
    first = host.play("apache_forward_secrecy", **variables)
    assert first["exit_code"] == 0, first
    assert re.search(r"web1 .* failed=0 ", first["stdout"])
    assert "a.test" in host.sh("cat /tmp/report/tls.json /tmp/report/tls.html")
    assert [one["without"] for one in host.module("apache_tls")["names"]] == [[], [], []]
    again = host.play("apache_forward_secrecy", **variables)
    assert re.search(r"web1 .* changed=0 .* failed=0 ", again["stdout"]), again
    assert pid(host) == process
    host.write(f"{SITES}/c.conf", site("c.test", "SSLProtocol all"))
    refused = host.play("apache_forward_secrecy", **variables)
    assert refused["exit_code"] == 2
    assert f"{SITES}/c.conf:" in refused["stdout"]


def test_logs_elsewhere_a_moved_address_and_the_way_back(host: ServerHost) -> None:
    host.sh("mkdir -p /srv/a/logs /srv/b/logs; echo old > /srv/a/logs/error.log")
    logs = "ErrorLog /srv/a/logs/error.log\nCustomLog /srv/b/logs/access.log combined"
    old = site("a.test", f"SSLProtocol all -SSLv3\n{logs}")
    host.write(f"{SITES}/a.test.conf", old)
    host.write(f"{SITES}/v.conf", site("v.test").replace("*:443", "192.0.2.7:443"))
    host.sh(
        "apache2ctl graceful; sleep 0.5; rm /srv/b/logs/access.log; truncate -s 0 /srv/a/logs/error.log; echo old > /srv/a/logs/error.log"
    )
    done = host.module("apache_tls", overrides="comment_out")
    assert done.get("changed"), done
    assert "192.0.2.7:443 is no address of this host now" in str(done["warnings"])
    assert {one["address"] for one in done["names"]} == {"127.0.0.1"}
    assert host.sh(f"grep -c '^# apache_tls: SSLProtocol' {SITES}/a.test.conf") == "1\n"
    # What does not live without the owned file stays.
    host.write(f"{CONF}/s.conf", "SSLUseStapling on\n")
    assert "the throwaway server has ended" in host.module("apache_tls", state="absent")["msg"]
    host.sh(f"test -e {OWNED}; rm {CONF}/s.conf")
    process = pid(host)
    gone = host.four_times("apache_tls", state="absent")
    assert host.sh(f"cat {SITES}/a.test.conf") == old
    assert (
        host.ask(run=["test", "-e", OWNED])["exit_code"] == host.ask(run=["test", "-L", f"{CONF}/zz-fleetlab-tls.conf"])["exit_code"] == 1
    )
    assert [bool(one["without"]) for one in gone["names"]] == [True] * 3
    assert pid(host) == process
    assert host.sh("head -1 /srv/a/logs/error.log") == "old\n"


def test_a_trial_does_not_write_to_the_log_of_the_system(host: ServerHost) -> None:
    host.write("/tmp/devlog.py", DEVLOG)
    host.sh("python3 /tmp/devlog.py >/dev/null 2>&1 & while ! [ -S /dev/log ]; do sleep 0.02; done")
    host.write(f"{SITES}/e.conf", site("e.test", "ErrorLog syslog:local1"))
    host.write(f"{CONF}/s.conf", "ErrorLog syslog\nLogLevel info\nSSLUseStapling on\n")
    assert "the throwaway server has ended" in host.module("apache_tls")["msg"]
    # The module itself does, as all of Ansible.
    assert host.sh("grep -v ' ansible-' /tmp/devlog || :") == ""
