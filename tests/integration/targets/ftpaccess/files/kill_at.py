# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill the server with this process id in the moment in which a file appears, as a crash at the reload does."""

import os
import signal
import sys
import time

end = time.monotonic() + 30
while time.monotonic() < end:
    if os.path.exists(sys.argv[1]):
        os.kill(int(sys.argv[2]), signal.SIGKILL)
        break
    time.sleep(0.001)
