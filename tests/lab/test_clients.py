# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storage clients: sessions, layout of the arrays, the file system, and the settings that restore them at boot."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from testinfra.host import Host

    from .conftest import Lab

testinfra_hosts = ["ansible://storage_clients"]

_LAYOUT = {2: 0x10201, 3: 0x10301, 4: 0x10401}
"""md's word for the layout o<n>: near 1, far n, offset."""


def _read(host: Host, path: str) -> str:
    return str(host.file(path).content_string).strip()


def _mirrors(lab: Lab) -> list[str]:
    return [f"md{number}" for number in range(1, lab.volumes + 1)]


def _members(host: Host, array: str) -> list[str]:
    return sorted(host.file(f"/sys/block/{array}/slaves").listdir())


def test_one_session_to_each_server(host: Host, lab: Lab, name: str) -> None:
    sessions = [f"/sys/class/iscsi_session/{name}" for name in host.file("/sys/class/iscsi_session").listdir()]
    assert sorted(_read(host, f"{session}/targetname") for session in sessions) == [f"{lab.prefix}{server}" for server in lab.servers]
    assert {_read(host, f"{session}/state") for session in sessions} == {"LOGGED_IN"}
    assert {_read(host, f"{session}/username") for session in sessions} == {"storage"}


def test_a_disk_for_each_volume(host: Host, lab: Lab) -> None:
    links = [name for name in host.file("/dev/disk/by-path").listdir() if "-iscsi-" in name and "-part" not in name]
    assert len(links) == len(lab.servers) * lab.volumes


def test_all_disks_of_a_session_can_have_work(host: Host) -> None:
    for name in host.file("/dev/disk/by-path").listdir():
        if "-iscsi-" in name and "-part" not in name:
            disk = str(host.file(f"/dev/disk/by-path/{name}").linked_to).rpartition("/")[2]
            assert int(_read(host, f"/sys/block/{disk}/device/queue_depth")) == 128
            assert "[none]" in _read(host, f"/sys/block/{disk}/queue/scheduler")


def test_a_login_without_the_secret_is_refused(host: Host, lab: Lab) -> None:
    server, address = next(iter(lab.servers.items()))
    record = f"-m node -T {lab.prefix}{server} -p {address}:3260 -I refused"
    host.check_output("iscsiadm -m iface -I refused -o new")
    try:
        host.check_output(f"iscsiadm {record} -o new")
        host.check_output(f"iscsiadm {record} -o update -n node.session.auth.authmethod -v None")
        assert host.run(f"iscsiadm {record} --login").rc == 24
    finally:
        host.check_output(f"iscsiadm {record} -o delete")
        host.check_output("iscsiadm -m iface -I refused -o delete")


def test_mirrors_are_raid1e_over_all_servers(host: Host, lab: Lab, name: str) -> None:
    by_device = {}
    for name in host.file("/dev/disk/by-path").listdir():
        match = re.fullmatch(r"ip-(.+):3260-iscsi-.*-lun-(\d+)", name)
        if match:
            by_device[host.file(f"/dev/disk/by-path/{name}").linked_to.rpartition("/")[2]] = match.groups()
    for number, mirror in enumerate(_mirrors(lab)):
        assert _read(host, f"/sys/block/{mirror}/md/level") == "raid10"
        assert int(_read(host, f"/sys/block/{mirror}/md/layout")) == _LAYOUT[len(lab.servers)]
        assert int(_read(host, f"/sys/block/{mirror}/md/raid_disks")) == len(lab.servers)
        members = {by_device[member] for member in _members(host, mirror)}
        assert members == {(address, str(number)) for address in lab.servers.values()}


def test_mirrors_are_complete(host: Host, lab: Lab) -> None:
    shape = f"{len(lab.servers)} offset-copies [{len(lab.servers)}/{len(lab.servers)}] [{'U' * len(lab.servers)}]"
    assert host.file("/proc/mdstat").content_string.count(shape) == lab.volumes
    assert {_read(host, f"/sys/block/{mirror}/md/degraded") for mirror in _mirrors(lab)} == {"0"}


