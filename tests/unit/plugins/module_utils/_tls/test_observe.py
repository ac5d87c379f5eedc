# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the prober finds is what clients of OpenSSL negotiate, suite by suite; bad peers are named, in bounded time and memory."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._tls.observe.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.show import problems
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.suites import SUITES, find_suite
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._tls.servers import (
    END,
    START,
    handshake,
    listening,
    make_context,
    want,
    write_pair,
)

V = ssl.TLSVersion
NAMES = {V.TLSv1: "TLSv1", V.TLSv1_1: "TLSv1.1", V.TLSv1_2: "TLSv1.2", V.TLSv1_3: "TLSv1.3"}
NOW = int(START.timestamp()) + 86400


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pairs")


def agrees(port: int, version: ssl.TLSVersion, cipher: str) -> bool:
    """Whether a client of OpenSSL with this suite alone gets through."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    try:
        context.set_ciphers(f"{cipher}:@SECLEVEL=0")
        with socket.create_connection(("127.0.0.1", port), 5) as connection, context.wrap_socket(connection) as client:
            return (client.cipher() or ("",))[0] == cipher
    except (ssl.SSLError, OSError):
        return False


def oracle(port: int, version: ssl.TLSVersion) -> set[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    ciphers = [cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] != "TLSv1.3"]
    return {cipher for cipher in ciphers if agrees(port, version, cipher)}


@pytest.mark.parametrize(
    ("kind", "ciphers", "versions"),
    [
        ("rsa2048", "HIGH:!aNULL", (V.TLSv1_2, V.TLSv1_3)),
        ("rsa2048", "ALL:COMPLEMENTOFALL", (V.TLSv1, V.TLSv1_2)),
        ("ec256", "ECDHE+AESGCM:ECDHE+CHACHA20", (V.TLSv1_2, V.TLSv1_3)),
        ("rsa2048", "AES256-SHA:AES128-SHA", (V.TLSv1, V.TLSv1_1)),
        ("rsa2048", "kRSA", (V.TLSv1_2, V.TLSv1_2)),
        ("ec256", "ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA", (V.TLSv1, V.TLSv1_3)),
        ("rsa2048", "aNULL", (V.TLSv1_2, V.TLSv1_2)),
    ],
)
def test_each_list_is_that_of_clients_with_one_suite_each(
    folder: Path, kind: str, ciphers: str, versions: tuple[ssl.TLSVersion, ssl.TLSVersion]
) -> None:
    with listening(handshake(make_context(write_pair(folder, kind), ciphers, versions))) as port:
        (found,) = observe(want(port))
        lists = {protocol.name: {find_suite(number).openssl_name for number in protocol.suites} for protocol in found.protocols}
        spoken = [version for version in NAMES if versions[0] <= version <= versions[1]]
        expected = {NAMES[version]: oracle(port, version) for version in spoken if version != V.TLSv1_3}
    thirteen = lists.pop("TLSv1.3", None)
    assert lists == {name: suites for name, suites in expected.items() if suites}
    assert (thirteen is not None) == (versions[1] == V.TLSv1_3)
    assert found.errors == () or ciphers == "aNULL"
    without = {suite.openssl_name for suite in found.without}
    everything = set().union(*expected.values())
    assert without == {name for name in everything if not name.startswith(("ECDHE", "DHE", "ADH", "AECDH")) or "-NULL-" in name}


def test_certificate_groups_order_and_prime(folder: Path) -> None:
    def set_up(context: ssl.SSLContext) -> None:
        context.set_ecdh_curve("secp384r1")
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE

    context = make_context(write_pair(folder, "ec384"), "ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA", (V.TLSv1_2, V.TLSv1_3), set_up)
    with listening(handshake(context)) as port:
        (found,) = observe(want(port))
    assert {protocol.name: protocol.groups for protocol in found.protocols} == {"TLSv1.2": ("secp384r1",), "TLSv1.3": ("secp384r1",)}
    assert found.order == "server"
    assert found.forward_secret == "all"
    assert found.certificate is not None
    assert (found.certificate.subject, found.certificate.names) == ("localhost", ("localhost", "192.0.2.1"))
    assert (found.certificate.key, found.certificate.bits) == ("secp384r1", 384)
    assert (found.certificate.not_before, found.certificate.not_after) == (int(START.timestamp()), int(END.timestamp()))


@pytest.mark.parametrize("versions", [(V.TLSv1_2, V.TLSv1_3), (V.TLSv1_2, V.TLSv1_2)])
def test_both_certificates_of_a_server_are_read(folder: Path, versions: tuple[V, V]) -> None:
    """As Apache and nginx have them: one with a key on a curve, and one with an RSA key for old clients."""
    rsa = write_pair(folder)
    context = make_context(write_pair(folder, "ec256"), "ECDHE+AESGCM:AES128-SHA", versions, lambda context: context.load_cert_chain(rsa))
    with listening(handshake(context)) as port:
        (found,) = observe(want(port))
    assert found.certificate is not None
    assert [(one.key, one.bits) for one in (found.certificate, *found.other_certificates)] == [("secp256r1", 256), ("RSA", 2048)]
    assert found.errors == ()
    assert found.key_kinds == {"RSA", "ECDSA"}


def test_the_key_of_tickets_is_seen_and_known_again(folder: Path) -> None:
    pair = write_pair(folder)
    with listening(handshake(make_context(pair, "HIGH", (V.TLSv1_2, V.TLSv1_2)))) as port:
        (found,) = observe(want(port))
        assert found.tickets is not None
        key = found.tickets.key
        assert key is not None
        assert len(key) == 32
        assert (found.tickets.same_key, found.tickets.seen_for) == (True, 0)
        (again,) = observe(want(port, ticket_keys=((key, int(time.time()) - 100),)))
        assert again.tickets is not None
        assert again.tickets.key == key
        assert 100 <= (again.tickets.seen_for or 0) < 110
        assert any("one key for all sessions, the same key for" in text for text in problems(again, NOW))

    def without_tickets(context: ssl.SSLContext) -> None:
        context.options |= ssl.OP_NO_TICKET

    with listening(handshake(make_context(pair, "HIGH", (V.TLSv1_2, V.TLSv1_2), without_tickets))) as port:
        (found,) = observe(want(port))
        assert found.tickets is not None
        assert found.tickets.offered is False


def test_names_are_asked_for_one_by_one(folder: Path) -> None:
    old = make_context(write_pair(folder), "AES128-SHA", (V.TLSv1_2, V.TLSv1_2))

    def set_up(context: ssl.SSLContext) -> None:
        def choose(client: ssl.SSLSocket | ssl.SSLObject, name: str | None, _context: ssl.SSLSocket) -> int | None:
            if name == "old.example":
                client.context = old
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME if name == "no.example" else None

        context.set_servername_callback(choose)

    with listening(handshake(make_context(write_pair(folder), "ECDHE:!eNULL", (V.TLSv1_2, V.TLSv1_2), set_up))) as port:
        found = observe(want(port, names=("new.example", "old.example", "no.example", None)))
    assert [scan.forward_secret for scan in found] == ["all", "none", None, "all"]
    assert any("unrecognized name" in error for error in found[2].errors)


def silent(connection: socket.socket) -> None:
    connection.recv(1000)
    time.sleep(30)


def slow(connection: socket.socket) -> None:
    for byte in bytes.fromhex("160303ffff") + bytes(60):
        connection.sendall(bytes([byte]))
        time.sleep(1)


def speaks(data: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(data)

    return serve


def resets(connection: socket.socket) -> None:
    connection.recv(10)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def floods(connection: socket.socket) -> None:
    connection.recv(4096)
    with contextlib.suppress(OSError):
        for _record in range(640):
            connection.sendall(b"\x16\x03\x03\x40\x00" + b"\x0b\x00\xff\xff" + bytes(16380))


@pytest.mark.parametrize(
    ("serve", "said"),
    [
        (silent, "no complete answer within 0.5 s"),
        (slow, "no complete answer within 0.5 s"),
        (speaks(b""), "it closes the connection without an alert"),
        (resets, "it resets the connection"),
        (speaks(b"SSH-2.0-OpenSSH_9.2\r\n"), "it does not speak TLS: its answer begins with 'SSH-2.0-OpenSSH_9.2..'"),
        (speaks(b"\x15\x03\x03\x00\x02\x02\x50"), "answered with the alert internal error"),
        (speaks(b"\x16\x03\x03\x7f\xff" + bytes(100)), "it announced a record of 32767 bytes"),
        (speaks(b"\x16\x03\x03\x00\x08\x02\x00\x00\x04\x03\x03\x00\x00"), "a length in its answer leads beyond the end of the message"),
        (speaks(b"\x16\x03\x03\x00\x04\x0b\x00\x00\x00"), "it answers with a message of type 11 in place of its hello"),
        (speaks(b"\x16\x03\x03\x00\x04\x02\xff\xff\xff"), "it announced a message of 16777219 bytes"),
        (floods, "in place of its hello"),
    ],
)
def test_bad_peers_are_named_in_bounded_time(serve: Callable[[socket.socket], None], said: str) -> None:
    start = time.monotonic()
    with listening(serve) as port:
        (found,) = observe(want(port, timeout=0.5))
    assert time.monotonic() - start < 12
    assert found.forward_secret is None
    assert any(said in error for error in found.errors), found.errors
    assert all(len(error) < 200 for error in found.errors)


def test_a_port_without_a_server_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (found,) = observe(want(port))
    assert found.errors == ("no connection: Connection refused",)


@pytest.mark.parametrize(
    ("protocol", "greeting", "answers"),
    [
        ("smtp", b"220-mail\r\n220 ready\r\n", {b"EHLO": b"250-mail\r\n250-SIZE\r\n250 STARTTLS\r\n", b"STARTTLS": b"220 go\r\n"}),
        ("smtp", b"220\r\n", {b"EHLO": b"250-STARTTLS\r\n250\r\n", b"STARTTLS": b"220\r\n"}),
        ("imap", b"* OK ready\r\n", {b"a STARTTLS": b"* CAPABILITY IMAP4\r\na OK begin\r\n"}),
        ("pop3", b"+OK ready\r\n", {b"STLS": b"+OK begin\r\n"}),
        ("ftp", b"220-hello\r\n all\r\n220 ready\r\n", {b"AUTH TLS": b"234 go\r\n"}),
    ],
)
def test_tls_begins_after_a_command(folder: Path, protocol: str, greeting: bytes, answers: dict[bytes, bytes]) -> None:
    tls = handshake(make_context(write_pair(folder), "ECDHE+AESGCM", (V.TLSv1_2, V.TLSv1_3)))

    def serve(connection: socket.socket) -> None:
        connection.sendall(greeting)
        for command, answer in answers.items():
            assert connection.recv(1000).startswith(command)
            connection.sendall(answer)
        tls(connection)

    with listening(serve) as port:
        (found,) = observe(want(port, starttls=protocol))
    assert found.errors == ()
    assert [protocol.name for protocol in found.protocols] == ["TLSv1.2", "TLSv1.3"]
    assert found.certificate is not None


def test_tls_begins_after_the_line_of_a_proxy(folder: Path) -> None:
    tls = handshake(make_context(write_pair(folder), "ECDHE+AESGCM", (V.TLSv1_2, V.TLSv1_3)))

    def serve(connection: socket.socket) -> None:
        line = b"".join(iter(lambda: connection.recv(1), b"\n"))
        assert line == b"PROXY TCP4 127.0.0.1 127.0.0.1 65535 443\r"
        tls(connection)

    with listening(serve) as port:
        (found,) = observe(want(port, starttls="proxy"))
    assert (found.errors, found.forward_secret) == ((), "all")


def test_the_certificate_is_read_also_if_the_server_would_rather_have_none(folder: Path) -> None:
    def prefer(context: ssl.SSLContext) -> None:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE

    tls = handshake(make_context(write_pair(folder), "AECDH-AES128-SHA:ECDHE-RSA-AES128-SHA", (V.TLSv1_2, V.TLSv1_2), prefer))
    with listening(tls) as port:
        (found,) = observe(want(port))
    assert found.suites[0].is_anonymous
    assert found.certificate is not None
    only = handshake(make_context(write_pair(folder), "AECDH-AES128-SHA", (V.TLSv1_2, V.TLSv1_2)))
    with listening(only) as port:
        (found,) = observe(want(port))
    assert (found.certificate, found.errors) == (None, ())


def test_a_server_without_starttls_says_so() -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(b"220 ready\r\n")
        connection.recv(1000)
        connection.sendall(b"500 what\r\n")

    with listening(serve) as port:
        (found,) = observe(want(port, starttls="ftp"))
    assert "it refuses TLS: its answer to AUTH TLS is '500 what'" in found.errors[0]


def test_every_suite_of_this_openssl_has_a_row() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    names = {cipher["id"] & 0xFFFF: cipher["name"] for cipher in context.get_ciphers()}
    assert {number: SUITES[number].openssl_name for number in names} == names
