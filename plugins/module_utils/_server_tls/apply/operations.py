# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of plans: try the settings in a throwaway server, and make the running one use them."""

from __future__ import annotations

import json
import tempfile
import time
from typing import Any, Mapping, Optional, Sequence, Tuple

from ..._core.errors import CommandError, FleetlabError
from ..._core.plan import Operations, WriteFile, write_file
from ..._core.runner import Runner
from ..._host.files import Host
from ..changes import changed_files, is_strict, restored_files
from ..judge import deviations
from ..observe import find_marked, main_process, own_endpoints, read_config, read_files, scan_all
from ..options import Wanted
from ..profiles import Settings
from ..servers import Server
from ..state import Config, Report
from .sandbox import answers, sandbox

_SETTLE = 10.0
"""Seconds within which the running server has to do what the throwaway server did."""
_GONE = 2.0
_POLL = 0.2
_ANY = tuple(range(256))


def operations(wanted: Wanted, server: Server, runner: Runner, host: Host) -> Operations:
    """The operations of plans, by name."""
    change = _Change(host, runner, server, wanted)
    return {"trial": change.trial, "trial_absent": change.trial_absent, "prove": change.prove}


class _Change:
    """One change of a server. The trial finds what the running server is compared with."""

    def __init__(self, host: Host, runner: Runner, server: Server, wanted: Wanted) -> None:
        self._host, self._runner, self._server, self._wanted = host, runner, server, wanted
        self._expected: Tuple[Report, ...] = ()

    def trial(self, profile: str, groups: Sequence[str], **flags: Any) -> None:
        """Run the configuration with the new settings in a throwaway server, and scan that."""
        settings = Settings(profile, tuple(groups), **{name: bool(value) for name, value in flags.items()})
        config = read_config(self._host, self._server)
        files = read_files(self._host, self._server, config)
        self._try(config, changed_files(self._server, config, files, settings, self._wanted), settings)

    def trial_absent(self) -> None:
        """The same without all that this collection wrote. No profile is wanted then."""
        config = read_config(self._host, self._server)
        files = read_files(self._host, self._server, config, marked=find_marked(self._host, self._server))
        self._try(config, restored_files(self._server, files), None)

    def _try(self, config: Config, files: Mapping[str, Optional[str]], settings: Optional[Settings]) -> None:
        with sandbox(self._host, self._runner, config.logs) as box, tempfile.TemporaryFile() as output:
            for path, content in files.items():
                if content is not None:
                    box.write(path, content)
            if settings is None:
                box.run("rm", "--force", self._server.enabled, self._server.owned)
            elif self._server.enable:
                box.run(*self._server.enable)
            box.know({**dict.fromkeys(("localhost", self._host.hostname(), *config.hosts), "127.0.0.1"), **dict(config.own_hosts)})
            box.start(self._server.foreground(self._host), output)
            box.await_answers(config.endpoints, self._server.logs)
            reports = box.call(lambda: scan_all(config.endpoints, self._wanted))
            found = list(deviations(reports, settings, is_strict(config, self._wanted))) if settings else []
            box.expect_alive(self._server.logs, moment=bool(found) or settings is None)
        # An address that this host does not have now is tried, because every address is local there, but cannot be compared.
        own = own_endpoints(self._host, config.endpoints)
        self._expected = tuple(report for report in reports if report.endpoint in own)
        if found:
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            raise FleetlabError(f"the throwaway server is not as the profile says: {found[0]}{more}. The running server was not touched")

    def prove(self) -> None:
        """Make the running server read its configuration, and compare it with the throwaway one. If it differs, undo the change."""
        said = self._tell(self._server.reload)
        problem = self._difference()
        if problem:
            raise FleetlabError(f"{problem}{said}. {self._undo()}")

    def _tell(self, argv: Sequence[str]) -> str:
        try:
            result = self._runner.run(argv, accept=_ANY)
        except CommandError as error:
            return f" ({error})"
        lines = (result.stderr.strip() or result.stdout.strip()).splitlines()
        return f" ({' '.join(argv)}: {' | '.join(lines[-3:])})" if lines else ""

    def _difference(self) -> str:
        """What the running server does otherwise than the throwaway one; empty if nothing."""
        expected = [report.without_keys() for report in self._expected]
        start = time.monotonic()
        seen = start
        reports: Tuple[Report, ...] = ()
        is_last = False
        while not is_last:
            # One scan may take longer than that, if there are many names: the last one begins when all has settled.
            is_last = time.monotonic() - start >= _SETTLE
            if main_process(self._host, self._server) is None:
                if time.monotonic() - seen > _GONE:
                    return "after the reload the server was gone"
            else:
                seen = time.monotonic()
                reports = scan_all([report.endpoint for report in self._expected], self._wanted)
                if [report.without_keys() for report in reports] == expected:
                    return ""
            time.sleep(_POLL)
        return f"the running server differs from the throwaway one: {_first_difference(self._expected, reports)}"

    def _undo(self) -> str:
        """Put the old file back, and say how that went."""
        kept: Mapping[str, Optional[str]] = json.loads(self._host.read(self._server.journal) or "{}").get("files", {})
        for path, content in kept.items():
            if content is not None:
                write_file(WriteFile(path, content, mode=(self._host.content(path) or ("", 0o644))[1]))
                if path == self._server.owned and self._server.enable:
                    self._tell(self._server.enable)
                continue
            if self._server.disable:
                # If that fails, the link has to go all the same: a server does not start with a link that leads nowhere.
                self._tell(self._server.disable)
            self._runner.run(("rm", "--force", self._server.enabled, path))
        running = main_process(self._host, self._server) is not None
        said = self._tell(self._server.reload if running else self._server.start)
        deadline = time.monotonic() + _SETTLE
        endpoints = [report.endpoint for report in self._expected]
        while time.monotonic() < deadline:
            if main_process(self._host, self._server) is not None and all(map(answers, endpoints)):
                self._runner.run(("rm", "--force", self._server.journal))
                return "The old settings are back, and the server answers"
            time.sleep(_POLL)
        return f"The old settings are back, but the server does not answer{said}: look at {self._server.logs[0]}"


def _first_difference(expected: Sequence[Report], found: Sequence[Report]) -> str:
    for one, other in zip(expected, found):
        for left, right in zip(one.without_keys().scans, other.without_keys().scans):
            if left != right:
                name = f"for {left.name}" if left.name else "without a name"
                return f"{one.endpoint.label} {name} has {_brief(right)}, not {_brief(left)}"
    return "it does not answer at all"


def _brief(scan: Any) -> str:
    suites = {number for protocol in scan.protocols for number in protocol.suites}
    names = ", ".join(protocol.name for protocol in scan.protocols) or "no protocol"
    return f"{names} with {len(suites)} suites, {len(scan.without)} of them not forward secret"
