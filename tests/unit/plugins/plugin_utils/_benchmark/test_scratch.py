# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmark makes for itself: LUNs, sessions and arrays."""

from __future__ import annotations

from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.scratch import chain_arrays, layout_arrays, make_luns, make_sessions

DEVICES = [{"target": f"t{target}", "lun": lun, "by_path": f"/dev/disk/t{target}-{lun}"} for target in (1, 2) for lun in (0, 1)]


def test_luns() -> None:
    assert make_luns(["s1", "s2"], "bench", False)[1] == {
        "lun": 1,
        "name": "benchmark-1",
        "path": "/dev/s2/bench",
        "attributes": {"is_nonrot": 1},
    }
    assert make_luns(["s1"], "bench", True)[0]["attributes"] == {"is_nonrot": 0}


def test_sessions() -> None:
    portal = {"host": "192.0.2.1", "port": 3260}
    assert make_sessions(["t1"], {"t1": portal}, "-benchmark", 5, {"username": "u"}) == [
        {
            "target": "t1-benchmark",
            "portal": portal,
            "startup": "manual",
            "chap": {"username": "u"},
            "timeouts": {"preset": "md"},
            "wait_for_luns": 5,
        }
    ]


def test_layouts_share_luns_where_there_are_too_few() -> None:
    layouts = [{"name": f"bench-{name}", "level": "raid10", "layout": name, "chunk": 512} for name in ("n3", "f3", "o3")]
    made = layout_arrays(layouts, DEVICES, 2)
    assert made[1] == {
        **layouts[1],
        "persist": False,
        "bitmap": "internal",
        "wait": "sync",
        "devices": ["/dev/disk/t1-1", "/dev/disk/t2-1"],
    }
    assert made[2]["devices"] == ["/dev/disk/t1-0", "/dev/disk/t2-0"]


def test_the_chain_is_a_mirror_of_each_lun_and_a_stripe_over_them() -> None:
    mirror, _second, stripe = chain_arrays(DEVICES, 2, 512)
    assert mirror == {
        "name": "bench-0",
        "level": "raid1e",
        "persist": False,
        "bitmap": "internal",
        "wait": "sync",
        "chunk": 512,
        "devices": ["/dev/disk/t1-0", "/dev/disk/t2-0"],
    }
    assert stripe == {
        "name": "bench-chain",
        "level": "raid0",
        "persist": False,
        "chunk": 512,
        "devices": ["/dev/md/bench-0", "/dev/md/bench-1"],
    }
