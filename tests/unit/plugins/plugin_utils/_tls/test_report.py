# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of forward secrecy: a row for each name, findings in words, and what failed."""

from __future__ import annotations

import json
from typing import Any, Dict

from ansible_collections.fleetlab.linux.plugins.plugin_utils._tls.matrix import FAIL_ON, make_matrix
from ansible_collections.fleetlab.linux.plugins.plugin_utils._tls.report import render_json, render_page, render_table, render_textfile

GOOD: Dict[str, Any] = {
    "address": "127.0.0.1",
    "port": 443,
    "name": "a.test",
    "protocols": ["TLSv1.2", "TLSv1.3"],
    "suites": 9,
    "without": [],
    "post_quantum": ["X25519MLKEM768"],
    "tickets": False,
    "errors": [],
}
BAD: Dict[str, Any] = {**GOOD, "name": None, "protocols": ["TLSv1", "TLSv1.2"], "suites": 62, "without": ["AES128-SHA"], "tickets": True}
RESULTS: Dict[str, Dict[str, Any]] = {
    "web1": {"apache_forward_secrecy_apache": {"names": [GOOD, BAD]}, "apache_forward_secrecy_nginx": {"skipped": True}},
    "web<2>": {"apache_forward_secrecy_nginx": {"msg": "nginx_tls: refused: x"}},
    "web3": {},
}
MATRIX = make_matrix(list(RESULTS), RESULTS, FAIL_ON)


def test_findings_and_failures() -> None:
    assert [row["findings"] for row in MATRIX["rows"]] == [[], list(FAIL_ON)]
    assert MATRIX["missed"] == [
        "web1 apache 127.0.0.1:443 (no name): 1 of 62 suites have no forward secrecy",
        "web1 apache 127.0.0.1:443 (no name): session tickets of TLS 1.2 are offered",
        "web1 apache 127.0.0.1:443 (no name): speaks TLSv1",
    ]
    assert [(one["host"], one["reason"]) for one in MATRIX["failed"]] == [
        ("web<2>", "nginx_tls: refused: x"),
        ("web3", "was not asked: it is unreachable, or its play ended before"),
    ]
    silent = {"web1": {"apache_forward_secrecy_apache": {"names": [{**GOOD, "suites": 0}]}}}
    assert make_matrix(["web1"], silent, ["no_forward_secrecy"])["missed"] == ["web1 apache 127.0.0.1:443 a.test: no suite was found"]
    assert make_matrix(["web1"], RESULTS, [])["missed"] == []


def test_the_table() -> None:
    assert render_table(MATRIX).splitlines() == [
        "host  server  address        name       protocols        suites  without FS  post-quantum    tickets",
        "-" * 100,
        "web1  apache  127.0.0.1:443  a.test     TLSv1.2 TLSv1.3  9       0           X25519MLKEM768  no",
        "web1  apache  127.0.0.1:443  (no name)  TLSv1 TLSv1.2    62      1           X25519MLKEM768  yes",
        "",
        "3 hosts, 1 of 2 names are forward secret, 2 failures",
        "Failed: web<2> nginx: nginx_tls: refused: x",
        "Failed: web3: was not asked: it is unreachable, or its play ended before",
    ]


def test_the_other_forms() -> None:
    assert json.loads(render_json(MATRIX)) == MATRIX
    page = render_page(MATRIX)
    assert '<td class="bad">apache 127.0.0.1:443: 1 of 62 suites have no forward secrecy; session tickets' in page
    assert '<td class="good">apache 127.0.0.1:443: forward secret</td>' in page
    assert "web&lt;2&gt;" in page
    assert "web<2>" not in page
    lines = render_textfile(MATRIX).splitlines()
    assert 'tls_suites_without_forward_secrecy{host="web1",server="apache",address="127.0.0.1:443",name=""} 1' in lines
    assert lines[-1] == "tls_failures 2"
    assert "Failed" not in render_page(make_matrix([], {}, FAIL_ON))
