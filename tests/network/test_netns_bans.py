# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bans of other programs keep their effect: before and after the namespace is made, and after its script ran at boot."""

from __future__ import annotations

from typing import Any

import pytest

PORT = 10105
POSTS: dict[str, Any] = {"forwards": [{"port": str(PORT)}]}
BANNED, FREE = "192.0.2.2", "192.0.2.3"
SETUP = f"ip -n client address add {FREE}/24 dev eth0"

# Each host drops what no rule accepts, and bans BANNED: fail2ban and ufw as they do it, crowdsec and an admin with a set of nft.
UFW = """
{0} -N ufw-user-forward
{0} -N ufw-before-forward
{0} -N ufw-reject-forward
{0} -A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
{0} -A ufw-before-forward -j ufw-user-forward
{0} -A FORWARD -j ufw-before-forward
{0} -A FORWARD -j ufw-reject-forward
"""
SET = """
nft add table inet filter
nft add set inet filter blackhole '{ type ipv4_addr; }'
nft add chain inet filter forward '{ type filter hook forward priority 0; policy drop; }'
nft add rule inet filter forward ip saddr @blackhole counter drop
nft add rule inet filter forward ct state established,related accept
"""
FIREWALLD = """
nft -f - <<'END'
table inet firewalld {
  chain filter_FORWARD {
    type filter hook forward priority filter + 10; policy accept;
    ct state { established, related } accept
    ct status dnat counter log
    ct state invalid drop
    jump filter_FORWARD_ZONES
    reject with icmpx admin-prohibited
  }
  chain filter_FORWARD_ZONES {
    iifname "eth0" goto filter_FWD_public
    goto filter_FWD_public
  }
  chain filter_FWD_public {
    jump filter_FWD_public_deny
    reject with icmpx admin-prohibited
  }
  chain filter_FWD_public_deny {
  }
}
END
"""
LOGDROP = """
{0} -N LOGDROP
{0} -A LOGDROP -j LOG
{0} -A LOGDROP -j DROP
{0} -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
{0} -A FORWARD -j LOGDROP
"""
HOSTS: dict[str, tuple[str, str]] = {
    "fail2ban": ("{0} -P FORWARD DROP", "{0} -I FORWARD 1 -s 192.0.2.2 -m comment --comment 'f2b: banned' -j DROP"),
    "ufw route deny": ("{0} -P FORWARD DROP", "{0} -I FORWARD 1 -s 192.0.2.2 -j DROP"),
    "ufw that rejects": (UFW + "{0} -A ufw-reject-forward -j REJECT", "{0} -A ufw-user-forward -s 192.0.2.2 -j DROP"),
    "ufw with a policy": ("{0} -P FORWARD DROP" + UFW, "{0} -A ufw-user-forward -s 192.0.2.2 -j DROP"),
    "a chain for all drops": (LOGDROP, "{0} -I FORWARD 1 -s 192.0.2.2 -j LOGDROP"),
}
BY_NFT: dict[str, tuple[str, str]] = {
    "a set": (SET, "nft add element inet filter blackhole '{ 192.0.2.2 }'"),
    "firewalld": (FIREWALLD, "nft add rule inet firewalld filter_FWD_public_deny ip saddr 192.0.2.2 drop"),
    "a jump of a ban": (SET, "nft insert rule inet filter forward ip saddr 192.0.2.2 counter drop"),
}
TOOLS = ("iptables", "iptables-legacy")
CASES = [
    *(("nftables", drop.format(tool), ban.format(tool)) for drop, ban in HOSTS.values() for tool in TOOLS),
    *(("iptables", *(text.format(tool) for text in HOSTS[what])) for what in ("fail2ban", "ufw that rejects") for tool in TOOLS),
    *((firewall, drop, ban) for drop, ban in BY_NFT.values() for firewall in ("nftables", "iptables")),
]

REACH = f"""
import socket, sys
s = socket.socket(); s.settimeout(0.3)
s.bind((sys.argv[1], 0))
try:
    s.connect(("192.0.2.1", {PORT})); print(s.recv(100).decode().strip())
except OSError:
    print("-")
"""


def reached(host: Any, source: str) -> bool:
    """Whether a client with this address gets an answer from the forward."""
    return bool(host.run("ip", "netns", "exec", "client", "python3", "-c", REACH, source).strip() != "-")


def declare(host: Any, firewall: str) -> None:
    """The namespace is made or is left as it is, and a second run has nothing to do."""
    done = host.netns(firewall=firewall, **POSTS)
    assert "failed" not in done, done
    assert host.netns(firewall=firewall, **POSTS)["commands"] == []


@pytest.mark.parametrize(("firewall", "drop", "ban"), CASES)
def test_a_ban_keeps_its_effect(host: Any, firewall: str, drop: str, ban: str) -> None:
    host.sh(SETUP)
    host.sh(drop)
    # The ban after the namespace was made.
    declare(host, firewall)
    host.serve("web", PORT)
    assert (reached(host, FREE), reached(host, BANNED)) == (True, True)
    host.sh(ban)
    assert (reached(host, FREE), reached(host, BANNED)) == (True, False)
    # The ban before: nothing of it changes with another run, and with a new namespace.
    assert host.netns(state="absent", force=True)["changed"]
    host.wait_until(lambda: "v-web" not in host.run("ip", "-brief", "link"))
    host.services.pop().kill()
    declare(host, firewall)
    host.serve("web", PORT)
    assert (reached(host, FREE), reached(host, BANNED)) == (True, False)


@pytest.mark.parametrize("firewall", ["nftables", "iptables"])
@pytest.mark.parametrize("case", ["ufw that rejects", "fail2ban", "firewalld"])
def test_a_ban_keeps_its_effect_when_the_script_of_the_boot_has_run(host: Any, firewall: str, case: str) -> None:
    drop, ban = BY_NFT[case] if case in BY_NFT else (text.format("iptables") for text in HOSTS[case])
    host.sh(SETUP)
    host.sh(drop)
    host.make(firewall=firewall, **POSTS)
    host.sh("ip link delete dev v-web; ip netns delete web; nft flush ruleset; iptables -P FORWARD ACCEPT")
    host.sh(drop)
    host.sh(ban)
    for _time in range(2):
        done = host.try_run("env", "-i", "/bin/sh", "/etc/fleetlab/netns/web.sh")
        assert (done["exit_code"], done["stderr"]) == (0, "")
        assert host.netns(firewall=firewall, **POSTS)["commands"] == []
    host.serve("web", PORT)
    assert (reached(host, FREE), reached(host, BANNED)) == (True, False)


def test_rules_at_the_head_of_a_former_version_move_to_their_place(host: Any) -> None:
    """Former versions put two rules before everything else."""
    host.sh("iptables -P FORWARD DROP; iptables -A FORWARD -s 192.0.2.2 -j DROP")
    for way in ("-i", "-o"):
        host.sh(f"iptables -I FORWARD 1 {way} v-web -m comment --comment fleetlab-netns-web -j ACCEPT")
    host.make(**POSTS)
    rules = [line.split() for line in host.run("iptables", "-S", "FORWARD").splitlines()[1:]]
    assert [words[-1] for words in rules] == ["DROP", "ACCEPT", "ACCEPT"]