def test_the_stripe_is_over_all_mirrors(host: Host, lab: Lab) -> None:
    assert _read(host, "/sys/block/md99/md/level") == "raid0"
    assert _members(host, "md99") == _mirrors(lab)


def test_the_stripe_has_the_size_of_all_volumes(host: Host, lab: Lab) -> None:
    size = int(_read(host, "/sys/block/md99/size")) * 512
    volumes = lab.volumes * lab.volume_mb * 1024 * 1024
    # Each mirror keeps about 2.5 MiB of a volume for superblock and bitmap, and the stripe up to 8 MiB of each mirror for a reshape.
    assert volumes - lab.volumes * 12 * 1024 * 1024 < size < volumes


def test_each_mirror_has_the_size_of_one_volume(host: Host, lab: Lab) -> None:
    for mirror in _mirrors(lab):
        size = int(_read(host, f"/sys/block/{mirror}/size")) * 512
        assert lab.volume_mb * 0.97 < size / 1024 / 1024 < lab.volume_mb


def test_the_file_system_is_mounted(host: Host) -> None:
    found = json.loads(host.check_output("findmnt --json --output SOURCE,FSTYPE,OPTIONS --mountpoint /srv/md99"))["filesystems"][0]
    assert found["source"] == "/dev/md99"
    assert found["fstype"] == "ext4"
    assert {"rw", "noatime"} <= set(found["options"].split(","))


def test_the_file_system_can_be_written(host: Host) -> None:
    host.check_output("dd if=/dev/urandom of=/srv/md99/written bs=64k count=64 conv=fsync")
    before = host.check_output("sha256sum /srv/md99/written")
    host.check_output("sync; echo 3 > /proc/sys/vm/drop_caches")
    assert host.check_output("sha256sum /srv/md99/written") == before


def test_copies_on_the_file_system_are_checked_and_nothing_is_left(host: Host) -> None:
    before = host.check_output("ls -A /srv/md99")
    found = host.ansible("fleetlab.linux.copy_check", "paths=/srv/md99 rounds=1", check=False)
    assert found["verdict"] in ("not_seen", "inconclusive"), found
    assert {result["filesystem"] for result in found["results"]} == {"ext4"}
    assert {result["damaged"] for result in found["results"]} == {0}
    assert "holes" in {result["layout"] for result in found["results"] if result["proved"]}, found
    assert host.check_output("ls -A /srv/md99") == before


def test_sessions_come_back_at_boot(host: Host, lab: Lab, name: str) -> None:
    for server, address in lab.servers.items():
        shown = host.check_output("iscsiadm -m node -T %s -p %s", f"{lab.prefix}{server}", f"{address}:3260")
        assert "node.startup = automatic" in shown
        assert "node.session.auth.authmethod = CHAP" in shown
        assert "node.session.timeo.replacement_timeout = 10" in shown
    assert _read(host, "/etc/iscsi/initiatorname.iscsi").splitlines()[-1] == f"InitiatorName={lab.prefix}{name}"


@pytest.mark.parametrize("service", ["open-iscsi"])
def test_services_start_at_boot(host: Host, service: str) -> None:
    assert host.service(service).is_enabled


def test_arrays_are_known_by_uuid(host: Host, lab: Lab) -> None:
    lines = [line for line in _read(host, "/etc/mdadm/mdadm.conf").splitlines() if line.startswith("ARRAY")]
    uuids = [word for line in lines for word in line.split() if word.startswith("UUID=")]
    assert len(lines) == len(set(uuids)) == lab.volumes + 1
    for array in [*_mirrors(lab), "md99"]:
        exported = host.check_output("mdadm --detail --export %s", f"/dev/{array}")
        uuid = re.search(r"^MD_UUID=(.*)$", exported, re.MULTILINE)
        assert uuid is not None
        assert f"UUID={uuid.group(1)}" in uuids


def test_the_mount_waits_for_the_network_and_stops_no_boot(host: Host) -> None:
    line = next(line.split() for line in _read(host, "/etc/fstab").splitlines() if "/srv/md99" in line)
    assert line[0] == "/dev/md99"
    assert {"_netdev", "nofail", "x-systemd.device-timeout=300"} <= set(line[3].split(","))
