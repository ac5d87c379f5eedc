# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sslyze finds on the ports of a host. It is installed for that into a virtual environment that is thrown away."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import venv
from pathlib import Path
from typing import Any, Iterator

VERSION = "6.3.1"
PROTOCOLS = {"SSLv3": "ssl_3_0", "TLSv1": "tls_1_0", "TLSv1.1": "tls_1_1", "TLSv1.2": "tls_1_2", "TLSv1.3": "tls_1_3"}
_OPTIONS = ("--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3", "--compression", "--mozilla_config=disable")


@contextlib.contextmanager
def sslyze() -> Iterator[Path]:
    """The Python of an environment with sslyze."""
    with tempfile.TemporaryDirectory(prefix="fleetlab-sslyze-") as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "bin", "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"sslyze=={VERSION}"], check=True)
        yield python


def scan(python: Path, network: int, port: str, starttls: str) -> dict[str, Any]:
    """The suites of each protocol that is spoken, and whether TLS compresses. C(network) is a process of the host."""
    user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    answer = python.parents[1] / "answer.json"
    enter = ["nsenter", f"--target={network}", *user, "--net", "--"]
    argv = [*enter, str(python), "-m", "sslyze", *_OPTIONS, "--quiet", f"--json_out={answer}"]
    argv += [f"--starttls={starttls}"] if starttls else []
    # It exits with an error if a configuration is not as it wants.
    subprocess.run([*argv, f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL, check=False)
    (found,) = json.loads(answer.read_text(encoding="utf-8"))["server_scan_results"]
    results = found["scan_result"]
    accepted = {name: _result(results, f"{key}_cipher_suites")["accepted_cipher_suites"] for name, key in PROTOCOLS.items()}
    suites = {name: sorted(each["cipher_suite"]["name"] for each in some) for name, some in accepted.items() if some}
    return {"suites": suites, "compression": _result(results, "tls_compression")["supports_compression"]}


def _result(results: dict[str, Any], name: str) -> dict[str, Any]:
    if results[name]["status"] != "COMPLETED":
        raise SystemExit(f"sslyze did not find out {name}: {results[name]['error_reason']}")
    found: dict[str, Any] = results[name]["result"]
    return found
