# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scan finds exactly what a server of any kind supports, whoever has the choice, and no bytes lead it astray."""

from __future__ import annotations

import contextlib
import struct
from dataclasses import dataclass, replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._tls.answer import LIMIT, Answer, BadAnswer, read_answer
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.certificate import BadCertificate, read_certificate
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.hello import GROUPS, TLS13, VERSIONS, Offer, client_hello
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.scan import scan
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.show import problems, returned
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.state import Certificate, ProbeError, Protocol, Scan, Tickets
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.suites import OLDER, SUITES, find_suite
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.suites import TLS13 as TLS13_SUITES
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._tls.servers import make_certificate, make_key, want

NAMES = {number: name for name, number in VERSIONS.items()}


@dataclass(frozen=True)
class Server:
    """A server by what it supports: suites of each version in its order, and groups in its order."""

    suites: dict[int, tuple[int, ...]]
    groups: tuple[int, ...]
    prefers_own: bool

    def answer(self, offer: Offer, until_key: bool) -> Answer:
        versions = [version for version, suites in self.suites.items() if version <= offer.version and suites]
        if offer.version == TLS13:
            # The offer names no older version.
            versions = [version for version in versions if version == TLS13]
        if not versions:
            return Answer(alert=70)
        version = max(versions)
        own = self.suites[version]
        fitting = [suite for suite in (own if self.prefers_own else offer.suites) if suite in own and suite in offer.suites]
        groups = [group for group in self.groups if group in offer.groups]
        exchanges = {suite: find_suite(suite).key_exchange for suite in fitting}
        fitting = [suite for suite in fitting if groups or not (version == TLS13 or exchanges[suite].startswith("ECDHE"))]
        if not fitting:
            return Answer(alert=40)
        answer = Answer(version, fitting[0])
        if version == TLS13 or (until_key and exchanges[fitting[0]].startswith("ECDHE")):
            answer = replace(answer, group=groups[0])
        return answer


def subsets(values: tuple[int, ...], most: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.sampled_from(values), unique=True, max_size=most).map(tuple)


SERVERS = st.builds(
    Server,
    suites=st.fixed_dictionaries(
        {**{VERSIONS[name]: subsets(OLDER, 12) for name in ("SSLv3", "TLSv1.2")}, TLS13: subsets(TLS13_SUITES, 5)}
    ),
    groups=subsets(tuple(GROUPS), 6),
    prefers_own=st.booleans(),
)


@given(SERVERS)
def test_a_scan_finds_all_that_a_server_supports(server: Server) -> None:
    found = scan(server.answer, "www.example.org", 1000)
    usable = {
        NAMES[version]: {
            suite for suite in suites if server.groups or not (version == TLS13 or find_suite(suite).key_exchange.startswith("ECDHE"))
        }
        for version, suites in server.suites.items()
    }
    assert {protocol.name: set(protocol.suites) for protocol in found.protocols} == {
        name: suites for name, suites in usable.items() if suites
    }
    assert found.errors == ()
    for protocol in found.protocols:
        elliptic = any(find_suite(suite).key_exchange.startswith("ECDHE") for suite in protocol.suites)
        asked = protocol.name == "TLSv1.3" or (protocol.name == "TLSv1.2" and elliptic)
        assert protocol.groups == (tuple(GROUPS[group] for group in server.groups) if asked else ())
    if found.order:
        assert found.order == ("server" if server.prefers_own else "client")


@given(SERVERS, st.integers(1, 30))
def test_a_scan_never_needs_more_handshakes_than_allowed(server: Server, limit: int) -> None:
    found = scan(server.answer, None, limit)
    assert found.handshakes <= limit
    whole = scan(server.answer, None, 1000)
    assert (found.errors == ()) == (whole.handshakes <= limit)
    lists = {protocol.name: set(protocol.suites) for protocol in whole.protocols}
    assert all(set(protocol.suites) <= lists[protocol.name] for protocol in found.protocols)


def test_a_server_that_chooses_what_was_not_offered_is_named() -> None:
    found = scan(lambda offer, until_key: Answer(offer.version, 0x1234), None, 100)
    assert "TLSv1.2: chose the suite 0x1234, which was not offered" in found.errors


