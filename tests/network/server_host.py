# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host in a root of a Debian release, on which modules and real servers run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ansible

if TYPE_CHECKING:
    from ansible_collections.fleetlab.linux.scripts.server_roots import ServerRoot

ROOT = Path(__file__).resolve().parents[2]
TREE = "/opt/fleetlab"
PACKAGES = "/opt/packages"
"""What a controller needs besides."""
AGENT = "ansible_collections.fleetlab.linux.tests.network.server_agent"

# A key of each kind, as stock Apache and nginx are asked to have in the measured configurations.
CERTIFICATES = """
mkdir -p /etc/tls && cd /etc/tls
for kind in rsa ec; do
  case $kind in rsa) new=rsa:2048 ;; ec) new='ec -pkeyopt ec_paramgen_curve:prime256v1' ;; esac
  openssl req -x509 -newkey $new -nodes -keyout $kind.key -out $kind.pem -days 90 -subj /CN=a.test 2>/dev/null
done
"""


class ServerHost:
    """The host, and the actions on it."""

    def __init__(self, root: ServerRoot) -> None:
        binds = {ROOT: f"{TREE}/ansible_collections/fleetlab/linux", Path(ansible.__file__).parent: f"{TREE}/ansible"}
        binds[Path(ansible.__file__).parents[1]] = PACKAGES
        argv = root.argv("env", f"PYTHONPATH={TREE}", "PYTHONDONTWRITEBYTECODE=1", "python3", "-m", AGENT, binds=binds)
        self.agent = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.sh(CERTIFICATES)

    def ask(self, **question: Any) -> dict[str, Any]:
        """Send a request to the agent, and return its answer."""
        assert self.agent.stdin is not None
        assert self.agent.stdout is not None
        self.agent.stdin.write(json.dumps(question) + "\n")
        self.agent.stdin.flush()
        answer: dict[str, Any] = json.loads(self.agent.stdout.readline())
        return answer

    def sh(self, script: str) -> str:
        """Run lines of shell that have to succeed."""
        done = self.ask(run=["sh", "-euc", script])
        assert done["exit_code"] == 0, (script, done)
        return str(done["stdout"])

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        done = self.ask(run=["sh", "-euc", 'cat > "$0"', path], stdin=text)
        assert done["exit_code"] == 0, done

    def module(self, name: str, check: bool = False, kill_before: int | None = None, **options: Any) -> dict[str, Any]:
        """Run a module, with a diff."""
        flags = {"_ansible_check_mode": check, "_ansible_diff": True}
        return self.ask(module=name, options={**options, **flags}, kill_before=kill_before)

    def play(self, playbook: str, **variables: Any) -> dict[str, Any]:
        """Run a playbook of the collection on the host itself."""
        env = [f"PYTHONPATH={TREE}:{PACKAGES}", f"ANSIBLE_COLLECTIONS_PATH={TREE}", "PYTHONDONTWRITEBYTECODE=1", "HOME=/root"]
        argv = [
            "env",
            *env,
            "ANSIBLE_BECOME_ALLOW_SAME_USER=false",
            "ANSIBLE_STDOUT_CALLBACK=ansible.builtin.default",
            "python3",
            "-m",
            "ansible",
        ]
        argv += ["playbook", "-i", "web1,", "-c", "local", "-e", json.dumps(variables), f"fleetlab.linux.{playbook}"]
        return self.ask(run=argv, limit=120)

    def four_times(self, name: str, **options: Any) -> dict[str, Any]:
        """Run a module in check mode, to apply, again, and in check mode again."""
        planned = self.module(name, check=True, **options)
        assert "failed" not in planned, planned
        done = self.module(name, **options)
        assert "failed" not in done, done
        assert (planned["commands"], planned["changed"]) == (done["commands"], done["changed"])
        for check in (False, True):
            again = self.module(name, check=check, **options)
            assert again["commands"] == [], again
            assert not again["changed"]
            assert again["diff"]["before"] == again["diff"]["after"] == done["diff"]["after"]
        return done

    def close(self) -> None:
        """End all processes."""
        self.agent.kill()
        self.agent.wait(10)
