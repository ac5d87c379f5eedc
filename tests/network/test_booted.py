# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of a real systemd, in a private network, and with a /tmp that they share."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any, Iterator

import pytest

from .booted import UNITS, Booted

ROOT = Path(__file__).resolve().parents[2]
# As in the lab, the host has no default route.
NETWORK = """
ip netns add client
ip link add name eth0 type veth peer name eth0 netns client
ip address add 192.0.2.1/24 dev eth0
ip link set dev eth0 up
ip -n client address add 192.0.2.2/24 dev eth0
ip -n client link set dev eth0 up
"""
SERVER = "ExecStart=python3 -m http.server 10105"
ASK = """
import sys, time, urllib.request
for _try in range(20):
    try:
        print(urllib.request.urlopen(f"http://192.0.2.1:{sys.argv[1]}/", timeout=0.5).status)
        break
    except OSError as error:
        print(error, file=sys.stderr)
        time.sleep(0.2)
"""


@pytest.fixture
def booted() -> Iterator[Booted]:
    """A host with systemd."""
    host = Booted()
    yield host
    host.close()


def shared(host: Booted) -> str:
    """The folders and units of every /tmp that services share."""
    return host.sh(f"ls -d /var/lib/private-tmp-shared/* {UNITS}/shared-tmp-* 2>/dev/null || :")


def test_two_services_share_a_tmp_that_nobody_else_sees(booted: Booted) -> None:
    for name in ("web", "app", "other"):
        booted.unit(name, "ExecStart=sleep 600")
    wanted: dict[str, Any] = {"share": "web", "restart": True, "settle": 0}
    for name in ("web", "app"):
        done = booted.make("private_tmp", service=name, **wanted)
        assert done["problems"] == []
        assert {tuple(sorted({"noexec", "nosuid", "nodev"} - set(one["options"]))) for one in done["proof"]} == {()}
    booted.within("web", "echo hello >/tmp/greeting; cp /bin/true /var/tmp/program")
    assert booted.within("app", "cat /tmp/greeting; /var/tmp/program || echo refused") == "hello\nrefused\n"
    assert booted.within("other", "ls /tmp /var/tmp") == booted.sh("ls /tmp /var/tmp")
    # A restart of one, by itself or by hand, leaves the other and the files alone.
    other = booted.sh("systemctl show --property=MainPID app")
    booted.sh("systemctl restart web; kill $(systemctl show --property=MainPID --value other)")
    assert booted.sh("systemctl show --property=MainPID app") == other
    assert booted.within("web", "cat /tmp/greeting") == "hello\n"
    refused = booted.module("private_tmp", service="web", options=["nodev"], **wanted)
    assert "web is shared with app.service, by whose task it has another mode, group or mount options" in refused["msg"]
    # Who leaves without a restart still has the files, also after the other has stopped; and after its restart it has not.
    booted.make("private_tmp", service="web", state="absent")
    booted.sh("systemctl stop app")
    assert booted.within("web", "cat /tmp/greeting") == "hello\n"
    booted.sh("systemctl restart web")
    assert booted.make("private_tmp", service="web", state="absent")["restart_needed"] is False
    assert booted.within("web", "ls /tmp") == booted.sh("ls /tmp")
    # The folder is emptied when the last has stopped, and its unit goes with the last task.
    assert shared(booted) == f"{UNITS}/shared-tmp-web.service\n"
    booted.sh("systemctl start app")
    assert booted.within("app", "ls /tmp") == ""
    # The only one that is left may have other options, which its mount then has.
    done = booted.make("private_tmp", service="app", options=["nosuid", "nodev"], mode="0770", **wanted)
    assert [("noexec" in one["options"], one["path"]) for one in done["proof"]] == [(False, "/tmp"), (False, "/var/tmp")]
    booted.make("private_tmp", service="app", state="absent", restart=True)
    assert shared(booted) == ""
    assert booted.sh(f"ls {UNITS} | grep -E 'tmp|[.]d$' || :") == ""


