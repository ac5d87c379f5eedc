#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove by handshakes what a TLS server negotiates."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tls_info
short_description: Prove by handshakes which protocols, suites and groups a TLS server negotiates
version_added: 0.1.0
description:
  - Offers a server everything, takes its choice away from the offer, and asks again, for every protocol from SSL 3.0 to TLS 1.3. So the
    result is what the server does, whatever its configuration says.
  - Asks with each of O(names), and with none, because a server may answer differently for each.
  - Says which suites have forward secrecy, so that whoever records a connection cannot decrypt it later with the server's private key, and
    whether session tickets undo it.
  - Needs only Python where it runs. Old protocols and suites are found also if the OpenSSL there no longer knows them, because no byte is
    encrypted for it. Only the certificate and the tickets are read by whole handshakes of that OpenSSL.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes.info_module
options:
  host:
    description: Name or address of the server, as the host sees it on which the module runs.
    type: str
    required: true
  port:
    description: TCP port.
    type: int
    default: 443
  names:
    description: Server names to ask for with SNI.
    type: list
    elements: str
    default: []
  without_name:
    description:
      - Whether to ask also as a client without SNI does. A server that refuses such clients, as nginx with C(ssl_reject_handshake), and
        answers to one of the O(names) is judged by its names alone.
    type: bool
    default: true
  starttls:
    description: The protocol in which TLS begins only after a command. By default TLS begins at once.
    type: str
    choices: [smtp, imap, pop3, ftp]
  timeout:
    description: Seconds that one handshake may take, 0.1 to 60.
    type: float
    default: 5.0
  max_handshakes:
    description: The most handshakes for one name. A server with every suite of OpenSSL needs about 120.
    type: int
    default: 200
  parallel:
    description:
      - The most connections that are open at a time, 1 to 16. While one asks, the next ones are opened, which saves half of the time or
        more where a server is slow to greet, such as ProFTPD, or far away.
      - The first asks alone. What fails beside others is asked again alone, and if that succeeds, all that follow are alone, because the
        server counts the connections of each client. Set V(1) for a server that blocks such clients.
      - Up to O(parallel) - 1 connections are opened and closed again without a question.
    type: int
    default: 4
  ticket_keys:
    description:
      - RV(ticket_keys) of an earlier result, to find out how long a server keeps the key of its tickets.
      - It holds names of keys and times, no secret.
    type: dict
    default: {}
notes:
  - A server that resets connections, or says that it has too many, is asked up to three times, with pauses.
seealso:
  - module: community.crypto.get_certificate
    description: Reads a certificate with all its fields.
"""

EXAMPLES = r"""
- name: Look at a server with two names
  fleetlab.linux.tls_info:
    host: www.example.org
    names: [www.example.org, shop.example.org]
  register: tls

- name: Fail if a recorded session could be decrypted later
  ansible.builtin.assert:
    that: tls.forward_secret == 'all'
    fail_msg: "{{ tls.problems | join('; ') }}"

- name: Look at a mail server, from the controller
  fleetlab.linux.tls_info:
    host: mail.example.org
    port: 25
    starttls: smtp
    names: [mail.example.org]
  delegate_to: localhost
"""

RETURN = r"""
names:
  description: What the server negotiates for each name, in the order of O(names), the client without a name last.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name, or null for a client without SNI.
      type: str
      sample: www.example.org
    protocols:
      description: The protocols that the server speaks, by C(SSLv3), C(TLSv1), C(TLSv1.1), C(TLSv1.2), C(TLSv1.3).
      type: dict
      sample:
        TLSv1.3:
          suites:
            - {id: "0x1302", name: TLS_AES_256_GCM_SHA384, openssl_name: TLS_AES_256_GCM_SHA384, key_exchange: any, forward_secrecy: true}
          groups: [X25519MLKEM768, x25519]
          dh_bits: null
    forward_secret:
      description: V(all), V(some) or V(none) of the suites have forward secrecy; null if the server agreed to no suite.
      type: str
      sample: all
    without:
      description: The suites without forward secrecy, and those that everybody who records can read.
      type: list
      elements: str
      sample: [TLS_RSA_WITH_AES_128_GCM_SHA256]
    post_quantum:
      description: The hybrid groups that also withstand a quantum computer.
      type: list
      elements: str
      sample: [X25519MLKEM768]
    order:
      description: Whose preference decides among suites, V(server) or V(client); null where only TLS 1.3 or one suite is spoken.
      type: str
      sample: client
    compression:
      description: Whether the server compresses.
      type: bool
      sample: false
    tickets:
      description:
        - The session tickets of TLS 1.2 and older. Null if only TLS 1.3 is spoken, whose tickets leave each session its own keys.
        - C(same_key) tells whether two sessions had the same key, C(seen_for) for how many seconds the key is known by O(ticket_keys).
      type: dict
      contains:
        offered:
          description: Whether tickets are offered.
          type: bool
        key:
          description: The name of the key.
          type: str
        same_key:
          description: Whether two sessions had the same key.
          type: bool
        lifetime:
          description: Seconds for which a ticket is valid.
          type: int
        seen_for:
          description: For how many seconds the key is known, or null.
          type: int
      sample: {offered: true, key: 6a1f0e52b3c94d7788ab0c1d2e3f4051, same_key: true, lifetime: 300, seen_for: 86400}
    certificate:
      description: The certificate's subject, names, key, size of the key in bits, and dates in seconds since 1970.
      type: dict
      contains: &certificate
        subject:
          description: Its subject.
          type: str
        names:
          description: Its names.
          type: list
          elements: str
        key:
          description: The kind of its key.
          type: str
        bits:
          description: The size of the key in bits.
          type: int
        not_before:
          description: When it begins, in seconds since 1970.
          type: int
        not_after:
          description: When it ends.
          type: int
      sample:
        subject: www.example.org
        names: [www.example.org]
        key: secp256r1
        bits: 256
        not_before: 1764547200
        not_after: 1772323200
    other_certificates:
      description:
        - The certificates with another kind of key, which a client of TLS 1.2 or older gets if it does not take the kind of
          C(certificate).
      type: list
      elements: dict
      contains: *certificate
      sample: []
    handshakes:
      description: The number of hellos that were sent.
      type: int
      sample: 54
    errors:
      description: What could not be found out, and why.
      type: list
      elements: str
      sample: []
forward_secret:
  description:
    - The same over all names; null if no suite was found for one of them. Clients without a name do not count if the server refuses them
      and answers to a name.
  returned: success
  type: str
  sample: all
problems:
  description: A sentence for each finding, with the server and the name. Empty when all is well.
  returned: success
  type: list
  elements: str
  sample: ["www.example.org:443 without a name: 2 suites have no forward secrecy: AES128-GCM-SHA256, AES256-GCM-SHA384"]
ticket_keys:
  description: The keys of tickets that were seen, each with the time when it was seen first, in seconds since 1970.
  returned: success
  type: dict
  sample: {6a1f0e52b3c94d7788ab0c1d2e3f4051: 1764547200}
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import fail
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.observe.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.options import SPEC, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.show import returned


def main() -> None:
    """Ask and report."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    try:
        wanted = make_wanted(module.params)
        found = returned(wanted, observe(wanted), int(time.time()))
    except FleetlabError as error:
        fail(module, error)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
