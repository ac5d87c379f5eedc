# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration with and without our file, and what each means for the users. It also tries the wanted one, and changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, List, Mapping, Optional, Sequence, Tuple

from ..._core.errors import ObservationError
from ..._core.runner import Runner
from ..._host.files import Host
from ..checks import MOST, check
from ..options import Wanted, WantedCure
from ..sections import content
from ..state import UNREAD, Configuration, CureState, Verdict
from .configuration import read_configuration, require_parsing, running
from .limited import judge_all
from .observe import cases

Try = Callable[[Configuration, Sequence[Verdict]], object]


def observe(wanted: WantedCure, runner: Runner, host: Host, try_out: Try) -> CureState:
    """The state.

    :arg try_out: proves verdicts by logins; it gets the verdicts that the wanted file changes.
    :raises ObservationError: the configuration cannot be read, or the trial of the wanted one fails.
    """
    text = _text(host, wanted.file)
    require_parsing(runner, wanted.audit.config)
    plain = read_configuration(host, runner, wanted.audit.config, {wanted.file: ""})
    base = _verdicts(plain, wanted.audit)
    made = content(plain, base, wanted)
    before, _found = _with(host, runner, wanted, {wanted.file: text or ""})
    if made == (text or ""):
        is_unread = host.value(UNREAD) == wanted.file
        return CureState(plain, text, made, before, before, is_running=is_unread and bool(running(host)), is_unread=is_unread)
    after, found = _with(host, runner, wanted, {wanted.file: made})
    is_included = any(line.file == wanted.file for line in found.lines) or not made
    if is_included:
        _try(found, before, after, try_out)
    return CureState(plain, text, made, before, after, is_included, bool(running(host)))


def _text(host: Host, path: str) -> Optional[str]:
    try:
        return host.text(path)
    except OSError as error:
        raise ObservationError(f"{path} cannot be read: {error.strerror}") from None


def _with(host: Host, runner: Runner, wanted: WantedCure, changed: Mapping[str, str]) -> Tuple[Tuple[Verdict, ...], Configuration]:
    found = read_configuration(host, runner, wanted.audit.config, changed)
    return _verdicts(found, wanted.audit), found


def _verdicts(found: Configuration, wanted: Wanted) -> Tuple[Verdict, ...]:
    made = cases(found, wanted)
    check(found, made, wanted)
    return judge_all(made)


def _try(found: Configuration, before: Sequence[Verdict], after: Sequence[Verdict], try_out: Try) -> None:
    """Log in as the users for whom something changes, or as the first users if nothing changes."""
    changed: List[Verdict] = [
        new for old, new in zip(before, after) if replace(old, to_cover=(), to_keep=()) != replace(new, to_cover=(), to_keep=())
    ]
    try_out(found, (changed or list(after))[:MOST])
