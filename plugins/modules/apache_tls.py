#!/usr/bin/python
# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give Apache forward secrecy, proved by handshakes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: apache_tls
short_description: Give all sites of Apache forward secrecy, tried in a throwaway server and proved by handshakes
version_added: 0.1.0
description:
  - Writes one file, C(/etc/apache2/conf-available/zz-fleetlab-tls.conf), with a profile of Mozilla's guidelines for server-side TLS,
    version 6.0, as far as the OpenSSL of the running Apache has what the profile names, and enables it.
  - Runs the whole configuration first in a throwaway Apache, in namespaces of its own where every address is local and all writes go to
    memory, and asks it by handshakes for every name and for none. Only if every suite has forward secrecy, and everything is as the
    profile says, the file is written and Apache is told to read it. C(apache2ctl configtest) accepts configurations that end a running
    server.
  - Asks the running server the same afterwards. If it is gone, or does anything else than the throwaway one, the old file is put back.
  - Refuses, with file and line, settings in virtual hosts or later files that undo the profile, key files of session tickets that are
    older than a day, missing certificates, RSA keys of less than 2048 bits, and addresses on which Apache could not listen.
author:
  - fleetlab.linux contributors (@fleetlab)
extends_documentation_fragment:
  - fleetlab.linux._attributes
  - fleetlab.linux._attributes.group_server_tls
options:
  state:
    description:
      - V(present) gives the server the profile.
      - V(absent) takes away what this module wrote - its file, and the comments that O(overrides=comment_out) made of settings in the
        server's folder of configuration, and in files elsewhere that it includes. It is tried, compared and rolled back in the same way;
        the other options are not used.
    type: str
    choices: [present, absent]
    default: present
  profile:
    description:
      - V(intermediate) speaks TLS 1.2 and 1.3, with the six suites of TLS 1.2 that have forward secrecy and authenticated encryption.
      - V(modern) speaks only TLS 1.3.
    type: str
    choices: [intermediate, modern]
    default: intermediate
  oldest_client:
    description: The newest protocol of the oldest client that has to be served. With V(TLSv1.2) O(profile=modern) is refused.
    type: str
    choices: [TLSv1.2, TLSv1.3]
  groups:
    description:
      - Groups of the key exchange by OpenSSL's names, the preferred first. By default those of the guidelines that this OpenSSL has,
        C(X25519MLKEM768) from OpenSSL 3.5, C(X25519), C(prime256v1), C(secp384r1).
      - A group that this OpenSSL does not have is refused, because Apache would end at the next reload.
    type: list
    elements: str
  tickets:
    description:
      - V(off) offers no session tickets to clients of TLS 1.2.
      - V(rotate) offers them, with a key that Apache makes itself and forgets at each reload, so reload it every day. Whoever gets the key
        can decrypt the recorded sessions of TLS 1.2 since then.
    type: str
    choices: ['off', rotate]
    default: 'off'
  stapling:
    description: Whether to staple OCSP answers. V(auto) does where every certificate names a responder; else Apache logs errors.
    type: str
    choices: [auto, 'off']
    default: auto
  trace:
    description: Whether to leave the method TRACE as it is. By default it is switched off.
    type: bool
    default: false
  overrides:
    description:
      - V(refuse) refuses settings elsewhere that undo the profile.
      - V(report) warns of them. The names that they concern need forward secrecy all the same, but not the rest of the profile.
      - V(comment_out) makes these lines comments, in the files where they are. If the change is undone, they are put back.
    type: str
    choices: [refuse, report, comment_out]
    default: refuse
  timeout:
    description: Seconds that one handshake may take, 0.1 to 60.
    type: float
    default: 5.0
requirements:
  - Apache 2.4 in the layout of Debian
  - iproute2, util-linux
notes:
  - Runs as root.
  - A reload keeps connections. The throwaway server starts no network connection, and is reached by nobody.
  - An address that the server knows and the host does not have now, such as one that moves between two hosts, is tried in the throwaway
    server, and named in a warning, but not asked.
seealso:
  - module: fleetlab.linux.tls_info
"""

EXAMPLES = r"""
- name: Give all sites forward secrecy
  fleetlab.linux.apache_tls:

- name: Speak only TLS 1.3
  fleetlab.linux.apache_tls:
    profile: modern

- name: Take the settings of virtual hosts out
  fleetlab.linux.apache_tls:
    overrides: comment_out

- name: Leave one virtual host its own settings, as long as it is forward secret
  fleetlab.linux.apache_tls:
    overrides: report

- name: Take the profile away
  fleetlab.linux.apache_tls:
    state: absent
"""

RETURN = r"""
commands:
  description: The steps that were carried out, or in check mode planned, each as a list of words.
  returned: success
  type: list
  elements: list
  sample:
    - [trial, profile=intermediate, 'groups=X25519 prime256v1 secp384r1']
    - [mkdir, --parents, /var/lib/fleetlab]
    - [write-file, /var/lib/fleetlab/apache_tls.json, '0600']
    - [write-file, /etc/apache2/conf-available/zz-fleetlab-tls.conf, '0644']
    - [a2enconf, --quiet, zz-fleetlab-tls]
    - [prove]
    - [rm, --force, /var/lib/fleetlab/apache_tls.json]
openssl:
  description: The version of OpenSSL that the server has loaded.
  returned: success
  type: str
  sample: 3.0.22
running:
  description: Whether the server runs.
  returned: success
  type: bool
  sample: true
names:
  description: What the running server does at each address for each name, in check mode before the steps, otherwise after them.
  returned: success
  type: list
  elements: dict
  contains:
    address:
      description: The address that was asked.
      type: str
    port:
      description: The port.
      type: int
    name:
      description: The name, null for a client without SNI.
      type: str
    protocols:
      description: The protocols that it speaks.
      type: list
      elements: str
    suites:
      description: The number of suites.
      type: int
    without:
      description: The suites without forward secrecy.
      type: list
      elements: str
    post_quantum:
      description: The hybrid groups that also withstand a quantum computer.
      type: list
      elements: str
    tickets:
      description: Whether session tickets of TLS 1.2 are offered.
      type: bool
    errors:
      description: What could not be found out, and why.
      type: list
      elements: str
  sample:
    - address: 127.0.0.1
      port: 443
      name: www.example.org
      protocols: [TLSv1.2, TLSv1.3]
      suites: 6
      without: []
      post_quantum: []
      tickets: false
      errors: []
overrides:
  description: Settings elsewhere that undo the profile, each with its file and line.
  returned: success
  type: list
  elements: str
  sample: ["/etc/apache2/sites-enabled/old.conf:7: SSLProtocol all (in <virtualhost *:443>)"]
"""

from functools import partial

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import Lock
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import Wing, require_root, run
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.runner import host_runner
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls import show
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.apply.operations import operations
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.options import APACHE_SPEC, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.servers import APACHE

LOCK = Lock("apache-tls", "TLS of Apache")


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=APACHE_SPEC, supports_check_mode=True)
    host, runner = Host(), host_runner()
    wing = Wing(
        make_wanted=make_wanted,
        require=partial(require_root, "read the configuration of Apache and change it"),
        observe=partial(observe, server=APACHE, host=host),
        plan=partial(plan, server=APACHE),
        returned=show.returned,
        operations=partial(operations, server=APACHE, runner=runner, host=host),
        lock=LOCK,
    )
    run(module, wing, runner)


if __name__ == "__main__":
    main()
