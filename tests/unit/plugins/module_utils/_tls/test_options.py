# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is no server, name or limit is refused before a packet is sent."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.options import SPEC, make_wanted


def make(**options: Any) -> Any:
    defaults = {name: option.get("default") for name, option in SPEC.items()}
    return make_wanted({**defaults, "host": "www.example.org", **options})


def test_names_are_brought_into_the_form_of_sni() -> None:
    assert make(names=["WWW.example.org.", "www.example.org", "bücher.example"]).names == ("www.example.org", "xn--bcher-kva.example", None)
    assert make(names=["a_b.example"], without_name=False).names == ("a_b.example",)


@pytest.mark.parametrize("host", ["2001:db8::1", "fe80::1%eth0", "::1", "www.example.org", "bücher.example", "mail"])
def test_names_and_addresses_of_servers(host: str) -> None:
    assert make(host=host).host == host


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"names": ["192.0.2.1"]}, "names: '192.0.2.1' is no host name; an address is asked for with host"),
        ({"names": ["a b"]}, "names: 'a b' is no host name"),
        ({"names": ["x" * 70]}, "is no host name"),
        ({"without_name": False}, "names: is empty, and without_name is false"),
        ({"port": 0}, "port: is 0; ports are 1 to 65535"),
        ({"timeout": 90.0}, "timeout: is 90.0; it has to be 0.1 to 60 seconds"),
        ({"max_handshakes": 0}, "max_handshakes: is 0"),
        ({"parallel": 0}, "parallel: is 0; it has to be 1 to 16"),
        ({"parallel": 17}, "parallel: is 17"),
        ({"host": " "}, "host: is empty"),
        ({"host": "https://www.example.org"}, "host: 'https://www.example.org' is more than a name or an address"),
        ({"host": "www.example.org:443"}, "give the port by the option port"),
        ({"host": "[2001:db8::1]"}, "and no brackets"),
        ({"names": ["straße.example"]}, "names: 'straße.example' has a letter whose ASCII form has changed"),
        ({"ticket_keys": {"ab": "x"}}, "ticket_keys: ab: 'x' is no time in seconds since 1970"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        make(**options)
    assert said in str(caught.value)
