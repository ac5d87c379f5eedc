# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of isolated_service.yml after a reboot, a real daemon: what it is given, and what it cannot do from inside.

In the order in which they stand: the last one takes the isolation away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

import pytest

from .conftest import ask

if TYPE_CHECKING:
    from testinfra.backend.base import CommandResult
    from testinfra.host import Host

    from .conftest import Addresses

    Inside = Callable[[str], CommandResult]

testinfra_hosts = ["ansible://storage_clients"]


def test_it_does_listen_on_the_other_port(inside: Inside) -> None:
    assert "nginx" in inside(ask("127.0.0.1", 80)).stdout


def test_the_machine_itself_reaches_it(host: Host, addresses: Addresses) -> None:
    assert "isolated" in host.run(ask(addresses.client, 10105)).stdout


def test_it_reaches_out(inside: Inside, addresses: Addresses) -> None:
    # The server has no way back to the address inside: the answer comes because the client's own stands in for it.
    assert inside(ask(addresses.server, 22)).stdout.startswith("SSH-")


def test_it_does_not_reach_the_machine_it_runs_on(host: Host, inside: Inside, addresses: Addresses) -> None:
    gateway = inside("ip -4 -oneline route show default").stdout.split()[2]
    assert host.socket("tcp://0.0.0.0:22").is_listening
    for address in (gateway, addresses.client, "127.0.0.1"):
        assert inside(ask(address, 22)).rc != 0, address


def test_it_sees_no_socket_of_the_machine(inside: Inside) -> None:
    sockets = inside("cat /proc/net/tcp /proc/net/tcp6").stdout
    assert f":{10105:04X} " in sockets
    assert f":{22:04X} 00000000:0000 0A" not in sockets


@pytest.mark.parametrize("command", ["iptables --flush", "nft flush ruleset", "ip link delete v-peer1", "ip netns exec nginx true"])
def test_it_changes_nothing_of_its_network(inside: Inside, command: str) -> None:
    # 255 is for ssh to say that it is ssh that failed.
    assert inside(f"{command} || exit 1").rc == 1


def test_every_process_has_a_tmp_of_its_own(host: Host) -> None:
    pids = host.check_output("cat /sys/fs/cgroup/system.slice/nginx.service/cgroup.procs").split()
    assert len(pids) > 1
    for pid in pids:
        (mount,) = [line.split() for line in host.file(f"/proc/{pid}/mountinfo").content_string.splitlines() if line.split()[4] == "/tmp"]
        assert {"noexec", "nosuid", "nodev"} <= set(mount[5].split(",")), mount


def test_nothing_is_executed_in_it(inside: Inside) -> None:
    done = inside("cp /bin/true /tmp/program && /tmp/program")
    assert (done.rc, "Permission denied" in done.stderr) == (126, True)


def test_neither_sees_the_files_of_the_other(host: Host, inside: Inside) -> None:
    host.check_output("touch /tmp/of-the-machine")
    assert inside("touch /tmp/of-the-service && ! test -e /tmp/of-the-machine").rc == 0
    assert not host.file("/tmp/of-the-service").exists
    host.check_output("rm /tmp/of-the-machine")


def test_no_link_leads_out_of_it(inside: Inside) -> None:
    assert inside("ln -sfn /proc/1/root/tmp /tmp/out && ls /tmp/out/").rc != 0


def test_what_was_removed_by_hand_is_brought_back_in_force(host: Host, playbook: Callable[..., int], addresses: Addresses) -> None:
    assert playbook("--check") == 0
    host.check_output("rm /etc/nginx/conf.d/isolated-service.conf && systemctl reload nginx")
    assert playbook() > 0
    assert "isolated" in host.run(ask(addresses.client, 10105)).stdout


def test_it_is_undone_by_one_variable(host: Host, playbook: Callable[..., int], addresses: Addresses) -> None:
    assert playbook("--check", "-e", "isolated_service_state=absent") == playbook("-e", "isolated_service_state=absent") > 0
    assert playbook("-e", "isolated_service_state=absent") == 0
    pid = host.check_output("systemctl show --property=MainPID --value nginx")
    for kind in ("net", "mnt"):
        assert host.check_output("readlink /proc/1/ns/%s", kind) == host.check_output("readlink /proc/%s/ns/%s", pid, kind), kind
    assert host.check_output("ip netns list") == ""
    assert "fleetlab" not in host.check_output("iptables-save; ip -oneline link; systemctl cat nginx; systemctl list-unit-files")
    assert host.run(ask(addresses.client, 10105)).rc != 0
    assert host.run(ask(addresses.client, 80)).rc == 0
