# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May the settings be written? Pure."""

from __future__ import annotations

from typing import Iterator, Sequence

from .._core.errors import FleetlabError, InputError, RefusedError
from .options import Wanted
from .profiles import GROUPS
from .servers import Server
from .state import State

_SHOWN = 3
_DAY = 86400
_NOTHING = "Nothing was changed"


def check(server: Server, state: State, wanted: Wanted) -> None:
    """Refuse what would fail, or would not do what it says.

    :raises InputError: a group that this OpenSSL does not have.
    :raises RefusedError: the server has no TLS, or its configuration undoes the settings.
    """
    for name in wanted.groups or ():
        if GROUPS[name].since > state.version:
            version = ".".join(map(str, state.version))
            raise InputError("groups", f"{name} is not in the OpenSSL {version} of this server, which would not start: omit it")
    if state.kept is not None and state.kept.running and state.pid is None:
        found = "the server ran when an earlier run of this module was killed during a change, and does not run now"
        remedy = f"{_NOTHING}; start the server and run this again. The former files are in {server.journal}"
        raise RefusedError(f"{server.name}_tls", found, remedy)
    for error in _refusals(server, state, wanted):
        raise error


def _refusals(server: Server, state: State, wanted: Wanted) -> Iterator[FleetlabError]:
    yield from _of_listeners(server, state)
    # What this collection wrote may go whatever else is wrong; the trial shows whether the server lives without it.
    yield from _of_settings(server, state, wanted) if wanted.is_present else ()


def _of_listeners(server: Server, state: State) -> Iterator[FleetlabError]:
    if state.blocked:
        listener, problem = state.blocked[0]
        found = f"the server cannot listen on port {listener.port} as {listener.place} says ({problem}), and a reload would end it"
        yield RefusedError(f"{server.name}_tls", found, f"{_NOTHING}; correct that line first")


def _of_settings(server: Server, state: State, wanted: Wanted) -> Iterator[FleetlabError]:
    config, subject = state.config, f"{server.name}_tls"
    if not config.has_tls:
        yield RefusedError(subject, server.no_tls, _NOTHING)
    if not config.reads_owned:
        yield RefusedError(subject, f"the server does not read {server.enabled}", f"{_NOTHING}; include its folder as Debian does")
    if not config.endpoints:
        yield RefusedError(subject, "no address was found where TLS is spoken", f"{_NOTHING}; enable a site with TLS first")
    missing = [f"{file.path} ({file.place})" for file in config.certificates if file.age is None]
    if missing:
        yield RefusedError(subject, f"the certificate {_list(missing)} does not exist", f"{_NOTHING}; install it first")
    old = [f"{file.path} ({file.place})" for file in config.ticket_keys if file.age is None or file.age > _DAY]
    if old:
        found = f"the key file of session tickets {_list(old)} is missing or older than a day: who gets it decrypts recorded sessions"
        yield RefusedError(subject, found, f"{_NOTHING}; take the line out, so that the server makes a key for itself")
    if config.overrides and wanted.overrides == "refuse":
        found = f"other settings undo this one: {_list([str(one) for one in config.overrides])}"
        yield RefusedError(subject, found, f"{_NOTHING}; take these lines out, or set overrides to comment_out or report")
    unreadable = [one.place.file for one in config.overrides if one.real not in state.files]
    if unreadable and wanted.overrides == "comment_out":
        yield RefusedError(subject, f"not a text in UTF-8: {_list(unreadable)}", f"{_NOTHING}; take its settings out by hand")
    spread = [str(one) for one in config.overrides if not one.is_whole]
    if spread and wanted.overrides == "comment_out":
        yield RefusedError(subject, f"other settings share their lines: {_list(spread)}", f"{_NOTHING}; take them out by hand")


def _list(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return "; ".join(texts[:_SHOWN]) + more
