# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The line and exit code for monitoring, what is remembered between runs, the metrics, and who is told."""

from __future__ import annotations

import http.server
import json
import os
import re
import stat
import threading
from pathlib import Path
from typing import Iterator

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check import history, main, notify, scrub, textfile
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check.arrays import read_arrays
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check.tree import Tree
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._programs.storage_check.trees import (
    MDADM,
    add_arrays,
    add_sessions,
    put,
)

MD = "/sys/block/md1/md"
SESSION = "/sys/class/iscsi_session/session24"
PORT = f"{SESSION}/device/connection24:0/iscsi_connection/connection24:0/local_port"
KEY = "iqn.2026-01.com.example:s3 at 127.0.1.3:3260"
NOW = 1_800_000_000


@pytest.fixture
def mirror(tree: Tree) -> Tree:
    """A degraded mirror with sessions, whose metrics are written."""
    add_arrays(tree, MDADM[0] / "degraded.json")
    add_sessions(tree)
    put(tree, PORT, "40000\n")
    put(tree, notify.SETTINGS, json.dumps({"textfile": "/metrics"}))
    return tree


def heal(tree: Tree) -> None:
    put(tree, f"{MD}/degraded", "0\n")


def metrics(tree: Tree) -> dict[str, float]:
    text = Path(f"{tree.root}/metrics/{textfile.FILE}").read_text(encoding="utf-8")
    rows = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name[len("fleetlab_storage_") :]: float(value) for name, _blank, value in rows}


def line(tree: Tree, capsys: pytest.CaptureFixture[str], now: int = NOW) -> tuple[int, str]:
    code = main.report(tree, now, as_json=False)
    return code, capsys.readouterr().out


