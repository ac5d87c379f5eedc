# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One changed value is a few lines of C(--diff), as Ansible prints it: each state module on the host that its own tests have."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible.plugins.callback import CallbackBase

from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Plan
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.plan import plan as plan_jobs
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.plan import plan as plan_ftpaccess
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.sections import content
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.state import CureState
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.state import WantedSession
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.plan import plan as plan_target
from ansible_collections.fleetlab.linux.plugins.module_utils._monitor.plan import plan as plan_monitor
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.archive.plan import plan as plan_archive
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.archive.state import Archive
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.plan import plan_host
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.private_tmp import launcher
from ansible_collections.fleetlab.linux.plugins.module_utils._reservation.plan import plan as plan_reservation
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.plan import plan as plan_tls
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.servers import APACHE, NGINX, PROFTPD, Server
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.observe.launcher import program_text
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.options import Wanted as WantedTmp
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.options import WantedLauncher
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.plan import plan as plan_tmp
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.plan import plan_launcher
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.state import LauncherState
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._cron import test_plan as cron
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._ftpaccess import test_cure as ftpaccess
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._iscsi.session import test_plan as session
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._iscsi.target import test_plan as target
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._lab import test_plan as lab
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md import machine as md
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._monitor import test_plan as monitor
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._monitor.machine import Machine as MonitoredHost
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._netns import machine as netns
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._packages import test_archive as archive
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._packages import test_packages as packages
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._queue import test_disk_queue as queue
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._reservation import test_plan as reservation
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._server_tls import test_plan as tls
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._tmp import test_plan as tmp

MOST = 14
LONGEST = 250


def changed(diff: dict[str, Any]) -> list[str]:
    """The lines of the diff that were added or removed, as Ansible prints it, without the two of the header."""
    # Ansible gets the result of a module as JSON.
    text: str = CallbackBase()._get_diff(json.loads(json.dumps(diff)))
    lines = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in text.splitlines()]
    return [line for line in lines[2:] if line[:1] in ("+", "-")]


def check(diff: dict[str, Any]) -> None:
    lines = changed(diff)
    assert 0 < len(lines) <= MOST, "\n".join(lines)
    assert max(map(len, lines)) <= LONGEST


def a_time_of_a_job() -> Plan:
    first, then = cron.wanted(command="test.sh"), cron.wanted(command="test.sh", at=("06:00",))
    host = cron.carried_out(cron.host_with(), plan_jobs(cron.host_with(), [first]).steps)
    return plan_jobs(host, [then])


def an_attribute_of_a_target() -> Plan:
    host = target.Machine(target.EMPTY).carry_out(plan_target(target.EMPTY, target.WANTED).steps).result()
    return plan_target(host, replace(target.WANTED, attributes={**target.ENFORCED, "login_timeout": "30"}))


def a_timeout_of_a_session() -> Plan:
    first = WantedSession(session.TARGET, session.V4, timeouts={"replacement_timeout": 30})
    host = session.initiator(session.record(wanted=first), session.session(timeouts={"replacement_timeout": 30}))
    return session.plan(host, [replace(first, timeouts={"replacement_timeout": 20})])


def a_lun_of_a_reservation() -> Plan:
    host = reservation.Played()
    host.apply(reservation.want())
    wanted = reservation.want(luns=[0])
    return plan_reservation(host.state(wanted.luns), wanted)


def an_address_of_the_monitor() -> Plan:
    host = MonitoredHost()
    monitor.apply(host, monitor.options(mail="root"))
    then = monitor.options(mail="oncall@example.com")
    return plan_monitor(host.observe(then), then)


def the_size_of_a_tmp() -> Plan:
    host = tmp.Machine(True)
    first = WantedTmp(tmp.NAME, size="64M", restart=True)
    host.carry_out(plan_tmp(host.state(), first), first)
    return plan_tmp(host.state(), replace(first, size="128M"))


def an_option_of_a_tmp_on_disk() -> Plan:
    host = tmp.Machine(True)
    first = WantedTmp(tmp.NAME, backing="disk", restart=True)
    host.carry_out(plan_tmp(host.state(), first), first)
    return plan_tmp(host.state(), replace(first, mode=0o770))


def a_line_of_the_launcher() -> Plan:
    program = program_text(launcher.__name__)
    state = LauncherState(text=program.replace("import os\n", "import os  # former\n", 1), mode=0o755, program=program)
    return plan_launcher(state, WantedLauncher("/usr/local/bin/private-tmp"))