def test_from_a_tmp_of_its_own_to_a_shared_one_and_to_another(booted: Booted) -> None:
    booted.unit("web", "ExecStart=sleep 600")
    # Neither the service nor the unit of its folders is started too often for systemd.
    for number in range(6):
        assert "msg" not in booted.module(
            "private_tmp", service="web", restart=True, settle=0, backing="disk", mode=f"{0o770 + number % 2:04o}"
        )
    wishes: list[dict[str, Any]] = [{"backing": "disk"}, {"share": "one"}, {"share": "two"}, {"backing": "tmpfs"}]
    for wanted in wishes:
        assert booted.module("private_tmp", service="web", restart=True, settle=0, **wanted)["problems"] == []
        assert booted.module("private_tmp", service="web", **wanted)["commands"] == []
        names = [wanted["share"]] if "share" in wanted else []
        assert shared(booted).split() == [f"{place}{name}{end}" for place, end in _PLACES for name in names], wanted
    # A path of the host's /tmp is let in by its name, also into a shared one.
    booted.sh("mkdir /tmp/.X11-unix; echo display >/tmp/.X11-unix/X0; touch /tmp/other")
    done = booted.module("private_tmp", service="web", restart=True, settle=0, share="one", host_paths=["/tmp/.X11-unix"])
    assert done["problems"] == []
    assert booted.within("web", "ls -A /tmp; cat /tmp/.X11-unix/X0") == ".X11-unix\ndisplay\n"


_PLACES = ((f"{UNITS}/shared-tmp-", ".service"), ("/var/lib/private-tmp-shared/", ""))


def test_a_service_that_a_shared_tmp_breaks_gets_its_files_back(booted: Booted) -> None:
    booted.unit("web", "ExecStart=sh -c 'cp /bin/sleep /tmp/late; sleep 1; exec /tmp/late 600'")
    undone = booted.module("private_tmp", service="web", share="web", restart=True, settle=3)
    assert "does not stay up with its private /tmp" in undone["msg"]
    assert "Its former files were given back, and it runs again" in undone["msg"]
    assert shared(booted) == ""
    assert booted.sh("ls /tmp") == "late\n"


TMP_ROLE = """
- hosts: web
  gather_facts: false
  roles: [fleetlab.linux.isolated_service]
  vars: {isolated_service_name: web, isolated_service_private_network: false}
"""


def test_the_role_gives_services_a_common_tmp_and_paths_of_the_host(booted: Booted) -> None:
    for name in ("web", "app"):
        booted.unit(name, "ExecStart=sleep 600")
    booted.sh("mkdir /tmp/.X11-unix; echo display >/tmp/.X11-unix/X0; touch /tmp/other")
    wanted: dict[str, Any] = {"share": "web", "host_paths": ["/tmp/.X11-unix"]}
    booted.module("private_tmp", service="app", restart=True, settle=0, **wanted)
    variables = {f"isolated_service_{name}": value for name, value in {"settle": 0, **wanted}.items()}
    first = booted.play(TMP_ROLE, **variables)
    assert "failed=0 " in first, first
    assert booted.module("private_tmp", service="web", **wanted)["commands"] == []
    booted.within("web", "echo hello >/tmp/greeting")
    assert booted.within("app", "ls -A /tmp; cat /tmp/greeting /tmp/.X11-unix/X0") == ".X11-unix\ngreeting\nhello\ndisplay\n"
    left = booted.play(TMP_ROLE, **variables, isolated_service_state="absent")
    assert "failed=0 " in left, left
    assert booted.within("web", "ls -A /tmp") == booted.sh("ls -A /tmp")


def test_the_role_watches_a_restarted_service_as_long_as_asked(booted: Booted) -> None:
    booted.sh("touch /tmp/mine")
    booted.unit("web", "ExecStart=sh -c '[ -e /tmp/mine ] || { sleep 2.5; exit 1; }; exec sleep 600'")
    refused = booted.play(TMP_ROLE, isolated_service_settle=601)
    assert "isolated_service_settle: 601 is not between 0 and 600 seconds; nothing was changed" in refused
    done = booted.play(TMP_ROLE, isolated_service_settle=4)
    assert "web.service ran before, and ended after its restart with the declared network and /tmp" in re.sub(r"\s+", " ", done)


def example(file: str, kind: str, word: str) -> str:
    """The example of the documentation with this word."""
    blocks = re.findall(rf"^ *```{kind}\n(.*?)^ *```", (ROOT / file).read_text(encoding="utf-8"), re.M | re.S)
    (found,) = [block for block in blocks if word in block]
    return str(found)


def asked(host: Booted, port: int = 10105) -> str:
    """What the client gets from a port of the host."""
    return host.sh(f"ip netns exec client python3 -c '{ASK}' {port}").strip()


def network_of(host: Booted, service: str) -> str:
    """The network of a service."""
    return host.sh(f"readlink /proc/$(systemctl show --property=MainPID --value {service})/ns/net").strip()


