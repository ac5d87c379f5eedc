# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of a real systemd: what they share in /tmp, what breaks them, and how they come back."""

from __future__ import annotations

from typing import Any, Iterator

import pytest

from .booted import UNITS, Booted


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
    wishes: list[dict[str, Any]] = [{"backing": "disk"}, {"share": "one"}, {"share": "two"}, {"backing": "tmpfs"}]
    for wanted in wishes:
        assert booted.module("private_tmp", service="web", restart=True, settle=0, **wanted)["problems"] == []
        assert booted.module("private_tmp", service="web", **wanted)["commands"] == []
        names = [wanted["share"]] if "share" in wanted else []
        assert shared(booted).split() == [f"{place}{name}{end}" for place, end in _PLACES for name in names], wanted


_PLACES = ((f"{UNITS}/shared-tmp-", ".service"), ("/var/lib/private-tmp-shared/", ""))


def test_a_service_that_a_shared_tmp_breaks_gets_its_files_back(booted: Booted) -> None:
    booted.unit("web", "ExecStart=sh -c 'cp /bin/sleep /tmp/late; sleep 1; exec /tmp/late 600'")
    undone = booted.module("private_tmp", service="web", share="web", restart=True, settle=3)
    assert "does not stay up with its private /tmp" in undone["msg"]
    assert "Its former files were given back, and it runs again" in undone["msg"]
    assert shared(booted) == ""
    assert booted.sh("ls /tmp") == "late\n"