def test_a_protocol_at_which_the_server_hangs_up_does_not_hide_the_others() -> None:
    server = Server({VERSIONS["TLSv1.2"]: (0xC02F, 0x009C)}, (0x1D,), True)

    def answer(offer: Offer, until_key: bool) -> Answer:
        if offer.version != VERSIONS["TLSv1.2"]:
            raise ProbeError("no complete answer within 5 s", is_silent=True)
        return server.answer(offer, until_key)

    found = scan(answer, None, 100)
    assert [(protocol.name, protocol.suites, protocol.groups) for protocol in found.protocols] == [
        ("TLSv1.2", (0xC02F, 0x009C), ("x25519",))
    ]
    assert [error.partition(":")[0] for error in found.errors] == ["TLSv1.3", "TLSv1.1", "TLSv1", "SSLv3"]


@given(st.binary(max_size=400), st.booleans())
def test_no_bytes_break_the_reader(data: bytes, until_key: bool) -> None:
    for begins in (b"", b"\x16\x03\x03", b"\x16\x03\x03\x00\x40\x02\x00\x00\x3c\x03\x03" + bytes(32)):
        with contextlib.suppress(BadAnswer):
            read_answer(begins + data, until_key)


@given(st.binary(max_size=300), st.integers(0, 600), st.sampled_from(["rsa1024", "ec256"]))
def test_no_bytes_break_the_reader_of_certificates(data: bytes, at: int, kind: str) -> None:
    whole = CERTIFICATES[kind]
    for broken in (data, whole[:at] + data, whole[:at] + data + whole[at + len(data) :]):
        with contextlib.suppress(BadCertificate):
            read_certificate(broken)


CERTIFICATES = {kind: make_certificate(make_key(kind)).public_bytes(Encoding.DER) for kind in ("rsa1024", "rsa3072", "ec256")}


@pytest.mark.parametrize(("kind", "expected"), [("rsa1024", ("RSA", 1024)), ("rsa3072", ("RSA", 3072)), ("ec256", ("secp256r1", 256))])
def test_a_certificate_is_read(kind: str, expected: tuple[str, int]) -> None:
    found = read_certificate(CERTIFICATES[kind])
    assert (found.key, found.bits) == expected
    assert (found.subject, found.names) == ("localhost", ("localhost", "192.0.2.1"))


def test_a_key_for_pss_alone_is_rsa() -> None:
    rsa, pss = bytes.fromhex("06092a864886f70d010101"), bytes.fromhex("06092a864886f70d01010a")
    found = read_certificate(CERTIFICATES["rsa3072"].replace(rsa, pss))
    assert (found.key, found.bits) == ("RSA", 3072)


@given(
    st.sampled_from(sorted(VERSIONS.values())),
    subsets(OLDER, 200),
    st.one_of(st.none(), st.from_regex(r"[a-z]{1,60}(\.[a-z]{1,60}){0,2}", fullmatch=True)),
)
def test_a_hello_is_one_well_formed_record(version: int, suites: tuple[int, ...], name: str | None) -> None:
    record = client_hello(Offer(version, suites, server_name=name), bytes(64))
    kind, _version, length = struct.unpack("!BHH", record[:5])
    assert (kind, length) == (22, len(record) - 5)
    assert int.from_bytes(record[6:9], "big") == length - 4
    assert length not in range(256, 512)
    assert (name is not None and version > 0x300) == (name is not None and name.encode() in record and version > 0x300)


