# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a service is related to a namespace, from all its processes, on a host made of files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, Optional, Sequence

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import DEFAULT_TIMEOUT, CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.observe import observe_joined
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.parse import parse_local_peers
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.state import Joined, Listener

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def socket(local: str, remote: str, state: str, inode: int) -> str:
    """A line of /proc/net/tcp."""
    return f"   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1 0 20 4 30 10 -1\n"


class Systemd:
    """Answers C(systemctl show)."""

    def __init__(self, **properties: str) -> None:
        self.properties = {"LoadState": "loaded", **properties}

    def run(
        self, argv: Sequence[str], stdin: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT, accept: Sequence[int] = (0,)
    ) -> CommandResult:
        return CommandResult(tuple(argv), 0, "".join(f"{key}={value}\n" for key, value in self.properties.items()), "")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    for path, text in {
        "run/netns/web": "inside",
        "proc/1/ns/net": "outside",
        "etc/resolv.conf": "nameserver 127.0.0.53\n",
        "etc/nsswitch.conf": "hosts: files dns\n",
    }.items():
        write(tmp_path, path, text)
    return Host(str(tmp_path))


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="ascii")


def process(root: Path, pid: int, network: str, files: Dict[str, str]) -> None:
    """A process in one of the two networks, with its own files in /etc."""
    (root / f"proc/{pid}/ns").mkdir(parents=True)
    os.link(root / network, root / f"proc/{pid}/ns/net")
    for name in ("resolv.conf", "nsswitch.conf"):
        write(root, f"proc/{pid}/root/etc/{name}", files.get(name, (root / "etc" / name).read_text(encoding="ascii")))


IN, OUT = "run/netns/web", "proc/1/ns/net"
GROUP = {"ControlGroup": "/system.slice/h-lsb.service", "MainPID": "0"}
PROCS = "sys/fs/cgroup/system.slice/h-lsb.service/cgroup.procs"


def test_an_init_script_has_no_main_process(tmp_path: Path, host: Host) -> None:
    assert observe_joined(Systemd(**GROUP), host, "web", "h-lsb.service") == Joined("none")
    write(tmp_path, PROCS, "5\n6\n")
    process(tmp_path, 5, IN, {})
    process(tmp_path, 6, IN, {})
    assert observe_joined(Systemd(**GROUP), host, "web", "h-lsb.service").network == "in"
    # A worker that stays behind.
    process(tmp_path, 7, OUT, {})
    write(tmp_path, PROCS, "5\n6\n7\n")
    assert observe_joined(Systemd(**GROUP), host, "web", "h-lsb.service").network == "other"
    assert observe_joined(Systemd(ControlGroup="", MainPID="7"), host, "web", "h-lsb.service").network == "out"
    with pytest.raises(InputError, match="no unit gone"):
        observe_joined(Systemd(LoadState="not-found"), host, "web", "gone.service")


def test_name_servers_that_were_changed_later_need_a_restart(tmp_path: Path, host: Host) -> None:
    write(tmp_path, PROCS, "5\n")
    write(tmp_path, "etc/netns/web/resolv.conf", "nameserver 10.0.0.1\n")
    process(tmp_path, 5, IN, {"resolv.conf": "nameserver 10.0.0.1\n"})
    assert observe_joined(Systemd(**GROUP), host, "web", "h-lsb.service").dns_current
    write(tmp_path, "etc/netns/web/resolv.conf", "nameserver 10.0.0.2\n")
    assert not observe_joined(Systemd(**GROUP), host, "web", "h-lsb.service").dns_current
    # Nor does it see the host's files when the namespace has none any more.
    (tmp_path / "etc/netns/web/resolv.conf").unlink()
    assert not observe_joined(Systemd(**GROUP), host, "web", "h-lsb.service").dns_current


def test_the_host_s_file_of_name_servers_may_be_a_link(tmp_path: Path, host: Host) -> None:
    """As with resolvconf (absolute) and systemd-resolved (relative): the mount of the service is on the file behind it."""
    write(tmp_path, PROCS, "5\n")
    write(tmp_path, "etc/netns/web/resolv.conf", "nameserver 10.0.0.1\n")
    process(tmp_path, 5, IN, {"resolv.conf": "nameserver 192.0.2.9\n"})
    for place, link in (("run/own-dns/resolv.conf", "/run/own-dns/resolv.conf"), ("run/stub.conf", "../run/stub.conf")):
        (tmp_path / "etc/resolv.conf").unlink()
        (tmp_path / "etc/resolv.conf").symlink_to(link)
        for seen, is_current in (("10.0.0.1", True), ("192.0.2.1", False)):
            write(tmp_path, f"proc/5/root/{place}", f"nameserver {seen}\n")
            assert observe_joined(Systemd(**GROUP), host, "web", "h-lsb.service").dns_current is is_current


def test_what_a_service_would_lose_is_named(tmp_path: Path, host: Host) -> None:
    write(tmp_path, PROCS, "5\n")
    process(tmp_path, 5, OUT, {})
    (tmp_path / "proc/5/fd").mkdir()
    for number in (3, 4, 5, 6):
        (tmp_path / f"proc/5/fd/{number}").symlink_to(f"socket:[{number}00]")
    database, remote = socket("0100007F:9C40", "0100007F:0CEA", "01", 300), socket("010200C0:9C42", "020200C0:0CEB", "01", 400)
    own = socket("00000000:1F90", "00000000:0000", "0A", 500) + socket("0100007F:9C41", "0100007F:1F90", "01", 600)
    foreign = socket("0100007F:9C43", "0100007F:0016", "01", 700)
    write(tmp_path, "proc/net/tcp", HEAD + database + remote + own + foreign)
    found = observe_joined(Systemd(TriggeredBy="h-sa.socket h-sa.path", **GROUP), host, "web", "h-sa.service")
    assert found == Joined("out", True, ("h-sa.socket",), (Listener("tcp", "127.0.0.1", 3306),))


def test_loopback_of_ipv6() -> None:
    mapped = socket("0000000000000000FFFF00000100007F:9C40", "0000000000000000FFFF00000100007F:1538", "01", 1)
    six = socket("00000000000000000000000001000000:9C40", "00000000000000000000000001000000:1539", "01", 1)
    assert [(one.address, one.port) for one in parse_local_peers("tcp", HEAD + mapped + six, {1})] == [
        ("::ffff:127.0.0.1", 5432),
        ("::1", 5433),
    ]