def test_the_first_example_of_the_role_and_name_servers_that_change_later(booted: Booted) -> None:
    """The lab has no default route, which the example took the uplink from; n12: name servers that are given later need a restart."""
    booted.sh(NETWORK)
    booted.unit("nginx", SERVER)
    play = example("README.md", "yaml", "isolated_service_name")
    assert play.strip() == example("docs/isolation.md", "yaml", "isolated_service_name").strip().replace(
        "- hosts: web\n", "- hosts: web\n  become: true\n"
    )
    first = booted.play(play)
    assert "failed=0 " in first, first
    assert "no default route, so no connection leaves the namespace" in re.sub(r"\s+", " ", first)
    assert asked(booted) == "200"
    inside = booted.sh("stat -Lc 'net:[%i]' /run/netns/nginx").strip()
    assert network_of(booted, "nginx") == inside

    def has_its_name_servers() -> bool:
        service = booted.module("netns_info", name="nginx", service="nginx.service")["service"]
        assert service["network"] == "in"
        return bool(service["dns_current"])

    booted.make("netns", name="nginx", forwards=[{"port": "10105"}], dns=["192.0.2.53"])
    assert not has_its_name_servers()
    booted.sh("systemctl restart nginx")
    assert has_its_name_servers()
    assert "192.0.2.53" in booted.within("nginx", "cat /etc/resolv.conf")


def test_the_first_example_of_netns_and_the_lines_of_another_unit(booted: Booted) -> None:
    """A service stays in its network while the unit of the namespace is restarted, reloaded and stopped, and starts nowhere without it."""
    booted.sh(NETWORK)
    assert example("docs/isolation.md", "yaml", "name: my-net-daemon").split() == _EXAMPLE.split()
    done = booted.make("netns", name="my-net-daemon", forwards=[{"port": 10105}])
    assert done["namespace"]["forwards"][0]["port"] == "10105"
    lines = "\n".join(line.strip() for line in example("docs/isolation.md", "ini", "NetworkNamespacePath").splitlines())
    for name in ("my-net-daemon", "nowhere"):
        text = lines.replace("my-net-daemon", name)
        booted.sh(f"cat >{UNITS}/{name}.service <<'END'\n{text}\n{SERVER}\nPrivateNetwork=yes\nEND\nsystemctl daemon-reload")
    booted.sh("systemctl start my-net-daemon")
    assert asked(booted) == "200"
    inside = network_of(booted, "my-net-daemon")
    assert inside == booted.sh("stat -Lc 'net:[%i]' /run/netns/my-net-daemon").strip()
    for verb in ("restart", "reload", "stop", "start"):
        booted.sh(f"nft flush ruleset; systemctl {verb} fleetlab-netns-my-net-daemon")
        assert (network_of(booted, "my-net-daemon"), booted.sh("stat -Lc 'net:[%i]' /run/netns/my-net-daemon").strip()) == (inside, inside)
    # As when somebody restarts the firewall again and again: systemd by itself allows five starts in ten seconds.
    booted.sh("for number in 1 2 3 4 5 6; do systemctl restart fleetlab-netns-my-net-daemon; done")
    assert asked(booted) == "200"
    booted.sh("systemctl start nowhere || :; sleep 0.5; systemctl is-failed nowhere")


_EXAMPLE = "- fleetlab.linux.netns:\n    name: my-net-daemon\n    forwards:\n      - port: 10105"
LSB = """#!/bin/sh
### BEGIN INIT INFO
# Provides:          lsb
# Required-Start:    $remote_fs
# Required-Stop:     $remote_fs
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: a daemon with an init script
### END INIT INFO
case "$1" in
start) start-stop-daemon --start --background --make-pidfile --pidfile /run/lsb.pid --exec /bin/sleep -- 600 ;;
stop) start-stop-daemon --stop --pidfile /run/lsb.pid --remove-pidfile ;;
esac
"""


def test_init_scripts_and_sockets_of_systemd(booted: Booted) -> None:
    """n17: a unit without a main process; n18: the socket of a service stays outside."""
    booted.make("netns", name="web")
    booted.sh(f"cat >/etc/init.d/lsb <<'END'\n{LSB}END\nchmod 755 /etc/init.d/lsb; systemctl daemon-reload; systemctl start lsb")
    assert booted.sh("systemctl show --property=MainPID --value lsb").strip() == "0"

    def joined(service: str) -> dict[str, Any]:
        found: dict[str, Any] = booted.module("netns_info", name="web", service=service)["service"]
        return found

    assert joined("lsb.service")["network"] == "out"
    booted.sh(f"mkdir {UNITS}/lsb.service.d; printf '[Service]\nNetworkNamespacePath=/run/netns/web\n' >{UNITS}/lsb.service.d/a.conf")
    booted.sh("systemctl daemon-reload; systemctl restart lsb; until pidof sleep; do sleep 0.1; done")
    assert joined("lsb.service")["network"] == "in"
    done = booted.module("private_tmp", service="lsb", restart=True, settle=0)
    assert (done["problems"], {one["name"] for one in done["proof"]}) == ([], {"sleep"})
    booted.sh(f"printf '[Socket]\nListenStream=/run/sa\n' >{UNITS}/sa.socket")
    booted.unit("sa", "ExecStart=sleep 600")
    booted.sh("systemctl stop sa; systemctl start sa.socket")
    assert joined("sa.service")["sockets"] == ["sa.socket"]


