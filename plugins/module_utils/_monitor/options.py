# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a task, checked. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional

from .._core.errors import InputError

ARGUMENT_SPEC: Dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "textfile": {"type": "path"},
    "mail": {"type": "str"},
    "program": {"type": "path"},
    "webhook": {"type": "str", "no_log": True},
}

# mdadm splits its lines at white space, and takes # for a comment.
_ADDRESS = re.compile(r"[^\s#\"',]+")
_URL = re.compile(r"https?://[^\s/]+(/\S*)?")


@dataclass(frozen=True)
class Wanted:
    """What shall be on the host; C(mail) is C(None) if the task does not change the address."""

    present: bool = True
    textfile: Optional[str] = None
    mail: Optional[str] = None
    program: Optional[str] = None
    webhook: Optional[str] = field(default=None, repr=False)

    @property
    def has_events(self) -> bool:
        """Whether mdadm's monitor shall start a program."""
        return self.present and bool(self.program or self.webhook)


def make_wanted(params: Mapping[str, Any]) -> Wanted:
    """Check every option. An empty text is the same as an omitted option.

    :raises InputError: a value that a file or mdadm cannot have.
    """
    if params["state"] == "absent":
        return Wanted(present=False)
    given: Dict[str, Any] = {name: params[name] or None for name in ("textfile", "mail", "program", "webhook")}
    for name in ("textfile", "program"):
        if given[name] and not re.fullmatch(r"/[^\s#\"']+", given[name]):
            raise InputError(name, f"{given[name]!r} is not an absolute path without spaces and quotes, which mdadm.conf cannot have")
    if given["mail"] and not _ADDRESS.fullmatch(given["mail"]):
        raise InputError(
            "mail", f"{given['mail']!r} is not one mail address; mdadm mails to one address, which may be an alias for several"
        )
    if given["webhook"] and not _URL.fullmatch(given["webhook"]):
        # The address may contain a secret, and is not shown.
        raise InputError("webhook", "the value does not begin with http:// or https:// and a host, or contains spaces")
    return Wanted(**given)


def secrets(params: Mapping[str, Any]) -> List[str]:
    """The address of a webhook often contains the right to use it."""
    return [params["webhook"]] if params.get("webhook") else []