def test_a_host_without_storage_is_unknown_not_green(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    assert line(tree, capsys) == (3, "UNKNOWN - this host has no array, iSCSI session or target, and none is configured\n")


def test_degraded_is_critical_since_the_first_run_that_saw_it(mirror: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    main.record(mirror, NOW - 3600)
    main.record(mirror, NOW - 60)
    code, text = line(mirror, capsys)
    assert code == 2
    assert text == "CRITICAL - md1 (/dev/md1) is degraded: 2 of 3 members hold current data, since 2027-01-15T07:00:00Z\n"
    heal(mirror)
    assert line(mirror, capsys) == (0, "OK - arrays: 3, sessions: 4\n")


def test_the_line_is_one_line_however_many_problems_there_are(mirror: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(30):
        put(mirror, f"/etc/iscsi/nodes/iqn.2026-01.com.example:lost{number}/192.0.2.1,3260", "node.startup = automatic\n")
    code, text = line(mirror, capsys)
    assert (code, text.count("\n")) == (2, 1)
    assert text.endswith("; 26 more problems\n")


def test_json_has_everything_with_the_time_of_each_problem(mirror: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    main.record(mirror, NOW - 3600)
    assert main.report(mirror, NOW, as_json=True) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["status"], shown["recorded"], shown["now"]) == ("CRITICAL", NOW - 3600, NOW)
    assert [(problem["key"], problem["since"]) for problem in shown["problems"]] == [("array md1: degraded", NOW - 3600)]
    assert [member["device"] for array in shown["arrays"] if array["name"] == "md1" for member in array["members"]] == ["ubdb", "ubdd"]
    assert "secret" not in json.dumps(shown)


def test_the_length_of_an_outage_is_remembered(mirror: Tree) -> None:
    main.record(mirror, NOW)
    assert metrics(mirror)['array_degraded_since_timestamp_seconds{array="md1"}'] == NOW
    put(mirror, f"{MD}/sync_action", "recover\n")
    put(mirror, f"{MD}/sync_completed", "1000 / 4000\n")
    put(mirror, f"{MD}/sync_speed", "2048\n")
    main.record(mirror, NOW + 60)
    shown = metrics(mirror)
    assert shown['array_sync_ratio{array="md1",action="recover"}'] == 0.25
    assert shown['array_sync_bytes_per_second{array="md1",action="recover"}'] == 2048 * 1024
    put(mirror, f"{MD}/sync_action", "idle\n")
    put(mirror, f"{MD}/sync_completed", "none\n")
    heal(mirror)
    main.record(mirror, NOW + 90)
    shown = metrics(mirror)
    assert shown['array_last_recovery_seconds{array="md1"}'] == 90
    assert shown['array_missing_members{array="md1"}'] == 0
    assert 'array_degraded_since_timestamp_seconds{array="md1"}' not in shown


def test_a_new_port_or_session_is_a_reconnect(mirror: Tree) -> None:
    name = 'session_reconnects_total{target="iqn.2026-01.com.example:s3",portal="127.0.1.3:3260"}'
    counts = []
    for port in ("40000", "40000", "40002", "40002"):
        put(mirror, PORT, f"{port}\n")
        main.record(mirror, NOW)
        counts.append(metrics(mirror)[name])
    assert counts == [0, 0, 1, 1]


def test_a_session_that_is_away_is_down_and_its_return_is_counted(mirror: Tree) -> None:
    put(mirror, "/etc/iscsi/nodes/iqn.2026-01.com.example:s3/127.0.1.3,3260", "node.startup = automatic\n")
    main.record(mirror, NOW)
    os.rename(mirror.root + SESSION, f"{mirror.root}/away")
    main.record(mirror, NOW + 60)
    labels = '{target="iqn.2026-01.com.example:s3",portal="127.0.1.3:3260"}'
    assert metrics(mirror)[f"session_up{labels}"] == 0
    os.rename(f"{mirror.root}/away", mirror.root + SESSION)
    put(mirror, PORT, "40001\n")
    main.record(mirror, NOW + 100)
    shown = metrics(mirror)
    assert [shown[f"session_{name}{labels}"] for name in ("up", "reconnects_total", "last_outage_seconds")] == [1, 1, 40]


def test_what_others_put_into_the_folder_of_metrics_is_not_written_to(mirror: Tree) -> None:
    put(mirror, "/precious", "kept")
    put(mirror, f"/metrics/{textfile.FILE}", "")
    os.link(f"{mirror.root}/precious", f"{mirror.root}/metrics/.{textfile.FILE}.new")
    main.record(mirror, NOW)
    assert mirror.text("/precious") == "kept"
    assert metrics(mirror)["last_run_timestamp_seconds"] == NOW


def test_metrics_are_whole_readable_and_follow_the_format(mirror: Tree) -> None:
    main.record(mirror, NOW)
    file = Path(f"{mirror.root}/metrics/{textfile.FILE}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert os.listdir(file.parent) == [textfile.FILE]
    lines = file.read_text(encoding="utf-8").splitlines()
    types = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(types) == len(set(types))
    assert metrics(mirror)['problems{severity="critical"}'] == 1
    assert metrics(mirror)["last_run_timestamp_seconds"] == NOW


def test_the_metrics_of_an_array_and_a_session(mirror: Tree) -> None:
    uuid = next(array.uuid for array in read_arrays(mirror) if array.name == "md1")
    put(mirror, scrub.POSITIONS, json.dumps({uuid: {"position": 0, "finished": NOW - 86400}}))
    for file, text in (("mismatch_cnt", "128"), ("sync_action", "recover"), ("sync_completed", "250 / 1000"), ("sync_speed", "2048")):
        put(mirror, f"{MD}/{file}", f"{text}\n")
    main.record(mirror, NOW)
    put(mirror, PORT, "40001\n")
    main.record(mirror, NOW + 600)
    heal(mirror)
    main.record(mirror, NOW + 900)
    found = metrics(mirror)
    array, running = '{array="md1"}', '{array="md1",action="recover"}'
    session = '{target="iqn.2026-01.com.example:s3",portal="127.0.1.3:3260"}'
    wanted = {
        f"array_missing_members{array}": 0,
        f"array_mismatch_sectors{array}": 128,
        f"array_sync_ratio{running}": 0.25,
        f"array_sync_bytes_per_second{running}": 2048 * 1024,
        f"array_last_recovery_seconds{array}": 900,
        f"array_last_scrub_timestamp_seconds{array}": NOW - 86400,
        f"session_up{session}": 1,
        f"session_reconnects_total{session}": 1,
    }
    assert {name: found.get(name) for name in wanted} == wanted


def test_every_metric_of_the_guide_exists() -> None:
    guide = (Path(__file__).resolve().parents[6] / "docs/storage.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z_]+)`", guide.partition("The metrics begin with")[2].partition("and more.")[0])
    assert len(named) > 10
    existing = {"fleetlab_storage_", *textfile._HELP}
    assert [name for name in named if name not in existing] == []


def test_a_damaged_record_is_begun_anew(mirror: Tree) -> None:
    put(mirror, history.RECORD, '{"problems": 7, "sess')
    assert main.record(mirror, NOW) == 0
    assert mirror.load(history.RECORD)["problems"] == {"array md1: degraded": NOW}


class Hook(http.server.BaseHTTPRequestHandler):
    """A webhook that keeps what it gets."""

    answer = 200
    got: list[dict[str, object]] = []

    def do_POST(self) -> None:
        self.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.answer)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook(mirror: Tree) -> Iterator[type[Hook]]:
    class Own(Hook):
        got = []

    server = http.server.HTTPServer(("127.0.0.1", 0), Own)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    put(mirror, notify.SETTINGS, json.dumps({"webhook": f"http://127.0.0.1:{server.server_port}/token"}))
    yield Own
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_gets_each_change_once(mirror: Tree, hook: type[Hook]) -> None:
    for now in (NOW, NOW + 60):
        assert main.record(mirror, now) == 0
    heal(mirror)
    assert main.record(mirror, NOW + 120) == 0
    assert [(one["event"], one["status"]) for one in hook.got] == [("StorageProblem", "CRITICAL"), ("StorageRecovered", "OK")]
    assert "md1 (/dev/md1) is degraded" in str(hook.got[0]["text"])


def test_a_webhook_that_is_set_later_gets_what_lasts(mirror: Tree, hook: type[Hook]) -> None:
    later = mirror.load(notify.SETTINGS)
    put(mirror, notify.SETTINGS, "{}")
    main.record(mirror, NOW)
    put(mirror, notify.SETTINGS, json.dumps(later))
    main.record(mirror, NOW + 60)
    assert [one["event"] for one in hook.got] == ["StorageProblem"]


def test_a_message_that_was_not_taken_is_sent_again(mirror: Tree, hook: type[Hook], capsys: pytest.CaptureFixture[str]) -> None:
    hook.answer = 500
    assert main.record(mirror, NOW) == 1
    error = capsys.readouterr().err
    assert "StorageProblem was not reported: the webhook failed" in error
    assert "token" not in error
    hook.answer = 200
    assert main.record(mirror, NOW + 60) == 0
    assert len(hook.got) == 2


def test_a_program_gets_the_event_and_the_line(mirror: Tree, tmp_path: Path) -> None:
    program = tmp_path / "told"
    program.write_text(f'#!/bin/sh\nfor word; do echo "$word"; done > {tmp_path}/words\n', encoding="utf-8")
    program.chmod(0o755)
    put(mirror, notify.SETTINGS, json.dumps({"program": str(program)}))
    assert main.record(mirror, NOW) == 0
    event, text = (tmp_path / "words").read_text(encoding="utf-8").splitlines()
    assert (event, text.partition(" - ")[0]) == ("StorageProblem", "CRITICAL")


def test_two_runs_at_once_tell_once(mirror: Tree, tmp_path: Path) -> None:
    program = tmp_path / "told"
    program.write_text(f'#!/bin/sh\nsleep 0.3\necho "$1" >> {tmp_path}/words\n', encoding="utf-8")
    program.chmod(0o755)
    put(mirror, notify.SETTINGS, json.dumps({"program": str(program)}))
    runs = [threading.Thread(target=main.record, args=(mirror, NOW)) for _run in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert (tmp_path / "words").read_text(encoding="utf-8").splitlines() == ["StorageProblem"]


def test_mdadm_starts_the_same_program_with_its_own_words(mirror: Tree, hook: type[Hook], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "Tree", lambda: mirror)
    assert notify.main(["Fail", "/dev/md1", "/dev/sdb"]) == 0
    (got,) = hook.got
    assert (got["event"], got["device"], got["member"]) == ("Fail", "/dev/md1", "/dev/sdb")
    assert notify.main(["Fail"]) == 2


def test_a_webhook_does_not_get_the_progress_of_rebuilds(
    mirror: Tree, hook: type[Hook], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "Tree", lambda: mirror)
    put(mirror, notify.SETTINGS, json.dumps({**mirror.load(notify.SETTINGS), "program": "/bin/false"}))
    # The program gets it, and its failure is the exit code.
    assert notify.main(["Rebuild20", "/dev/md1"]) == 1
    assert hook.got == []


def test_who_was_told_is_not_told_again_because_of_another(mirror: Tree, hook: type[Hook], capsys: pytest.CaptureFixture[str]) -> None:
    put(mirror, notify.SETTINGS, json.dumps({**mirror.load(notify.SETTINGS), "program": "/bin/false"}))
    assert [main.record(mirror, NOW), main.record(mirror, NOW + 60)] == [1, 1]
    assert len(hook.got) == 1
    assert "StorageProblem was not reported: /bin/false ended with exit code 1" in capsys.readouterr().err


def test_wrong_usage_and_other_users_are_unknown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--helpp"]) == 3
    assert main.main(["--help"]) == 0
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main.main([]) == 3
    assert "UNKNOWN - only root" in capsys.readouterr().out
