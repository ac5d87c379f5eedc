# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that builds a namespace at boot, run by a shell with programs that note what they are asked."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Command, MakeDirectory, Operation, Prints, Step
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.boot import render
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.names import script_path
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._netns.machine import Machine, empty, want

LINKS = [
    {"name": "v-both", "peer": "eth0", "addresses": ["10.9.0.1/24", "fd00::1/64"], "peer_addresses": ["10.9.0.2/24", "fd00::2/64"]},
    {"name": "v-more", "peer": "eth1", "addresses": ["10.8.0.1/24"], "peer_addresses": ["10.8.0.2/24"]},
]
PROGRAM = """\
#!/bin/sh
line="${0##*/} $*"
echo "$line" >>"$FOLDER/asked"
case "$line" in *" -f -" | *-restore*) cat >>"$FOLDER/fed" ;; esac
while read -r code known; do
    case "$line" in $known) cat "$FOLDER/output" 2>/dev/null; exit "$code" ;; esac
done <"$FOLDER/answers"
case "$line" in *" exec "* | *" show dev "* | *" -C "* | "nft list "*) exit 1 ;; esac
"""
"""Answers a question with a failure, as on a host on which nothing has been done, unless the file answers says otherwise."""


class Shell:
    """Runs scripts with such programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("ip", "nft", "iptables", "ip6tables", "iptables-restore", "ip6tables-restore", "nsenter"):
            (folder / name).write_text(PROGRAM, encoding="ascii")
            (folder / name).chmod(0o755)

    def run(self, script: str, answers: str = "", output: str = "") -> Tuple[int, List[str]]:
        """The exit code, and the commands that change something; C(answers) has lines of an exit code and a pattern."""
        lines = [line for line in script.splitlines() if not line.startswith(("PATH=", "[ ! -e /proc/sys/"))]
        (self.folder / "answers").write_text(answers, encoding="ascii")
        (self.folder / "output").write_text(output, encoding="ascii")
        (self.folder / "asked").write_text("", encoding="ascii")
        environment = {"PATH": f"{self.folder}:{os.defpath}", "FOLDER": str(self.folder)}
        done = subprocess.run(["/bin/sh"], input="\n".join(lines), env=environment, check=False, capture_output=True, text=True)
        assert done.stderr == ""
        asked = (self.folder / "asked").read_text(encoding="ascii").splitlines()
        questions = (" exec ", " show dev ", " -C ", " -S ", "nft list ", "nft -a list ")
        return done.returncode, [line for line in asked if not any(word in line for word in questions)]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def planned(**options: Any) -> Tuple[str, List[str]]:
    """The script for a namespace, and the commands that made it, on a host with chains of others that drop."""
    machine = Machine(empty("iptables", "nft"))
    steps = machine.plan(want("both", links=[dict(link) for link in LINKS], **options)).steps
    machine.apply(steps)
    return machine.files[script_path("both")], [line for step in steps for line in _line(step)]


def _line(step: Step) -> Iterator[str]:
    """A command as the script has to carry it out: rules of others are where they are now, not where they were."""
    if isinstance(step, Operation) and step.name == "insert_before":
        yield "{tool} -w 60 -I {chain} 1 {rule}".format(**step.arguments)
    elif isinstance(step, Command):
        yield " ".join(step.argv).replace(" handle 7 ", " handle 9 ")


FIREWALLS = pytest.mark.parametrize("firewall", ["nftables", "iptables"])
FORWARDS: Dict[str, Any] = {"nat": {"forwards": [{"port": "80", "to_port": "8080"}]}}
CHAIN = "0 nft list chain inet firewalld filter_FORWARD\n0 nft -a list chain *\n0 iptables -w 60 -S *\n"
OTHERS = "counter packets 5 bytes 6 drop # handle 8\nreject # handle 9\n-P ufw-reject\n-A ufw-reject -j REJECT\n"


@FIREWALLS
def test_from_nothing_it_does_what_the_plan_did(shell: Shell, firewall: str) -> None:
    script, commands = planned(firewall=firewall, **FORWARDS)
    made = [line for line in commands if not line.startswith("systemctl")]
    assert shell.run(script, CHAIN, OTHERS) == (0, made)
    # The chain of others may come later than the namespace.
    later = ("nft insert", "nft add rule", "iptables -w 60 -I ufw-reject")
    assert shell.run(script) == (0, [line for line in made if not line.startswith(later)])


@FIREWALLS
def test_what_has_been_done_is_not_done_again(shell: Shell, firewall: str) -> None:
    script, _commands = planned(firewall=firewall, **FORWARDS)
    rules = "".join(
        f'{way} "{link}" accept comment "fleetlab-netns-both"\n' for way in ("iifname", "oifname") for link in ("v-both", "v-more")
    )
    code, done = shell.run(script, f"{CHAIN}0 * exec *\n0 * show dev *\n0 * -C *\n", rules)
    assert code == 0
    assert not [line for line in done if " add " in line or " -I " in line or "insert" in line or "link delete" in line]
    # These are harmless where they have been done, and bring back what was changed.
    assert {shlex.split(line)[0] for line in done} <= {"ip", "nft", "iptables-restore", "ip6tables-restore", "nsenter"}
    assert "ip -n both link set dev eth0 up" in done


@FIREWALLS
@pytest.mark.parametrize("code", [0, 1])
def test_an_end_whose_other_end_is_gone_is_replaced(shell: Shell, firewall: str, code: int) -> None:
    """The kernel may be about to remove it, so that it is not found any more."""
    script, _commands = planned(firewall=firewall, **FORWARDS)
    exit_code, done = shell.run(script, f"0 ip link show dev v-both\n{code} ip link delete dev v-both\n")
    assert exit_code == 0
    links = [line for line in done if " delete " in line or " add " in line]
    assert links == [
        "ip netns add both",
        "ip link delete dev v-both",
        "ip link add name v-both type veth peer name eth0 netns both",
        "ip link add name v-more type veth peer name eth1 netns both",
    ]


@FIREWALLS
@pytest.mark.parametrize(
    "failing",
    [
        "ip netns add both",
        "ip link add name v-more *",
        "ip -n both address replace 10.9.0.2/24 *",
        "ip link delete *",
        "*-restore *",
        "nft -j *",
    ],
)
def test_it_ends_at_the_first_command_that_fails(shell: Shell, firewall: str, failing: str) -> None:
    script, commands = planned(firewall=firewall, **FORWARDS)
    code, done = shell.run(script, f"2 {failing}\n0 ip link show dev v-both\n")
    concerned = failing == "ip link delete *" or any(_matches(line, failing) for line in commands)
    assert (code != 0) == concerned
    assert _matches(done[-1], failing) == concerned


def _matches(line: str, pattern: str) -> bool:
    return all(part in line for part in pattern.split("*"))


def test_how_steps_are_written_down() -> None:
    checks = (("a", "b c"), ("d",))
    done = "a 'b c' >/dev/null 2>&1 && d >/dev/null 2>&1"
    assert render(Command(("x", "y z"))) == "x 'y z'"
    assert render(Command(("x",), unless=checks[:1])) == "a 'b c' >/dev/null 2>&1 || x"
    assert render(Command(("x",), unless=checks)) == f"{{ {done}; }} || x"
    assert render(Command(("x",), only_if=checks)) == "! a 'b c' >/dev/null 2>&1 || ! d >/dev/null 2>&1 || x"
    assert render(Command(("x",), unless=(Prints(("a",), '-i "b"'),))) == "a | grep -qF -- '-i \"b\"' || x"
    assert render(Command(("x",), accept=(0, 1, 3))) == "x || case $? in 1|3) ;; *) false ;; esac"
    assert render(Command(("x",), stdin="text\n", accept=(0, 1))) == "x <<'END' || case $? in 1) ;; *) false ;; esac\ntext\nEND"
    assert render(MakeDirectory("/a b")) == "mkdir --parents '/a b'"
