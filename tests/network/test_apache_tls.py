# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""apache_tls with the Apache of two Debian releases: forward secrecy before and after, configurations that kill, and the way back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Callable, Iterator

import pytest

from .apache_host import CONF, KILLERS, ONLY_HERE, OWNED, SITES, apache_host, count_answers, is_gone, pid, site, start_client
from .server_host import ServerHost

if TYPE_CHECKING:
    from ansible_collections.fleetlab.linux.scripts.server_roots import ServerRoot


@pytest.fixture
def start(server_root: Callable[[str], ServerRoot]) -> Iterator[Callable[[str], ServerHost]]:
    """Starts hosts whose Apache has two sites with TLS."""
    hosts: list[ServerHost] = []

    def make(suite: str) -> ServerHost:
        hosts.append(apache_host(server_root(suite)))
        return hosts[-1]

    yield make
    for host in hosts:
        host.close()


@pytest.mark.parametrize(
    ("suite", "before", "hybrid"), [("bookworm", "16 of 59 suites", []), ("trixie", "14 of 53 suites", ["X25519MLKEM768"])]
)
def test_every_name_becomes_forward_secret_and_a_second_run_changes_nothing(
    start: Callable[[str], ServerHost], suite: str, before: str, hybrid: list[str]
) -> None:
    host = start(suite)
    process = pid(host)
    done = host.four_times("apache_tls")
    assert [text[: len(before)] for text in done["diff"]["before"]["names"].values()] == [before] * 3
    assert [(one["name"], one["without"], one["post_quantum"], one["tickets"]) for one in done["names"]] == [
        (name, [], hybrid, False) for name in ("a.test", "b.test", None)
    ]
    assert pid(host) == process


def test_another_profile_and_a_file_that_is_not_loaded(start: Callable[[str], ServerHost]) -> None:
    host = start("bookworm")
    modern = host.module("apache_tls", profile="modern")
    assert {tuple(one["protocols"]) for one in modern["names"]} == {("TLSv1.3",)}
    # The running server was reloaded, not only its file written: a file that is put back by hand is noticed.
    host.sh(f"cp {OWNED} /tmp/modern")
    assert host.module("apache_tls", tickets="rotate")["names"][0]["tickets"]
    host.sh(f"cp /tmp/modern {OWNED}")
    assert [step[0] for step in host.module("apache_tls", profile="modern")["commands"]] == ["trial", "mkdir", "write-file", "prove", "rm"]


def test_configurations_that_kill_never_reach_the_running_server(start: Callable[[str], ServerHost]) -> None:
    host = start("bookworm")
    process = pid(host)
    start_client(host)
    host.sh("gnutls-serv --port 8444 --echo --x509keyfile /etc/tls/rsa.key --x509certfile /etc/tls/rsa.pem >/dev/null 2>&1 &")
    for what, (path, text, message) in KILLERS.items():
        host.write(path, text)
        assert host.ask(run=["apache2ctl", "-t"])["exit_code"] == 0, what
        found = host.module("apache_tls", overrides="report")
        assert message in found.get("msg", ""), (what, found)
        assert host.ask(run=["test", "-e", OWNED])["exit_code"] == 1, what
        host.sh(f"rm {path}")
    assert pid(host) == process
    done = host.module("apache_tls")
    assert done["changed"], done
    answers = count_answers(host)
    assert answers.bad == 0, host.sh("cat /tmp/client.errors")
    assert answers.good > 40


def test_the_same_configuration_ends_apache_without_the_trial(start: Callable[[str], ServerHost]) -> None:
    host = start("bookworm")
    path, text, _message = KILLERS["a group that OpenSSL does not have"]
    host.write(path, text)
    assert host.ask(run=["apache2ctl", "graceful"])["exit_code"] == 0
    assert is_gone(host)


@pytest.mark.parametrize("options", [{"tickets": "rotate", "overrides": "report"}, {"state": "absent"}])
def test_a_running_server_that_differs_from_the_trial_gets_its_old_file_back(
    start: Callable[[str], ServerHost], options: dict[str, Any]
) -> None:
    host = start("bookworm")
    host.module("apache_tls")
    old = host.sh(f"cat {OWNED}")
    host.write(f"{CONF}/zzz.conf", ONLY_HERE.format("SSLCipherSuite AES128-SHA"))
    host.sh("touch /run/only-here")
    start_client(host)
    found = host.module("apache_tls", **options)
    assert "the running server differs from the throwaway one: 127.0.0.1:443 for a.test has" in found["msg"], found
    assert "The old settings are back, and the server answers" in found["msg"]
    assert host.sh(f"cat {OWNED}; test -e {CONF}/zz-fleetlab-tls.conf") == old
    # Trial, reload and the way back.
    assert count_answers(host).bad == 0, host.sh("cat /tmp/client.errors")
    host.sh("rm /etc/apache2/conf-enabled/zzz.conf")
    again = host.module("apache_tls")
    assert [step[0] for step in again["commands"]] == ["trial", "mkdir", "write-file", "prove", "rm"], again