DNS = {"isolated_service_name": "web", "isolated_service_private_tmp": False, "isolated_service_masquerade": ["none"]}
ROLE = "- hosts: web\n  gather_facts: false\n  roles: [fleetlab.linux.isolated_service]\n"


def test_a_service_keeps_its_name_servers_when_the_host_gets_others(booted: Booted) -> None:
    """rootlesskit 5, nsdo 2: a file that is renamed over the host's resolv.conf takes the mounts on it away, in all namespaces."""
    booted.sh(NETWORK)
    # Nothing that the service could have put in the place of a program is run.
    booted.unit("web", "ExecStart=sleep 600", "InaccessiblePaths=/usr/bin/mount")
    assert "failed=0 " in booted.play(ROLE, **DNS, isolated_service_dns=["192.0.2.53"])
    process = booted.sh("systemctl show --property=MainPID web")

    def servers() -> str:
        return booted.within("web", "grep ^nameserver /etc/resolv.conf")

    lease = "echo nameserver 198.51.100.1 >/etc/new; mv /etc/new /etc/resolv.conf"
    resolved = "mkdir -p /run/stub; echo nameserver 198.51.100.2 >/run/stub/new; mv /run/stub/new /run/stub/conf"
    for change in (lease, lease, f"{resolved}; ln -sf ../run/stub/conf /etc/link; mv /etc/link /etc/resolv.conf", resolved):
        booted.sh(change)
        end = time.monotonic() + 8
        while servers() != "nameserver 192.0.2.53\n":
            assert time.monotonic() < end, servers()
            time.sleep(0.05)
        # The host's own file is not covered.
        assert booted.sh("cat /etc/resolv.conf").startswith("nameserver 198.51.100.")
    assert booted.sh("systemctl show --property=MainPID web") == process
    # The next run of the role has nothing to do.
    assert booted.module("netns_info", name="web", service="web.service")["service"]["dns_current"] is True
    assert "failed=0 " in booted.play(ROLE, **DNS, isolated_service_state="absent")
    assert servers() == "nameserver 198.51.100.2\n"
    assert (
        booted.sh(f"ls {UNITS} {UNITS}/web.service.d | grep dns || :; systemctl is-active isolated-service-web-dns.path || :")
        == "inactive\n"
    )


def test_what_a_job_starts_in_the_background_outlives_it_as_under_cron(booted: Booted) -> None:
    command = "sleep 601 >/dev/null 2>&1 & echo started"
    made = booted.make("tz_cron", name="job", timezone="Etc/UTC", at=["00:00-23:59/1"], command=command, backend="systemd")
    assert [job["problem"] for job in made["jobs"]] == [None]
    booted.sh("systemctl start tz_cron-job.service")
    assert booted.sh("systemctl show --property=ActiveState --value tz_cron-job.service") == "inactive\n"
    assert "started" in booted.sh("cat /var/lib/fleetlab/tz_cron/job/state.json.output")
    assert booted.sh("pgrep --exact sleep")


def test_services_with_similar_names_share_nothing(booted: Booted) -> None:
    """systemd allows more characters in a name than the kernel's tools do in that of a namespace."""
    booted.sh(NETWORK)
    servers = {"job-1": "192.0.2.53", "job@1": "192.0.2.54", "job\\x2d1": "192.0.2.55"}
    for name in servers:
        booted.unit(f"'{name}'", "ExecStart=sleep 600")

    def play(name: str, **variables: str) -> str:
        given = {**DNS, "isolated_service_name": name, "isolated_service_dns": [servers[name]], **variables}
        return re.sub(r"\s+", " ", booted.play(ROLE, **given))

    assert "failed=0 " in play("job-1")
    for state in ("present", "absent"):
        refused = play("job@1", isolated_service_state=state)
        assert f"job@1.service would share the namespace job-1 with the service of {UNITS}/job-1.service.d/" in refused
    assert "failed=0 " in play("job@1", isolated_service_netns="job1")
    assert "failed=0 " in play("job\\x2d1")
    booted.sh("echo nameserver 198.51.100.1 >/etc/new; mv /etc/new /etc/resolv.conf; sleep 5")
    for name, server in servers.items():
        assert booted.within(f"'{name}'", "grep ^nameserver /etc/resolv.conf") == f"nameserver {server}\n"
