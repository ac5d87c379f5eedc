# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two answers to what a server speaks: that of tls_info, and that of OpenSSL, which tries one whole handshake for each suite.

Runs on a host of a Debian release: tls_oracle PORT[:STARTTLS] ...; prints for each port both answers, as JSON.
"""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import time
import warnings

from ansible_collections.fleetlab.linux.plugins.module_utils._tls.observe.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.options import Wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.suites import SUITES, find_suite

VERSIONS = {"TLSv1": ssl.TLSVersion.TLSv1, "TLSv1.1": ssl.TLSVersion.TLSv1_1, "TLSv1.2": ssl.TLSVersion.TLSv1_2}
NAMES = {suite.openssl_name for suite in SUITES.values() if suite.openssl_name}
TLS13 = tuple(suite.openssl_name for suite in SUITES.values() if suite.is_tls13 and suite.openssl_name)


def known() -> list[str]:
    """The suites of the OpenSSL here that have a row in the table, without those of shared keys and passwords, which need a secret."""
    words = "ALL:COMPLEMENTOFALL:-PSK:-SRP:@SECLEVEL=0"
    found = subprocess.run(["openssl", "ciphers", "-s", "-tls1_2", words], check=True, capture_output=True, text=True).stdout.strip()
    return [name for name in found.split(":") if name in NAMES]


def connected(port: int, starttls: str) -> socket.socket:
    """A connection on which TLS may begin."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=5)
    if starttls:
        plain.recv(1000)
        plain.sendall(b"AUTH TLS\r\n")
        plain.recv(1000)
    return plain


def accepts(port: int, starttls: str, version: ssl.TLSVersion, suite: str) -> bool:
    """Whether a whole handshake with one suite succeeds."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(f"{suite}:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = version
        context.minimum_version = version
    try:
        with connected(port, starttls) as plain, context.wrap_socket(plain) as client:
            return client.cipher() is not None
    except OSError:
        return False


def s_client(port: int, starttls: str, *options: str) -> bool:
    """The same by the command of OpenSSL."""
    argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *(["-starttls", starttls] if starttls else []), *options]
    done = subprocess.run(argv, input="", capture_output=True, text=True, timeout=20, check=False)
    return "Cipher is (NONE)" not in done.stdout and "Cipher is " in done.stdout


def oracle(port: int, starttls: str, suites: list[str]) -> dict[str, list[str]]:
    """What OpenSSL finds."""
    found = {
        name: sorted(suite for suite in suites if accepts(port, starttls, version, suite)) if any_of(port, starttls, version) else []
        for name, version in VERSIONS.items()
    }
    found["TLSv1.3"] = sorted(suite for suite in TLS13 if s_client(port, starttls, "-tls1_3", "-ciphersuites", suite))
    return {name: list_ for name, list_ in found.items() if list_}


def any_of(port: int, starttls: str, version: ssl.TLSVersion) -> bool:
    """Whether a protocol is spoken at all."""
    return accepts(port, starttls, version, "ALL:COMPLEMENTOFALL")


def prober(port: int, starttls: str, suites: list[str]) -> dict[str, object]:
    """What tls_info finds, as far as the OpenSSL here can find it, and in how many seconds."""
    start = time.monotonic()
    (scan,) = observe(Wanted("127.0.0.1", port, (None,), starttls or None, 5.0, 400, ()))
    seconds = time.monotonic() - start
    tried = {*suites, *TLS13}
    found = {one.name: sorted(tried & {find_suite(number).openssl_name for number in one.suites}) for one in scan.protocols}
    return {"found": found, "seconds": seconds, "without": len(scan.without), "errors": list(scan.errors)}


def main(arguments: list[str]) -> None:
    """Print both answers for each port."""
    suites = known()
    answers = {}
    for word in arguments:
        port, _colon, starttls = word.partition(":")
        # A server of files starts a process for each connection, which takes a while: a third of the suites is enough there.
        tried = suites[::3] if starttls else suites
        answers[word] = {**prober(int(port), starttls, tried), "oracle": oracle(int(port), starttls, tried)}
        if word == arguments[0]:
            by_command = sorted(suite for suite in suites if s_client(int(port), starttls, "-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0"))
            answers[word]["s_client"] = by_command
    print(json.dumps(answers))


if __name__ == "__main__":
    main(sys.argv[1:])
