# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the compiled code of everything that Python imports from archives; C(lab_compiled.pth) loads it in each Python of a guest.

Ansible sends a module as an archive of sources, and Python compiles all of them at each call. That is half of the time of a call.
"""

import _imp
import marshal
import os
import zipimport

FOLDER = "/var/cache/lab-compiled"

_compile = zipimport._compile_source
_VERSION = zipimport._bootstrap_external._RAW_MAGIC_NUMBER
"""Another number in each version of Python whose code differs."""


def compile_source(path, source):
    """The code of a source, from the folder if the same source was compiled before. Takes the place of the function of zipimport."""
    name = f"{FOLDER}/{_imp.source_hash(_VERSION, source).hex()}"
    try:
        with open(name, "rb") as stream:
            code = marshal.load(stream)
    except (OSError, EOFError, ValueError, TypeError):
        code = _compile(path, source)
        _keep(name, code)
    else:
        _imp._fix_co_filename(code, path)
    return code


def _keep(name, code):
    """Write the code whole or not at all; a user who may not write to the folder compiles each time."""
    try:
        os.makedirs(FOLDER, exist_ok=True)
        with open(f"{name}.{os.getpid()}", "wb") as stream:
            marshal.dump(code, stream)
        os.rename(stream.name, name)
    except OSError:
        pass


zipimport._compile_source = compile_source
