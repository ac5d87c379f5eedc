# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tls_info finds what OpenSSL finds with one handshake for each suite, on 26 configurations of four servers of two Debian releases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Callable

import pytest

from .server_host import TREE, ServerHost
from .tls_servers import SERVERS, start_all

if TYPE_CHECKING:
    from ansible_collections.fleetlab.linux.scripts.server_roots import ServerRoot


# ProFTPD, which starts a process for each connection, is the slow one, and the same on both.
@pytest.mark.parametrize(("suite", "without", "servers"), [("bookworm", 16, tuple(SERVERS)), ("trixie", 14, ("apache", "nginx", "gnutls"))])
def test_the_prober_finds_what_openssl_finds(
    server_root: Callable[[str], ServerRoot], suite: str, without: int, servers: tuple[str, ...]
) -> None:
    host = ServerHost(server_root(suite))
    try:
        ports = start_all(host, servers)
        oracle = "ansible_collections.fleetlab.linux.tests.network.tls_oracle"
        done = host.ask(run=["env", f"PYTHONPATH={TREE}", "python3", "-m", oracle, *ports], limit=120)
        assert done["exit_code"] == 0, done
        answers = json.loads(done["stdout"])
    finally:
        host.close()
    assert {ports[word]: answer["found"] for word, answer in answers.items()} == {
        ports[word]: answer["oracle"] for word, answer in answers.items()
    }
    assert len(answers) == sum(len(SERVERS[name][2]) for name in servers)
    assert answers["10000"]["s_client"] == answers["10000"]["found"]["TLSv1.2"]
    assert answers["10001"]["without"] == without
    # The goal is half a second; the machine of the tests may be busy.
    assert answers["10001"]["seconds"] < 2