def test_a_server_that_only_lives_with_the_owned_file_gets_it_back_and_is_started(start: Callable[[str], ServerHost]) -> None:
    host = start("bookworm")
    host.module("apache_tls")
    process, old = pid(host), host.sh(f"cat {OWNED}")
    # The owned file, which is read later, has other suites.
    host.write(f"{CONF}/a.conf", "SSLCipherSuite NOSUCH\n")
    tried = host.module("apache_tls", state="absent")["msg"]
    assert "the throwaway server has ended" in tried, tried
    assert pid(host) == process
    host.write(f"{CONF}/a.conf", ONLY_HERE.format("SSLCipherSuite NOSUCH"))
    host.sh("touch /run/only-here")
    found = host.module("apache_tls", state="absent")["msg"]
    assert "after the reload the server was gone" in found, found
    assert "The old settings are back, and the server answers" in found
    assert host.sh(f"cat {OWNED}; test -e {CONF}/zz-fleetlab-tls.conf") == old
    assert pid(host) != process
    host.sh("rm /run/only-here")
    assert not host.module("apache_tls")["changed"]


@pytest.mark.parametrize("killed", [5, 6])
def test_a_killed_run_is_completed_by_the_next(start: Callable[[str], ServerHost], killed: int) -> None:
    host = start("trixie")
    assert host.module("apache_tls", kill_before=killed) == {"killed": True}
    done = host.module("apache_tls")
    assert all(one["without"] == [] for one in done["names"]), done
    assert not host.module("apache_tls")["changed"]


def test_what_undoes_the_profile_is_refused_or_reported(start: Callable[[str], ServerHost]) -> None:
    host = start("bookworm")
    host.write(f"{SITES}/c.conf", site("c.test", "SSLProtocol -all +TLSv1.2"))
    refused = host.module("apache_tls")["msg"]
    assert "c.conf:9: SSLProtocol -all +TLSv1.2 (in <virtualhost *:443>)" in refused
    done = host.four_times("apache_tls", overrides="report")
    found: dict[Any, Any] = {one["name"]: one["protocols"] for one in done["names"]}
    assert found["c.test"] == ["TLSv1.2"]
    assert found["a.test"] == ["TLSv1.2", "TLSv1.3"]
    host.write(f"{SITES}/c.conf", site("c.test", "SSLCipherSuite AES128-SHA:ECDHE-RSA-AES128-SHA"))
    weak = host.module("apache_tls", overrides="report", tickets="rotate")["msg"]
    assert "127.0.0.1:443 for c.test: 1 suites without forward secrecy: AES128-SHA. The running server was not touched" in weak


def test_macros_hosts_without_a_word_about_tls_and_hosts_behind_a_proxy(start: Callable[[str], ServerHost]) -> None:
    host = start("bookworm")
    host.write(
        f"{SITES}/a.test.conf", "<Macro Site $name $port>\n" + site("$name").replace("*:443", "*:$port") + "</Macro>\nUse Site a.test 443\n"
    )
    host.write(f"{SITES}/b.test.conf", "Listen 8443 https\n" + site("b.test").replace("443", "8443").replace("SSLEngine on", ""))
    proxy = site("c.test", "RemoteIPProxyProtocol on").replace("443", "9443")
    suites = "SSLCipherSuite ECDHE-RSA-AES128-SHA:\\\nAES128-SHA\n"
    host.write(f"{SITES}/c.test.conf", f"Listen 9443\n{proxy}".replace("SSLEngine on\n", f"SSLEngine on\n{suites}"))
    host.sh("a2enmod --quiet macro remoteip; apache2ctl restart; sleep 1")
    stock = host.sh(f"cat {SITES}/*")
    done = host.four_times("apache_tls", overrides="comment_out")
    names = {(one["port"], one["name"]): (one["suites"], one["without"]) for one in done["names"]}
    assert names.keys() == {(443, "a.test"), (443, None), (8443, "b.test"), (8443, None), (9443, "c.test"), (9443, None)}
    assert set(map(str, names.values())) == {"(9, [])"}
    host.four_times("apache_tls", state="absent")
    assert host.sh(f"cat {SITES}/*") == stock


def test_a_server_that_does_not_run_is_not_started(start: Callable[[str], ServerHost]) -> None:
    host = start("bookworm")
    host.sh("apache2ctl stop; while [ -e /run/apache2/apache2.pid ]; do sleep 0.05; done")
    done = host.module("apache_tls")
    assert not done["running"], done
    assert "prove" not in json.dumps(done["commands"])
    assert not host.module("apache_tls")["changed"]
    assert host.ask(run=["ls", "/run/apache2/apache2.pid"])["exit_code"] != 0
