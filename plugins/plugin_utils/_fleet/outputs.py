# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a report and their contents. Runs on the controller."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping, NamedTuple, Tuple

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError, StepError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Plan, apply
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import SystemRunner

from . import files, history
from .metrics import render_textfile
from .page import render_page
from .report import render_csv, render_json

RENDERERS = {"json": render_json, "csv": render_csv, "html": render_page}


class Output(NamedTuple):
    """Files in one folder."""

    folder: str
    contents: Mapping[str, str]


def outputs(fleet: Mapping[str, Any], options: Mapping[str, Any]) -> List[Output]:
    """The files that the options of the task ask for, by folder."""
    found = []
    if options["directory"] and options["forms"]:
        folder = os.path.realpath(options["directory"])
        named = {os.path.join(folder, f"memory.{form}"): RENDERERS[form](fleet) for form in options["forms"]}
        found.append(Output(folder, {os.path.realpath(path): content for path, content in named.items()}))
    if options["textfile"]:
        path = os.path.realpath(options["textfile"])
        found.append(Output(os.path.dirname(path), {path: render_textfile(fleet)}))
    if options["history"]:
        folder, run = os.path.realpath(options["history"]), history.run_of(fleet)
        found.append(Output(folder, {os.path.join(folder, history.name_of(run)): history.render(run)} if run else {}))
    return found


def with_history(fleet: Dict[str, Any], folder: str) -> Tuple[Dict[str, Any], List[str]]:
    """The fleet with its earlier runs, this one last, and the reasons why files are skipped."""
    run, runs, problems = history.run_of(fleet), [], []
    if run is None:
        return fleet, []
    for name in history.newest(files.names(folder), history.name_of(run)):
        try:
            runs.append(history.parse(name, files.observe([os.path.join(folder, name)])[os.path.join(folder, name)].content or ""))
        except (FleetlabError, history.HistoryError) as error:
            problems.append(str(error))
    return {**fleet, "history": [*runs, run]}, problems


def plan_all(wanted: List[Output], mode: int) -> Tuple[List[Plan], List[str]]:
    """A plan for each folder, and the reasons why files cannot be written. One such file hides no other."""
    plans, problems = [], []
    for folder, contents in wanted:
        problem = files.problem_of_folder(folder)
        try:
            if problem is None:
                plans.append(files.plan(files.observe(list(contents)), contents, mode, folder, os.path.isdir(folder)))
        except FleetlabError as error:
            problem = str(error)
        problems += [] if problem is None else [problem]
    return plans, problems


def say_all(wanted: List[Output], check_mode: bool) -> List[str]:
    """A line for each file that has the content of the report, or that would have it."""
    paths = [(path, content) for output in wanted for path, content in output.contents.items()]
    if check_mode:
        return [f"Would be written: {path}" for path, _content in paths]
    return [f"File: {path}" for path, content in paths if _holds(path, content)]


def _holds(path: str, content: str) -> bool:
    try:
        return files.observe([path])[path].content == content
    except (FleetlabError, OSError):
        return False


def write_all(plans: List[Plan]) -> List[str]:
    """Write the files. The reasons why some were not written."""
    problems = []
    for plan in plans:
        try:
            apply(plan, SystemRunner(), {files.MAKE_FOLDER: files.make_folder})
        except StepError as error:
            problems.append(str(error))
    return problems
