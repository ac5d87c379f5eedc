# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python packages on the controller that only some forms of a report need."""

from __future__ import annotations

import importlib
from typing import Any


class MissingPackageError(RuntimeError):
    """A package is missing; the message names it, and the form that needs it."""


def load(package: str, form: str) -> Any:
    """The package.

    :raises MissingPackageError: the package cannot be imported.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingPackageError(f"{form} needs the Python package {package} on the controller: {error}. Install it") from None
