# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two hosts in network namespaces between which throughput is measured: the host and the client of conftest."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .conftest import Host

_MODULE = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.fleetlab.linux.plugins.modules import throughput_agent
with patch_module_args(json.loads(sys.argv[1])):
    throughput_agent.main()
"""

# The program ethtool is not everywhere.
_OFFLOADS = """
import array, fcntl, socket, struct, sys
on = int(sys.argv[2])
for command in (0x1f, 0x24, 0x2c):
    value = array.array("B", struct.pack("=II", command, on))
    request = struct.pack("16sP", sys.argv[1].encode(), value.buffer_info()[0]).ljust(40, b"\\0")
    fcntl.ioctl(socket.socket(), 0x8946, request)
"""

TOKEN = "token-of-the-tests"


class Pair:
    """The host (192.0.2.1) sends to the client (192.0.2.2)."""

    def __init__(self, host: Host, tree: str) -> None:
        self.host = host
        self.tree = tree

    def shape(self, mtu: int = 1500, timestamps: bool = True, offloads: bool = True, rate: str = "") -> None:
        """Set both interfaces; C(rate) is that of a token bucket at the host."""
        inside = f"sysctl -qw net.ipv4.tcp_timestamps={int(timestamps)}; ip link set dev eth0 mtu {mtu}; "
        inside += f"{sys.executable} -c '{_OFFLOADS}' eth0 {int(offloads)}"
        self.host.sh(inside)
        self.host.run("ip", "netns", "exec", "client", "sh", "-euc", inside)
        if rate:
            self.host.sh(f"tc qdisc add dev eth0 root tbf rate {rate} burst 32k latency 50ms")

    def start(self, where: str | None, **options: Any) -> subprocess.Popen[str]:
        """Start the module on the host, or in a namespace of the host."""
        argv = ["env", f"PYTHONPATH={self.tree}", sys.executable, "-c", _MODULE, json.dumps({"token": TOKEN, **options})]
        return subprocess.Popen([*self.host.enter(where), *argv], stdout=subprocess.PIPE, text=True)

    def agent(self, where: str | None, **options: Any) -> dict[str, Any]:
        """Run the module to its end."""
        output, _none = self.start(where, **options).communicate(timeout=60)
        answer: dict[str, Any] = json.loads(output)
        return answer

    def listen(self, where: str | None = "client", address: str = "192.0.2.2", **options: Any) -> int:
        """Have one half listen, and return its port."""
        turns = [{"peer": "host", "act": "listen", "address": address}]
        answer = self.agent(where, part="start", turns=turns, **options)
        assert "ports" in answer, answer
        return int(answer["ports"]["0"])

    def turn(self, port: int, address: str = "192.0.2.2") -> list[dict[str, Any]]:
        """The turn of the half that connects."""
        return [{"peer": "client", "act": "connect", "address": address, "port": port}]

    def measure(self, address: str = "192.0.2.2", where: str | None = "client", **options: Any) -> dict[str, Any]:
        """Measure once."""
        port = self.listen(where, address, **options)
        answer = self.agent(None, part="run", turns=self.turn(port, address), **options)
        assert "results" in answer, answer
        result: dict[str, Any] = answer["results"][0]
        return result
