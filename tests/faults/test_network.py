# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the network: ports that drop packets, links that fail, packets that are lost, late or too large."""

from __future__ import annotations

import time
from typing import Any

from . import oracle
from .lab import Lab
from .scene import STALL_GOAL, Scene

_DROP = {
    "both ways": ("ingress:dport", "egress:sport"),
    "towards the server": ("ingress:dport",),
    "towards the client": ("egress:sport",),
}


def drop(lab: Lab, server: str, ways: str) -> None:
    """Let a server's target stop answering, without closing its connections."""
    # User-mode Linux has nf_tables without any family of protocols; traffic control can drop as well.
    commands = [f"tc qdisc add dev {lab.interface} clsact"]
    for hook, port in (way.split(":") for way in _DROP[ways]):
        commands.append(f"tc filter add dev {lab.interface} {hook} protocol ip u32 match ip {port} 3260 0xffff action drop")
    lab.run(server, " && ".join(commands))


def undrop(lab: Lab, server: str) -> None:
    """Let the target answer again."""
    lab.run(server, f"tc qdisc del dev {lab.interface} clsact")


def test_short_silences(lab: Lab, fault: Any) -> None:
    what = "port 3260 of a server dropped {} for 10 s"
    with fault("5", what.format("both ways")) as scene:
        be_silent(lab, scene, "both ways")
        for row, ways in (("7", "towards the server"), ("7b", "towards the client")):
            scene.then(row, what.format(ways))
            be_silent(lab, scene, ways)


def be_silent(lab: Lab, scene: Scene, ways: str) -> None:
    """Let a server be silent for 10 s, which is within the timeouts."""
    drop(lab, "server1", ways)
    time.sleep(10)
    undrop(lab, "server1")
    scene.traffic.flows()
    oracle.none_ejected(lab)
    scene.note("no member ejected")


def test_a_long_silence_and_a_cut_link(lab: Lab, fault: Any) -> None:
    with fault("6", "port 3260 of a server dropped both ways for 300 s", stall=STALL_GOAL) as scene:
        start = time.monotonic()
        drop(lab, "server1", "both ways")
        scene.note(f"member ejected after {oracle.wait_ejected(lab):.0f} s")
        scene.traffic.flows()
        scene.then("6b", "meanwhile network of a second server cut for 40 s, the server runs on", stall=STALL_GOAL)
        cut = time.monotonic()
        lab.unplug("server2")
        lab.disconnect("server2")
        scene.note(f"member ejected after {oracle.wait_ejected(lab, 2):.0f} s")
        scene.traffic.flows()
        time.sleep(max(0.0, cut + 40 - time.monotonic()))
        lab.plug("server2")
        time.sleep(max(0.0, start + 300 - time.monotonic()))
        undrop(lab, "server1")


def test_links_of_one_way(lab: Lab, fault: Any) -> None:
    what = "port 3260 of a server dropped {} until its member was ejected"
    with fault("7c", what.format("towards the server"), stall=STALL_GOAL) as scene:
        drop(lab, "server1", "towards the server")
        scene.note(f"after {oracle.wait_ejected(lab):.0f} s")
        scene.traffic.flows()
        undrop(lab, "server1")
        scene.then("7d", what.format("towards the client"), stall=STALL_GOAL)
        drop(lab, "server2", "towards the client")
        scene.note(f"after {oracle.wait_ejected(lab, 2):.0f} s")
        scene.traffic.flows()
        undrop(lab, "server2")


_BAD_LINKS = (
    ("8", "1 % of a server's packets lost", "netem limit 4000 loss 1%"),
    ("8b", "5 % of a server's packets lost", "netem limit 4000 loss 5%"),
    ("8c", "packets of a server 50 ms late", "netem limit 4000 delay 50ms"),
    ("8d", "a quarter of a server's packets out of order", "netem limit 4000 delay 10ms reorder 75% 50%"),
    ("16b", "link of a server 50 times slower (tbf, 20 Mbit/s)", "tbf rate 20mbit burst 32kb latency 400ms"),
)


def test_bad_links(lab: Lab, fault: Any) -> None:
    (row, what, _discipline), *others = _BAD_LINKS
    with fault(row, what) as scene:
        for row, what, discipline in _BAD_LINKS:
            if (row, what, discipline) in others:
                scene.then(row, what)
            lab.run("server1", f"tc qdisc add dev {lab.interface} root {discipline}")
            scene.traffic.flows(operations=40)
            lab.run("server1", f"tc qdisc del dev {lab.interface} root")
            oracle.none_ejected(lab)
            scene.note("no member ejected")


def test_what_cannot_work_is_refused(lab: Lab, fault: Any) -> None:
    with fault("9", "a port between a server and the others takes 1500 bytes only (black hole)", quiet=True) as scene:
        lab.enter("ip", "link", "set", lab.tap("server1"), "mtu", "1500")
        try:
            # Not even the key exchange of ssh gets through: that need not be waited for as long as for a machine that boots.
            run = lab.playbook("-e", "lab_boot_timeout=45")
        finally:
            lab.plug("server1")
        # With 4 the server itself was lost: a connection of ssh that exists already only breaks as soon as it has much to say.
        assert run.exit_code in (2, 4), f"the run did not find it: {run.end}"
        said = "server2 reaches server1 with small frames, but not with frames of 9000 bytes"
        assert said in run.output, f"no word of the size of frames: {run.end}"
        assert "storage_server :" not in run.output, f"the run went on to the storage: {run.end}"
        # It goes wrong as soon as it is used: so nothing is used before the frames have gone through.
        scene.note("the run stops before the storage and names host and size")
        scene.then("18", "volumes declared larger than the servers' disks")
        run = lab.playbook("-e", "storage_server_volume_mb=4096")
        assert run.exit_code == 2, run.end
        said = "server2: refused: /dev/ubdb has room for a volume of 156 MiB, and 4096 MiB are declared"
        assert said in run.output, f"no clear error: {run.end}"
        assert "Traceback" not in run.output, run.end
        scene.note("the run names the volume and the space that is free")
