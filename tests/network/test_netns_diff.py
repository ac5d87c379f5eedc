# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What --diff prints of a namespace: a changed port is a few lines, and not the whole of its rules and its script."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.plugins.callback import CallbackBase


@pytest.mark.parametrize("firewall", ["nftables", "iptables"])
def test_a_changed_port_is_a_few_lines(host: Any, firewall: str) -> None:
    def options(port: str) -> dict[str, Any]:
        return {"forwards": [{"port": port}], "firewall": firewall}

    host.make(**options("10105"))
    shown = host.netns(check=True, **options("10106"))["diff"]
    callback = CallbackBase()
    text = callback._get_diff(shown)
    changed = [line for line in text.splitlines() if line.lstrip("\x1b[0123456789;m").startswith(("+", "-"))]
    assert "10106" in text
    assert len(changed) <= 40, text
    assert max(map(len, changed)) < 700
    assert sum(map(len, changed)) < 4000, text