def a_port_of_a_namespace(kind: str = "nftables") -> Plan:
    link = {"name": "v-web", "peer": "eth0", "addresses": ["10.9.0.1/24"], "peer_addresses": ["10.9.0.2/24"]}
    ports = ["10105", "10106"]
    first, then = (netns.want(links=[link], nat={"masquerade": "auto", "forwards": [{"port": port}]}, persist=True) for port in ports)
    host = netns.Machine(netns.empty("nft" if kind == "nftables" else kind, kind=kind))
    host.apply(host.plan(first).steps)
    return host.plan(then)


def a_port_of_a_namespace_with_iptables() -> Plan:
    return a_port_of_a_namespace("iptables")


def a_disk_of_an_array() -> Plan:
    host = md.with_disks("sdb", "sdc", "sdd", "sde")
    host.converge(md.want(level="raid1", devices=["/dev/sdb", "/dev/sdc"]))
    return host.plan(md.want(level="raid1", devices=["/dev/sdb", "/dev/sdc"], spares=["/dev/sdd"]))


def a_version_of_a_package() -> Plan:
    return plan_host(packages.host(packages.PLAIN), packages.wanted())


def a_line_of_rules() -> Plan:
    rules = [("/home/alice/files", ftpaccess.RULES), ("/home/alice/other", ftpaccess.RULES)]
    texts = [
        content(ftpaccess.configuration(), [ftpaccess.verdict([(folder, text.replace("022", umask)) for folder, text in rules])], wanted)
        for umask, wanted in (("022", ftpaccess.wanted()), ("027", ftpaccess.wanted()))
    ]
    return plan_ftpaccess(CureState(ftpaccess.configuration(), texts[0], texts[1], (), ()), ftpaccess.wanted())


def a_group_of_a_server(server: Server = APACHE) -> Plan:
    host = tls.Machine(server=server)
    host.apply(tls.want())
    return plan_tls(host.state(), tls.want(groups=["X25519"]), server)


def a_group_of_nginx() -> Plan:
    return a_group_of_a_server(NGINX)


def a_group_of_proftpd() -> Plan:
    return a_group_of_a_server(PROFTPD)


def a_build_in_an_archive() -> Plan:
    first = Archive("amd64", archive.ENTRIES[:2], (), ())
    published = archive.carried_out(first, plan_archive(first, archive.wanted()))
    return plan_archive(replace(published, entries=archive.ENTRIES), archive.wanted())


def a_signature_of_an_archive() -> Plan:
    first = Archive("amd64", archive.ENTRIES, (), ())
    published = archive.carried_out(first, plan_archive(first, archive.wanted()))
    first_index, *others = published.indexes
    return plan_archive(replace(published, indexes=(replace(first_index, is_signed=False), *others)), archive.wanted())


def the_memory_of_a_guest() -> Plan:
    first = lab.lab_of(servers=3)
    larger = replace(first, guests=(replace(first.guests[0], memory=512), *first.guests[1:]))
    return lab.plan_present(larger, lab.present(first))


def a_guest_of_a_lab() -> Plan:
    return lab.plan_present(lab.lab_of(servers=3), lab.present(lab.lab_of(servers=2)))


CASES: list[Callable[[], Plan]] = [
    a_time_of_a_job,
    an_attribute_of_a_target,
    a_timeout_of_a_session,
    a_lun_of_a_reservation,
    an_address_of_the_monitor,
    the_size_of_a_tmp,
    an_option_of_a_tmp_on_disk,
    a_line_of_the_launcher,
    a_port_of_a_namespace,
    a_port_of_a_namespace_with_iptables,
    a_disk_of_an_array,
    a_version_of_a_package,
    a_line_of_rules,
    a_group_of_a_server,
    a_group_of_nginx,
    a_group_of_proftpd,
    a_build_in_an_archive,
    a_signature_of_an_archive,
    the_memory_of_a_guest,
    a_guest_of_a_lab,
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_one_changed_value_is_a_few_lines(case: Callable[[], Plan]) -> None:
    made = case()
    assert made.changed
    check(made.diff())


def test_one_changed_setting_of_a_queue_is_a_few_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = queue.Machine(tmp_path)
    host.disk("sda")
    host.play(monkeypatch)
    check(host.play(monkeypatch, check_mode=True, settings={"scheduler": "mq-deadline"})["diff"])
