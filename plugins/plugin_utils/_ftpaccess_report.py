# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of the role ftpaccess_audit. Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping


def make_report(answers: Mapping[str, Mapping[str, Any]]) -> Dict[str, Any]:
    """Lines for people, problems, and all data of the hosts.

    :arg answers: results of ftpaccess_info by host; a host without an answer has the reason in C(msg).
    """
    problems = [f"{host}: {text}" for host, answer in answers.items() for text in _problems(answer)]
    count = {0: "No problems", 1: "1 problem"}.get(len(problems), f"{len(problems)} problems")
    lines = [f"{count}, {len(answers)} {'host' if len(answers) == 1 else 'hosts'}", *problems]
    hosts = {host: {key: answer.get(key, []) for key in ("users", "problems", "version")} for host, answer in answers.items()}
    return {"lines": [*lines, *_users(answers)], "problems": problems, "hosts": hosts}


def _problems(answer: Mapping[str, Any]) -> List[str]:
    if "users" not in answer:
        return [str(answer.get("msg") or "gave no answer")]
    return list(answer["problems"])


def _users(answers: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for host, answer in answers.items():
        for user in answer.get("users", ()):
            files = ", ".join(each["file"] for each in user["in_force"]) or "none"
            rules = "may write" if user["may_write"] else "may not write"
            proof = ", proved by a login" if answer.get("trial") else ""
            yield (
                f"{host}: {user['name']} on server {user['server']}: root {user['root']}, starts in {user['starts']},"
                f" in force: {files}; {rules}{proof}"
            )
