# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C(python3 -m run_at), for a checkout; where the module has installed it, it is the command run-at."""

from __future__ import annotations

from .main import main

if __name__ == "__main__":
    raise SystemExit(main())
