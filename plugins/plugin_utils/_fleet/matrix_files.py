# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a report about a matrix of hosts, in the forms that the task names."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Mapping

from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import apply
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import SystemRunner
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet import files

Render = Callable[[Dict[str, Any]], str]


def write_matrix(
    name: str,
    renderers: Mapping[str, Render],
    textfile: Render,
    matrix: Dict[str, Any],
    options: Mapping[str, Any],
    check: bool,
    diff: bool,
) -> Dict[str, Any]:
    """Write the files whose content or permissions differ, and return this part of the result.

    :arg name: the name of the files without the form.
    :arg options: of the task; used are C(directory), C(forms), C(textfile) and C(mode).
    :raises InputError: a mode that is none, or a metrics file without a folder.
    :raises ObservationError: a path is not a file, or cannot be read.
    """
    mode = files.parse_mode(options["mode"])
    files.check_folder_of("textfile", options["textfile"])
    folder = os.path.realpath(options["directory"]) if options["directory"] and options["forms"] else None
    wanted: Dict[str, str] = {}
    if folder is not None:
        wanted = {os.path.realpath(os.path.join(folder, f"{name}.{form}")): renderers[form](matrix) for form in options["forms"]}
    if options["textfile"]:
        wanted[os.path.realpath(options["textfile"])] = textfile(matrix)
    plan = files.plan(files.observe(list(wanted)), wanted, mode, folder, folder is not None and os.path.isdir(folder))
    if not check:
        apply(plan, SystemRunner(), {files.MAKE_FOLDER: files.make_folder})
    result = {"changed": plan.changed, "commands": plan.commands(), "files": list(wanted)}
    return {**result, "diff": files.diffs(plan)} if diff else result