def test_an_answer_without_end_is_given_up() -> None:
    with pytest.raises(BadAnswer, match="more than 256 KiB"):
        read_answer(b"\x15\x03\x03\x00\x02\x01\x70" * (LIMIT // 7 + 1), False)


def test_problems_are_sentences_with_their_server() -> None:
    certificate = Certificate("old.example", (), 0, 86400 * 10, "RSA", 1024)
    found = Scan(
        "old.example",
        (Protocol("TLSv1", (0x0005, 0x000A)), Protocol("TLSv1.2", (0xC02F, 0x009C, 0x009D, 0x0005), ("secp256r1",), 1024)),
        compression=True,
        tickets=Tickets(True, "aa" * 16, True, 300, 7200),
        certificate=certificate,
        other_certificates=(Certificate("two.example", (), 0, 86400 * 12, "secp256r1", 256),),
        errors=("certificate: it has less than six fields",),
    )
    assert list(problems(found, 86400 * 13)) == [
        "4 suites have no forward secrecy: RC4-SHA, DES-CBC3-SHA, AES128-GCM-SHA256 and 1 more",
        "the old protocols TLSv1 are spoken",
        "session tickets of TLS 1.2 have one key for all sessions, the same key for 7200 s: who gets it can decrypt recorded sessions",
        "TLS compresses, which reveals secrets (CRIME)",
        "TLSv1.2 uses a DH prime of 1024 bits; 2048 are the least",
        "the certificate of old.example (RSA) expired 3 days ago",
        "the RSA key has 1024 bits; 2048 are the least",
        "the certificate of two.example (secp256r1) expired 1 day ago",
        "certificate: it has less than six fields",
    ]
    shown = returned(want(443), [found, Scan("new.example")], 86400 * 13)
    assert shown["problems"][0].startswith("127.0.0.1:443 for old.example: 4 suites")
    assert shown["forward_secret"] is None
    assert shown["ticket_keys"] == {"aa" * 16: 86400 * 13}
    assert shown["names"][0]["forward_secret"] == "some"


def test_a_server_that_refuses_clients_without_a_name_is_judged_by_its_names() -> None:
    """nginx with ssl_reject_handshake in its default server."""
    good, refused = Scan("a.test", (Protocol("TLSv1.3", (0x1301,)),)), Scan(None)
    shown = returned(want(443), [good, refused], 0)
    assert (shown["forward_secret"], shown["problems"]) == ("all", [])
    assert [name["name"] for name in shown["names"]] == ["a.test", None]
    for others in ([refused], [Scan("a.test"), refused], [good, Scan(None, errors=("it does not answer",))]):
        shown = returned(want(443), others, 0)
        assert shown["forward_secret"] is None
        assert shown["problems"]


@pytest.mark.parametrize(
    "openssl_name",
    ["ECDHE-RSA-NULL-SHA", "AECDH-NULL-SHA", "NULL-MD5", "EXP-EDH-RSA-DES-CBC-SHA", "EXP-ADH-RC4-MD5", "EDH-RSA-DES-CBC-SHA"],
)
def test_what_everybody_can_read_is_not_forward_secret(openssl_name: str) -> None:
    (suite,) = (each for each in SUITES.values() if each.openssl_name == openssl_name)
    found = Scan("a.test", (Protocol("TLSv1.2", (suite.number, 0xC02F)),))
    assert (found.forward_secret, found.without) == ("some", (suite,))
    read = f"1 suite has no encryption, or a key of at most 56 bits, so that who records can read: {openssl_name}"
    assert list(problems(found, 0))[:2] == [f"1 suite has no forward secrecy: {openssl_name}", read]


def test_suites_without_a_certificate_are_named() -> None:
    """testssl.sh 354: a mail server that offers only anonymous exchanges."""
    found = Scan("a.test", (Protocol("TLSv1.2", (0xC019, 0x00A7)),))
    assert found.forward_secret == "all"
    said = "2 suites have no certificate, so that anybody on the way can be the server: AECDH-AES256-SHA, ADH-AES256-GCM-SHA384"
    assert list(problems(found, 0)) == [said]


def test_a_server_that_refuses_everything_is_a_problem() -> None:
    (said,) = problems(Scan("a.test"), 0)
    assert said.startswith("it refuses every suite of every protocol from SSLv3 to TLSv1.3")


@pytest.mark.parametrize("version", sorted(VERSIONS.values()))
def test_clients_that_renegotiate_safely_are_recognized(version: int) -> None:
    """testssl.sh 990: a server refuses each hello that has no 00ff among its suites."""
    hello = client_hello(Offer(version, (0xC02F,)), bytes(64))
    after_session = 44 + (32 if version == TLS13 else 0)
    suites = b"\x00\x02\xc0\x2f" if version == TLS13 else b"\x00\x04\xc0\x2f\x00\xff"
    assert hello[after_session:].startswith(suites)


def test_forward_secrecy_is_in_the_name_of_the_exchange() -> None:
    secret = {suite.name for suite in SUITES.values() if suite.is_forward_secret}
    assert {"TLS_ECDHE_RSA_WITH_RC4_128_SHA", "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_AES_128_CCM_8_SHA256"} <= secret
    assert not {"TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_256_GCM_SHA384", "TLS_PSK_WITH_AES_128_GCM_SHA256"} & secret
    assert {suite.key_exchange for suite in SUITES.values() if suite.name in secret} == {
        "any", "ECDHE_RSA", "ECDHE_ECDSA", "ECDHE_PSK", "DHE_RSA", "DHE_DSS", "DHE_PSK", "DH_anon", "ECDH_anon",
    }  # fmt: skip
