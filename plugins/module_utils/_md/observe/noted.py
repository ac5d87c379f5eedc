# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read mdadm.conf and the journal of earlier runs."""

from __future__ import annotations

import json
from typing import Optional, Tuple

from ..._core.errors import ObservationError
from ..._host.distribution import family_of
from ..._host.files import Host
from ..model.conf import ConfFile
from ..model.state import JOURNAL, Journal
from ..model.survivor import from_noted


def read_conf(host: Host) -> Tuple[ConfFile, ...]:
    """The configuration file of mdadm on this family of distributions, then its drop-in files.

    :raises ObservationError: a file cannot be read.
    """
    main = family_of(host).mdadm_conf
    extra = [f"{main}.d/{name}" for name in host.names(f"{main}.d") if name.endswith(".conf")]
    return tuple(_conf_file(host, path) for path in [main, *extra])


def _conf_file(host: Host, path: str) -> ConfFile:
    try:
        found = host.content(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ObservationError(f"{path}: cannot be read: {error}") from None
    return ConfFile(path, found[0], found[1]) if found else ConfFile(path, exists=False)


def read_journal(host: Host) -> Optional[Journal]:
    """The journal of an interrupted run; C(None) if there is none."""
    text = host.read(JOURNAL)
    if text is None:
        return None
    try:
        noted = json.loads(text)
        return Journal(
            creating=tuple(noted["creating"]),
            initramfs=bool(noted["initramfs"]),
            releasing=tuple(noted.get("releasing", ())),
            survivors=from_noted(noted.get("survivors", {})),
        )
    except (ValueError, KeyError, TypeError):
        # The journal is written atomically and never half; a file with other content proves nothing about an array.
        return Journal(initramfs=True)
